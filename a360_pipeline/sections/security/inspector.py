"""Section `inspector`: vulnerabilities that Inspector found in a region."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status, Unavailable
from a360_pipeline.sections.model import (
    AccountRows,
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
    whole,
)
from a360_pipeline.sections.security.members import ENABLED, associated, by_owner
from a360_pipeline.sections.shapes import ACCOUNT, owner_of

INSPECTOR_FINDINGS = Table(
    "inspector_findings",
    "Findings of Inspector, one row each, as they were last told of.",
    columns=(
        ACCOUNT,
        Column("finding_arn", Type.TEXT),
        Column("severity", Type.TEXT, "CRITICAL, HIGH, MEDIUM, LOW, INFORMATIONAL or UNTRIAGED."),
        Column("status", Type.TEXT, "ACTIVE, SUPPRESSED or CLOSED."),
        Column("type", Type.TEXT, "Such as PACKAGE_VULNERABILITY."),
        Column("title", Type.TEXT),
        Column("description", Type.TEXT),
        Column("first_observed_at", Type.TIMESTAMPTZ),
        Column("last_observed_at", Type.TIMESTAMPTZ, is_volatile=True),
        # updated_at is the warehouse's own word for when a row changed.
        Column("finding_updated_at", Type.TIMESTAMPTZ, "When Inspector last changed it.", field="updated_at"),
        Column("vulnerability_id", Type.TEXT, "Such as CVE-2021-44228; null where no package is vulnerable."),
        Column("resource_type", Type.TEXT, "Such as AWS_EC2_INSTANCE; of several resources the first."),
        Column("resource_id", Type.TEXT),
        Column("inspector_score", Type.NUMERIC, "0 to 10, adjusted to the environment."),
        Column("epss_score", Type.NUMERIC, "How likely it is to be exploited within 30 days, 0 to 1."),
        Column("fix_available", Type.TEXT, "YES, NO or PARTIAL."),
        Column("exploit_available", Type.TEXT, "YES or NO."),
        Column("remediation", Type.TEXT),
    ),
    key=("finding_arn",),
    kept=Kept.DELTA,
    stamps=("created_at",),
)

PAGE = 100
AT_ONCE = 100
"""Accounts whose status may be asked together."""
STATUS_BY_STATE: Mapping[str, Status] = {
    **dict.fromkeys(("DISABLED", "DISABLING", "ENABLING", "SUSPENDED", "SUSPENDING"), Status.NOT_ENABLED),
    "ACCESS_DENIED": Status.DENIED,
}
"""What it means that the state of an account is not ENABLED."""


def _by_account(payload: Payload, own: str) -> dict[str, Payload]:
    """The findings of each account: a sender in an administrator account lists its members'."""
    found: dict[str, list[Any]] = {own: []}
    findings: Iterable[Any] = whole(payload)
    for finding in findings:
        found.setdefault(owner_of(finding, "finding_arn", own), []).append(finding)
    return found


def collect(aws: AccountSession, window: Window) -> Payload:
    """Inspector BatchGetAccountStatus, then ListFindings: what is not closed, and what changed since the window began.

    Only the account's own: an administrator's listing has its members' too. Raises Unavailable where Inspector is
    not enabled: the listing would be empty there, as if all were well.
    """
    own = str(aws.account_id)
    state = _states(aws, [own]).get(own, "unknown")
    if state != ENABLED:
        raise Unavailable(STATUS_BY_STATE.get(state, Status.FAILED), f"Inspector is not enabled: its state is {state}")
    mine = [{"comparison": "EQUALS", "value": own}]
    return [_row(finding) for finding in _findings(aws, window, awsAccountId=mine)]


def collect_members(aws: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
    """What an administrator's ListFindings tells of its members: those of ListMembers that are enabled.

    Whether they are says BatchGetAccountStatus: who is a member need not be scanned.
    """
    members = aws.pages("inspector2", "list_members", "members", onlyAssociated=True)
    seen = sorted(associated(aws.account_id, members, "accountId", "relationshipStatus"))
    states = {
        account_id: state
        for start in range(0, len(seen), AT_ONCE)
        for account_id, state in _states(aws, seen[start : start + AT_ONCE]).items()
    }
    enabled = {account_id for account_id, state in states.items() if state == ENABLED}
    return {
        account_id: [_row(finding) for finding in own]
        for account_id, own in by_owner(accounts, enabled, _findings(aws, window), "awsAccountId").items()
    }


def _states(aws: AccountSession, account_ids: list[str]) -> dict[str, str]:
    """The state of each account, such as ENABLED, or the code of the error that keeps it from us."""
    answer = aws.call("inspector2", "batch_get_account_status", accountIds=account_ids)
    known = {account["accountId"]: account["state"]["status"] for account in answer["accounts"]}
    return known | {failed["accountId"]: failed["errorCode"] for failed in answer.get("failedAccounts", ())}


def _findings(aws: AccountSession, window: Window, **criteria: Any) -> Iterable[Row]:
    """Each finding once, though both listings or, when it changes meanwhile, two pages have it."""
    since = dt.datetime.combine(window.start, dt.time(), dt.UTC)
    wanted: tuple[Mapping[str, Any], ...] = (
        {"findingStatus": [{"comparison": "NOT_EQUALS", "value": "CLOSED"}]},
        {"updatedAt": [{"startInclusive": since}]},
    )
    found = {
        finding["findingArn"]: finding
        for asked in wanted
        for finding in aws.pages(
            "inspector2", "list_findings", "findings", maxResults=PAGE, filterCriteria={**criteria, **asked}
        )
    }
    return found.values()


def _row(finding: Row) -> Row:
    resource: Row = next(iter(finding["resources"]), {})
    updated_at = finding.get("updatedAt")
    return {
        "finding_arn": finding["findingArn"],
        "severity": finding["severity"],
        "status": finding["status"],
        "type": finding["type"],
        "title": finding.get("title"),
        "description": finding["description"],
        "first_observed_at": finding["firstObservedAt"].isoformat(),
        "last_observed_at": finding["lastObservedAt"].isoformat(),
        "updated_at": updated_at.isoformat() if updated_at else None,
        "vulnerability_id": finding.get("packageVulnerabilityDetails", {}).get("vulnerabilityId"),
        "resource_type": resource.get("type"),
        "resource_id": resource.get("id"),
        "inspector_score": finding.get("inspectorScore"),
        "epss_score": finding.get("epss", {}).get("score"),
        "fix_available": finding.get("fixAvailable"),
        "exploit_available": finding.get("exploitAvailable"),
        "remediation": finding["remediation"].get("recommendation", {}).get("text"),
    }


SECTION = Section(
    name="inspector",
    title="Inspector findings",
    wire="security.inspector",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(
        Operation("inspector2", "BatchGetAccountStatus"),
        Operation("inspector2", "ListFindings"),
        Operation("inspector2", "ListMembers"),
    ),
    tables=(INSPECTOR_FINDINGS,),
    collect=collect,
    collect_members=collect_members,
    by_owner=_by_account,
    status_field="security",
)
