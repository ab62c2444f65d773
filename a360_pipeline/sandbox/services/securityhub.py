"""What Security Hub answers; the administrator's first region holds the findings of all regions."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError, not_served
from a360_pipeline.sandbox.facts.posture import HubFinding, hub_findings
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging
from a360_pipeline.sandbox.watch import accounts_seen, administrator, members_of, place_of

Params = Mapping[str, Any]

FINDINGS = Paging(default=10, most=10, invalid="InvalidInputException")
"""AWS gives 100 a page to who asks for as many; a tenth of that makes a small account page too."""
MEMBERS = Paging(default=2, most=2, invalid="InvalidInputException")
TEXTS = {
    "AwsAccountId": "account_id",
    "Region": "region",
    "RecordState": "record_state",
    "WorkflowStatus": "status",
    "ComplianceStatus": "compliance_status",
    "ProductName": "product",
}
COMPARISONS: Mapping[str, Callable[[str | None, str], bool]] = {
    "EQUALS": lambda value, wanted: value == wanted,
    "NOT_EQUALS": lambda value, wanted: value != wanted,
}
FINDING_MEMBERS = {
    "Id": "finding_id",
    "AwsAccountId": "account_id",
    "Region": "region",
    "ProductArn": "product_arn",
    "ProductName": "told_name",
    "GeneratorId": "generator_id",
    "Title": "title",
    "Description": "description",
    "RecordState": "record_state",
}
TIMES = {
    "FirstObservedAt": "first_observed_at",
    "LastObservedAt": "last_observed_at",
    "CreatedAt": "created_at",
    "UpdatedAt": "updated_at",
}


def get_findings(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if "SortCriteria" in params:
        raise not_served("the SortCriteria of securityhub:GetFindings")
    filters = params.get("Filters", {})
    unknown = filters.keys() - {*TEXTS, "UpdatedAt"}
    if unknown:
        raise not_served(f"securityhub:GetFindings by {', '.join(sorted(unknown))}")
    found = [finding for finding in _seen(organization, caller) if _matches(finding, filters)]
    page, more = FINDINGS.page(caller, params, found)
    return {"Findings": [_described(finding) for finding in page]} | more


def _seen(organization: Organization, caller: Caller) -> list[HubFinding]:
    """What the caller's region holds; the administrator's first region aggregates all the others."""
    names = organization.region_names
    is_home = (caller.account_id, caller.region) == (administrator(organization).id, names[0])
    return [
        finding
        for region in (names if is_home else (caller.region,))
        for account in accounts_seen(organization, caller, region)
        for finding in hub_findings(place_of(organization, account.id, region))
    ]


def _matches(finding: HubFinding, filters: Mapping[str, Any]) -> bool:
    texts = (_compare(getattr(finding, field), filters[name]) for name, field in TEXTS.items() if name in filters)
    spans = filters.get("UpdatedAt", ())
    return all(texts) and (not spans or any(_within(finding.updated_at, span) for span in spans))


def _compare(value: str | None, wanted: list[dict[str, str]]) -> bool:
    """Values to be equal to are joined by OR, those to differ from by AND; AWS refuses both for one attribute."""
    comparisons = {one["Comparison"] for one in wanted}
    if len(comparisons) > 1:
        raise AwsError("InvalidInputException", "A filter has values of one kind of comparison.")
    (comparison,) = comparisons
    if comparison not in COMPARISONS:
        raise not_served(f"the comparison {comparison} of securityhub:GetFindings")
    return (all if comparison == "NOT_EQUALS" else any)(COMPARISONS[comparison](value, one["Value"]) for one in wanted)


def _within(instant: dt.datetime, span: Mapping[str, str]) -> bool:
    if not {"Start", "End"} <= span.keys():
        raise AwsError("InvalidInputException", "A date filter has both a Start and an End.")
    return dt.datetime.fromisoformat(span["Start"]) <= instant <= dt.datetime.fromisoformat(span["End"])


def _described(finding: HubFinding) -> dict[str, Any]:
    times = {member: _iso(instant) for member, instant in members(finding, TIMES).items()}
    described: dict[str, Any] = members(finding, FINDING_MEMBERS) | times
    described |= {
        "SchemaVersion": "2018-10-08",
        "Severity": {"Normalized": finding.normalized},
        "Workflow": {"Status": finding.status},
        "WorkflowState": "NEW",
        "ProductFields": {
            "aws/securityhub/ProductName": finding.product,
            "aws/securityhub/CompanyName": finding.company,
        },
        "Resources": [{"Type": kind, "Id": name, "Partition": "aws"} for kind, name in finding.resources],
    }
    if finding.told_name:
        described["CompanyName"] = finding.company
        described["Severity"]["Label"] = finding.severity
    if finding.recommendation:
        described["Remediation"] = {"Recommendation": {"Text": finding.recommendation}}
    if finding.compliance_status:
        compliance = {"Status": finding.compliance_status, "SecurityControlId": finding.security_control_id}
        described["Compliance"] = compliance
    return described


def _iso(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def list_members(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    page, more = MEMBERS.page(caller, params, members_of(organization, caller))
    chief = administrator(organization).id
    return {
        "Members": [
            {"AccountId": member.id, "MemberStatus": "Enabled", "AdministratorId": chief, "MasterId": chief}
            for member in page
        ]
    } | more


def _told(organization: Organization, account_id: str, region: str) -> list[HubFinding]:
    """What is open, what was resolved by hand, whenever that was, and what else was closed since yesterday."""
    if not organization.region_enabled(account_id, region):
        return []
    since = organization.now - dt.timedelta(days=1)
    return [
        finding
        for finding in hub_findings(place_of(organization, account_id, region))
        if finding.updated_at >= since
        or (
            finding.record_state == "ACTIVE" and (finding.status != "RESOLVED" or finding.compliance_status != "PASSED")
        )
    ]


def findings_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `findings`."""
    same = (
        "finding_id",
        "title",
        "description",
        "severity",
        "status",
        "created_at",
        "updated_at",
        "recommendation",
        "compliance_status",
        "region",
        "record_state",
        "product_arn",
        "generator_id",
        "first_observed_at",
        "last_observed_at",
        "security_control_id",
    )
    return [
        {name: getattr(finding, name) for name in same}
        | {
            "security_id.service": finding.product,
            "product_name": finding.product,
            "company_name": finding.company,
            "resource_type": finding.resources[0][0],
            "resource_id": finding.resources[0][1],
            "resources": [{"type": kind, "id": name} for kind, name in finding.resources],
        }
        for finding in _told(organization, account_id, region)
    ]


def security_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `security`."""
    products: dict[str, list[HubFinding]] = {}
    for finding in _told(organization, account_id, region):
        products.setdefault(finding.product, []).append(finding)
    return [_counted(product, found) for product, found in products.items()]


def _counted(product: str, found: list[HubFinding]) -> dict[str, Any]:
    severities = Counter(finding.severity for finding in found)
    closed = sum(finding.is_closed for finding in found)
    ranks = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")
    return {
        "service": product,
        "total_findings": len(found),
        "open_findings": len(found) - closed,
        "resolved_findings": closed,
    } | {f"{rank.lower()}_count": severities[rank] for rank in ranks}


ANSWERS = {
    ("securityhub", "GetFindings"): get_findings,
    ("securityhub", "ListMembers"): list_members,
}

TRUTH = {"security": security_truth, "findings": findings_truth}
