"""Harvests in Dagster: started by ops, taken on by the sensor, shown by assets, and ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from a360_pipeline.definitions import defs
from a360_pipeline.defs.daily import run_harvest
from a360_pipeline.defs.harvest import (
    HARVEST_KEY,
    cancel_harvest,
    plan_a_harvest,
    start_harvest,
    sweep_harvests,
    swept_daily,
)
from a360_pipeline.defs.hub import Hub
from a360_pipeline.defs.inventory import SPECS, harvests_under_way
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.states import HarvestState
from a360_pipeline.inventory.means import Means
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline_tests.inventory.test_whole_harvest import REGIONS, REQUEST, organization_of
from a360_pipeline_tests.inventory.whole import buckets_of, deliver, left_behind, today

ASKED = {**REQUEST, "run_id": "dagster"}
CHECKS = {
    "inventory_deliveries": "every_bucket_is_there",
    "inventory_findings": "every_query_answered",
    "harvest_report": "nothing_is_left",
}
OUT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def place(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[StandIn, Means]]:
    sizes = Sizes(keys=1, instances=1, applications=1, patches=1, others=4, objects=24)
    with organization_of(2, REGIONS[:2], sizes, warehouse_url, tmp_path, monkeypatch) as found:
        yield found


def started(instance: dg.DagsterInstance, request: Any, job: dg.JobDefinition = start_harvest) -> Any:
    op = "show_plan" if job is plan_a_harvest else "begin_harvest"
    return job.execute_in_process(
        instance=instance,
        run_config={"ops": {op: {"config": {"request": request}}}, **OUT},
        resources={"hub": Hub()},
        raise_on_error=False,
    )


def checks(instance: dg.DagsterInstance) -> dict[str, bool]:
    """How each check ended last."""
    ended = {}
    for asset, name in CHECKS.items():
        key = dg.AssetCheckKey(dg.AssetKey(asset), name)
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        ended[name] = record.status.value == "SUCCEEDED"
    return ended


def test_a_harvest_is_started_taken_on_by_the_sensor_and_shown_by_its_assets(
    place: tuple[StandIn, Means], instance: dg.DagsterInstance
) -> None:
    stand_in, means = place
    failures = run_harvest(defs, instance, ASKED, lambda: deliver(stand_in.endpoint_url, today(), {}))
    assert failures == []
    with means.connect() as connection:
        harvest = Registry(connection).harvest("dagster")
    assert (harvest.state, harvest.outcome) == (HarvestState.DONE, HarvestState.REPORTED)
    for key in (HARVEST_KEY, *(spec.key for spec in SPECS)):
        assert instance.get_materialized_partitions(key) == {"dagster"}, key
    assert checks(instance) == {
        "every_bucket_is_there": True,
        "every_query_answered": True,
        "nothing_is_left": True,
    }
    assert left_behind(stand_in, "dagster") == []
    with dg.build_sensor_context(instance=instance, resources={"hub": Hub()}) as context:
        assert isinstance(harvests_under_way(context), dg.SkipReason)


def test_a_delivery_that_does_not_verify_fails_its_check_and_a_wrong_query_another(
    place: tuple[StandIn, Means], instance: dg.DagsterInstance
) -> None:
    """Never a green harvest over a missing bucket."""
    stand_in, means = place
    request = {**ASKED, "time_limit_hours": 1, "queries": [{"name": "mine", "sql": "SELECT no FROM {ATHENA_TABLE}"}]}
    assert started(instance, request).success
    bad, *_ = sorted(name for name, row in buckets_of(means, "dagster").items() if row.configuration_id)
    deliver(stand_in.endpoint_url, today(), {bad: ["corrupt"]})
    with dg.build_sensor_context(instance=instance, resources={"hub": Hub()}) as context:
        result = harvests_under_way(context)
    assert isinstance(result, dg.SensorResult)
    (request_of_run,) = result.run_requests or ()
    assert request_of_run.partition_key == "dagster"
    job = defs.resolve_job_def("advance_harvest")
    assert job.execute_in_process(instance=instance, partition_key="dagster", run_config=OUT).success
    # It may still come: what S3 delivers tomorrow may verify.
    assert checks(instance)["every_bucket_is_there"] is False
    with means.connect() as connection:
        connection.execute("UPDATE harvests SET deadline = now() - interval '1 minute'")
    job.execute_in_process(instance=instance, partition_key="dagster", run_config=OUT, raise_on_error=False)
    assert checks(instance) == {
        "every_bucket_is_there": False,
        "every_query_answered": False,
        "nothing_is_left": True,
    }


def test_a_plan_makes_nothing(place: tuple[StandIn, Means], instance: dg.DagsterInstance) -> None:
    stand_in, means = place
    assert started(instance, ASKED, plan_a_harvest).success
    with means.connect() as connection:
        assert Registry(connection).harvests() == []
    assert left_behind(stand_in, "dagster") == []


def test_a_wrong_request_fails_by_the_name_of_its_field(
    place: tuple[StandIn, Means], instance: dg.DagsterInstance
) -> None:
    failed = started(instance, {**ASKED, "format": "Avro"})
    assert not failed.success
    (event,) = failed.get_step_failure_events()
    assert "format is 'Avro'" in str(event.step_failure_data.user_failure_data.description)


def test_a_region_without_a_stack_fails_the_run_and_the_others_go_on(
    place: tuple[StandIn, Means], instance: dg.DagsterInstance
) -> None:
    """I19."""
    stand_in, means = place
    stand_in.faults.set(failing_stacks={REGIONS[1]: "no room"})
    assert not started(instance, ASKED).success
    with means.connect() as connection:
        registry = Registry(connection)
        assert {row.region: str(row.state) for row in registry.regions("dagster")} == {
            REGIONS[0]: "ready",
            REGIONS[1]: "failed",
        }
        assert registry.harvest("dagster").state is HarvestState.WAITING


def test_the_sweeper_comes_every_morning_once_there_was_a_harvest(
    place: tuple[StandIn, Means], instance: dg.DagsterInstance
) -> None:
    def asked() -> object:
        at = dt.datetime(2026, 11, 26, 5, tzinfo=dt.UTC)
        with dg.build_schedule_context(instance=instance, scheduled_execution_time=at) as context:
            return swept_daily(context, hub=Hub())

    assert isinstance(asked(), dg.SkipReason)
    assert started(instance, ASKED).success
    request = asked()
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "2026-11-26"
    assert sweep_harvests.execute_in_process(instance=instance, resources={"hub": Hub()}, run_config=OUT).success


def test_a_harvest_is_cancelled_and_cleaned_up(place: tuple[StandIn, Means], instance: dg.DagsterInstance) -> None:
    stand_in, means = place
    assert started(instance, ASKED).success
    config = {"config": {"harvest_id": "dagster"}}
    ended = cancel_harvest.execute_in_process(
        instance=instance,
        run_config={"ops": {"cancel_it": config, "clean_up_it": config}, **OUT},
        resources={"hub": Hub()},
    )
    assert ended.success
    with means.connect() as connection:
        harvest = Registry(connection).harvest("dagster")
    assert (harvest.state, harvest.outcome) == (HarvestState.DONE, HarvestState.CANCELLED)
    assert left_behind(stand_in, "dagster") == []
