"""Harvests at hand: a registry over a warehouse, and what is asked for and planned."""

from __future__ import annotations

from typing import Any

import pytest

from a360_pipeline.aws.accounts import Account, discover_accounts
from a360_pipeline.inventory.harvest.planned import Plan, PlannedBucket, PlannedRegion
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.request import HarvestRequest, request_of
from a360_pipeline.inventory.harvest.states import BucketState, Way
from a360_pipeline.inventory.means import Means
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.settings import load_settings
from a360_pipeline.warehouse.connection import Connection

HOME = "us-east-1"
HUB = "100000000001"
MEMBER = "200000000002"


@pytest.fixture
def means(environment: StandIn) -> Means:
    """What a harvest is done with, in a small organization and an empty warehouse."""
    return Means.of(load_settings())


@pytest.fixture
def accounts(means: Means) -> list[Account]:
    """Every account of the organization with its regions, the hub's own first."""
    return discover_accounts(means.sessions.hub())


class Store:
    """Buckets that tests make, in accounts and regions of their own choice."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def s3(self, account_id: str, region: str = HOME) -> Any:
        return self._means.member("s3", account_id, region)

    def make(self, account_id: str, bucket: str, region: str = HOME, objects: int = 0) -> Any:
        """A versioned bucket with so many objects; returns the client that made it."""
        s3 = self.s3(account_id, region)
        where = {} if region == HOME else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **where)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for number in range(objects):
            s3.put_object(Bucket=bucket, Key=f"{number}", Body=b"x")
        return s3


@pytest.fixture
def store_of_buckets(means: Means) -> Store:
    return Store(means)


@pytest.fixture
def registry(connection: Connection) -> Registry:
    return Registry(connection)


def asked_for(run_id: str = "spring", **fields: Any) -> HarvestRequest:
    return request_of({"run_id": run_id, **fields})


def planned(run_id: str = "spring", *buckets: PlannedBucket, regions: tuple[str, ...] = ("eu-west-1",)) -> Plan:
    """A plan of these buckets, or of one bucket in each of two accounts, both of one name."""
    either = tuple(configured(run_id, account) for account in (HUB, MEMBER))
    made = tuple(PlannedRegion(name, f"a360-harvest-{run_id}", f"a360-{run_id}-{name}", None, 2) for name in regions)
    return Plan(run_id, HUB, (HUB, MEMBER), made, buckets or either)


def configured(run_id: str, account_id: str, bucket: str = "logs", prefix: str | None = None) -> PlannedBucket:
    return PlannedBucket(
        account_id,
        bucket,
        "eu-west-1",
        Way.CONFIGURED,
        BucketState.PLANNED,
        configuration_id=f"a360-{run_id}",
        destination_bucket=f"a360-{run_id}-eu-west-1",
        destination_prefix=prefix or f"{run_id}/{account_id}/{bucket}/a360-{run_id}/",
    )
