"""The roll-up of a large bucket, beside what one would write without it: a GROUP BY over each key's prefixes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from a360_pipeline.inventory.arrow import SCHEMA
from a360_pipeline.inventory.parts import write_parts
from a360_pipeline.inventory.places import Folder
from a360_pipeline.inventory.rollup import roll_up
from benchmarks.frame import measured, peak_mb

ROWS = 20_000_000
OBJECTS_A_DIRECTORY = 11
"""With ten directories in one above, that makes 2 M prefixes of 20 M objects."""
BATCH = 200_000
FOLDER = "inventory/111122223333/eu-central-1/events/2026-11-20/20261120T010000Z-00000000"
NOTES = (
    "The roll-up's bucket has 20 M objects in 2 M prefixes of seven levels, keys in order. The plain way is DuckDB's "
    "GROUP BY over the exploded prefixes of every key, of objects and bytes alone, with all the memory it likes."
)

# Seven levels: of eight years, and then a hundred, ten and ten times as many prefixes as above.
OBJECTS = """
SELECT 'events' AS bucket,
    format('raw/events/year={}/customer={:06d}/batch-{:07d}/{:08d}/file-{:010d}.json.gz',
        2018 + i * 8 // $rows, i // $each // 1000, i // $each // 10, i // $each, i) AS key,
    (hash(i) % 10000000)::BIGINT AS size,
    ['STANDARD', 'STANDARD_IA', 'GLACIER', 'INTELLIGENT_TIERING'][(1 + hash(i + 1) % 4)::INTEGER] AS storage_class,
    ['SSE-S3', 'SSE-KMS'][(1 + hash(i + 2) % 2)::INTEGER] AS encryption_status,
    make_timestamp_ms((1700000000000 + hash(i + 3) % 90000000000)::BIGINT) AS last_modified_date,
    md5(i::VARCHAR) AS e_tag
FROM (SELECT range AS i FROM range($start, $end))
"""
PLAIN = """
COPY (
    SELECT prefix, count(*) AS objects, sum(size) AS bytes FROM (
        SELECT size, unnest(list_transform(range(0, len(names)), lambda n: array_to_string(names[:n], '/'))) AS prefix
        FROM (SELECT size, string_split(key, '/') AS names FROM read_parquet('{folder}/*.parquet'))
    ) GROUP BY prefix ORDER BY prefix
) TO '{out}' (FORMAT parquet, COMPRESSION zstd)
"""

Metrics = dict[str, float]


def made(directory: Path, rows: int = ROWS) -> Path:
    """The consolidated inventory, made once, by a process of its own: its memory is not to be measured."""
    place = directory / f"rollup-{rows}"
    if not place.exists():
        unfinished = directory / "unfinished"
        subprocess.run([sys.executable, "-m", "benchmarks.inventory_rollup", unfinished, str(rows)], check=True)
        unfinished.rename(place)
    return place / FOLDER


def make(place: Path, rows: int) -> None:
    place.mkdir()
    write_parts(_batches(rows), Folder(place), FOLDER)


def _batches(rows: int) -> Iterator[pa.RecordBatch]:
    with duckdb.connect() as duck:
        for start in range(0, rows, BATCH):
            span = {"rows": rows, "each": OBJECTS_A_DIRECTORY, "start": start, "end": min(start + BATCH, rows)}
            found = duck.sql(OBJECTS, params=span).to_arrow_table()
            given = {name: found.column(name) for name in found.column_names}
            nothing = {field.name: pa.nulls(found.num_rows, field.type) for field in SCHEMA}
            table = pa.table({**nothing, **given}).cast(SCHEMA)
            yield from table.combine_chunks().to_batches()


def rollup(directory: Path, rows: int = ROWS) -> Metrics:
    """How fast the roll-up is, and the most memory that it takes."""
    parts = sorted(made(directory, rows).iterdir())
    with measured() as spent:
        done = roll_up(parts, directory / "rollup", scratch=directory)
    if (done.rows, done.objects) != (rows, rows):
        raise ValueError(f"{done.objects:,} objects were rolled up of {rows:,}")
    return {
        "rollup_objects": done.objects,
        "rollup_prefixes": done.prefixes,
        "rollup_objects_per_s": rows / spent.seconds,
        "rollup_cpu_us_per_object": spent.cpu / rows * 1e6,
        "rollup_peak_mb": peak_mb(),
    }


def plain(directory: Path, rows: int = ROWS) -> Metrics:
    """The same for the plain way."""
    folder, out = made(directory, rows), directory / "plain.parquet"
    with duckdb.connect(config={"temp_directory": str(directory)}) as duck, measured() as spent:
        duck.execute(PLAIN.format(folder=folder, out=out))
    out.unlink()
    return {
        "rollup_objects_per_s_plain": rows / spent.seconds,
        "rollup_cpu_us_per_object_plain": spent.cpu / rows * 1e6,
        "rollup_peak_mb_plain": peak_mb(),
    }


ROLLUP_PARTS: dict[str, Callable[..., Metrics]] = {"rollup": rollup, "rollup_plain": plain}


def compared(metrics: Metrics) -> Metrics:
    """`rollup_vs_duckdb`: the roll-up's CPU as a share of what the plain way takes, where both were measured."""
    ours, theirs = (metrics.get(f"rollup_cpu_us_per_object{way}") for way in ("", "_plain"))
    return {} if ours is None or theirs is None else {"rollup_vs_duckdb": ours / theirs}


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
