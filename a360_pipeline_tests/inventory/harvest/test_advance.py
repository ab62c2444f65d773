"""A harvest is taken on step by step, by whoever asks, and gets to its clean-up whatever fails."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from a360_pipeline.inventory.harvest.advance import Advance, Parts, advance
from a360_pipeline.inventory.harvest.analysing import NOTHING_COUNTED, analyse_harvest
from a360_pipeline.inventory.harvest.decision import Step
from a360_pipeline.inventory.harvest.ending import cancel
from a360_pipeline.inventory.harvest.locks import HARVEST, alone
from a360_pipeline.inventory.harvest.registry import Registry, WrongState
from a360_pipeline.inventory.harvest.rows import Harvest, QueryRow
from a360_pipeline.inventory.harvest.states import BucketState, HarvestState
from a360_pipeline.inventory.means import Means
from a360_pipeline_tests.inventory.harvest.ground import Ground

SOON = dt.datetime.now(dt.UTC) + dt.timedelta(hours=80)


def asked(means: Means, registry: Registry, harvest: Harvest) -> str:
    registry.record_query(QueryRow(harvest.harvest_id, "large_objects", "SUCCEEDED", rows=3))
    return "1 query"


def told(means: Means, registry: Registry, harvest: Harvest) -> Mapping[str, Any]:
    return {"states": [str(row.state) for row in registry.buckets(harvest.harvest_id)]}


PARTS = Parts(asked, told)


@pytest.fixture
def ground(means: Means, registry: Registry) -> Ground:
    return Ground(means, registry)


def to_the_end(means: Means, parts: Parts = PARTS, now: dt.datetime | None = None) -> list[Advance]:
    """Every step until nothing moves any more."""
    steps: list[Advance] = []
    while not steps or (steps[-1].step not in (Step.DONE, Step.WAIT) and len(steps) < 12):
        steps.append(advance(means, "spring", parts, now))
    return steps


def test_a_harvest_goes_from_waiting_to_done(ground, means):
    films, _ = ground.harvest(ground.bucket(means.hub_account, "films"), ground.bucket(means.hub_account, "logs"))
    ground.deliver(films)
    ground.take_all()
    assert [one.step for one in to_the_end(means)] == [Step.WAIT]
    ground.registry.set_bucket("spring", means.hub_account, "logs", BucketState.EMPTY)
    steps = to_the_end(means)
    assert [one.step for one in steps] == ["consolidate", "analyse", "report", "clean_up", "done"]
    harvest = ground.registry.harvest("spring")
    assert (harvest.state, harvest.outcome, harvest.message) == (HarvestState.DONE, HarvestState.REPORTED, None)
    assert harvest.report == {"states": ["done", "bucket_is_empty"]}
    assert harvest.receipt["left"] == []


def test_at_the_deadline_the_report_tells_what_is_still_in_progress(ground, means):
    """I1. What has not come keeps its true state, in the report too; what came unseen is taken before."""
    films, _ = ground.harvest(ground.bucket(means.hub_account, "films"), ground.bucket(means.hub_account, "logs"))
    ground.deliver(films)
    to_the_end(means, now=SOON)
    assert ground.registry.harvest("spring").report == {"states": ["done", "in_progress"]}


@pytest.mark.parametrize("broken", ["analyse", "report", "both"])
def test_neither_queries_nor_mail_that_fail_keep_a_harvest_from_its_clean_up(ground, means, broken):
    """I13. The mail came before the clean-up, and its error left configurations and buckets behind."""

    def fail(*_: Any) -> Any:
        raise RuntimeError("the address is not verified")

    ground.harvest(ground.bucket(means.hub_account, "films"))
    parts = Parts(fail if broken != "report" else asked, fail if broken != "analyse" else told)
    steps = to_the_end(means, parts, SOON)
    assert steps[-1] == Advance(Step.DONE, HarvestState.DONE)
    harvest = ground.registry.harvest("spring")
    assert "the address is not verified" in harvest.message
    assert harvest.outcome == ("reported" if broken == "report" else "failed")
    assert harvest.receipt["is_clean"]


def test_a_step_that_aws_is_too_busy_for_is_tried_again(ground, means):
    ground.harvest(ground.bucket(means.hub_account, "films"))
    calls = []

    def busy_once(means: Means, registry: Registry, harvest: Harvest) -> str:
        calls.append(harvest.state)
        if len(calls) == 1:
            raise EndpointConnectionError(endpoint_url="https://athena")
        return asked(means, registry, harvest)

    ground.registry.set_bucket("spring", means.hub_account, "films", BucketState.DONE)
    steps = to_the_end(means, Parts(busy_once, told))
    assert [one.step for one in steps[:3]] == ["consolidate", "analyse", "analyse"]
    assert steps[1].state is HarvestState.ANALYSING and "unreachable" in steps[1].message
    assert steps[-1].state is HarvestState.DONE


def test_two_processes_do_not_take_one_harvest_on_at_one_time(ground, means):
    """I2. Another harvest goes on beside it all the same."""
    ground.harvest(ground.bucket(means.hub_account, "films"))
    ground.harvest(ground.bucket(means.hub_account, "films", "autumn"), run_id="autumn")
    with alone(means, HARVEST, "spring") as is_alone:
        assert is_alone
        assert advance(means, "spring", PARTS).step is None
        assert advance(means, "autumn", PARTS).step is Step.WAIT
    assert advance(means, "spring", PARTS).step is Step.WAIT


def test_a_step_of_a_harvest_that_somebody_cancels_meanwhile_ends_in_clean_up(ground, means):
    ground.harvest(ground.bucket(means.hub_account, "films"))

    def cancelled(means: Means, registry: Registry, harvest: Harvest) -> Mapping[str, Any]:
        cancel(means, "spring", "enough")
        return told(means, registry, harvest)

    steps = to_the_end(means, Parts(asked, cancelled), SOON)
    assert steps[-1].state is HarvestState.DONE
    harvest = ground.registry.harvest("spring")
    assert (harvest.outcome, harvest.message) == (HarvestState.CANCELLED, "enough")
    with pytest.raises(WrongState):
        cancel(means, "spring")


def test_where_nothing_was_counted_every_query_says_so(ground, means):
    """I10. None is missing, and none is said to have found nothing."""
    ground.harvest(ground.bucket(means.hub_account, "films"), queries=[{"name": "duplicates"}, {"name": "growth"}])
    to_the_end(means, Parts(analyse_harvest, told), SOON)
    rows = ground.registry.queries("spring")
    assert [(row.name, row.state, row.message) for row in rows] == [
        (name, "CANCELLED", NOTHING_COUNTED) for name in ("duplicates", "growth")
    ]
    assert ground.registry.harvest("spring").outcome is HarvestState.REPORTED
