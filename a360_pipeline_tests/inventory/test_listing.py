"""A small bucket's listing is its delivery of the day: verified by its place in the table and the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from a360_pipeline.inventory import listing
from a360_pipeline.inventory.arrow import SCHEMA
from a360_pipeline.inventory.harvest.planned import Plan, PlannedBucket
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.request import request_of
from a360_pipeline.inventory.harvest.rows import BucketRow
from a360_pipeline.inventory.harvest.states import BucketState, DeliveryState, Way
from a360_pipeline.inventory.listing import take_listing
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.places import BucketPlace, place_of
from a360_pipeline.inventory.table import Catalog
from a360_pipeline.inventory.versions import TOLD
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.settings import load_settings
from a360_pipeline.warehouse.connection import Connection

NAME = "small-bucket"
NOW = dt.datetime(2026, 11, 24, 5, tzinfo=dt.UTC)
KEY = "listing/weekly/{}/small-bucket/2026-11-24"


@pytest.fixture
def means(environment: StandIn) -> Means:
    means = Means.of(load_settings(max_attempts=1, harvest_role="a360-member", listed_objects=3))
    means.hub("s3").create_bucket(Bucket=means.settings.inventory_bucket)
    return means


@pytest.fixture
def account(environment: StandIn) -> str:
    """Not the hub's: it is reached through the harvest role."""
    return environment.organization.accounts[-1].id


@pytest.fixture
def s3(means: Means, account: str) -> Any:
    s3 = means.member("s3", account, "us-east-1")
    s3.create_bucket(Bucket=NAME)
    return s3


@pytest.fixture
def registry(connection: Connection) -> Registry:
    return Registry(connection)


def plan(registry: Registry, account: str, *names: str) -> None:
    buckets = tuple(PlannedBucket(account, name, "us-east-1", Way.LISTED, BucketState.PLANNED) for name in names)
    registry.create(request_of({"run_id": "weekly"}), Plan("weekly", account, (account,), (), buckets))


@pytest.fixture
def bucket(registry: Registry, account: str, s3: Any) -> BucketRow:
    plan(registry, account, NAME)
    return registry.bucket("weekly", account, NAME)


def rows_of(means: Means, location: str) -> list[dict[str, Any]]:
    place, prefix = place_of(location, means.hub("s3"))
    read = [
        pq.read_table(pa.BufferReader(place.read(entry.key)))
        for entry in place.list(prefix)
        if entry.key.endswith(".parquet")
    ]
    assert all(table.schema.equals(SCHEMA) for table in read)
    return [row for table in read for row in table.to_pylist()]


def files(means: Means) -> list[str]:
    return [entry.key for entry in BucketPlace(means.hub("s3"), means.settings.inventory_bucket).list("")]


def test_a_listing_is_in_the_table_and_in_the_ledger_as_a_delivery_is(
    means: Means, registry: Registry, s3: Any, account: str, bucket: BucketRow
) -> None:
    """I21. The account is in every key: its bucket's row, its folder, its partition."""
    for key, body in {"b": b"22", "a c": b"1"}.items():
        s3.put_object(Bucket=NAME, Key=key, Body=body)
    stands = take_listing(means, registry, bucket, NOW)
    assert (stands.state, stands.manifest_key) == (BucketState.DONE, KEY.format(account))
    [delivery] = registry.deliveries("weekly")
    assert (delivery.state, delivery.format, delivery.rows, delivery.object_bytes, delivery.parts) == (
        *(DeliveryState.PUBLISHED, "listing", 2, 3, 1),
    )
    assert (delivery.account_id, delivery.region, delivery.bucket, delivery.snapshot_date, delivery.delivered_at) == (
        *(account, "us-east-1", NAME, NOW.date(), NOW),
    )
    assert delivery.fields == list(TOLD)
    [partition] = Catalog.of(means).partitions()
    assert (partition.values, partition.location) == (["2026-11-24", account, "us-east-1", NAME], delivery.location)
    assert f"/inventory/{account}/us-east-1/{NAME}/2026-11-24/20261124T050000Z-" in partition.location
    assert [(row["key"], row["size"], row["is_latest"]) for row in rows_of(means, partition.location)] == [
        ("a c", 1, True),
        ("b", 2, True),
    ]


def test_a_listing_that_is_done_again_is_counted_once(
    means: Means, registry: Registry, s3: Any, account: str, bucket: BucketRow
) -> None:
    """I4. Two in one day were counted twice."""
    s3.put_object(Bucket=NAME, Key="a", Body=b"1")
    take_listing(means, registry, bucket, NOW)
    before = registry.deliveries("weekly"), list(Catalog.of(means).partitions()), files(means)
    s3.put_object(Bucket=NAME, Key="b", Body=b"2")
    again = take_listing(means, registry, bucket, NOW + dt.timedelta(hours=1))
    assert again.state is BucketState.DONE
    assert (registry.deliveries("weekly"), list(Catalog.of(means).partitions()), files(means)) == before


