"""Consolidated inventories rolled up: objects, bytes and monthly cost by every prefix, in bounded memory.

A roll-up is a folder of two Parquet files. `prefixes.parquet` has a row for every prefix of every level, the empty
one, of the whole bucket, too: snapshot_date, account, region, bucket, prefix, depth, and the measures below.
`breakdown.parquet` has the same measures by storage_class, age_band and encryption besides, for whole buckets
(depth 0) and their first-level prefixes (depth 1): split further at every level it would be larger than the inventory.

A prefix ends in a slash, and its depth is the number of its slashes. The measures: `objects` are current ones;
`versions` are noncurrent versions and delete markers, of which `delete_markers`; `bytes` and `monthly_usd` are of all
of them, of which `noncurrent_bytes`. Null is what no row told; `unsized_objects` and `unpriced_objects` count the rows
that a sum lacks, those without a size or without a known price.
"""

from __future__ import annotations

import datetime as dt
import glob
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from a360_pipeline.inventory import rollup_sql
from a360_pipeline.inventory.bounded import MEMORY_MB, bounded, insert, write_parquet
from a360_pipeline.inventory.places import FILE, place_of
from a360_pipeline.inventory.snapshots import Snapshot, by_snapshot

PREFIXES = "prefixes.parquet"
BREAKDOWN = "breakdown.parquet"
MEASURES = tuple("monthly_usd" if name == "cost" else name for name in rollup_sql.SUMMED)
BATCH_BYTES = 1 << 30
"""Of Parquet that is read at once, and, of what lies in a bucket, on disk at once."""
BATCH_FILES = 1000


@dataclass(frozen=True, slots=True)
class RolledUp:
    """A roll-up and its totals; `rows` is what the inventories' files held, for whoever compares."""

    folder: Path
    snapshots: int
    prefixes: int
    rows: int
    objects: int
    versions: int
    unsized_objects: int
    unpriced_objects: int
    bytes: int | None
    monthly_usd: Decimal | None


def roll_up(
    parts: Iterable[Path | str],
    out: Path,
    *,
    empty: Iterable[Snapshot] = (),
    s3: Any = None,
    memory_mb: int = MEMORY_MB,
    scratch: Path | None = None,
    threads: int | None = None,
) -> RolledUp:
    """Rolls consolidated files up into the folder `out`, whose roll-up it replaces.

    Parts are paths, or addresses that are fetched one by one with `s3`, a botocore client; their folders say of which
    account, region, bucket and day they are, and all of one delivery are given. Keys may come in any order. `empty`
    are snapshots without files: buckets that held nothing. Raises NotConsolidated for paths that say nothing, and for
    two deliveries of a bucket on one day; NotThere, and what botocore raises, where a file cannot be fetched.
    """
    snapshots = {**dict.fromkeys(empty, ()), **by_snapshot(str(part) for part in parts)}
    sources = dict(enumerate(sorted(snapshots)))
    files = ((number, part) for number, snapshot in sources.items() for part in sorted(snapshots[snapshot]))
    with bounded(memory_mb, scratch, threads) as (duck, folder):
        duck.execute(rollup_sql.TABLES)
        insert(duck, "prices", rollup_sql.price_rows())
        insert(duck, "snapshots", [(number, *astuple(snapshot)) for number, snapshot in sources.items()])
        rows = sum(_add(duck, batch, sources) for batch in _batches(files, folder, s3))
        duck.execute(rollup_sql.NOTHING_STORED)
        deepest = _one(duck, "SELECT coalesce(max(depth), 0) FROM sums")[0]
        for depth in range(deepest, 0, -1):
            duck.execute(rollup_sql.TO_PARENTS, {"depth": depth})
        out.mkdir(parents=True, exist_ok=True)
        write_parquet(duck, rollup_sql.BREAKDOWN, rollup_sql.BREAKDOWN_ORDER, out / BREAKDOWN)
        write_parquet(duck, rollup_sql.PREFIXES, rollup_sql.PREFIXES_ORDER, out / PREFIXES)
        prefixes, *totals = _one(duck, rollup_sql.TOTALS, {"file": glob.escape(str(out / PREFIXES))})
    return RolledUp(out, len(sources), prefixes, rows, *totals)


@dataclass(frozen=True, slots=True)
class _File:
    source: int
    path: Path
    is_fetched: bool


def _batches(files: Iterable[tuple[int, str]], folder: Path, s3: Any) -> Iterator[list[_File]]:
    """Files that are on this machine, some at a time; what was fetched is gone once the next ones are asked for."""
    batch: list[_File] = []
    size = 0
    for number, (source, part) in enumerate(files):
        file = _local(source, part, folder / f"{number}.parquet", s3)
        batch.append(file)
        size += file.path.stat().st_size
        if size >= BATCH_BYTES or len(batch) == BATCH_FILES:
            yield batch
            _forget(batch)
            batch, size = [], 0
    if batch:
        yield batch
        _forget(batch)


def _local(source: int, part: str, to: Path, s3: Any) -> _File:
    if not part.startswith("s3://"):
        return _File(source, Path(part.removeprefix(FILE)), is_fetched=False)
    place, key = place_of(part, s3)
    place.fetch(key, to)
    return _File(source, to, is_fetched=True)


def _forget(batch: list[_File]) -> None:
    for file in batch:
        if file.is_fetched:
            file.path.unlink()


def _add(duck: duckdb.DuckDBPyConnection, batch: list[_File], sources: dict[int, Snapshot]) -> int:
    """Adds what files hold, and returns their rows."""
    epoch = dt.date(1970, 1, 1)
    duck.execute("DELETE FROM files")
    insert(
        duck,
        "files",
        [(index, file.source, (sources[file.source].date - epoch).days) for index, file in enumerate(batch)],
    )
    # Names are meant as they are: brackets and stars in them are no patterns.
    paths = {"files": [glob.escape(str(file.path)) for file in batch]}
    duck.execute(rollup_sql.TO_DIRECTORIES, paths)
    duck.execute(rollup_sql.TO_MIX, paths)
    return int(_one(duck, "SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata($files)", paths)[0])


def _one(duck: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any] | None = None) -> tuple[Any, ...]:
    row = duck.execute(sql, parameters).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives a row
    return row
