"""Section `health`: every event that is not over or was closed lately, for the account that it concerns."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.coverage import GLOBAL, Status
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.services.health import entities_truth, events_truth
from a360_pipeline.sections.health.events import event_row
from a360_pipeline.sections.health.organization import collect_members
from a360_pipeline.sections.health.section import HEALTH_AFFECTED_ENTITIES, HEALTH_EVENTS, SECTION
from a360_pipeline.snapshot.wire import facts
from a360_pipeline_tests.sections.asking import answer_of
from a360_pipeline_tests.sections.scripted import WINDOW, Scripted, refusal

API = Path(__file__).parents[3] / "shared" / "data" / "api"
RECORDED = sorted(API.glob("cloud-custodian-placebo/*/health.DescribeEvents_1.json"))
LISTED = sorted(API.glob("aws-cli-examples/health/describe-events.*.json"))
ARN = "arn:aws:health:us-east-1::event/EC2/AWS_EC2_ISSUE/AWS_EC2_ISSUE_"
NOTHING: dict[str, list[Any]] = {"successfulSet": [], "failedSet": [], "entities": []}


def event(number: int, status: str = "open", **more: Any) -> dict[str, Any]:
    return {"arn": f"{ARN}{number}", "service": "EC2", "statusCode": status, **more}


def listing(*events: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Answers with those of the statuses asked for."""
    return lambda filter, **_: {"events": [each for each in events if each["statusCode"] in filter["eventStatusCodes"]]}


def described(row: dict[str, Any]) -> tuple[Any, ...]:
    times = (row["start_time"], row["end_time"], row["last_updated_time"])
    instants = tuple(dt.datetime.fromisoformat(time) if isinstance(time, str) else time for time in times)
    return (row["arn"], row["status_code"], row["availability_zone"], row["description"], *instants)


def test_every_event_and_entity_of_every_page_is_told(large: StandIn, large_sessions: Sessions) -> None:
    """S24: what is open, what is to come, and what was closed lately, whenever it started."""
    for account in large.organization.accounts:
        answer = answer_of(SECTION, large_sessions.account(account.id, "eu-central-2"))
        events = events_truth(large.organization, account.id, GLOBAL)
        entities = entities_truth(large.organization, account.id, GLOBAL)
        assert answer.coverage.status is Status.OK
        assert answer.coverage.rows == len(events) + len(entities)
        told = list(facts(HEALTH_EVENTS, answer.payload))
        assert len(told) == len(events)
        assert {described(dict(row)) for row in told} == {described(row) for row in events}
        affected = list(facts(HEALTH_AFFECTED_ENTITIES, answer.payload))
        assert len(affected) == len(entities)
        assert {(row["event_arn"], row["entity_value"], row["status_code"]) for row in affected} == {
            (row["health_event_id.arn"], row["entity_value"], row["status_code"]) for row in entities
        }
    first = large.organization.management.id
    assert {row["status_code"] for row in events_truth(large.organization, first, GLOBAL)} == {
        "open",
        "upcoming",
        "closed",
    }
    assert len(events_truth(large.organization, first, GLOBAL)) == 91
    assert len(entities_truth(large.organization, first, GLOBAL)) > 120


