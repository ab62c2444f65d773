"""The rows of harvests as Python has them: one frozen dataclass a table, its fields named as the columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from a360_pipeline.inventory.harvest.states import BucketState, DeliveryState, HarvestState, RegionState, Way


@dataclass(frozen=True, slots=True)
class Harvest:
    """A row of `harvests`."""

    harvest_id: str
    state: HarvestState
    lifetime: str
    request: dict[str, Any]
    plan: dict[str, Any]
    message: str | None = None
    outcome: HarvestState | None = None
    report: dict[str, Any] | None = None
    receipt: dict[str, Any] | None = None
    created_at: dt.datetime | None = None
    deadline: dt.datetime | None = None
    updated_at: dt.datetime | None = None

    @property
    def is_recurring(self) -> bool:
        return self.lifetime == "recurring"

    @property
    def is_open(self) -> bool:
        return self.state is not HarvestState.DONE


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A row of `harvest_regions`."""

    harvest_id: str
    region: str
    state: RegionState
    stack_name: str
    destination_bucket: str
    message: str | None = None
    updated_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class BucketRow:
    """A row of `harvest_buckets`. Where no region is known, the bucket could not be asked for it."""

    harvest_id: str
    account_id: str
    bucket: str
    region: str | None
    way: Way | None
    state: BucketState
    configuration_id: str | None = None
    destination_bucket: str | None = None
    destination_prefix: str | None = None
    manifest_key: str | None = None
    message: str | None = None
    updated_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A row of `inventory_deliveries`."""

    destination_bucket: str
    manifest_key: str
    harvest_id: str
    account_id: str
    region: str
    bucket: str
    state: DeliveryState
    snapshot_date: dt.date | None = None
    delivered_at: dt.datetime | None = None
    format: str | None = None
    fields: list[str] | None = None
    files: int | None = None
    source_bytes: int | None = None
    rows: int | None = None
    object_bytes: int | None = None
    parts: int | None = None
    location: str | None = None
    manifest_md5: str | None = None
    message: str | None = None
    updated_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class QueryRow:
    """A row of `harvest_queries`. `state` is the engine's own word."""

    harvest_id: str
    name: str
    state: str
    execution_id: str | None = None
    sql: str | None = None
    rows: int | None = None
    bytes_scanned: int | None = None
    cost_usd: Decimal | None = None
    location: str | None = None
    message: str | None = None
    updated_at: dt.datetime | None = None


def harvest_of(row: Mapping[str, Any]) -> Harvest:
    """The row by the names of its columns, its words as ours."""
    outcome = row["outcome"]
    return Harvest(
        **{**row, "state": HarvestState(row["state"]), "outcome": None if outcome is None else HarvestState(outcome)}
    )


def region_of(row: Mapping[str, Any]) -> RegionRow:
    return RegionRow(**{**row, "state": RegionState(row["state"])})


def bucket_of(row: Mapping[str, Any]) -> BucketRow:
    way = row["way"]
    return BucketRow(**{**row, "state": BucketState(row["state"]), "way": None if way is None else Way(way)})


def delivery_of(row: Mapping[str, Any]) -> DeliveryRow:
    return DeliveryRow(**{**row, "state": DeliveryState(row["state"])})


def query_of(row: Mapping[str, Any]) -> QueryRow:
    return QueryRow(**row)
