"""What is next for a harvest: nothing but its rows and the time decide."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import product

import pytest

from a360_pipeline.inventory.harvest.decision import IN_PROGRESS, Step, next_step
from a360_pipeline.inventory.harvest.rows import BucketRow, DeliveryRow, Harvest, QueryRow
from a360_pipeline.inventory.harvest.states import BucketState, DeliveryState, HarvestState, Way

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=72)
WAITING = Harvest(
    "spring", HarvestState.WAITING, "once", {"time_limit_hours": 72}, {}, created_at=NOW, deadline=LATER, updated_at=NOW
)


def row(state: BucketState, number: int = 0, way: Way = Way.CONFIGURED) -> BucketRow:
    return BucketRow("spring", "100000000001", f"films-{number}", "us-east-1", way, state)


def query(state: str) -> QueryRow:
    return QueryRow("spring", "large_objects", state)


def step(harvest: Harvest, buckets=(), deliveries=(), queries=(), now=NOW) -> Step:
    return next_step(harvest, buckets, deliveries, queries, now)


@pytest.mark.parametrize("place", [0, 99, 100, 2499])
@pytest.mark.parametrize("state", sorted(IN_PROGRESS))
def test_a_harvest_waits_while_one_bucket_of_thousands_is_in_progress_wherever_it_stands(state, place):
    """I1. Only the first page of states was read, so that "finished" was said too early."""
    rows = [row(BucketState.DONE, number) for number in range(2500)]
    assert step(WAITING, rows) is Step.CONSOLIDATE
    rows[place] = row(state, place)
    assert step(WAITING, rows) is Step.WAIT


@pytest.mark.parametrize("state", sorted(set(BucketState) - IN_PROGRESS))
def test_what_will_not_come_is_not_waited_for(state):
    assert step(WAITING, [row(state), row(BucketState.DONE)]) is Step.CONSOLIDATE


def test_at_the_deadline_it_goes_on_with_what_there_is():
    rows = [row(BucketState.IN_PROGRESS), row(BucketState.DONE, 1)]
    assert step(WAITING, rows, now=LATER - dt.timedelta(seconds=1)) is Step.WAIT
    assert step(WAITING, rows, now=LATER) is Step.CONSOLIDATE


@pytest.mark.parametrize("over", ["SUCCEEDED", "FAILED", "CANCELLED"])
@pytest.mark.parametrize("still", ["QUEUED", "RUNNING"])
def test_there_is_no_report_before_every_query_has_ended(over, still):
    """I10. Polling gave up after a while as if the query had finished, and did not know the word CANCELLED."""
    harvest = replace(WAITING, state=HarvestState.ANALYSING)
    assert step(harvest, queries=[query(over), query(still)]) is Step.ANALYSE
    assert step(harvest, queries=[query(over), query(over)]) is Step.REPORT
    assert step(harvest) is Step.ANALYSE
    assert step(replace(harvest, request={"queries": []})) is Step.REPORT


def test_whatever_failed_before_clean_up_is_next():
    """I13. I19. A failed harvest says so in its report, once, and is cleaned up like every other."""
    failed = replace(WAITING, state=HarvestState.FAILED)
    assert step(failed) is Step.REPORT
    assert step(replace(failed, report={"error": "no mail"})) is Step.CLEAN_UP
    for state in (HarvestState.CANCELLED, HarvestState.REPORTED, HarvestState.CLEANING):
        assert step(replace(WAITING, state=state)) is Step.CLEAN_UP
    for state in (HarvestState.PLANNED, HarvestState.DEPLOYING):
        assert step(replace(WAITING, state=state)) is Step.DEPLOY
        assert step(replace(WAITING, state=state), now=LATER) is Step.CLEAN_UP


def test_only_a_harvest_that_is_proved_gone_is_done():
    for state, late in product(HarvestState, (NOW, LATER + dt.timedelta(days=90))):
        is_done = step(replace(WAITING, state=state, report={}), now=late) is Step.DONE
        assert is_done == (state is HarvestState.DONE)


def test_a_recurring_harvest_waits_for_the_next_day_after_its_report():
    recurring = replace(WAITING, lifetime="recurring", report={"subject": "complete"})
    assert step(replace(recurring, state=HarvestState.REPORTED)) is Step.WAIT
    rows = [row(BucketState.DONE), row(BucketState.DONE, 1), row(BucketState.DONE, 2, Way.LISTED)]

    def delivery(number: int, at: dt.datetime) -> DeliveryRow:
        names = ("place", f"{number}/{at:%d}/manifest.json", "spring", "100000000001", "us-east-1", f"films-{number}")
        return DeliveryRow(*names, DeliveryState.PUBLISHED, updated_at=at)

    before = [delivery(0, NOW - dt.timedelta(days=1)), delivery(1, NOW - dt.timedelta(days=1))]
    assert step(recurring, rows, before) is Step.WAIT
    assert step(recurring, rows, [*before, delivery(0, NOW)]) is Step.WAIT
    assert step(recurring, rows, [*before, delivery(0, NOW), delivery(1, NOW)]) is Step.CONSOLIDATE
