"""Section `trusted_advisor`: every check with its result, whatever it is, and no count that AWS does not have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.coverage import GLOBAL, Status
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.services.support import checks_truth
from a360_pipeline.sections.trusted_advisor import AT_ONCE, SECTION, results
from a360_pipeline_tests.sections.asking import answer_of
from a360_pipeline_tests.sections.scripted import Scripted, refusal

API = Path(__file__).parents[3] / "shared" / "data" / "api"
ALL_CHECKS = API / "trusted-advisor" / "describe-trusted-advisor-checks.json"
SUMMARIES = API / "aws-cli-examples" / "support" / "describe-trusted-advisor-check-summaries.1.json"


def check(number: int, category: str = "security") -> dict[str, Any]:
    return {"id": f"id{number}", "name": f"Check {number}", "description": "<b>Look</b>", "category": category}


def summary(number: int, status: str, flagged: int = 0, savings: float = 0.0) -> dict[str, Any]:
    return {
        "checkId": f"id{number}",
        "timestamp": "2026-11-20T06:00:00Z",
        "status": status,
        "resourcesSummary": {
            "resourcesProcessed": flagged + 5,
            "resourcesFlagged": flagged,
            "resourcesIgnored": 1,
            "resourcesSuppressed": 2,
        },
        "categorySpecificSummary": {
            "costOptimizing": {"estimatedMonthlySavings": savings, "estimatedPercentMonthlySavings": 12.5}
        },
    }


def asked_of(checks: list[dict[str, Any]], *summaries: dict[str, Any]) -> Scripted:
    return Scripted(
        {
            "describe_trusted_advisor_checks": {"checks": checks},
            "describe_trusted_advisor_check_summaries": {"summaries": list(summaries)},
        }
    )


def test_every_check_is_told_with_its_result_in_a_few_calls(large: StandIn, large_sessions: Sessions) -> None:
    """S24: a check that is ok again is told of, as is one that is not."""
    for account in large.organization.accounts:
        aws = large_sessions.account(account.id, "eu-central-2")
        answer = answer_of(SECTION, aws)
        truth = checks_truth(large.organization, account.id, GLOBAL)
        assert answer.coverage.status is Status.OK
        rows = answer.payload or []
        assert len(rows) == len(truth)
        told = {row["check_name"]: (row["severity"], row["affected_resources_count"]) for row in rows}
        assert told == {row["check_name"]: (row["severity"], row["affected_resources_count"]) for row in truth}
        assert {row["severity"] for row in rows} == {"ok", "warning", "error", "not_available"}
        savings = {row["check_name"]: row["potential_savings"] for row in rows}
        assert savings == {row["check_name"]: row["potential_savings"] for row in truth}
        assert answer.coverage.effort.calls == 1 + -(-len(truth) // AT_ONCE)
    assert len(checks_truth(large.organization, large.organization.management.id, GLOBAL)) == 120


def test_only_checks_about_cost_have_savings() -> None:
    aws = asked_of([check(1, "cost_optimizing"), check(2)], summary(1, "warning", 3, 41.7), summary(2, "error", 2, 9.9))
    rows = answer_of(SECTION, aws).payload or []
    assert [(row["potential_savings"], row["potential_savings_percent"]) for row in rows] == [
        (41.7, 12.5),
        (None, None),
    ]


def test_a_result_that_is_not_available_counts_nothing() -> None:
    """R33: a zero that nobody measured is not charted."""
    (row,) = answer_of(SECTION, asked_of([check(1, "cost_optimizing")], summary(1, "not_available"))).payload or []
    assert row["severity"] == "not_available"
    assert [row[name] for name in row if name.startswith(("resources_", "affected_", "potential_"))] == [None] * 6


def test_a_check_without_a_summary_is_told_as_one_whose_result_is_unknown() -> None:
    rows = answer_of(SECTION, asked_of([check(1), check(2)], summary(2, "ok"))).payload or []
    assert [(row["check_id"], row["severity"], row["timestamp"]) for row in rows] == [
        ("id1", None, None),
        ("id2", "ok", "2026-11-20T06:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("code", "status"),
    [("SubscriptionRequiredException", Status.NOT_SUBSCRIBED), ("AccessDeniedException", Status.DENIED)],
)
def test_no_support_plan_and_no_permission_are_gaps_of_their_own(code: str, status: Status) -> None:
    answer = answer_of(SECTION, Scripted({"describe_trusted_advisor_checks": refusal(code)}))
    assert (answer.payload, answer.coverage.status) == (None, status)


@pytest.mark.skipif(not ALL_CHECKS.exists(), reason="the list of checks is not at hand")
def test_the_real_checks_are_all_told_under_names_and_ids_of_their_own() -> None:
    checks = json.loads(ALL_CHECKS.read_text(encoding="utf-8"))["checks"]
    asked: list[list[str]] = []

    def summaries(checkIds: list[str]) -> dict[str, Any]:
        asked.append(checkIds)
        return {"summaries": [{**summary(0, "ok"), "checkId": check_id} for check_id in checkIds]}

    aws = Scripted(
        {
            "describe_trusted_advisor_checks": {"checks": checks},
            "describe_trusted_advisor_check_summaries": summaries,
        }
    )
    rows = answer_of(SECTION, aws).payload or []
    assert len({row["check_name"] for row in rows}) == len({row["check_id"] for row in rows}) == len(checks) == 456
    assert [len(ids) for ids in asked] == [100, 100, 100, 100, 56]
    assert sum(row["potential_savings"] is not None for row in rows) == 27
    assert all(row["recommendation"] for row in rows)


@pytest.mark.skipif(not SUMMARIES.exists(), reason="the real summaries are not at hand")
def test_real_summaries_find_their_checks() -> None:
    summaries = json.loads(SUMMARIES.read_text(encoding="utf-8"))["summaries"]
    checks = [{**check(0), "id": each["checkId"]} for each in summaries]
    rows = results(checks, {each["checkId"]: each for each in summaries})
    assert [(row["severity"], row["affected_resources_count"], row["resources_processed"]) for row in rows] == [
        ("ok", 0, 44),
        ("ok", 0, 1),
    ]