POINTS = [
    (owner, name, when)
    for owner, name in (
        (listing, "write_parts"),
        (listing, "write_marker"),
        (Catalog, "ensure"),
        (Catalog, "publish"),
        (Registry, "record_delivery"),
        (Registry, "set_bucket"),
    )
    for when in ("before", "after")
]


def test_a_listing_that_was_killed_anywhere_ends_the_same(
    means: Means, registry: Registry, s3: Any, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I15. What was cut short was never gone on with."""
    names = [f"small-bucket-{number}" for number in range(len(POINTS))]
    plan(registry, account, *names)
    for bucket, (owner, name, when) in zip(names, POINTS, strict=True):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="a", Body=b"1")
        row = registry.bucket("weekly", account, bucket)
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, _killed(getattr(owner, name), when))
            with pytest.raises(KeyboardInterrupt):
                take_listing(means, registry, row, NOW)
        s3.put_object(Bucket=bucket, Key="b", Body=b"2")
        assert take_listing(means, registry, row, NOW + dt.timedelta(hours=1)).state is BucketState.DONE
    deliveries = {delivery.bucket: delivery for delivery in registry.deliveries("weekly")}
    partitions = {partition.bucket: partition.location for partition in Catalog.of(means).partitions()}
    assert sorted(deliveries) == sorted(partitions) == sorted(names)
    assert {name: delivery.location for name, delivery in deliveries.items()} == partitions
    # What was finished before it was killed is what stands: a folder does not change once it is whole.
    assert [deliveries[name].rows for name in names] == [2, 2, 2, *[1] * 9]
    assert [len(rows_of(means, partitions[name])) for name in names] == [2, 2, 2, *[1] * 9]
    assert {f"s3://{means.settings.inventory_bucket}/{key.rpartition('/')[0]}/" for key in files(means)} == {
        *partitions.values()
    }


def _killed(real: Callable[..., Any], when: str) -> Callable[..., Any]:
    def killed(*given: Any, **named: Any) -> Any:
        if when == "after":
            real(*given, **named)
        raise KeyboardInterrupt

    return killed


def test_a_bucket_that_holds_too_much_says_so_and_leaves_no_file(
    means: Means, registry: Registry, s3: Any, bucket: BucketRow
) -> None:
    for key in "abcd":
        s3.put_object(Bucket=NAME, Key=key, Body=b"")
    stands = take_listing(means, registry, bucket, NOW)
    assert stands.state is BucketState.NOT_CREATED
    assert "holds more than 3 versions of objects: configure an inventory for it" in (stands.message or "")
    assert (registry.deliveries("weekly"), files(means)) == ([], [])


def test_an_empty_bucket_is_empty_and_one_of_old_versions_is_not(
    means: Means, registry: Registry, s3: Any, bucket: BucketRow
) -> None:
    """I9. A bucket that holds old versions alone counted as empty."""
    assert take_listing(means, registry, bucket, NOW).state is BucketState.EMPTY
    assert files(means) == []
    s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=NAME, Key="a", Body=b"1")
    s3.delete_object(Bucket=NAME, Key="a")
    assert take_listing(means, registry, bucket, NOW).state is BucketState.DONE
    assert registry.deliveries("weekly")[0].rows == 2


def test_a_bucket_that_denies_or_is_gone_says_that(
    means: Means, registry: Registry, environment: StandIn, s3: Any, account: str, bucket: BucketRow
) -> None:
    environment.faults.set(denied={account: ["s3:ListObjectVersions"]})
    stands = take_listing(means, registry, bucket, NOW)
    assert stands.state is BucketState.ACCESS_LOST
    assert "ListObjectVersions" in (stands.message or "")
    environment.faults.set()
    s3.delete_bucket(Bucket=NAME)
    assert take_listing(means, registry, bucket, NOW).state is BucketState.NOT_AVAILABLE


def test_what_says_nothing_of_the_bucket_is_raised_and_recorded_nowhere(
    means: Means, registry: Registry, environment: StandIn, s3: Any, bucket: BucketRow
) -> None:
    """I7. Being asked to slow down is no state of a bucket, nor is a hub that may not write."""
    s3.put_object(Bucket=NAME, Key="a", Body=b"1")
    environment.faults.set(errors={"s3:ListObjectVersions": "SlowDown"})
    with pytest.raises(ClientError, match="SlowDown"):
        take_listing(means, registry, bucket, NOW)
    environment.faults.set(denied={environment.organization.management.id: ["s3:PutObject"]})
    with pytest.raises(ClientError, match="AccessDenied"):
        take_listing(means, registry, bucket, NOW)
    assert registry.bucket(bucket.harvest_id, bucket.account_id, NAME) == bucket
    assert registry.deliveries("weekly") == []
