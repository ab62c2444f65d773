"""Parquet files of a consolidated delivery: in row groups sized for pruning, none too large, written in order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from a360_pipeline.inventory.arrow import SCHEMA
from a360_pipeline.inventory.layout import FIELDS, Kind
from a360_pipeline.inventory.places import Place

GROUP_ROWS = 131_072
"""Rows of a row group: what a query skips or reads at once."""
GROUP_BYTES = 128 << 20
"""In memory: where keys or grants are long, a row group has fewer rows."""
PART_BYTES = 256_000_000

# Hardly two rows share these: a dictionary would be built in vain.
UNIQUE = ("key", "version_id", "e_tag")
ENCODINGS = {
    # Keys come sorted: each has much of the one before.
    "key": "DELTA_BYTE_ARRAY",
    "version_id": "DELTA_LENGTH_BYTE_ARRAY",
    "e_tag": "DELTA_LENGTH_BYTE_ARRAY",
    **{field.name: "DELTA_BINARY_PACKED" for field in FIELDS if field.kind in (Kind.BIGINT, Kind.TIMESTAMP)},
}
"""Smaller and cheaper than plain ones; Trino and Athena, DuckDB and Arrow read them."""
DICTIONARIES = [field.name for field in FIELDS if field.kind is Kind.TEXT and field.name not in UNIQUE]


@dataclass(frozen=True, slots=True)
class Part:
    """A file: its key in the place it was written to, its rows, its size in bytes."""

    key: str
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    parts: tuple[Part, ...]
    rows: int
    object_bytes: int
    """Sum of the sizes that the rows tell."""


def object_bytes(rows: pa.RecordBatch | pa.Table) -> int:
    """Sum of the sizes that rows in the layout tell; what tells none counts nothing."""
    return int(pc.sum(rows.column("size")).as_py() or 0)


def write_parts(
    batches: Iterator[pa.RecordBatch], target: Place, folder: str, *, scratch: Path | None = None
) -> Written:
    """Writes batches, which are of `layout.SCHEMA`, as FOLDER/part-00000.parquet and so on; of no rows no file.

    The same rows give the same bytes. At any time one file is on disk, in `scratch`. Raises what the batches raise:
    files already written then stay, and are overwritten when it is done again.
    """
    parts: list[Part] = []
    rows = total = 0
    groups = _groups(batches)
    group = next(groups, None)
    with tempfile.TemporaryDirectory(dir=scratch) as room:
        while group is not None:
            path = Path(room) / f"part-{len(parts):05d}.parquet"
            before = rows
            with _writer(path) as (writer, sink):
                size = grown = 0
                while group is not None and size + grown <= PART_BYTES:
                    writer.write_table(group, row_group_size=group.num_rows)
                    size, grown = sink.tell(), sink.tell() - size
                    rows, total = rows + group.num_rows, total + object_bytes(group)
                    group = next(groups, None)
            part = Part(f"{folder}/{path.name}", rows - before, path.stat().st_size)
            target.upload(path, part.key)
            parts.append(part)
            path.unlink()
    return Written(tuple(parts), rows, total)


@contextmanager
def _writer(path: Path) -> Iterator[tuple[pq.ParquetWriter, Any]]:
    with (
        pa.OSFile(str(path), "wb") as sink,
        pq.ParquetWriter(
            sink,
            SCHEMA,
            compression="zstd",
            use_dictionary=DICTIONARIES,
            column_encoding=ENCODINGS,
            store_schema=False,
        ) as writer,
    ):
        yield writer, sink


def _groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows in tables of a row group each, however they were batched."""
    pending: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        pending.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= GROUP_ROWS or size >= GROUP_BYTES:
            table = pa.Table.from_batches(pending, SCHEMA)
            whole = rows // GROUP_ROWS * GROUP_ROWS if size < GROUP_BYTES else rows
            for start in range(0, whole, GROUP_ROWS):
                yield table.slice(start, min(GROUP_ROWS, whole - start))
            rest = table.slice(whole)
            pending, rows, size = rest.to_batches(), rest.num_rows, rest.nbytes
    if rows:
        yield pa.Table.from_batches(pending, SCHEMA)
