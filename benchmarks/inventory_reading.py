"""What the queries of the library read: of the consolidated table, of delivered CSV, and of delivered Parquet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from a360_pipeline.engines.dialect import QueryRefused
from a360_pipeline.engines.duck import Duck
from a360_pipeline.engines.engine import QueryState
from a360_pipeline.engines.waiting import finish
from a360_pipeline.inventory.consolidate import Identity, consolidate
from a360_pipeline.inventory.library import QUERIES, render
from a360_pipeline.inventory.manifest import Format
from a360_pipeline.inventory.places import Folder
from benchmarks.inventory_deliveries import BUCKET, delivery, made

NOTES = (
    "Bytes read are those of the column chunks that the queries of the library need, all that go without arguments; of "
    "delivered CSV every query reads the whole files, and each delivered Parquet file has all of its columns apart too."
)
WHO = Identity("111122223333", "eu-central-1")
TABLE = "inventory"

Metrics = dict[str, float]


def reading(directory: Path, *rows: int) -> Metrics:
    """Bytes that the library reads of what we write, against what was delivered."""
    source, out = made(directory, *rows), directory / "read"
    consolidate(Folder(source), delivery(source, Format.PARQUET), Folder(out), WHO)
    ours = _scanned(out / "inventory")
    as_delivered = out / "delivered" / WHO.account / WHO.region / BUCKET / "2026-11-24" / "one"
    as_delivered.mkdir(parents=True)
    for path in _delivered(source, Format.PARQUET):
        (as_delivered / path.name).hardlink_to(path)
    theirs = _scanned(sorted(as_delivered.glob("*.parquet")))
    both = ours.keys() & theirs.keys()
    csv = sum(path.stat().st_size for path in _delivered(source, Format.CSV))
    return {
        "bytes_read_vs_csv": sum(ours.values()) / (csv * len(ours)),
        "bytes_read_vs_parquet": sum(ours[name] for name in both) / sum(theirs[name] for name in both),
        "queries_read": len(ours),
        "queries_read_delivered": len(both),
    }


def _delivered(source: Path, kind: Format) -> list[Path]:
    """The files of one delivery; larger ones list the same files under more names."""
    files = sorted((source / BUCKET / kind / "data").iterdir())
    return list({path.stat().st_ino: path for path in files}.values())


def _scanned(where: Path | list[Path]) -> Mapping[str, int]:
    """Bytes by query; those that ask for columns which were not delivered are left out."""
    scanned = {}
    with Duck({TABLE: where}) as duck:
        for query in QUERIES.values():
            if not query.is_ready:
                continue
            try:
                execution = finish(duck, duck.start(render(query.name, TABLE, {}), ""), patience=600)
            except QueryRefused:
                continue
            if execution.state is not QueryState.SUCCEEDED:
                raise ValueError(f"{query.name} {execution.state}: {execution.reason}")
            scanned[query.name] = execution.bytes_scanned
    return scanned


READING_PARTS: dict[str, Callable[..., Metrics]] = {"reading": reading}
