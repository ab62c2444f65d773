"""Every version that a bucket holds, as S3 lists them, in the one typed layout."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from a360_pipeline.inventory.arrow import SCHEMA

NULL_VERSION = "null"
"""What a listing calls a version that was put while its bucket had no versioning; inventories leave it empty."""

TOLD = (
    *("bucket", "key", "version_id", "is_latest", "is_delete_marker", "size", "last_modified_date", "e_tag"),
    *("storage_class", "checksum_algorithm", "object_owner"),
)
"""The fields that a listing can tell; the others are null."""


LIST = "ListObjectVersions"


class TooManyObjects(ValueError):
    """The bucket holds more than is to be listed. The message says what to do."""


def list_bucket(s3: Any, account_id: str, bucket: str, limit: int) -> Iterator[pa.RecordBatch]:
    """Every version and delete marker of a bucket, a batch a page: S3 ListObjectVersions, to its last page.

    In the order of keys, a key's newest version first. What a listing cannot tell is null. Raises ClientError for
    a page that does not come, and TooManyObjects as soon as more than `limit` versions have come: the batches
    before it are then no listing of the bucket.
    """
    came = 0
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, ExpectedBucketOwner=account_id)
    for page in pages:
        rows = [*(_version(bucket, one) for one in page.get("Versions", ()))]
        rows += [_delete_marker(bucket, one) for one in page.get("DeleteMarkers", ())]
        came += len(rows)
        if came > limit:
            raise TooManyObjects(
                f"bucket {bucket} of account {account_id} holds more than {limit:,} versions of objects: "
                "configure an inventory for it, or raise A360_LISTED_OBJECTS"
            )
        if rows:
            yield pa.RecordBatch.from_pylist(sorted(rows, key=_place), schema=SCHEMA)


def _place(row: Mapping[str, Any]) -> tuple[bytes, bool, float]:
    """Where a row stands: S3 sorts keys by their UTF-8 bytes, and versions from the newest to the oldest.

    botocore tells versions and delete markers apart, and so loses the order between them.
    """
    modified: dt.datetime = row["last_modified_date"]
    return row["key"].encode(), not row["is_latest"], -modified.timestamp()


def _version(bucket: str, told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_entry(bucket, told, is_delete_marker=False),
        "size": told["Size"],
        "e_tag": told["ETag"].strip('"'),
        "storage_class": told.get("StorageClass"),
        "checksum_algorithm": ",".join(told.get("ChecksumAlgorithm", ())) or None,
    }


def _delete_marker(bucket: str, told: Mapping[str, Any]) -> dict[str, Any]:
    return _entry(bucket, told, is_delete_marker=True)


def _entry(bucket: str, told: Mapping[str, Any], *, is_delete_marker: bool) -> dict[str, Any]:
    version_id = told["VersionId"]
    return {
        "bucket": bucket,
        "key": told["Key"],
        "version_id": None if version_id == NULL_VERSION else version_id,
        "is_latest": told["IsLatest"],
        "is_delete_marker": is_delete_marker,
        "last_modified_date": told["LastModified"],
        "object_owner": told.get("Owner", {}).get("ID"),
    }
