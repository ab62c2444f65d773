"""What is next for a harvest: a pure decision over what the warehouse knows of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum

from a360_pipeline.engines.engine import QueryState
from a360_pipeline.inventory.harvest.known import DELIVERED
from a360_pipeline.inventory.harvest.rows import BucketRow, DeliveryRow, Harvest, QueryRow
from a360_pipeline.inventory.harvest.states import BucketState, DeliveryState, HarvestState


class Step(StrEnum):
    """What is to be done next."""

    DEPLOY = "deploy"
    WAIT = "wait"
    CONSOLIDATE = "consolidate"
    ANALYSE = "analyse"
    REPORT = "report"
    CLEAN_UP = "clean_up"
    DONE = "done"


WORKING = frozenset(
    {
        HarvestState.PLANNED,
        HarvestState.DEPLOYING,
        HarvestState.WAITING,
        HarvestState.CONSOLIDATING,
        HarvestState.ANALYSING,
    }
)
"""States in which a harvest has neither reported nor ended."""
IN_PROGRESS = frozenset(
    {BucketState.PLANNED, BucketState.IN_PROGRESS, BucketState.REUSED, BucketState.VERIFICATION_FAILED}
)
"""States of a bucket whose inventory may still come."""
_ALWAYS: Mapping[HarvestState, Step] = {
    HarvestState.CONSOLIDATING: Step.CONSOLIDATE,
    HarvestState.CANCELLED: Step.CLEAN_UP,
    HarvestState.CLEANING: Step.CLEAN_UP,
    HarvestState.DONE: Step.DONE,
}


def next_step(
    harvest: Harvest,
    buckets: Sequence[BucketRow],
    deliveries: Sequence[DeliveryRow],
    queries: Sequence[QueryRow],
    now: dt.datetime,
) -> Step:
    """The step that is next. All rows count: while one bucket's inventory may still come, and the deadline has not
    passed, a harvest waits. At the deadline it goes on with what there is, and every bucket keeps its true state.
    """
    is_late = harvest.deadline is not None and now >= harvest.deadline
    match harvest.state:
        case HarvestState.PLANNED | HarvestState.DEPLOYING:
            return Step.CLEAN_UP if is_late else Step.DEPLOY
        case HarvestState.WAITING:
            return Step.CONSOLIDATE if is_late or not awaited(harvest, buckets, deliveries) else Step.WAIT
        case HarvestState.ANALYSING:
            return Step.REPORT if are_over(harvest, queries) else Step.ANALYSE
        case HarvestState.REPORTED:
            return Step.WAIT if harvest.is_recurring else Step.CLEAN_UP
        case HarvestState.FAILED:
            return Step.REPORT if harvest.report is None else Step.CLEAN_UP
    return _ALWAYS[harvest.state]


def awaited(harvest: Harvest, buckets: Sequence[BucketRow], deliveries: Sequence[DeliveryRow]) -> list[BucketRow]:
    """The buckets whose inventory may still come; in later rounds of a recurring harvest, that of the day."""
    if harvest.report is None or not harvest.is_recurring:
        return [row for row in buckets if row.state in IN_PROGRESS]
    came = _since(harvest, deliveries)
    return [
        row
        for row in buckets
        if row.state in IN_PROGRESS
        or (row.state is BucketState.DONE and row.way in DELIVERED and (row.account_id, row.bucket) not in came)
    ]


def _since(harvest: Harvest, deliveries: Sequence[DeliveryRow]) -> set[tuple[str, str]]:
    """The buckets that a recurring harvest has taken a delivery of in this round, which began when it last waited."""
    hours = dt.timedelta(hours=harvest.request["time_limit_hours"])
    began = None if harvest.deadline is None else harvest.deadline - hours
    return {
        (row.account_id, row.bucket)
        for row in deliveries
        if row.state is DeliveryState.PUBLISHED and began and row.updated_at and row.updated_at >= began
    }


def are_over(harvest: Harvest, queries: Sequence[QueryRow]) -> bool:
    """Whether every query of the harvest has ended. All are recorded before the first is started."""
    if not queries:
        return harvest.request.get("queries") == []
    return all(QueryState(query.state).is_over for query in queries)
