"""Section `compute_optimizer`: every recommendation of every kind, with what AWS says and nothing else."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code
from a360_pipeline.coverage import Status, Unavailable
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.facts.rightsizing import KINDS
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.compute_optimizer import advice_of, advice_truth
from a360_pipeline.sandbox.services.served import ANSWERS
from a360_pipeline.sections.compute_optimizer import SECTION, collect, collect_members
from a360_pipeline.sections.compute_optimizer.kinds import LISTINGS, rows_of
from a360_pipeline.sections.model import Window
from a360_pipeline.warehouse.tables import BY_NAME
from a360_pipeline_tests.sections.organizations import accounts_of, sessions_in, sessions_of

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
DAY = Window.daily(NOW.date())
REGION = "us-east-1"
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "api" / "cloud-custodian-placebo"


@pytest.fixture(scope="module")
def small_organization() -> Organization:
    """With many resources of every kind."""
    return Organization.seeded(sizes=Sizes(4, 2, 3, 3, others=120), now=NOW)


@pytest.fixture
def rows(stand_in: StandIn) -> list[dict[str, Any]]:
    """What the first account has in its first region."""
    found = collect(sessions_in(stand_in).account(stand_in.organization.management.id, REGION), DAY)
    return list(found)


def listing(kind: str) -> Any:
    return next(each for each in LISTINGS if kind in [one.resource_type for one in each.kinds])


def test_no_recommendation_is_cut_whatever_its_kind(stand_in: StandIn, rows: list[dict[str, Any]]) -> None:
    organization = stand_in.organization
    counts = Counter(row["resource_type"] for row in rows)
    assert {kind: counts[kind] for kind in KINDS} == dict.fromkeys(KINDS, 120)
    assert 0 < counts["RDSStorage"] < counts["RDS"], "of an Aurora database nothing is said of storage"
    true = {
        (row["resource_type"], row["resource_arn"])
        for row in advice_truth(organization, organization.management.id, REGION)
    }
    assert {(row["resource_type"], row["resource_arn"]) for row in rows} == true
    assert set(Counter((row["resource_type"], row["resource_arn"]) for row in rows).values()) == {1}


def test_utilization_is_told_by_statistic_and_value_and_effort_by_the_option(rows: list[dict[str, Any]]) -> None:
    """S16: there is no member 'maximum'; the effort lies in the recommended option."""
    machines = [row for row in rows if row["resource_type"] == "EC2"]
    assert all(0 < row["cpu_utilization_max"] < 100 for row in machines)
    assert {row["migration_effort"] for row in machines} == {None, "VeryLow", "Low", "Medium", "High"}
    assert {row["memory_utilization_avg"] for row in rows} == {None}, "AWS gives the maximum alone"
    assert {row["memory_utilization_max"] is None for row in machines} == {True, False}, "S16: unknown is not 0"


def test_of_several_options_the_first_in_rank_is_told(stand_in: StandIn, rows: list[dict[str, Any]]) -> None:
    """It does not come first."""
    true = {
        each.arn: each for each in advice_of(stand_in.organization, stand_in.organization.management.id, REGION, "EC2")
    }
    for row in rows:
        if row["resource_type"] == "EC2":
            each = true[row["resource_arn"]]
            wanted = each.recommended.instance_type if each.recommended else None
            assert row["recommended_instance_type"] == wanted != row["current_instance_type"]


def test_what_is_optimized_saves_nothing_that_anybody_knows(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["finding"] == "Optimized":
            assert (row["estimated_monthly_savings_usd"], row["recommended_instance_type"]) == (None, None)


def test_savings_are_told_with_and_without_discounts() -> None:
    option = {
        "instanceType": "m6i.large",
        "rank": 1,
        "savingsOpportunity": {
            "savingsOpportunityPercentage": 25.0,
            "estimatedMonthlySavings": {"currency": "USD", "value": 12.5},
        },
        "savingsOpportunityAfterDiscounts": {
            "savingsOpportunityPercentage": 10.0,
            "estimatedMonthlySavings": {"currency": "USD", "value": 5.0},
        },
    }
    metrics = [
        {"name": "Cpu", "statistic": "Average", "value": 3.0},
        {"name": "Cpu", "statistic": "Maximum", "value": 71.5},
        {"name": "Memory", "statistic": "Average", "value": 40.0},
    ]
    found = {
        "instanceArn": "arn:i",
        "finding": "Overprovisioned",
        "recommendationOptions": [option],
        "utilizationMetrics": metrics,
    }
    (row,) = rows_of(listing("EC2"), found)
    assert (row["savings_opportunity_percentage"], row["estimated_monthly_savings_usd"]) == (25.0, 12.5)
    after = (row["savings_after_discounts_percentage"], row["estimated_monthly_savings_after_discounts_usd"])
    assert after == (10.0, 5.0)
    assert (row["cpu_utilization_max"], row["memory_utilization_avg"], row["memory_utilization_max"]) == (
        71.5,
        40.0,
        None,
    )


def test_a_database_and_its_storage_are_two_rows_with_findings_of_their_own(rows: list[dict[str, Any]]) -> None:
    by_arn: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["resource_type"].startswith("RDS"):
            by_arn.setdefault(row["resource_arn"], {})[row["resource_type"]] = row
    both = [each for each in by_arn.values() if len(each) == 2]
    assert both
    for each in both:
        assert each["RDS"]["current_instance_type"].startswith("db.")
        assert each["RDS"]["current_volume_type"] is None
        assert (each["RDSStorage"]["current_volume_type"], each["RDSStorage"]["current_instance_type"]) == ("gp2", None)


def test_every_field_of_a_row_has_its_column(rows: list[dict[str, Any]]) -> None:
    assert set(rows[0]) <= BY_NAME["compute_optimizer"].known_fields


@pytest.mark.parametrize("status", ["Inactive", "Pending", "Failed"])
def test_an_account_that_is_not_enrolled_has_it_not_enabled(
    monkeypatch: pytest.MonkeyPatch, small_organization: Organization, status: str
) -> None:
    monkeypatch.setitem(ANSWERS, ("compute-optimizer", "GetEnrollmentStatus"), lambda *_: {"status": status})
    with sessions_of(small_organization) as sessions, pytest.raises(Unavailable, match=status.lower()) as caught:
        collect(sessions.account(small_organization.accounts[1].id, REGION), DAY)
    assert caught.value.status is Status.NOT_ENABLED


def refuse(code: str) -> Callable[..., dict[str, Any]]:
    def answer(*_: Any) -> dict[str, Any]:
        raise AwsError(code, "no")

    return answer


def test_a_refusal_for_want_of_enrollment_is_the_sections_not_a_parts(
    monkeypatch: pytest.MonkeyPatch, small_organization: Organization
) -> None:
    key = ("compute-optimizer", "GetLambdaFunctionRecommendations")
    monkeypatch.setitem(ANSWERS, key, refuse("OptInRequiredException"))
    with sessions_of(small_organization) as sessions, pytest.raises(ClientError) as caught:
        collect(sessions.account(small_organization.accounts[1].id, REGION), DAY)
    assert SECTION.errors[error_code(caught.value)] is Status.NOT_ENABLED


def test_a_kind_that_is_denied_leaves_the_others(stand_in: StandIn) -> None:
    account_id = stand_in.organization.accounts[1].id
    stand_in.faults.set(denied={account_id: ["compute-optimizer:GetECSServiceRecommendations"]})
    session = sessions_in(stand_in).account(account_id, REGION)
    kinds = {row["resource_type"] for row in collect(session, DAY)}
    assert kinds == {"EC2", "EBS", "Lambda", "AutoScaling", "RDS", "RDSStorage"}
    (failed,) = session.failed_parts
    assert failed.startswith("GetECSServiceRecommendations: ")


# --- The management account answers for its members


def test_the_management_account_tells_of_each_member_what_the_member_tells_of_itself(stand_in: StandIn) -> None:
    organization = stand_in.organization
    sessions = sessions_in(stand_in)
    accounts = accounts_of(organization)
    told = collect_members(sessions.account(organization.management.id, "eu-central-2"), DAY, accounts)
    assert set(told) == set(organization.by_id)
    for account in accounts:
        if organization.region_enabled(account.id, "eu-central-2"):
            assert told[account.id] == collect(sessions.account(account.id, "eu-central-2"), DAY)
        else:
            assert told[account.id] == []


def test_a_member_that_is_not_enrolled_is_left_out(
    monkeypatch: pytest.MonkeyPatch, small_organization: Organization
) -> None:
    first, second, third = (account.id for account in small_organization.accounts[:3])
    statuses = [{"accountId": second, "status": "Inactive"}, {"accountId": third, "status": "Active"}]
    key = ("compute-optimizer", "GetEnrollmentStatusesForOrganization")
    monkeypatch.setitem(ANSWERS, key, lambda *_: {"accountEnrollmentStatuses": statuses})
    with sessions_of(small_organization) as sessions:
        told = collect_members(sessions.hub(), DAY, accounts_of(small_organization)[:3])
    assert set(told) == {first, third}


# --- Real answers


@pytest.mark.parametrize("name", ["client_side", "server_side_valid"])
def test_recorded_recommendations_that_say_little_are_rows_that_say_no_more(name: str) -> None:
    path = RECORDED / f"test_ec2_compute_optimizer_{name}" / "compute-optimizer.GetEC2InstanceRecommendations_1.json"
    if not path.exists():
        pytest.skip("recordings are not at hand")
    recorded = json.loads(path.read_text(encoding="utf-8"))["data"]["instanceRecommendations"]
    rows = [row for found in recorded for row in rows_of(listing("EC2"), found)]
    assert [(row["resource_arn"], row["finding"]) for row in rows] == [
        (found["instanceArn"], found["finding"]) for found in recorded
    ]
    assert all(row["cpu_utilization_max"] is None for row in rows)