def test_closings_are_asked_for_beyond_the_window_so_that_none_is_missed() -> None:
    """S24: an event that started before the window is closed in it; one closed on a day whose run failed, too."""
    closed = event(1, "closed", startTime=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    aws = Scripted(
        {
            "describe_events": listing(closed),
            "describe_event_details": NOTHING,
            "describe_affected_entities": NOTHING,
        }
    )
    assert [row["status_code"] for row in answer_of(SECTION, aws).payload or ()] == ["closed"]
    filters = [asked["filter"] for method, asked in aws.asked if method == "health.describe_events"]
    assert filters[0] == {"eventStatusCodes": ["open", "upcoming"]}
    ((times,), codes) = filters[1]["lastUpdatedTimes"], filters[1]["eventStatusCodes"]
    assert codes == ["closed"]
    assert times == {"from": dt.datetime.combine(WINDOW.start, dt.time(), dt.UTC) - dt.timedelta(days=7)}


def test_an_event_that_is_closed_between_two_calls_is_told_once_as_closed() -> None:
    """S24."""
    aws = Scripted(
        {
            "describe_events": listing(event(1), event(1, "closed")),
            "describe_event_details": NOTHING,
            "describe_affected_entities": NOTHING,
        }
    )
    assert [(row["arn"], row["status_code"]) for row in answer_of(SECTION, aws).payload or ()] == [
        (f"{ARN}1", "closed")
    ]


def test_events_are_described_ten_at_a_time() -> None:
    aws = Scripted(
        {
            "describe_events": listing(*(event(number) for number in range(23))),
            "describe_event_details": NOTHING,
            "describe_affected_entities": NOTHING,
        }
    )
    assert len(answer_of(SECTION, aws).payload or ()) == 23
    asked = [len(each["eventArns"]) for method, each in aws.asked if method == "health.describe_event_details"]
    assert asked == [10, 10, 3]


def test_what_an_event_is_about_is_kept_where_its_details_are_denied() -> None:
    aws = Scripted(
        {
            "describe_events": listing(event(1), event(2)),
            "describe_event_details": refusal("AccessDeniedException"),
            "describe_affected_entities": {"entities": [{"eventArn": f"{ARN}2", "entityValue": "i-1"}]},
        }
    )
    answer = answer_of(SECTION, aws)
    assert answer.coverage.status is Status.PARTIAL
    assert "details of" in (answer.coverage.message or "")
    assert [(row["description"], row["affected_entities"]) for row in answer.payload or ()] == [
        (None, []),
        (
            None,
            [
                {
                    "entity_value": "i-1",
                    "entity_arn": None,
                    "entity_url": None,
                    "status_code": None,
                    "last_updated_time": None,
                    "metadata": None,
                }
            ],
        ),
    ]


def test_entities_that_nobody_told_of_are_not_told_as_none() -> None:
    aws = Scripted(
        {
            "describe_events": listing(event(1)),
            "describe_event_details": NOTHING,
            "describe_affected_entities": refusal("ThrottlingException"),
        }
    )
    answer = answer_of(SECTION, aws)
    assert (answer.coverage.status, answer.coverage.rows) == (Status.PARTIAL, 1)
    assert [row["affected_entities"] for row in answer.payload or ()] == [None]


def test_an_event_that_health_could_not_describe_makes_the_section_partial() -> None:
    failed = {"eventArn": f"{ARN}1", "errorName": "Broken", "errorMessage": "try later"}
    aws = Scripted(
        {
            "describe_events": listing(event(1), event(2)),
            "describe_event_details": {
                "successfulSet": [{"event": event(2), "eventDescription": {"latestDescription": "says"}}],
                "failedSet": [failed],
            },
            "describe_affected_entities": NOTHING,
        }
    )
    answer = answer_of(SECTION, aws)
    assert answer.coverage.status is Status.PARTIAL
    assert f"{ARN}1: " in (answer.coverage.message or "")
    assert "Broken: try later" in (answer.coverage.message or "")
    assert [row["description"] for row in answer.payload or ()] == [None, "says"]


@pytest.mark.parametrize(
    ("code", "status"),
    [("SubscriptionRequiredException", Status.NOT_SUBSCRIBED), ("AccessDeniedException", Status.DENIED)],
)
def test_no_support_plan_and_no_permission_are_gaps_of_their_own(code: str, status: Status) -> None:
    answer = answer_of(SECTION, Scripted({"describe_events": refusal(code)}))
    assert (answer.payload, answer.coverage.status) == (None, status)


# --- The organization's view


def members(stand_in: StandIn) -> list[Account]:
    return [
        Account(id=account.id, name=account.name, email=account.email) for account in stand_in.organization.accounts
    ]


def test_the_organizations_view_tells_each_account_what_it_would_be_told_itself(
    large: StandIn, large_sessions: Sessions
) -> None:
    """R10: an event that is everybody's is one of each account, not one of all."""
    organization = large.organization
    aws = large_sessions.account(organization.management.id, "eu-central-2")
    told = collect_members(aws, WINDOW, members(large))
    assert aws.failed_parts == []
    assert set(told) == {account.id for account in organization.accounts}
    for account in organization.accounts:
        truth = events_truth(organization, account.id, GLOBAL)
        assert len(told[account.id]) == len(truth)
        assert {described(row) for row in told[account.id]} == {described(row) for row in truth}
        affected = list(facts(HEALTH_AFFECTED_ENTITIES, told[account.id]))
        entities = entities_truth(organization, account.id, GLOBAL)
        assert len(affected) == len(entities)
        assert {(row["event_arn"], row["entity_value"]) for row in affected} == {
            (row["health_event_id.arn"], row["entity_value"]) for row in entities
        }


def test_an_event_is_filed_under_the_accounts_it_concerns_and_strangers_are_left_out(large: StandIn) -> None:
    one, two = members(large)[:2]
    aws = Scripted(
        {
            "describe_events_for_organization": listing(
                event(1, eventScopeCode="PUBLIC"), event(2, eventScopeCode="ACCOUNT_SPECIFIC")
            ),
            "describe_affected_accounts_for_organization": {"affectedAccounts": [two.id, "999999999999"]},
            "describe_event_details_for_organization": NOTHING,
            "describe_affected_entities_for_organization": NOTHING,
        }
    )
    told = collect_members(aws, WINDOW, [one, two])
    assert {account_id: [row["arn"][-1] for row in rows] for account_id, rows in told.items()} == {
        one.id: ["1"],
        two.id: ["1", "2"],
    }
    asked = dict(aws.asked)
    assert asked["health.describe_event_details_for_organization"]["organizationEventDetailFilters"] == [
        {"eventArn": f"{ARN}1"},
        {"eventArn": f"{ARN}2", "awsAccountId": two.id},
    ]
    assert asked["health.describe_affected_entities_for_organization"]["organizationEntityAccountFilters"] == [
        {"eventArn": f"{ARN}2", "awsAccountId": two.id}
    ]


def test_what_the_organizations_view_could_not_tell_is_noted(large: StandIn) -> None:
    (one,) = members(large)[:1]
    failed = {"eventArn": f"{ARN}1", "awsAccountId": one.id, "errorName": "Broken", "errorMessage": "later"}
    aws = Scripted(
        {
            "describe_events_for_organization": listing(event(1, eventScopeCode="ACCOUNT_SPECIFIC")),
            "describe_affected_accounts_for_organization": {"affectedAccounts": [one.id]},
            "describe_event_details_for_organization": refusal("ThrottlingException"),
            "describe_affected_entities_for_organization": {"entities": [], "failedSet": [failed]},
        }
    )
    assert [row["arn"] for row in collect_members(aws, WINDOW, [one])[one.id]] == [f"{ARN}1"]
    assert [part.partition(":")[0] for part in aws.failed_parts] == ["details of arn", "event arn"]


# --- Real payloads


def recorded(path: Path) -> Any:
    def instant(value: dict[str, Any]) -> Any:
        if value.pop("__class__", None) != "datetime":
            return value
        return dt.datetime(**value, tzinfo=dt.UTC)

    return json.loads(path.read_text(encoding="utf-8"), object_hook=instant)["data"]


@pytest.mark.skipif(not RECORDED, reason="the recordings are not at hand")
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.parent.name)
def test_recorded_events_are_told_with_what_they_affect(path: Path) -> None:
    parts = {
        "describe_event_details": recorded(path.with_name("health.DescribeEventDetails_1.json")),
        "describe_affected_entities": recorded(path.with_name("health.DescribeAffectedEntities_1.json")),
    }
    events = recorded(path)["events"]
    answer = answer_of(SECTION, Scripted({"describe_events": listing(*events), **parts}))
    assert answer.coverage.status is Status.OK, answer.coverage.message
    rows = answer.payload or []
    assert {row["arn"] for row in rows} == {each["arn"] for each in events}
    assert all(row["description"] and row["start_time"] and row["last_updated_time"] for row in rows)
    values = {each["entityValue"] for each in parts["describe_affected_entities"]["entities"]}
    assert {entity["entity_value"] for row in rows for entity in row["affected_entities"]} == values


@pytest.mark.skipif(not LISTED, reason="the real payloads are not at hand")
@pytest.mark.parametrize("path", LISTED, ids=lambda path: path.name)
def test_real_events_keep_what_they_say(path: Path) -> None:
    events = json.loads(path.read_text(encoding="utf-8"))["events"]
    rows = [event_row(each, {}, None) for each in events]
    assert [(row["arn"], row["status_code"], row["event_scope_code"]) for row in rows] == [
        (each["arn"], each["statusCode"], each["eventScopeCode"]) for each in events
    ]
