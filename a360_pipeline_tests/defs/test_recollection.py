"""A section asked again by hand: what was missing comes, what was there stays, and what fails says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import psycopg
import pytest

from a360_pipeline.definitions import defs
from a360_pipeline.defs.collection import account_snapshot
from a360_pipeline.defs.daily import load_waiting, run_day
from a360_pipeline.sandbox.aws import StandIn

Recollect = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def recollect(environment: StandIn, instance: dg.DagsterInstance) -> Recollect:
    def run(**wanted: Any) -> dg.ExecuteInProcessResult:
        return defs.resolve_job_def("recollect").execute_in_process(
            instance=instance,
            run_config={"ops": {"recollect_sections": {"config": wanted}}},
            raise_on_error=False,
        )

    return run


def test_a_section_that_was_denied_comes_and_all_others_stay(
    environment: StandIn, instance: dg.DagsterInstance, connection: psycopg.Connection[Any], recollect: Recollect
) -> None:
    account = environment.organization.accounts[0].id
    environment.faults.set(denied={account: ["kms:ListKeys"]})
    assert len(run_day(defs, instance)) == 1

    def known() -> list[tuple[Any, ...]]:
        return connection.execute(
            "SELECT account_id, region, section, status, rows FROM coverage "
            "WHERE NOT (account_id = %s AND section = 'kms') ORDER BY 1, 2, 3",
            [account],
        ).fetchall()

    before, logs = known(), connection.execute("SELECT * FROM logs ORDER BY id").fetchall()
    environment.faults.set()
    assert recollect(accounts=[account], sections=["kms"]).success
    assert load_waiting(defs, instance) == []
    assert known() == before
    assert connection.execute("SELECT * FROM logs ORDER BY id").fetchall() == logs
    found = connection.execute(
        "SELECT k.arn FROM kms_keys k JOIN accounts a ON a.id = k.account_id WHERE a.account_id = %s", [account]
    ).fetchall()
    keys = [key.arn for region in environment.organization.by_id[account].regions for key in region.kms_keys]
    assert sorted(arn for (arn,) in found) == sorted(keys)
    (observed,) = instance.fetch_observations(account_snapshot.key, limit=5).records
    assert str(observed.partition_key).startswith(account)


def test_what_is_missing_again_fails_the_run_by_name(
    environment: StandIn, instance: dg.DagsterInstance, recollect: Recollect
) -> None:
    account = environment.organization.accounts[0].id
    environment.faults.set(denied={account: ["kms:ListKeys"]})
    run_day(defs, instance)
    ended = recollect(accounts=[account], sections=["kms"])
    (failed,) = ended.get_step_failure_events()
    assert f"{account}: kms in us-east-1 is denied" in str(failed.step_failure_data.user_failure_data.description)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"accounts": ["999999999999"], "sections": ["kms"]}, "not in it: 999999999999"),
        ({"accounts": ["first"], "sections": ["keys"]}, "nobody collects keys"),
        ({"accounts": ["first"], "sections": []}, "name accounts of the organization, and sections"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_in_words(
    wanted: dict[str, list[str]], why: str, environment: StandIn, instance: dg.DagsterInstance, recollect: Recollect
) -> None:
    first = environment.organization.accounts[0].id
    assert defs.resolve_job_def("discover").execute_in_process(instance=instance).success
    accounts = [first if each == "first" else each for each in wanted["accounts"]]
    (failed,) = recollect(accounts=accounts, sections=wanted["sections"]).get_step_failure_events()
    assert why in str(failed.step_failure_data.user_failure_data.description)
