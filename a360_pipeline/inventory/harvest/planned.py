"""The plan of a harvest: what is to be made where, and how the inventory of every bucket is to be had. It is data."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from a360_pipeline.inventory.harvest.rows import BucketRow, RegionRow
from a360_pipeline.inventory.harvest.states import BucketState, RegionState, Way

ALL_BUCKETS = "*"
"""Stands for the buckets of an account that does not tell which it has."""
OURS = "a360-"
"""What the names of all that a harvest makes begin with."""


def stack_name(harvest_id: str) -> str:
    """Of the stack that a harvest has in each of its regions."""
    return f"{OURS}harvest-{harvest_id}"


def destination_bucket(harvest_id: str, hub_account: str, region: str) -> str:
    """The bucket of a region that deliveries go to. Names of buckets are the world's, and have 63 characters."""
    told_apart = hashlib.sha256(f"{hub_account}/{region}/{harvest_id}".encode()).hexdigest()
    return f"{OURS}{harvest_id}-{told_apart[:12]}"


def configuration_id(harvest_id: str) -> str:
    """Of the configuration that a harvest puts to each of its buckets."""
    return f"{OURS}{harvest_id}"


def delivery_prefix(prefix: str | None, bucket: str, configuration: str) -> str:
    """What S3 puts the deliveries of a configuration under, with a final slash."""
    return "".join(f"{part}/" for part in (prefix, bucket, configuration) if part)


def configured_prefix(harvest_id: str, account_id: str) -> str:
    """What a configuration of a harvest names as the prefix of its destination."""
    return f"{harvest_id}/{account_id}"


@dataclass(frozen=True, slots=True)
class PlannedRegion:
    """A stack that is to be made in the hub's account."""

    region: str
    stack_name: str
    destination_bucket: str
    kms_key: str | None
    """ARN of the key that is there; None: S3's own."""
    configurations: int
    """Buckets whose deliveries go there."""


@dataclass(frozen=True, slots=True)
class PlannedBucket:
    """A bucket, and how its inventory is to be had; the message says why, or what it will lack."""

    account_id: str
    bucket: str
    region: str | None
    way: Way | None
    state: BucketState
    message: str = ""
    configuration_id: str | None = None
    destination_bucket: str | None = None
    destination_prefix: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a harvest is to make, regions by name, buckets by account and name."""

    harvest_id: str
    hub_account: str
    source_accounts: tuple[str, ...]
    """Those whose buckets may deliver."""
    regions: tuple[PlannedRegion, ...]
    buckets: tuple[PlannedBucket, ...]

    def counts(self) -> dict[str, int]:
        """Buckets by the way their inventory is had, or, where there is none, by their state."""
        return dict(sorted(Counter(str(bucket.way or bucket.state) for bucket in self.buckets).items()))

    def told(self) -> dict[str, Any]:
        """The plan as its harvest keeps it: without the buckets, which have rows of their own."""
        whole: dict[str, Any] = _PLAN.dump_python(self, mode="json", exclude={"buckets"})
        return whole | {"counts": self.counts()}

    def region_rows(self) -> list[RegionRow]:
        return [
            RegionRow(self.harvest_id, one.region, RegionState.PLANNED, one.stack_name, one.destination_bucket)
            for one in self.regions
        ]

    def bucket_rows(self) -> list[BucketRow]:
        return [
            BucketRow(
                harvest_id=self.harvest_id,
                account_id=one.account_id,
                bucket=one.bucket,
                region=one.region,
                way=one.way,
                state=one.state,
                configuration_id=one.configuration_id,
                destination_bucket=one.destination_bucket,
                destination_prefix=one.destination_prefix,
                message=one.message or None,
            )
            for one in self.buckets
        ]

    def text(self) -> str:
        """The plan for a person: what will be made where, and what becomes of every bucket."""
        return "\n".join([*self._made(), "", *self._kept()]) + "\n"

    def _made(self) -> Iterator[str]:
        accounts = len({bucket.account_id for bucket in self.buckets})
        counted = ", ".join(f"{count} {word}" for word, count in self.counts().items()) or "none"
        yield f"Harvest {self.harvest_id}: {len(self.buckets)} buckets of {accounts} accounts ({counted})."
        if not self.regions:
            yield "Nothing will be made."
        for one in self.regions:
            key = f"encrypted with {one.kms_key}" if one.kms_key else "encrypted with S3's own key"
            yield (
                f"Will be made in {one.region} of account {self.hub_account}: stack {one.stack_name} with bucket "
                f"{one.destination_bucket} ({key}), its topic and the subscription of the hub's queue."
            )
            yield f"Will be put to {one.configurations} buckets there: {configuration_id(self.harvest_id)}."

    def _kept(self) -> Iterator[str]:
        for one in self.buckets:
            where = f"{one.account_id} {one.region or '?'} {one.bucket}"
            yield f"{where}: {one.way or one.state}{f': {one.message}' if one.message else ''}"


_PLAN = TypeAdapter(Plan)


def plan_to_json(plan: Plan) -> bytes:
    return _PLAN.dump_json(plan)


def plan_from_json(body: bytes) -> Plan:
    """Raises ValueError when the bytes are no plan."""
    return _PLAN.validate_json(body)
