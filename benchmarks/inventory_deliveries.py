"""Deliveries of S3 Inventory to measure with: a made-up lake, the same objects in ORC, Parquet and CSV."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.orc
import pyarrow.parquet

from a360_pipeline.inventory.layout import BY_NAME, FIELDS
from a360_pipeline.inventory.manifest import Format

ROWS = 2_000_000
BUCKET = "lake"
FILE_ROWS = 500_000
BATCH = 100_000
ENDINGS = {Format.CSV: "csv.gz", Format.ORC: "orc", Format.PARQUET: "parquet"}

# Four kinds of keys, as lakes have them: hive partitions, images, logs, and names of people's own.
OBJECTS = """
SELECT
    '{bucket}' AS bucket,
    CASE i // 250 % 4
        WHEN 0 THEN format('warehouse/orders/dt={{}}/hour={{:02d}}/part-{{:05d}}-{{}}.snappy.parquet',
            (DATE '2024-01-01' + (i // 20000)::INTEGER)::VARCHAR, i // 800 % 24, i % 800, substr(h, 1, 8))
        WHEN 1 THEN format('raw/camera={{}}/frame {{:06d}}.jpg', substr(md5((i // 1000)::VARCHAR), 1, 6), i % 1000)
        WHEN 2 THEN format('logs/{{:04d}}/{{:02d}}/app-{{:07d}}.log.gz', 2020 + i // 100000 % 5, i // 8000 % 12 + 1, i)
        ELSE format('people/{{:06d}}/Fotos/Bücher-{{}}.png', i // 100, substr(h, 9, 6))
    END AS key,
    CASE WHEN i % 3 > 0 THEN h END AS version_id,
    i % 5 > 0 AS is_latest,
    i % 50 = 0 AS is_delete_marker,
    CASE WHEN i % 50 > 0 THEN (hash(i) % 10000000)::BIGINT END AS size,
    epoch_ms(1600000000000 + (hash(i + 1) % 100000000)::BIGINT * 1000)::TIMESTAMP_MS AS last_modified_date,
    CASE WHEN i % 50 > 0 THEN md5(h) END AS e_tag,
    CASE WHEN i % 50 = 0 THEN NULL WHEN i % 7 = 0 THEN 'GLACIER' WHEN i % 11 = 0 THEN 'INTELLIGENT_TIERING'
        ELSE 'STANDARD' END AS storage_class,
    i % 13 = 0 AS is_multipart_uploaded,
    CASE WHEN i % 17 = 0 THEN 'COMPLETED' END AS replication_status,
    CASE WHEN i % 50 > 0 THEN 'SSE-S3' END AS encryption_status,
    NULL::TIMESTAMP_MS AS object_lock_retain_until_date,
    NULL::VARCHAR AS object_lock_mode,
    NULL::VARCHAR AS object_lock_legal_hold_status,
    CASE WHEN i % 11 = 0 THEN 'FREQUENT' END AS intelligent_tiering_access_tier,
    'DISABLED' AS bucket_key_status,
    CASE WHEN i % 4 = 0 THEN 'CRC64NVME' END AS checksum_algorithm
FROM (SELECT range AS i, md5(range::VARCHAR) AS h FROM range({start}, {end}))
"""


def made(directory: Path, rows: int = ROWS) -> Path:
    """The folder of made-up deliveries, made once, by a process of its own: its memory is not to be measured."""
    deliveries = directory / f"deliveries-{rows}"
    if not deliveries.exists():
        unfinished = directory / "unfinished"
        subprocess.run([sys.executable, "-m", "benchmarks.inventory_deliveries", unfinished, str(rows)], check=True)
        unfinished.rename(deliveries)
    return deliveries


def delivery(directory: Path, kind: Format, *, times: int = 1) -> str:
    """Announces the delivery of a format below `directory`, where `make` has put its files; the manifest's key.

    With `times` it is that many times as large: the same files, under other names that take no space.
    """
    folder = f"{BUCKET}/{kind}"
    files = sorted(path for path in (directory / folder / "data").iterdir() if "-again" not in path.name)
    listed = []
    for path in files:
        with path.open("rb") as file:
            md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        for turn in range(times):
            name = path if turn == 0 else path.with_name(f"{turn:03d}-again-{path.name}")
            if not name.exists():
                name.hardlink_to(path)
            key = name.relative_to(directory).as_posix()
            listed.append({"key": key, "size": path.stat().st_size, "MD5checksum": md5})
    manifest = {
        "sourceBucket": BUCKET,
        "destinationBucket": "arn:aws:s3:::inventories",
        "version": "2016-11-30",
        "creationTimestamp": "1772326800000",
        "fileFormat": kind.value,
        "fileSchema": _schema(kind),
        "files": listed,
    }
    body = json.dumps(manifest).encode()
    key = f"{folder}/times-{times}/manifest.json"
    path = directory / key
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(body)
    path.with_suffix(".checksum").write_text(f"{hashlib.md5(body, usedforsecurity=False).hexdigest()}\n")
    return key


def columns() -> list[str]:
    """Names of what is delivered, in their order."""
    with duckdb.connect() as duck:
        return list(duck.sql(_objects(0, 1)).columns)


def _objects(start: int, end: int) -> str:
    return OBJECTS.format(bucket=BUCKET, start=start, end=end)


def _schema(kind: Format) -> str:
    names = columns()
    if kind is Format.CSV:
        wires = {field.name: field.wire for field in FIELDS}
        return ", ".join(wires[name] for name in names)
    if kind is Format.ORC:
        return f"struct<{','.join(f'{name}:{BY_NAME[name].kind}' for name in names)}>"
    return f"message s3.inventory {{{''.join(f'  optional binary {name} (STRING);' for name in names)}}}"


def make(directory: Path, rows: int) -> None:
    """Writes the files of all three formats, one after another."""
    for kind in Format:
        (directory / BUCKET / kind / "data").mkdir(parents=True)
    with duckdb.connect(config={"threads": 1}) as duck:
        for number, start in enumerate(range(0, rows, FILE_ROWS)):
            objects = _objects(start, min(rows, start + FILE_ROWS))
            for kind, write in _WRITERS.items():
                write(duck, objects, directory / BUCKET / kind / "data" / f"{number:03d}.{ENDINGS[kind]}")


def _batches(duck: Any, query: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    reader = duck.sql(query).to_arrow_reader(BATCH)
    return reader.schema, reader


def _orc(duck: Any, objects: str, path: Path) -> None:
    _, batches = _batches(duck, objects)
    with pyarrow.orc.ORCWriter(path, compression="zlib") as writer:
        for batch in batches:
            writer.write(_instants(pa.Table.from_batches([batch]), pa.timestamp("ns")))


def _parquet(duck: Any, objects: str, path: Path) -> None:
    kind = pa.timestamp("ms", tz="UTC")
    schema, batches = _batches(duck, objects)
    with pyarrow.parquet.ParquetWriter(path, _instants(schema.empty_table(), kind).schema) as writer:
        for batch in batches:
            writer.write_table(_instants(pa.Table.from_batches([batch]), kind))


def _instants(table: pa.Table, kind: pa.DataType) -> pa.Table:
    for at, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(kind))
    return table


def _csv(duck: Any, objects: str, path: Path) -> None:
    # As S3 writes them: everything quoted, nothing said is "", keys percent-encoded but for the slash.
    said = {name: f"{name}::VARCHAR" for name in columns()}
    said["key"] = "replace(url_encode(key), '%2F', '/')"
    for name in ("last_modified_date", "object_lock_retain_until_date"):
        said[name] = f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%gZ')"
    lines = ", ".join(f"coalesce({text}, '') AS {name}" for name, text in said.items())
    schema, batches = _batches(duck, f"SELECT {lines} FROM ({objects})")
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    with (
        gzip.open(path, "wb", compresslevel=6) as file,
        pyarrow.csv.CSVWriter(file, schema, write_options=options) as to,
    ):
        for batch in batches:
            to.write_batch(batch)


_WRITERS: dict[Format, Callable[[Any, str, Path], None]] = {
    Format.CSV: _csv,
    Format.ORC: _orc,
    Format.PARQUET: _parquet,
}

if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
