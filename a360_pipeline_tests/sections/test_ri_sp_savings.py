"""Section `ri_sp_savings`: every reservation and plan of the organization, under the account that owns it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.ce.commitments import plans_of, reservations_of
from a360_pipeline.sections.model import Window
from a360_pipeline.sections.ri_sp_savings import reservations, savings_plans
from a360_pipeline_tests.sections.organizations import Asked, accounts_of, ask, sessions_in, sessions_of, watch

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
DAY = Window.daily(NOW.date())
WEEK = Window.weekly(NOW.date())


@pytest.fixture(scope="module")
def small_organization() -> Organization:
    """With many commitments."""
    return Organization.seeded(sizes=Sizes(4, 2, 3, 3, others=120), now=NOW)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the stand-in of a test is asked."""
    return watch(monkeypatch)


@pytest.fixture
def hub_sessions(stand_in: StandIn) -> Sessions:
    return sessions_in(stand_in)


def rows_of(sessions: Sessions, organization: Organization, window: Window = DAY) -> dict[str, list[dict[str, Any]]]:
    return dict(ask("ri_sp_savings", sessions.hub(), window, accounts_of(organization)))


def test_no_commitment_is_cut_and_each_is_its_owners(hub_sessions: Sessions, small_organization: Organization) -> None:
    for account_id, rows in rows_of(hub_sessions, small_organization).items():
        reserved = reservations_of(small_organization, account_id)
        plans = plans_of(small_organization, account_id)
        assert Counter(row["reservation_type"] for row in rows) == {
            "Reserved Instance": len(reserved),
            "Savings Plan": len(plans),
        }
        assert {row["savings_plan_arn"] for row in rows if "savings_plan_arn" in row} == {plan.arn for plan in plans}
        told = {row["subscription_id"] for row in rows if row["reservation_type"] == "Reserved Instance"}
        assert told == {each.subscription if "Cache" in each.service else each.id for each in reserved}
    assert len(reservations_of(small_organization, small_organization.management.id)) == 120


def test_what_was_paid_at_once_drops_no_row_and_what_is_paid_by_the_hour_is_told(
    hub_sessions: Sessions, small_organization: Organization
) -> None:
    """S17."""
    owner = small_organization.management.id
    rows = rows_of(hub_sessions, small_organization)[owner]
    paid = {
        each.id: each for each in (*reservations_of(small_organization, owner), *plans_of(small_organization, owner))
    }
    told = [(row["offering_type"], row["recurring_cost"], paid.get(row["subscription_id"])) for row in rows]
    assert {payment for payment, _, _ in told} == {"All Upfront", "Partial Upfront", "No Upfront"}
    for payment, recurring, each in told:
        if payment == "All Upfront":
            assert not recurring
        else:
            assert recurring > 0
        if each is not None and recurring is not None:
            assert recurring == each.hourly_fee
    assert {row["recurring_cost"] for row in rows if row["offering_type"] == "All Upfront"} == {None, Decimal(0)}
    assert all((row["recurring_frequency"] is None) is (row["recurring_cost"] is None) for row in rows)


def test_a_reservation_without_a_recurring_fee_is_a_row_like_any_other() -> None:
    """S17: and nothing is made up of what Cost Explorer leaves out."""
    group = {"Key": "SUBSCRIPTION_ID", "Value": "42", "Attributes": {"accountId": "1"}, "Utilization": {}}
    row = reservations.row(group, "Amazon Redshift", DAY)
    assert (row["subscription_id"], row["service"], row["recurring_cost"]) == ("42", "Amazon Redshift", None)
    assert (row["instance_count"], row["utilization_percentage"], row["duration_seconds"]) == (None, None, None)
    assert row["description"] is None


def test_the_reservations_of_every_service_are_asked_for(
    asked: Asked, hub_sessions: Sessions, small_organization: Organization
) -> None:
    """Unasked, Cost Explorer tells of EC2 alone."""
    hub = hub_sessions.hub()
    rows = ask("ri_sp_savings", hub, DAY, accounts_of(small_organization))
    assert asked.counts("ce") == {"GetReservationUtilization": 5, "GetSavingsPlansUtilizationDetails": 1}
    assert not any("Granularity" in each for each in asked.parameters("ce")), "it does not go with a grouping"
    services = {row["service"] for row in rows[small_organization.management.id]}
    assert services == {
        "Amazon Elastic Compute Cloud - Compute",
        "Amazon Relational Database Service",
        "Amazon ElastiCache",
        "AWS Savings Plans",
    }


def test_the_figures_of_a_week_are_those_of_its_days_together(
    hub_sessions: Sessions, small_organization: Organization
) -> None:
    """S22: its last day is Sunday, and its end Monday."""
    owner = small_organization.management.id
    week = rows_of(hub_sessions, small_organization, WEEK)[owner]
    days = [WEEK.start + dt.timedelta(days=number) for number in range(7)]
    plan = plans_of(small_organization, owner)[0]
    (row,) = [row for row in week if row["subscription_id"] == plan.id]
    figures = plan.figures(small_organization.seed, days)
    assert (row["date_from"], row["date_to"], row["date"]) == ("2026-11-16", "2026-11-23", None)
    assert (row["utilization_percentage"], row["net_savings"]) == (figures.utilization_percentage, figures.net_savings)


def test_an_organization_without_plans_or_reservations_has_no_rows() -> None:
    """Cost Explorer says of plans that the data is unavailable, of reservations that there are none."""
    organization = Organization.seeded(accounts=1, sizes=Sizes(0, 0, 0, 0, others=0), now=NOW)
    with sessions_of(organization) as sessions:
        assert rows_of(sessions, organization) == {organization.management.id: []}


def test_plans_are_told_where_their_description_is_denied(stand_in: StandIn, small_organization: Organization) -> None:
    owner = small_organization.management.id
    stand_in.faults.set(denied={owner: ["savingsplans:DescribeSavingsPlans"]})
    hub = sessions_in(stand_in).hub()
    rows = ask("ri_sp_savings", hub, DAY, accounts_of(small_organization))[owner]
    plans = [row for row in rows if row["reservation_type"] == "Savings Plan"]
    assert len(plans) == 120
    assert {row["offering_id"] for row in plans} == {None}
    (failed,) = hub.failed_parts
    assert failed.startswith("descriptions of Savings Plans: ")


def test_a_plan_for_every_region_has_none_and_its_terms_come_from_what_is_known() -> None:
    detail = {
        "SavingsPlanArn": "arn:aws:savingsplans::111122223333:savingsplan/a",
        "Attributes": {
            "AccountId": "111122223333",
            "SavingsPlansType": "ComputeSavingsPlans",
            "Region": "Any",
            "InstanceFamily": "",
            "StartDateTime": "2025-12-06T18:24:57.000Z",
            "EndDateTime": "2026-12-06T18:24:56.000Z",
        },
    }
    row = savings_plans.row(detail, {}, DAY)
    assert (row["region"], row["instance_family"], row["instance_type"]) == (None, None, "Compute")
    assert (row["duration_seconds"], row["product_types"], row["utilization_percentage"]) == (31_535_999, None, None)
