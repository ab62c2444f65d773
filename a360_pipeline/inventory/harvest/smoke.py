"""The whole way in minutes: deliveries that the product places itself, where S3 would, and removes with the harvest."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import io
import json
from collections.abc import Iterable
from urllib.parse import quote

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.inventory.harvest.destinations import destination_of
from a360_pipeline.inventory.harvest.rows import BucketRow
from a360_pipeline.inventory.harvest.states import BucketState, Way
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.places import Place

SMOKE_DAY = dt.datetime(2000, 1, 1, 1, tzinfo=dt.UTC)
"""The day of deliveries that are placed: before there was S3, so that they never stand for a true inventory."""
COLUMNS = ("Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass", "EncryptionStatus")
KEYS = ("a360-smoke-test/plain.txt", "a360-smoke-test/a space, a + and a %.csv", "a360-smoke-test/Größe.log")
"""Of the objects that are told of: no bucket has them."""


def place_smoke(means: Means, buckets: Iterable[BucketRow]) -> list[tuple[BucketRow, str]]:
    """Places a delivery for every bucket that is configured, and returns those for which it could not be, and why.

    The plan of a smoke test has one such bucket in each account. Nobody is told of the deliveries but by the
    notifications of the destination bucket: they are found, taken, counted and cleaned up as any other. Placing
    them again changes nothing. (S3 PutObject)
    """
    problems = []
    for row in buckets:
        if row.way is not Way.CONFIGURED or row.state is not BucketState.IN_PROGRESS:
            continue
        try:
            place_delivery(destination_of(means, row, str(row.destination_bucket)), row)
        except AWS_ERRORS as error:
            problems.append((row, f"no delivery could be placed in {row.destination_bucket}: {explain(error)}"))
    return problems


def place_delivery(place: Place, row: BucketRow) -> str:
    """Writes a small delivery as S3 does, the checksum last, and returns the manifest's key. Raises ClientError."""
    data = _rows(row.bucket)
    data_key = f"{row.destination_prefix}data/{_md5(data)}.csv.gz"
    folder = f"{row.destination_prefix}{SMOKE_DAY:%Y-%m-%dT%H-%MZ}/"
    manifest = {
        "sourceBucket": row.bucket,
        "destinationBucket": f"arn:aws:s3:::{row.destination_bucket}",
        "version": "2016-11-30",
        "creationTimestamp": str(int(SMOKE_DAY.timestamp() * 1000)),
        "fileFormat": "CSV",
        "fileSchema": ", ".join(COLUMNS),
        "files": [{"key": data_key, "size": len(data), "MD5checksum": _md5(data)}],
    }
    body = json.dumps(manifest).encode()
    place.write(data_key, data)
    place.write(f"{folder}manifest.json", body)
    place.write(f"{folder}manifest.checksum", f"{_md5(body)}\n".encode())
    return f"{folder}manifest.json"


def _rows(bucket: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for number, key in enumerate(KEYS, start=1):
        etag = _md5(key.encode())
        modified = f"{SMOKE_DAY:%Y-%m-%dT%H:%M:%S}.000Z"
        writer.writerow([bucket, quote(key), number * 1024, modified, etag, "STANDARD", "SSE-S3"])
    # Without the time, so that the same bytes come every time.
    return gzip.compress(text.getvalue().encode(), mtime=0)


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
