"""Section `resilience_hub`: every application, what its policy allows, and what it was assessed to cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from a360_pipeline.aws.regions import only_where_it_exists
from a360_pipeline.coverage import Status, Unavailable
from a360_pipeline.sandbox.services.resiliencehub import apps_truth
from a360_pipeline.sections import resilience_hub
from a360_pipeline_tests.sections.asking import Asking, asking

REGION = "us-east-1"
SUPPORTED, UNSUPPORTED = "eu-west-1", "eu-central-2"
"""Regions that AWS has Resilience Hub in, and not."""


@pytest.fixture(scope="module")
def asked() -> Iterator[Asking]:
    with asking() as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults(asked: Asking) -> Iterator[None]:
    yield
    asked.stand_in.faults.set()


@pytest.fixture(scope="module")
def rows(asked: Asking) -> list[Any]:
    return asked.rows("resilience_hub")


def truth(asked: Asking) -> list[dict[str, Any]]:
    return [
        {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in row.items()}
        for row in apps_truth(asked.organization, asked.first, REGION)
    ]


def test_every_application_is_listed_to_the_last_page(asked: Asking, rows: list[Any]) -> None:
    """S15. Objectives in seconds, of the whole and of each kind of disruption."""
    assert rows == [row | {"last_drill": None} for row in truth(asked)]
    assert len(rows) == 120


def test_objectives_are_the_numbers_that_aws_gives_zero_among_them(rows: list[Any]) -> None:
    """S15: rpo and rto are not always null. What was never assessed has none, and losing nothing is an objective."""
    assert {row["rpo"] for row in rows} == {None, 0, 300, 3600}
    assert {row["rto"] for row in rows} == {None, 60, 3600, 14_400}
    assert all((row["rpo"] is None) is (row["last_assessment_time"] is None) for row in rows)
    assert {row["region_rto"] is None for row in rows if row["policy_tier"] == "MissionCritical"} == {False}
    assert {row["region_rto"] for row in rows if row["policy_tier"] == "NonCritical"} == {None}


def test_the_cost_is_of_the_last_assessment_that_succeeded(asked: Asking, rows: list[Any]) -> None:
    session = asked.session(asked.first, REGION)
    seen = 0
    for row in rows[:12]:
        arn = {"appArn": row["app_arn"]}
        listed = list(session.pages("resiliencehub", "list_app_assessments", "assessmentSummaries", **arn))
        seen += any(each["assessmentStatus"] == "Failed" for each in listed)
        costs = [each["cost"]["amount"] for each in listed if "cost" in each]
        assert row["cost"] == (costs[-1] if costs else None)
    assert seen


def test_a_policy_that_apps_share_is_asked_for_once(asked: Asking) -> None:
    aws = asked.session(asked.first, REGION)
    answer = asked.answer("resilience_hub", aws=aws)
    listings, apps, policies = 24, 120, 3
    assert answer.coverage.effort.calls == listings + 2 * apps + policies


@pytest.mark.parametrize(
    ("action", "unknown"),
    [
        ("DescribeApp", {"policy_arn", "policy_name", "az_rpo"}),
        ("DescribeResiliencyPolicy", {"policy_name", "az_rpo"}),
        ("ListAppAssessments", {"cost", "cost_currency"}),
    ],
)
def test_a_denied_part_leaves_its_facts_unknown_and_keeps_the_apps(
    asked: Asking, rows: list[Any], action: str, unknown: set[str]
) -> None:
    """S5."""
    asked.deny(f"resiliencehub:{action}")
    answer = asked.answer("resilience_hub")
    assert answer.coverage.status is Status.PARTIAL
    assert [row["app_arn"] for row in answer.payload] == [row["app_arn"] for row in rows]
    assert {row[name] for row in answer.payload for name in unknown} == {None}
    assert [row["rpo"] for row in answer.payload] == [row["rpo"] for row in rows]


def test_a_denied_listing_is_denied_not_empty(asked: Asking) -> None:
    asked.deny("resiliencehub:ListApps")
    assert asked.answer("resilience_hub").coverage.status is Status.DENIED


@pytest.mark.parametrize(("region", "status"), [(UNSUPPORTED, Status.NOT_ENABLED), (SUPPORTED, Status.FAILED)])
def test_where_nothing_answers_it_is_told_whether_the_region_lacks_it_or_the_line_is_down(
    asked: Asking, monkeypatch: pytest.MonkeyPatch, region: str, status: Status
) -> None:
    def unanswered(*_: Any, **__: Any) -> Any:
        raise EndpointConnectionError(endpoint_url=f"https://resiliencehub.{region}.amazonaws.com/list-apps")

    aws = asked.session(asked.first, region)
    monkeypatch.setattr(aws, "pages", unanswered)
    answer = asked.answer("resilience_hub", aws=aws)
    assert (answer.payload, answer.coverage.status) == (None, status)


def test_a_service_that_botocore_lists_nowhere_is_not_said_to_be_missing() -> None:
    with pytest.raises(EndpointConnectionError), only_where_it_exists("application-signals", UNSUPPORTED):
        raise EndpointConnectionError(endpoint_url="https://application-signals.eu-central-2.api.aws")
    missing = pytest.raises(Unavailable, match=f"no resiliencehub in {UNSUPPORTED}")
    with missing, only_where_it_exists("resiliencehub", UNSUPPORTED):
        raise EndpointConnectionError(endpoint_url="https://resiliencehub.eu-central-2.amazonaws.com")


def test_an_app_without_what_aws_may_leave_out_is_a_row_with_nulls() -> None:
    app = {"appArn": "arn:a", "name": "a", "creationTime": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)}
    row = resilience_hub._app(app)
    assert {name for name, value in row.items() if value is not None} == {"app_arn", "name", "creation_time"}
    assert set(resilience_hub._policy(None, {}).values()) | set(resilience_hub._cost({}).values()) == {None}
