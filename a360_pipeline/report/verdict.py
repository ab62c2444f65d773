"""How a harvest went, told from its rows alone: what is counted, what is missing and why."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

import pyarrow as pa

from a360_pipeline.engines.engine import QueryState
from a360_pipeline.inventory.harvest.rows import BucketRow, DeliveryRow, Harvest, QueryRow, RegionRow
from a360_pipeline.inventory.harvest.states import BucketState, DeliveryState, HarvestState, RegionState
from a360_pipeline.inventory.steps import StepOutcome

MEANING: Mapping[BucketState, str] = {
    BucketState.DONE: "its inventory is in the table",
    BucketState.EMPTY: "has no object, no old version and no delete marker: S3 delivers nothing for it",
    BucketState.REUSED: "has an inventory already, whose next delivery is waited for",
    BucketState.IN_PROGRESS: "no delivery has come yet",
    BucketState.PLANNED: "nothing was done for it yet",
    BucketState.NOT_CREATED: "its inventory could not be configured",
    BucketState.NOT_AVAILABLE: "was not there, or did not answer",
    BucketState.ACCESS_LOST: "must not be looked at",
    BucketState.VERIFICATION_FAILED: "what came is not what its manifest says",
    BucketState.EXCLUDED: "was not asked for",
}
"""What each state says of a bucket."""
NOT_IN_TABLE = "is done, and yet no delivery of it is in the table"
NOT_OVER = "has not ended"


@dataclass(frozen=True, slots=True)
class FirstRows:
    """The first rows of a query's result, and what it is asked for."""

    purpose: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]

    @classmethod
    def of(cls, purpose: str, result: pa.Table, most: int = 10) -> FirstRows:
        head = result.slice(0, most)
        values = [column.to_pylist() for column in head.columns]
        return cls(purpose, tuple(head.column_names), list(zip(*values, strict=True)))


@dataclass(frozen=True)
class Course:
    """A harvest, and everything that is known of it."""

    harvest: Harvest
    regions: Sequence[RegionRow] = ()
    buckets: Sequence[BucketRow] = ()
    deliveries: Sequence[DeliveryRow] = ()
    queries: Sequence[QueryRow] = ()
    findings: Mapping[str, FirstRows] = field(default_factory=dict)
    """By the names of queries."""
    steps: Sequence[StepOutcome] = ()

    @cached_property
    def wanted(self) -> list[BucketRow]:
        """All buckets but those that were left out on purpose."""
        return [row for row in self.buckets if row.state != BucketState.EXCLUDED]

    @cached_property
    def excluded(self) -> list[BucketRow]:
        return [row for row in self.buckets if row.state == BucketState.EXCLUDED]

    @cached_property
    def standing(self) -> dict[tuple[str, str], DeliveryRow]:
        """By account and bucket, the newest delivery that is in the table."""
        published = [row for row in self.deliveries if row.state == DeliveryState.PUBLISHED]
        return {(row.account_id, row.bucket): row for row in sorted(published, key=_delivered)}

    @cached_property
    def missing(self) -> list[tuple[BucketRow, str]]:
        """Every bucket whose objects are not counted though they were wanted, and the reason."""
        return [(row, reason) for row in self.wanted if (reason := self._lack(row)) is not None]

    def _lack(self, row: BucketRow) -> str | None:
        if row.state == BucketState.EMPTY:
            return None
        is_here = (row.account_id, row.bucket) in self.standing
        if row.state in (BucketState.DONE, BucketState.REUSED) and is_here:
            return None
        return row.message or (NOT_IN_TABLE if row.state == BucketState.DONE else MEANING[row.state])

    @cached_property
    def states(self) -> Counter[BucketState]:
        return Counter(row.state for row in self.buckets)

    @cached_property
    def unanswered(self) -> list[tuple[QueryRow, str]]:
        """Queries without a result, and why."""
        return [
            (row, row.message or (NOT_OVER if _runs(row) else f"ended as {row.state}"))
            for row in self.queries
            if row.state != QueryState.SUCCEEDED
        ]

    @cached_property
    def failed_regions(self) -> list[RegionRow]:
        return [row for row in self.regions if row.state == RegionState.FAILED]

    @cached_property
    def failed_deliveries(self) -> list[DeliveryRow]:
        return [row for row in self.deliveries if row.state == DeliveryState.VERIFICATION_FAILED]

    @cached_property
    def failed_steps(self) -> list[StepOutcome]:
        return [each for each in self.steps if not each.is_done]

    @property
    def rows(self) -> int | None:
        """Versions of objects and delete markers that were counted; None where a delivery does not say."""
        return _sum(row.rows for row in self.standing.values())

    @property
    def object_bytes(self) -> int | None:
        return _sum(row.object_bytes for row in self.standing.values())

    @property
    def bytes_scanned(self) -> int:
        return sum(row.bytes_scanned or 0 for row in self.queries)

    @property
    def cost_usd(self) -> Decimal:
        return sum((row.cost_usd or Decimal(0) for row in self.queries), Decimal(0))

    @property
    def ending(self) -> str:
        """One word: complete, incomplete, failed or cancelled."""
        harvest = self.harvest
        if harvest.outcome in (HarvestState.FAILED, HarvestState.CANCELLED):
            return str(harvest.outcome)
        if not self.wanted or self.missing or self.unanswered or self.failed_steps:
            return "incomplete"
        return "complete"

    @property
    def verdict(self) -> str:
        """The whole truth in one line."""
        wanted, missing = len(self.wanted), len(self.missing)
        parts = (
            "no bucket was looked at" if not wanted else "",
            f"{missing:,} of {_counted(wanted, 'bucket')} missing" if missing else "",
            f"{len(self.unanswered):,} of {_counted(len(self.queries), 'query', 'queries')} without a result"
            if self.unanswered
            else "",
            f"{_counted(len(self.failed_steps), 'step')} failed" if self.failed_steps else "",
        )
        said = ", ".join(filter(None, parts)) or f"all of {_counted(wanted, 'bucket')}"
        return f"{self.ending}: {said}"


def _delivered(row: DeliveryRow) -> dt.datetime:
    return row.delivered_at or dt.datetime.min.replace(tzinfo=dt.UTC)


def _runs(row: QueryRow) -> bool:
    return row.state in (QueryState.QUEUED, QueryState.RUNNING)


def _sum(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
