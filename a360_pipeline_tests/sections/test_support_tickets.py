"""Section `support_tickets`: every case that Support remembers, whatever became of it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.coverage import GLOBAL, Status
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.services.support import cases_truth
from a360_pipeline.sections.support_tickets import SECTION, ticket
from a360_pipeline.snapshot.wire import facts
from a360_pipeline.warehouse import convert
from a360_pipeline_tests.sections.asking import answer_of
from a360_pipeline_tests.sections.scripted import TODAY, Scripted, refusal

API = Path(__file__).parents[3] / "shared" / "data" / "api"
REAL = sorted(API.glob("*/*/describe-cases*.json")) + sorted(API.glob("*/*/support.DescribeCases*.json"))


def test_every_case_of_every_page_is_told(large: StandIn, large_sessions: Sessions) -> None:
    """S2: cases that are resolved are asked for. S1: the text that Support gives for an instant is kept as it is."""
    for account in large.organization.accounts:
        answer = answer_of(SECTION, large_sessions.account(account.id, "eu-central-2"))
        truth = cases_truth(large.organization, account.id, GLOBAL)
        assert answer.coverage.status is Status.OK
        assert answer.coverage.rows == len(truth)
        assert {row["case_id"]: row["status"] for row in answer.payload or ()} == {
            row["case_id"]: row["status"] for row in truth
        }
        created = {row["case_id"]: dt.datetime.fromisoformat(row["time_created"]) for row in answer.payload or ()}
        assert created == {row["case_id"]: row["time_created"] for row in truth}
        assert "resolved" in {row["status"] for row in truth}
        assert len({row["status"] for row in truth}) > 1
    assert len(cases_truth(large.organization, large.organization.management.id, GLOBAL)) == 120


def test_support_is_asked_for_all_it_remembers_and_for_no_words_that_were_written() -> None:
    """S2."""
    aws = Scripted({"describe_cases": {"cases": []}})
    assert answer_of(SECTION, aws).coverage.status is Status.EMPTY
    ((method, asked),) = aws.asked
    assert method == "support.describe_cases"
    assert asked["includeResolvedCases"] is True
    assert asked["includeCommunications"] is False
    after = dt.datetime.fromisoformat(asked["afterTime"]).date()
    assert dt.timedelta(days=700) < TODAY - after < dt.timedelta(days=730)


def test_an_account_without_a_support_plan_is_not_subscribed() -> None:
    answer = answer_of(SECTION, Scripted({"describe_cases": refusal("SubscriptionRequiredException")}))
    assert (answer.payload, answer.coverage.status) == (None, Status.NOT_SUBSCRIBED)


def test_a_refusal_is_no_empty_list() -> None:
    answer = answer_of(SECTION, Scripted({"describe_cases": refusal("AccessDeniedException")}))
    assert (answer.payload, answer.coverage.status) == (None, Status.DENIED)


def test_the_payload_is_the_list_that_senders_in_the_field_write() -> None:
    """R40."""
    case = {"caseId": "case-1", "timeCreated": "2026-03-01T09:44:03.038Z", "status": "opened"}
    payload = answer_of(SECTION, Scripted({"describe_cases": {"cases": [case]}})).payload
    assert isinstance(payload, list)
    (row,) = facts(SECTION.tables[0], payload)
    assert (row["case_id"], row["status"], row["severity_code"]) == ("case-1", "opened", None)
    assert row["date_to"] == (TODAY + dt.timedelta(days=1)).isoformat()
    assert set(row) == SECTION.tables[0].known_fields - {"@account", "@region", "total_tickets"}


@pytest.mark.skipif(not REAL, reason="the real payloads are not at hand")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_cases_keep_their_time_and_severity(path: Path) -> None:
    """S1: all cases were lost over the time, which is text."""
    content = json.loads(path.read_text(encoding="utf-8"))
    cases = content.get("data", content)["cases"]
    rows = [ticket(case) for case in cases]
    assert rows
    for row, case in zip(rows, cases, strict=True):
        assert convert.timestamptz(row["time_created"]) is not None
        assert row["time_created"].startswith(case["timeCreated"][:19])
        assert row["severity_code"] in ("low", "normal", "high", "urgent", "critical")
        assert row["case_id"].startswith("case-")
