"""Consolidation of S3 Inventory against naive rewrites of the same files, and how much memory it takes.

`python -m benchmarks.inventory PART...` measures some of the parts alone and leaves the other metrics as they stand.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa

from a360_pipeline.inventory.consolidate import Identity, consolidate
from a360_pipeline.inventory.manifest import Format
from a360_pipeline.inventory.places import Folder
from a360_pipeline.inventory.rollup import roll_up
from benchmarks import frame
from benchmarks.frame import Measured, measured, peak_mb, write_result
from benchmarks.inventory_deliveries import BUCKET, ROWS, delivery, made
from benchmarks.inventory_reading import NOTES as READING_NOTES
from benchmarks.inventory_reading import READING_PARTS
from benchmarks.inventory_rivals import REWRITES
from benchmarks.inventory_rollup import NOTES as ROLLUP_NOTES
from benchmarks.inventory_rollup import ROLLUP_PARTS, compared

TIMES = 20
"""How often the files of a delivery are listed for the large one: 40 M rows of 2 M."""
WHOLE = 30
"""And for the largest one: 60 M rows."""
TURNS = 2
WHO = Identity("111122223333", "eu-central-1")
NOTES = (
    "A made-up lake in files of 500,000 rows, versioned, 18 fields; three keys in four are percent-encoded in CSV. CPU "
    "is user and system of the whole process, the better of two turns; ours has the MD5 of every file, a copy of it, "
    "decoding, typing and reconciling in it. The rivals are DuckDB and pyarrow, each in two ways, the best of which "
    "counts. Peak memory is the largest resident set of a process that does nothing else. The delivery of 40 M rows "
    "lists the files of 2 M rows twenty times over."
)

TICK_NOTES = (
    "A tick is one look for deliveries of a harvest of 1,000 buckets, one delivery of ten keys each; its CPU is that "
    "of the thread that looks, for the stand-in for AWS runs beside it."
)
Metrics = dict[str, float]


def rewrite(kind: Format, directory: Path, rows: int = ROWS) -> Metrics:
    """CPU a row of consolidation against that of the best rewrite, turn by turn in one process."""
    source = made(directory, rows)
    key = delivery(source, kind)
    files = sorted((source / BUCKET / kind / "data").iterdir())
    out = directory / "rewritten"
    # pyarrow imports pandas at its first array: a second that is spent once in a process.
    pa.array([""])
    ours: list[Measured] = []
    rivals: dict[str, list[Measured]] = {name: [] for name in REWRITES[kind]}
    size = 0
    for _ in range(TURNS):
        with measured() as spent:
            done = consolidate(Folder(source), key, Folder(out), WHO)
        if done.rows != rows:
            raise ValueError(f"{done.rows:,} rows were consolidated of {rows:,}")
        ours.append(spent)
        size = sum(part.size for part in done.written)
        shutil.rmtree(out)
        out.mkdir()
        for name, turn in rivals.items():
            with measured() as spent:
                for file in files:
                    REWRITES[kind][name](file, out / f"{file.name}.parquet")
            turn.append(spent)
        rewritten = sum(path.stat().st_size for path in out.iterdir())
        shutil.rmtree(out)
    best = min(each.cpu for turn in rivals.values() for each in turn)
    cpu = min(each.cpu for each in ours)
    return {
        "cpu_vs_best_rewrite": cpu / best,
        "cpu_us_per_row": cpu / rows * 1e6,
        "cpu_us_per_row_rewrite": best / rows * 1e6,
        "rows_per_second": rows / min(each.seconds for each in ours),
        "bytes_vs_delivered": size / sum(path.stat().st_size for path in files),
        "bytes_vs_rewritten": size / rewritten,
    }


def peak(kind: Format, times: int, name: str, directory: Path, rows: int = ROWS) -> Metrics:
    """The most memory that consolidation takes, of a delivery that lists its files so many times."""
    source = made(directory, rows)
    out = directory / "consolidated"
    done = consolidate(Folder(source), delivery(source, kind, times=times), Folder(out), WHO, scratch=directory)
    if done.rows != rows * times:
        raise ValueError(f"{done.rows:,} rows were consolidated of {rows * times:,}")
    shutil.rmtree(out)
    return {name: peak_mb()}


def whole(directory: Path, rows: int = ROWS) -> Metrics:
    """An inventory of 60 M objects consolidated and rolled up: how fast, and the most memory that both take."""
    source, out = made(directory, rows), directory / "whole"
    with measured() as consolidating:
        done = consolidate(
            Folder(source), delivery(source, Format.ORC, times=WHOLE), Folder(out), WHO, scratch=directory
        )
    with measured() as rolling:
        rolled = roll_up([out / part for part in done.parts], directory / "whole-rollup", scratch=directory)
    if (done.rows, rolled.rows) != (rows * WHOLE, rows * WHOLE):
        raise ValueError(f"{done.rows:,} rows were consolidated and {rolled.rows:,} rolled up of {rows * WHOLE:,}")
    shutil.rmtree(out)
    return {
        "objects_60m": done.rows,
        "consolidated_per_s_60m": done.rows / consolidating.seconds,
        "rolled_up_per_s_60m": done.rows / rolling.seconds,
        "peak_mb_60m": peak_mb(),
    }


def tick(directory: Path) -> Metrics:
    """What a look for deliveries costs."""
    # The sandbox takes memory that is no part of what the others measure.
    from benchmarks import inventory_tick  # noqa: PLC0415

    return inventory_tick.tick(directory)


def of(kind: Format, part: Callable[..., Metrics], *given: object) -> Callable[..., Metrics]:
    return partial(_of, kind, part, *given)


def _of(kind: Format, part: Callable[..., Metrics], *given: object) -> Metrics:
    """The metrics of a format bear its name."""
    return {f"{name}_{kind.lower()}": value for name, value in part(kind, *given).items()}


PARTS: dict[str, Callable[..., Metrics]] = {
    **{f"rewrite_{kind.lower()}": of(kind, rewrite) for kind in Format},
    **{f"peak_2m_{kind.lower()}": of(kind, peak, 1, "peak_mb_2m") for kind in Format},
    **{f"peak_40m_{kind.lower()}": of(kind, peak, TIMES, "peak_mb_40m") for kind in Format},
    "whole_60m": whole,
    **ROLLUP_PARTS,
    **READING_PARTS,
    "tick": tick,
}
"""What is measured, each in a process of its own: given a folder to work in, and for a trial how many rows."""

WORST = ("cpu_vs_best_rewrite", "peak_mb_2m", "peak_mb_40m")
"""Metrics that stand for all formats by the worst of them."""


def apart(part: str, *given: object) -> Metrics:
    """Measures a part in a process that is new and does nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(PARTS[part], *given).result()


def with_worst(metrics: Mapping[str, float]) -> Metrics:
    formats = [kind.lower() for kind in Format]
    found = {name: [metrics[each] for kind in formats if (each := f"{name}_{kind}") in metrics] for name in WORST}
    return {**{name: max(values) for name, values in found.items() if values}, **metrics}


def main() -> int:
    metrics: Metrics = {}
    standing = frame.RESULTS / "inventory.json"
    if sys.argv[1:] and standing.exists():
        metrics |= json.loads(standing.read_text())["metrics"]
        metrics = {name: value for name, value in metrics.items() if name not in WORST}
    with tempfile.TemporaryDirectory() as directory:
        for part in sys.argv[1:] or PARTS:
            metrics |= apart(part, Path(directory))
    notes = " ".join((NOTES, ROLLUP_NOTES, READING_NOTES, TICK_NOTES))
    write_result("inventory", {**with_worst(metrics), **compared(metrics)}, notes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
