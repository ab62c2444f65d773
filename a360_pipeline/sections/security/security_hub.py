"""Section `security_hub`: findings of every product that reports to Security Hub, and their totals."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status
from a360_pipeline.sections.model import (
    AccountRows,
    Column,
    History,
    Kept,
    Operation,
    Payload,
    Reference,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
    whole,
)
from a360_pipeline.sections.security.members import associated, by_owner
from a360_pipeline.sections.shapes import ACCOUNT, elements, owner_of

SECURITY = Table(
    "security",
    "How many findings each product of Security Hub has, by severity and state.",
    columns=(
        ACCOUNT,
        Column("service", Type.TEXT, "The product, such as Security Hub or GuardDuty."),
        *(
            Column(name, Type.BIGINT, "Counted from the findings held.", is_loaded=False)
            for name in (
                "total_findings",
                "critical_count",
                "high_count",
                "medium_count",
                "low_count",
                "informational_count",
                "open_findings",
                "resolved_findings",
            )
        ),
    ),
    key=("account_id", "service"),
    kept=Kept.DELTA,
    # The findings have a table of their own, and a sender's totals are those of one day's delta.
    ignored=("findings", "total_findings", "severity_counts", "open_findings", "resolved_findings"),
)


def _findings(payload: Payload) -> Iterator[Row]:
    """The findings of all products, each told whose summary it stands under: its own names may differ."""
    summaries: Iterable[Any] = whole(payload)
    for summary in summaries:
        # What is no summary is refused where summaries are rows; its neighbors' findings stay.
        for finding in elements(summary.get("findings") if isinstance(summary, Mapping) else None):
            is_row = isinstance(finding, Mapping)
            yield {**finding, "summary_service": summary.get("service")} if is_row else finding


FINDINGS = Table(
    "findings",
    "Findings of Security Hub, one row each, as they were last told of.",
    columns=(
        Reference("security_id", "security", on=(("service", "summary_service"),)),
        Column("finding_id", Type.TEXT),
        Column("service", Type.TEXT, "What kind of resource it is about, as the sender names it."),
        Column("title", Type.TEXT),
        Column("description", Type.TEXT),
        Column("severity", Type.TEXT, "CRITICAL, HIGH, MEDIUM, LOW or INFORMATIONAL."),
        Column("status", Type.TEXT, "Of its workflow: NEW, NOTIFIED, SUPPRESSED or RESOLVED."),
        Column("resource_type", Type.TEXT),
        Column("resource_id", Type.TEXT),
        Column("created_at", Type.TIMESTAMPTZ, "When the product made the finding."),
        Column("updated_at", Type.TIMESTAMPTZ, "When the product last changed the finding."),
        Column("recommendation", Type.TEXT),
        Column("compliance_status", Type.TEXT, "PASSED, FAILED, WARNING or NOT_AVAILABLE."),
        Column("region", Type.TEXT),
        Column("workflow_state", Type.TEXT),
        Column("record_state", Type.TEXT, "ACTIVE or ARCHIVED."),
        Column("product_name", Type.TEXT),
        Column("company_name", Type.TEXT),
        Column("product_arn", Type.TEXT),
        Column("generator_id", Type.TEXT),
        Column("generator", Type.TEXT),
        ACCOUNT,
        Column("first_observed_at", Type.TIMESTAMPTZ),
        Column("last_observed_at", Type.TIMESTAMPTZ, is_volatile=True),
        Column("security_control_id", Type.TEXT, "The control that failed, such as S3.5; null for other products."),
        Column("recommendation_url", Type.TEXT),
        Column("resources", Type.JSONB, "The type and id of every resource it is about; resource_id is the first."),
    ),
    key=("finding_id",),
    kept=Kept.DELTA,
    rows=_findings,
    # created_at and updated_at are the finding's own times.
    stamps=(),
)

PAGE = 100
"""As many as GetFindings lists at once; it lists fewer unless asked."""
SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")
NORMALIZED = ((90, "CRITICAL"), (70, "HIGH"), (40, "MEDIUM"), (1, "LOW"), (0, "INFORMATIONAL"))
"""From which normalized severity on a finding without a label is called so."""
Filters = dict[str, list[dict[str, Any]]]


def _by_account(payload: Payload, own: str) -> dict[str, Payload]:
    """The summaries of each account, with its own findings: a sender in an administrator account lists its members'."""
    found: dict[str, list[Any]] = {own: []}
    summaries: Iterable[Any] = whole(payload)
    for summary in summaries:
        listed = summary.get("findings") if isinstance(summary, Mapping) else None
        if not isinstance(listed, list):
            found[own].append(summary)
            continue
        of: dict[str, list[Any]] = {own: []}
        for finding in listed:
            of.setdefault(owner_of(finding, "finding_id", own), []).append(finding)
        for account, findings in of.items():
            found.setdefault(account, []).append({**summary, "findings": findings})
    return found


def collect(aws: AccountSession, window: Window) -> Payload:
    """Security Hub GetFindings: what is open, what was resolved by hand, and what changed since the window began.

    Only the account's own, and of this region: an administrator's listing has its members' too, and the home
    region of an aggregator those of all regions.
    """
    return _payload(_asked(aws, window, {"AwsAccountId": _is(str(aws.account_id))}))


