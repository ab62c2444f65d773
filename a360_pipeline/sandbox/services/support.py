"""What Support answers: the cases of the caller's account, and the checks of Trusted Advisor with their results."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.errors import AwsError, not_served
from a360_pipeline.sandbox.facts import support
from a360_pipeline.sandbox.facts.chance import chance
from a360_pipeline.sandbox.facts.support import RESOLVED, Case, Check, Result
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

CASES = Paging(
    default=10,
    most=10,
    invalid="InvalidParameterValueException",
    cursor="nextToken",
    next_cursor="nextToken",
    size="maxResults",
)
"""AWS gives up to 100 cases a page."""
CASE_MEMBERS = {
    "caseId": "case_id",
    "displayId": "display_id",
    "subject": "subject",
    "status": "status",
    "severityCode": "severity_code",
    "serviceCode": "service_code",
    "categoryCode": "category_code",
    "submittedBy": "submitted_by",
    "language": "language",
}

LANGUAGES = ("en", "ja", "fr", "zh")


def _sized(organization: Organization, account_id: str, what: str) -> int:
    """How many an account has: the first as many as there may be, others fewer."""
    most = organization.sizes.others
    is_first = account_id == organization.management.id
    return most if is_first else chance(organization.seed, account_id, what).randint(-(-most // 3), -(-most // 2))


def _cases(organization: Organization, account_id: str) -> tuple[Case, ...]:
    # A case stays the one it is from day to day; by the month it stays among those that Support remembers.
    month = organization.now.replace(day=1)
    return support.cases(organization.seed, account_id, _sized(organization, account_id, "cases"), month)


def _results(organization: Organization, account_id: str) -> Mapping[str, tuple[Check, Result]]:
    # By their plan, accounts have more checks or fewer.
    return support.results(organization.seed, account_id, _sized(organization, account_id, "checks"), organization.now)


def describe_cases(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    beyond = params.keys() - {"afterTime", "includeResolvedCases", "includeCommunications", "maxResults", "nextToken"}
    if beyond:
        raise not_served(f"{', '.join(sorted(beyond))} of support:DescribeCases")
    after = dt.datetime.fromisoformat(params.get("afterTime", "0001-01-01T00:00:00Z"))
    wanted = [
        case
        for case in _cases(organization, caller.account_id)
        if case.time_created >= after and (params.get("includeResolvedCases") or case.status != RESOLVED)
    ]
    page, more = CASES.page(caller, params, wanted)
    return {"cases": [_described(case, params) for case in page]} | more


def _described(case: Case, params: Mapping[str, Any]) -> dict[str, Any]:
    created = _text(case.time_created)
    described: dict[str, Any] = members(case, CASE_MEMBERS)
    described |= {"timeCreated": created, "ccEmailAddresses": list(case.cc_email_addresses)}
    if params.get("includeCommunications", True):
        said = {"caseId": case.case_id, "body": case.subject, "submittedBy": "AWS Support", "timeCreated": created}
        described["recentCommunications"] = {"communications": [said]}
    return described


def _text(instant: dt.datetime) -> str:
    """Support writes its times as text."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def describe_checks(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    if params["language"] not in LANGUAGES:
        raise AwsError("InvalidParameterValueException", f"Invalid language code: {params['language']}")
    return {
        "checks": [
            {
                "id": check.check_id,
                "name": check.check_name,
                "description": check.description,
                "category": check.category,
                "metadata": ["Region/AZ", "Resource", "Status"],
            }
            for check, _ in _results(organization, caller.account_id).values()
        ]
    }


def describe_summaries(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    known = _results(organization, caller.account_id)
    unknown = [check_id for check_id in params["checkIds"] if check_id not in known]
    if unknown:
        raise AwsError("InvalidParameterValueException", f"Unknown ID: {unknown[0]}")
    return {"summaries": [_summary(*known[check_id]) for check_id in params["checkIds"]]}


def _summary(check: Check, result: Result) -> dict[str, Any]:
    # Checks that are not about cost have savings too, of nothing.
    savings = result.savings if check.category == "cost_optimizing" else 0.0
    return {
        "checkId": check.check_id,
        "timestamp": result.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "status": result.status,
        "hasFlaggedResources": result.flagged > 0,
        "resourcesSummary": {
            "resourcesProcessed": result.processed,
            "resourcesFlagged": result.flagged,
            "resourcesIgnored": 0,
            "resourcesSuppressed": result.suppressed,
        },
        "categorySpecificSummary": {
            "costOptimizing": {"estimatedMonthlySavings": savings, "estimatedPercentMonthlySavings": 0.0}
        },
    }


def cases_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `support_tickets`."""
    columns = (*CASE_MEMBERS.values(), "time_created", "cc_email_addresses")
    told = _cases(organization, account_id) if region == GLOBAL else ()
    return [{name: getattr(case, name) for name in columns} for case in told]


def checks_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `trusted_advisor_checks`."""
    told = _results(organization, account_id).values() if region == GLOBAL else ()
    return [
        {
            "check_id": check.check_id,
            "check_name": check.check_name,
            "category": check.category,
            "severity": result.status,
            "timestamp": result.timestamp,
            "affected_resources_count": result.flagged if result.status != "not_available" else None,
            "resources_processed": result.processed if result.status != "not_available" else None,
            "potential_savings": result.savings
            if check.category == "cost_optimizing" and result.status != "not_available"
            else None,
        }
        for check, result in told
    ]


ANSWERS = {
    ("support", "DescribeCases"): describe_cases,
    ("support", "DescribeTrustedAdvisorChecks"): describe_checks,
    ("support", "DescribeTrustedAdvisorCheckSummaries"): describe_summaries,
}

TRUTH = {"support_tickets": cases_truth, "trusted_advisor_checks": checks_truth}
