"""The asset `organization`: what it says of the accounts, and what becomes of those that it no longer selects."""

from __future__ import annotations

import dagster as dg
import pytest

from a360_pipeline.definitions import defs
from a360_pipeline.defs.collection import account_snapshot, discover, organization
from a360_pipeline.defs.hub import Hub
from a360_pipeline.defs.partitions import ACCOUNT, range_tags
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline_tests.defs.test_day import TODAY


def discovered(instance: dg.DagsterInstance) -> dict[str, object]:
    """The metadata of a discovery."""
    done = defs.resolve_job_def(discover.name).execute_in_process(instance=instance, resources={"hub": Hub()})
    (materialized,) = done.asset_materializations_for_node(organization.node_def.name)
    return {name: value.value for name, value in materialized.metadata.items()}


def test_it_shows_how_many_accounts_there_are_and_who_is_skipped_and_why(
    environment: StandIn, instance: dg.DagsterInstance
) -> None:
    metadata = discovered(instance)
    (suspended,) = environment.organization.suspended
    assert (metadata["dagster/row_count"], metadata["accounts_skipped"]) == (4, 1)
    assert str(metadata["skipped"]).splitlines() == [
        "| account | name | why |",
        "| --- | --- | --- |",
        f"| {suspended.id} | tracking-legacy | its state is SUSPENDED |",
    ]
    first = str(metadata["accounts"]).splitlines()[2:]
    assert [line.split(" | ")[0].removeprefix("| ") for line in first] == sorted(environment.organization.by_id)
    assert set(instance.get_dynamic_partitions(ACCOUNT)) == set(environment.organization.by_id)


def test_accounts_that_are_no_longer_selected_keep_their_partitions(
    environment: StandIn, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    discovered(instance)
    monkeypatch.setenv("A360_EXCLUDE_OUS", environment.organization.units.id_of("Dev"))
    metadata = discovered(instance)
    (left_out,) = [one.id for one in environment.organization.accounts if one.name == "sandbox-research"]
    assert (metadata["dagster/row_count"], metadata["accounts_skipped"]) == (3, 2)
    assert f"| {left_out} | sandbox-research | it is in ou-" in str(metadata["skipped"])
    assert left_out in instance.get_dynamic_partitions(ACCOUNT)


def test_a_run_that_asks_for_a_skipped_account_fails_and_says_why_it_is_skipped(
    environment: StandIn, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    discovered(instance)
    monkeypatch.setenv("A360_EXCLUDE_OUS", environment.organization.units.id_of("Dev"))
    discovered(instance)
    (left_out,) = [one.id for one in environment.organization.accounts if one.name == "sandbox-research"]
    run = defs.resolve_job_def("collect").execute_in_process(
        instance=instance,
        resources={"hub": Hub()},
        raise_on_error=False,
        tags=range_tags(left_out, left_out, str(TODAY)),
    )
    failure = run.failure_data_for_node(account_snapshot.node_def.name)
    assert failure is not None
    assert f"{left_out}: it is skipped: it is in ou-" in str(failure.error)
