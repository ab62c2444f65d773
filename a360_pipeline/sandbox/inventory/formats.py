"""The three formats of inventories: how each writes rows, and how its manifest describes them."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from pyarrow import orc, parquet

from a360_pipeline.inventory.layout import Field, Kind
from a360_pipeline.sandbox.facts.objects import ObjectVersion

ROWS_AT_ONCE = 10_000
REQUIRED = frozenset({"bucket", "key"})
PARQUET_TYPES = {
    Kind.TEXT: "binary {} (STRING)",
    Kind.BIGINT: "int64 {}",
    Kind.BOOLEAN: "boolean {}",
    Kind.TIMESTAMP: "int64 {} (TIMESTAMP(MILLIS,true))",
}
Fields = Sequence[Field]
Values = tuple[Any, ...]
"""Of one row, by field."""


@dataclass(frozen=True, slots=True)
class Format:
    """`write` gives the bytes of a file; `describe` is what the manifest calls its schema."""

    extension: str
    write: Callable[[Fields, Iterable[Values]], bytes]
    describe: Callable[[Fields], str]


def values_of(bucket: str, version: ObjectVersion, fields: Fields) -> Values:
    """A row, in the order of the fields."""
    return tuple(bucket if field.name == "bucket" else getattr(version, field.name) for field in fields)


def _csv(fields: Fields, rows: Iterable[Values]) -> bytes:
    written = BytesIO()
    is_key = [field.name == "key" for field in fields]
    # Without a time in its header the same rows make the same file.
    with gzip.GzipFile(fileobj=written, mode="wb", compresslevel=6, mtime=0) as file:
        for row in rows:
            cells = (quote(cell) if coded else _cell(cell) for cell, coded in zip(row, is_key, strict=True))
            file.write(",".join(f'"{cell}"' for cell in cells).encode() + b"\n")
    return written.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strftime("%Y-%m-%dT%H:%M:%S.000Z") if isinstance(value, dt.datetime) else str(value)


def _parquet(fields: Fields, rows: Iterable[Values]) -> bytes:
    types = {
        Kind.TEXT: pa.string(),
        Kind.BIGINT: pa.int64(),
        Kind.BOOLEAN: pa.bool_(),
        Kind.TIMESTAMP: pa.timestamp("ms", tz="UTC"),
    }
    schema = pa.schema([pa.field(each.name, types[each.kind], each.name not in REQUIRED) for each in fields])
    written = BytesIO()
    with parquet.ParquetWriter(written, schema, compression="snappy") as file:
        for batch in _batches(schema, rows):
            file.write_batch(batch)
    return written.getvalue()


def _orc(fields: Fields, rows: Iterable[Values]) -> bytes:
    types = {
        Kind.TEXT: pa.string(),
        Kind.BIGINT: pa.int64(),
        Kind.BOOLEAN: pa.bool_(),
        Kind.TIMESTAMP: pa.timestamp("ns"),
    }
    schema = pa.schema([pa.field(each.name, types[each.kind]) for each in fields])
    written = BytesIO()
    with orc.ORCWriter(written, compression="zlib") as file:
        for batch in _batches(schema, rows):
            file.write(pa.Table.from_batches([batch]))
    return written.getvalue()


def _batches(schema: pa.Schema, rows: Iterable[Values]) -> Iterator[pa.RecordBatch]:
    source = iter(rows)
    while taken := list(islice(source, ROWS_AT_ONCE)):
        columns = zip(*taken, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _csv_schema(fields: Fields) -> str:
    return ", ".join(field.wire for field in fields)


def _orc_schema(fields: Fields) -> str:
    return f"struct<{','.join(f'{field.name}:{field.kind}' for field in fields)}>"


def _parquet_schema(fields: Fields) -> str:
    described = (
        f"  {'required' if field.name in REQUIRED else 'optional'} {PARQUET_TYPES[field.kind].format(field.name)};"
        for field in fields
    )
    return f"message s3.inventory {{{''.join(described)}}}"


FORMATS: Mapping[str, Format] = {
    "CSV": Format("csv.gz", _csv, _csv_schema),
    "ORC": Format("orc", _orc, _orc_schema),
    "Parquet": Format("parquet", _parquet, _parquet_schema),
}
"""By the word for it in a configuration, which is the manifest's as well."""
