"""Deliveries as S3 writes them, of rows that a test makes up, and what came of them."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq

from a360_pipeline.inventory.arrow import SCHEMA
from a360_pipeline.inventory.delivery import Consolidated, Identity
from a360_pipeline.inventory.layout import BY_NAME, BY_WIRE, Kind
from a360_pipeline.inventory.manifest import Format
from a360_pipeline.inventory.places import Place

WHO = Identity("111122223333", "eu-central-1")
SOURCE = "films"
CREATED = dt.datetime(2026, 3, 1, 1, 0, tzinfo=dt.UTC)
FOLDER = "lists/films/all"
BARE = ("bucket", "key", "size", "last_modified_date", "e_tag", "storage_class")
VERSIONED = ("bucket", "key", "version_id", "is_latest", "is_delete_marker", "size", "last_modified_date", "e_tag")

Row = Mapping[str, Any]


def row(key: str, **values: Any) -> dict[str, Any]:
    return {"bucket": SOURCE, "key": key, **values}


ROWS = [
    row(
        f"year={2000 + number}/Zoë's {number}.mov",
        version_id=None if number % 3 == 0 else f"v{number}",
        is_latest=number % 2 == 0,
        is_delete_marker=False,
        size=number * 1000,
        last_modified_date=dt.datetime(2026, 1, 1, 12, 30, 59, 123000, tzinfo=dt.UTC) + dt.timedelta(days=number),
        e_tag=hashlib.md5(str(number).encode()).hexdigest(),
        storage_class="STANDARD",
    )
    for number in range(10)
]


def table_of(rows: Iterable[Row], names: Iterable[str] = SCHEMA.names) -> pa.Table:
    """The truth: rows as the layout has them, but for columns that are not delivered."""
    delivered = set(names)
    kept = [{name: value for name, value in each.items() if name in delivered} for each in rows]
    return pa.Table.from_pylist(kept, SCHEMA)


def file_of(kind: Format, rows: Sequence[Row], fields: Sequence[str]) -> bytes:
    """A delivered file. A field that the layout does not know is one of text."""
    return {Format.CSV: _csv, Format.ORC: _orc, Format.PARQUET: _parquet}[kind](rows, fields)


def _csv(rows: Sequence[Row], fields: Sequence[str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for each in rows:
        values = {**each, "key": quote(each["key"], safe="/")}
        writer.writerow([_text(values.get(name)) for name in fields])
    return gzip.compress(text.getvalue().encode(), mtime=0)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"
    return "" if value is None else str(value)


def _arrow(rows: Sequence[Row], fields: Sequence[str]) -> pa.Table:
    schema = pa.schema([(name, SCHEMA.field(name).type if name in BY_NAME else pa.string()) for name in fields])
    return pa.Table.from_pylist([dict(each) for each in rows], schema)


def _orc(rows: Sequence[Row], fields: Sequence[str]) -> bytes:
    table = _arrow(rows, fields)
    for at, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            naive = table.column(at).cast(pa.timestamp("ms")).cast(pa.timestamp("ns"))
            table = table.set_column(at, field.name, naive)
    sink = io.BytesIO()
    pyarrow.orc.write_table(table, sink, compression="zlib")
    return sink.getvalue()


def _parquet(rows: Sequence[Row], fields: Sequence[str]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(_arrow(rows, fields), sink)
    return sink.getvalue()


_ORC_TYPES = {Kind.TEXT: "string", Kind.BIGINT: "bigint", Kind.BOOLEAN: "boolean", Kind.TIMESTAMP: "timestamp"}
_PARQUET_TYPES = {
    Kind.TEXT: "binary {} (STRING)",
    Kind.BIGINT: "int64 {}",
    Kind.BOOLEAN: "boolean {}",
    Kind.TIMESTAMP: "int64 {} (TIMESTAMP(MILLIS,true))",
}


def schema_of(kind: Format, fields: Sequence[str]) -> str:
    kinds = {name: BY_NAME[name].kind if name in BY_NAME else Kind.TEXT for name in fields}
    if kind is Format.CSV:
        wires = {field.name: wire for wire, field in BY_WIRE.items()}
        return ", ".join(wires.get(name, name) for name in fields)
    if kind is Format.ORC:
        return f"struct<{','.join(f'{name}:{_ORC_TYPES[each]}' for name, each in kinds.items())}>"
    members = "".join(f"  optional {_PARQUET_TYPES[each].format(name)};" for name, each in kinds.items())
    return f"message s3.inventory {{{members}}}"


def deliver(
    place: Place,
    rows: Sequence[Row] = ROWS,
    *,
    kind: Format = Format.CSV,
    fields: Sequence[str] = VERSIONED,
    created: dt.datetime = CREATED,
    files: int = 1,
    bodies: Sequence[bytes] | None = None,
    folder: str = FOLDER,
) -> str:
    """Writes a delivery of rows, or of files' `bodies` as they are, and returns the key of its manifest."""
    size = max(1, -(-len(rows) // files))
    if bodies is None:
        bodies = [file_of(kind, rows[at : at + size], fields) for at in range(0, max(1, len(rows)), size)]
    ending = {Format.CSV: "csv.gz", Format.ORC: "orc", Format.PARQUET: "parquet"}[kind]
    listed = []
    for number, body in enumerate(bodies):
        key = f"{folder}/data/{created:%Y%m%dT%H%M}-{number}.{ending}"
        place.write(key, body)
        listed.append({"key": key, "size": len(body), "MD5checksum": hashlib.md5(body).hexdigest()})
    manifest = {
        "sourceBucket": SOURCE,
        "destinationBucket": "arn:aws:s3:::destination",
        "version": "2016-11-30",
        "creationTimestamp": str(int(created.timestamp() * 1000)),
        "fileFormat": kind.value,
        "fileSchema": schema_of(kind, fields),
        "files": listed,
    }
    return announce(place, manifest, f"{folder}/{created:%Y-%m-%dT%H-%MZ}/manifest.json")


def announce(place: Place, manifest: Any, key: str = f"{FOLDER}/D/manifest.json") -> str:
    """Writes a manifest, whatever it says, and its checksum."""
    body = json.dumps(manifest).encode()
    place.write(key, body)
    place.write(key.replace(".json", ".checksum"), f"{hashlib.md5(body).hexdigest()}\n".encode())
    return key


def rows_of(target: Place, consolidated: Consolidated) -> pa.Table:
    """All rows of a consolidated delivery, in their order."""
    tables = [pq.read_table(io.BytesIO(target.read(key))) for key in consolidated.parts]
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()


def contents(place: Place) -> dict[str, bytes]:
    return {entry.key: place.read(entry.key) for entry in place.list("")}
