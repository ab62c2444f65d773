"""Section `trusted_advisor`: every check of Trusted Advisor and how it came out in an account.

Trusted Advisor's own API has an organization's view too (ListOrganizationRecommendations), but of prioritized
recommendations alone, with one status and one count for all accounts, and of an account just those that concern it.
It cannot stand in for the checks of each account, so members are not asked for there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status
from a360_pipeline.sections.model import (
    Column,
    History,
    Kept,
    Operation,
    Payload,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
)
from a360_pipeline.sections.shapes import ACCOUNT

AT_ONCE = 100
"""Checks whose summaries are asked for in one call."""

TRUSTED_ADVISOR_CHECKS = Table(
    "trusted_advisor_checks",
    "Checks of Trusted Advisor with the result that was last told of.",
    columns=(
        ACCOUNT,
        Column("check_name", Type.TEXT),
        Column("category", Type.TEXT),
        Column("severity", Type.TEXT, "ok, warning, error or not_available; null where AWS tells of no result."),
        Column("recommendation", Type.TEXT),
        Column("affected_resources_count", Type.BIGINT, "Those flagged; null where the result is not available."),
        Column("potential_savings", Type.NUMERIC, "USD a month; null where the check is not about cost."),
        Column("timestamp", Type.TIMESTAMPTZ, "When the check ran.", is_volatile=True),
        Column("check_id", Type.TEXT, "AWS may rename a check; this stays."),
        Column("resources_processed", Type.BIGINT),
        Column("resources_ignored", Type.BIGINT),
        Column("resources_suppressed", Type.BIGINT, "Those that somebody excluded."),
        Column("potential_savings_percent", Type.NUMERIC, "Null where the check is not about cost."),
    ),
    key=("account_id", "check_name"),
    kept=Kept.DELTA,
    stamps=("created_at",),
)


def collect(aws: AccountSession, _window: Window) -> Payload:
    """Support DescribeTrustedAdvisorChecks, then DescribeTrustedAdvisorCheckSummaries of all of them.

    Whatever the result: a check that is ok again must be heard of as one that is not.
    """
    checks = aws.call("support", "describe_trusted_advisor_checks", language="en")["checks"]
    summaries: dict[str, Row] = {}
    for start in range(0, len(checks), AT_ONCE):
        wanted = [check["id"] for check in checks[start : start + AT_ONCE]]
        answer = aws.call("support", "describe_trusted_advisor_check_summaries", checkIds=wanted)
        summaries |= {summary["checkId"]: summary for summary in answer["summaries"]}
    return results(checks, summaries)


def results(checks: Sequence[Row], summaries: Mapping[str, Row]) -> list[Row]:
    """The checks as snapshots have them, each with its summary, which is found by the check's id."""
    return [{**_described(check), **_result(check, summaries.get(check["id"], {}))} for check in checks]


def _described(check: Row) -> Row:
    return {
        "check_id": check["id"],
        "check_name": check["name"],
        "category": check["category"],
        "recommendation": check["description"],
    }


def _result(check: Row, summary: Row) -> Row:
    status = summary.get("status")
    # A result that is not available counts nothing, though it is written with zeros; so it is with the
    # savings of a check that is about something else.
    counted = {} if status == "not_available" else summary
    resources = counted.get("resourcesSummary", {})
    is_about_cost = check["category"] == "cost_optimizing"
    savings = counted.get("categorySpecificSummary", {}).get("costOptimizing", {}) if is_about_cost else {}
    return {
        "severity": status,
        "timestamp": summary.get("timestamp"),
        "affected_resources_count": resources.get("resourcesFlagged"),
        "resources_processed": resources.get("resourcesProcessed"),
        "resources_ignored": resources.get("resourcesIgnored"),
        "resources_suppressed": resources.get("resourcesSuppressed"),
        "potential_savings": savings.get("estimatedMonthlySavings"),
        "potential_savings_percent": savings.get("estimatedPercentMonthlySavings"),
    }


SECTION = Section(
    name="trusted_advisor",
    title="Trusted Advisor checks",
    wire="trusted_advisor",
    scope=Scope.ACCOUNT,
    history=History.SNAPSHOT,
    operations=(
        Operation("support", "DescribeTrustedAdvisorChecks"),
        Operation("support", "DescribeTrustedAdvisorCheckSummaries"),
    ),
    tables=(TRUSTED_ADVISOR_CHECKS,),
    collect=collect,
    errors={"SubscriptionRequiredException": Status.NOT_SUBSCRIBED},
    status_field="trusted_advisor",
)