def collect_members(aws: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
    """What an administrator's GetFindings tells of all members in the region, and ListMembers, who they are."""
    members = aws.pages("securityhub", "list_members", "Members", OnlyAssociated=True)
    seen = associated(aws.account_id, members, "AccountId", "MemberStatus")
    findings = by_owner(accounts, seen, _asked(aws, window, {}), "AwsAccountId")
    return {account_id: _payload(own) for account_id, own in findings.items()}


def _is(value: str, comparison: str = "EQUALS") -> list[dict[str, Any]]:
    return [{"Value": value, "Comparison": comparison}]


def _selections(window: Window) -> tuple[Filters, ...]:
    """What is asked for, each by a listing of its own: filters of one listing are joined by AND."""
    # AWS takes no range without an end, and no other end on the next page: the run's own day, to its last hour.
    changed = {"Start": f"{window.start}T00:00:00Z", "End": f"{window.end + dt.timedelta(days=1)}T00:00:00Z"}
    return (
        {"RecordState": _is("ACTIVE"), "WorkflowStatus": _is("RESOLVED", "NOT_EQUALS")},
        # To resolve a finding by hand leaves its UpdatedAt as it was, so no window tells of it. What passes its
        # control, by far the most of what is resolved, was resolved by the update that says so.
        {
            "RecordState": _is("ACTIVE"),
            "WorkflowStatus": _is("RESOLVED"),
            "ComplianceStatus": _is("PASSED", "NOT_EQUALS"),
        },
        {"UpdatedAt": [changed]},
    )


def _asked(aws: AccountSession, window: Window, whose: Filters) -> Iterable[Row]:
    """Each finding once, though two listings or, when it changes meanwhile, two pages have it."""
    found = {
        (finding["ProductArn"], finding["Id"]): finding
        for selection in _selections(window)
        for finding in aws.pages(
            "securityhub",
            "get_findings",
            "Findings",
            MaxResults=PAGE,
            Filters={"Region": _is(aws.region), **whose, **selection},
        )
    }
    return found.values()


def _payload(findings: Iterable[Row]) -> list[Row]:
    """One summary for each product, by name, with its findings."""
    products: dict[str, list[Row]] = {}
    for finding in findings:
        products.setdefault(_product(finding), []).append(_row(finding))
    return [_summary(product, rows) for product, rows in sorted(products.items())]


def _summary(product: str, rows: list[Row]) -> Row:
    severities = Counter(row["severity"] for row in rows)
    closed = sum(row["status"] == "RESOLVED" or row["record_state"] == "ARCHIVED" for row in rows)
    return {
        "service": product,
        "total_findings": len(rows),
        "severity_counts": {severity: severities[severity] for severity in SEVERITIES},
        "open_findings": len(rows) - closed,
        "resolved_findings": closed,
        "findings": rows,
    }


def _product(finding: Row) -> str:
    """The product's name, or where it has none what its ARN calls it, such as aws/guardduty."""
    named = finding.get("ProductName") or finding.get("ProductFields", {}).get("aws/securityhub/ProductName")
    return str(named or finding["ProductArn"].rpartition(":product/")[2])


def _severity(finding: Row) -> str | None:
    severity = finding.get("Severity", {})
    if severity.get("Label"):
        return str(severity["Label"]).upper()
    normalized = severity.get("Normalized")
    return None if normalized is None else next((name for least, name in NORMALIZED if normalized >= least), None)


def _row(finding: Row) -> Row:
    product = _product(finding)
    resources = [{"type": each.get("Type"), "id": each.get("Id")} for each in finding["Resources"]]
    first = next(iter(resources), {})
    recommendation = finding.get("Remediation", {}).get("Recommendation", {})
    compliance = finding.get("Compliance", {})
    company = finding.get("CompanyName") or finding.get("ProductFields", {}).get("aws/securityhub/CompanyName")
    return {
        "finding_id": finding["Id"],
        "service": first.get("type"),
        "title": finding["Title"],
        "description": finding.get("Description"),
        "severity": _severity(finding),
        "status": finding.get("Workflow", {}).get("Status"),
        "resource_type": first.get("type"),
        "resource_id": first.get("id"),
        "created_at": finding["CreatedAt"],
        "updated_at": finding["UpdatedAt"],
        "recommendation": recommendation.get("Text"),
        "compliance_status": compliance.get("Status"),
        "region": finding.get("Region"),
        "workflow_state": finding.get("WorkflowState"),
        "record_state": finding.get("RecordState"),
        "product_name": product,
        "company_name": company,
        "product_arn": finding["ProductArn"],
        "generator_id": finding["GeneratorId"],
        "generator": finding.get("GeneratorDetails", {}).get("Name") or product,
        "first_observed_at": finding.get("FirstObservedAt"),
        "last_observed_at": finding.get("LastObservedAt"),
        "security_control_id": compliance.get("SecurityControlId"),
        "recommendation_url": recommendation.get("Url"),
        "resources": resources,
    }


SECTION = Section(
    name="security_hub",
    title="Security Hub findings",
    wire="security.security_hub",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(Operation("securityhub", "GetFindings"), Operation("securityhub", "ListMembers")),
    tables=(SECURITY, FINDINGS),
    collect=collect,
    collect_members=collect_members,
    by_owner=_by_account,
    # "Account ... is not subscribed to AWS Security Hub."
    errors={"InvalidAccessException": Status.NOT_ENABLED},
    status_field="security",
)
