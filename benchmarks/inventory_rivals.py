"""Naive rewrites of delivered files to zstd Parquet, to measure consolidation against: nothing checked or decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import duckdb
import pyarrow.csv
import pyarrow.dataset
import pyarrow.orc
import pyarrow.parquet

from a360_pipeline.inventory.manifest import Format

Rewrite = Callable[[Path, Path], None]
"""From a delivered file to a Parquet file."""


def _duck(table: str, threads: int, source: Path, target: Path) -> None:
    with duckdb.connect(config={"threads": threads}) as duck:
        duck.execute("SET enable_progress_bar = false")
        duck.execute(f"COPY (FROM {table.format(source)}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def _duck_orc(threads: int, source: Path, target: Path) -> None:
    """DuckDB cannot read ORC: pyarrow reads for it."""
    with duckdb.connect(config={"threads": threads}) as duck:
        duck.execute("SET enable_progress_bar = false")
        duck.register("delivered", pyarrow.dataset.dataset(source, format="orc"))
        duck.execute(f"COPY (FROM delivered) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def _arrow_parquet(source: Path, target: Path) -> None:
    file = pyarrow.parquet.ParquetFile(source)
    with pyarrow.parquet.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer:
        for number in range(file.num_row_groups):
            writer.write_table(file.read_row_group(number))


def _arrow_parquet_batches(source: Path, target: Path) -> None:
    file = pyarrow.parquet.ParquetFile(source)
    with pyarrow.parquet.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer:
        for batch in file.iter_batches():
            writer.write_batch(batch)


def _arrow_orc(source: Path, target: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.orc.read_table(source), target, compression="zstd")


def _arrow_orc_stripes(source: Path, target: Path) -> None:
    file = pyarrow.orc.ORCFile(source)
    with pyarrow.parquet.ParquetWriter(target, file.schema, compression="zstd") as writer:
        for number in range(file.nstripes):
            writer.write_batch(file.read_stripe(number))


NO_HEADER = pyarrow.csv.ReadOptions(autogenerate_column_names=True)


def _arrow_csv(source: Path, target: Path) -> None:
    table = pyarrow.csv.read_csv(source, read_options=NO_HEADER)
    pyarrow.parquet.write_table(table, target, compression="zstd")


def _arrow_csv_stream(source: Path, target: Path) -> None:
    reader = pyarrow.csv.open_csv(source, read_options=NO_HEADER)
    with pyarrow.parquet.ParquetWriter(target, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)


REWRITES: Mapping[Format, Mapping[str, Rewrite]] = {
    Format.CSV: {
        "duckdb": partial(_duck, "read_csv('{}', header = false)", 2),
        "duckdb, one thread": partial(_duck, "read_csv('{}', header = false)", 1),
        "pyarrow": _arrow_csv,
        "pyarrow, streaming": _arrow_csv_stream,
    },
    Format.ORC: {
        "duckdb": partial(_duck_orc, 2),
        "duckdb, one thread": partial(_duck_orc, 1),
        "pyarrow": _arrow_orc,
        "pyarrow, by stripes": _arrow_orc_stripes,
    },
    Format.PARQUET: {
        "duckdb": partial(_duck, "read_parquet('{}')", 2),
        "duckdb, one thread": partial(_duck, "read_parquet('{}')", 1),
        "pyarrow": _arrow_parquet,
        "pyarrow, by batches": _arrow_parquet_batches,
    },
}
