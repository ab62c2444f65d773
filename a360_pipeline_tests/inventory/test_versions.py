"""Small buckets: a listing tells every version and delete marker, in order, and nothing that it cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from a360_pipeline.inventory.arrow import SCHEMA
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.versions import TooManyObjects, list_bucket
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.settings import load_settings
from a360_pipeline_tests.conftest import BUCKET, lead_to

NUMBERS = count(1)
KEYS = ["a b", "a%20b", "a+b", "a/b=c", 'quote"s', "line\nbreak", "ümlaut", "\U0001f600", "\uffee"]
TOLD = {
    "bucket", "key", "is_latest", "is_delete_marker", "size", "last_modified_date", "e_tag",
    "storage_class", "object_owner",
}  # fmt: skip


@pytest.fixture(scope="module")
def running(small_organization: Organization) -> Iterator[StandIn]:
    with serve(small_organization, bucket=BUCKET, member_role="a360-member") as stand_in:
        yield stand_in


@pytest.fixture
def account(running: StandIn) -> str:
    return running.organization.management.id


@pytest.fixture
def s3(running: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    lead_to(running, tmp_path, monkeypatch)
    return Means.of(load_settings(max_attempts=1)).hub("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"small-bucket-{next(NUMBERS)}"
    s3.create_bucket(Bucket=name)
    return name


def listed(s3: Any, account: str, bucket: str, limit: int = 1000) -> list[dict[str, Any]]:
    table = pa.Table.from_batches(list_bucket(s3, account, bucket, limit), schema=SCHEMA)
    return table.to_pylist()


def test_a_bucket_without_versioning_is_listed_in_the_order_of_its_keys_bytes(
    s3: Any, account: str, bucket: str
) -> None:
    """I6. Keys come decoded, whatever they hold."""
    for key in KEYS:
        s3_backends[account]["aws"].put_object(bucket, key, key.encode())
    rows = listed(s3, account, bucket)
    assert [row["key"] for row in rows] == sorted(KEYS, key=str.encode)
    assert {(row["version_id"], row["is_latest"], row["is_delete_marker"], row["bucket"]) for row in rows} == {
        (None, True, False, bucket)
    }
    assert [row["size"] for row in rows] == [len(row["key"].encode()) for row in rows]


def test_what_a_listing_cannot_tell_is_null(s3: Any, account: str, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="one", Body=b"1", StorageClass="STANDARD_IA")
    [row] = listed(s3, account, bucket)
    assert {name for name, value in row.items() if value is not None} == TOLD
    assert (row["e_tag"], row["storage_class"]) == (put["ETag"].strip('"'), "STANDARD_IA")
    assert row["last_modified_date"].utcoffset().total_seconds() == 0


def test_every_version_and_delete_marker_is_there_the_newest_first(s3: Any, account: str, bucket: str) -> None:
    """I9. A bucket that holds old versions alone is not empty."""
    s3.put_object(Bucket=bucket, Key="b", Body=b"before versioning")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    second = s3.put_object(Bucket=bucket, Key="b", Body=b"22")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="b")["VersionId"]
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["VersionId"]
    rows = listed(s3, account, bucket)
    assert [(r["key"], r["version_id"], r["is_latest"], r["is_delete_marker"], r["size"]) for r in rows] == [
        ("a", first, True, False, 1),
        ("b", marker, True, True, None),
        ("b", second, False, False, 2),
        ("b", None, False, False, 17),
    ]
    assert (rows[1]["e_tag"], rows[1]["storage_class"]) == (None, None)


def test_a_listing_goes_to_its_last_page(s3: Any, account: str, bucket: str) -> None:
    """I1. S3 gives a thousand a page."""
    keys = [f"{number:04}" for number in range(1003)]
    for key in keys:
        s3_backends[account]["aws"].put_object(bucket, key, b"")
    batches = list(list_bucket(s3, account, bucket, 1003))
    assert [batch.num_rows for batch in batches] == [1000, 3]
    assert [key for batch in batches for key in batch.column("key").to_pylist()] == keys


def test_a_bucket_with_more_than_the_limit_is_refused_not_cut(s3: Any, account: str, bucket: str) -> None:
    for key in "abc":
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert len(listed(s3, account, bucket, limit=3)) == 3
    with pytest.raises(TooManyObjects, match=rf"{bucket} of account {account} holds more than 2 versions"):
        listed(s3, account, bucket, limit=2)


def test_an_empty_bucket_gives_no_rows_and_one_that_is_not_there_an_error(s3: Any, account: str, bucket: str) -> None:
    assert listed(s3, account, bucket) == []
    with pytest.raises(ClientError, match="NoSuchBucket"):
        list(list_bucket(s3, account, "no-such-bucket", 10))
