"""Section `guard_duty`: threats that GuardDuty found in a region."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
)
from a360_pipeline.sections.security.members import associated, by_owner
from a360_pipeline.sections.shapes import ACCOUNT

GUARD_DUTY_FINDINGS = Table(
    "guard_duty_findings",
    "Findings of GuardDuty, one row each, as they were last told of.",
    columns=(
        ACCOUNT,
        Column("detector_id", Type.TEXT, "Null where the sender does not say."),
        Column("finding_type", Type.TEXT, "Such as UnauthorizedAccess:EC2/SSHBruteForce.", field="type"),
        Column("severity", Type.NUMERIC, "1 to 10; 7 and above is high."),
        Column("title", Type.TEXT),
        Column("description", Type.TEXT),
        Column("confidence", Type.NUMERIC),
        Column("region", Type.TEXT),
        Column("created_at", Type.TIMESTAMPTZ, "When GuardDuty made the finding."),
        Column("updated_at", Type.TIMESTAMPTZ, "When GuardDuty last saw the activity."),
        Column("finding_id", Type.TEXT, field="id"),
        Column("arn", Type.TEXT),
        Column("severity_label", Type.TEXT, "CRITICAL, HIGH, MEDIUM or LOW, as GuardDuty ranks the number."),
        Column("archived", Type.BOOLEAN, "True for what somebody or a suppression rule put away."),
        Column("resource_type", Type.TEXT, "Such as Instance or AccessKey."),
        Column("event_count", Type.BIGINT, "How often the activity was seen.", is_volatile=True),
        Column("event_first_seen", Type.TIMESTAMPTZ),
        Column("event_last_seen", Type.TIMESTAMPTZ, is_volatile=True),
    ),
    key=("finding_id",),
    kept=Kept.DELTA,
    # created_at and updated_at are the finding's own times (R29).
    stamps=(),
)

BATCH = 50
"""As many as ListFindings lists and GetFindings describes at once."""
LABELS = ((9, "CRITICAL"), (7, "HIGH"), (4, "MEDIUM"), (1, "LOW"))
"""From which severity on a finding is called so."""


def collect(aws: AccountSession, _window: Window) -> Payload:
    """GuardDuty ListDetectors and GetDetector, then ListFindings and GetFindings of the account's own findings.

    Archived ones are listed too: that somebody archives a finding is no update of it, so no window would tell of
    it. GuardDuty keeps findings for 90 days. Raises Unavailable where GuardDuty is not enabled.
    """
    own = {"Criterion": {"accountId": {"Equals": [aws.account_id]}}}
    return [
        _row(finding)
        for detector in _detectors(aws)
        for finding in _findings(aws, DetectorId=detector, FindingCriteria=own)
    ]


def collect_members(aws: AccountSession, _window: Window, accounts: Sequence[Account]) -> AccountRows:
    """What an administrator's ListFindings and GetFindings tell of all members, and ListMembers, who they are."""
    detectors = _detectors(aws)
    members = [
        member
        for detector in detectors
        for member in aws.pages("guardduty", "list_members", "Members", DetectorId=detector)
    ]
    seen = associated(aws.account_id, members, "AccountId", "RelationshipStatus")
    findings = [finding for detector in detectors for finding in _findings(aws, DetectorId=detector)]
    return {
        account_id: [_row(finding) for finding in own]
        for account_id, own in by_owner(accounts, seen, findings, "AccountId").items()
    }


def _detectors(aws: AccountSession) -> list[str]:
    """The ids of the detectors that are at work; a suspended one would list what it found long ago, and no more."""
    found = list(aws.pages("guardduty", "list_detectors", "DetectorIds"))
    if not found:
        raise Unavailable(Status.NOT_ENABLED, "GuardDuty is not enabled: there is no detector")
    enabled = [each for each in found if aws.call("guardduty", "get_detector", DetectorId=each)["Status"] == "ENABLED"]
    if not enabled:
        raise Unavailable(Status.NOT_ENABLED, f"GuardDuty is suspended: detector {', '.join(found)} is disabled")
    return enabled


def _findings(aws: AccountSession, **asked: Any) -> Iterator[Row]:
    listed = aws.pages("guardduty", "list_findings", "FindingIds", MaxResults=BATCH, **asked)
    # What comes up during the listing may be on two pages.
    ids = list(dict.fromkeys(listed))
    for start in range(0, len(ids), BATCH):
        wanted = ids[start : start + BATCH]
        yield from aws.call("guardduty", "get_findings", DetectorId=asked["DetectorId"], FindingIds=wanted)["Findings"]


def _row(finding: Row) -> Row:
    service = finding.get("Service", {})
    return {
        "id": finding["Id"],
        "arn": finding["Arn"],
        "detector_id": service.get("DetectorId"),
        "type": finding["Type"],
        "severity": finding["Severity"],
        "severity_label": next((label for least, label in LABELS if finding["Severity"] >= least), None),
        "title": finding.get("Title"),
        "description": finding.get("Description"),
        "confidence": finding.get("Confidence"),
        "region": finding["Region"],
        "created_at": finding["CreatedAt"],
        "updated_at": finding["UpdatedAt"],
        "archived": service.get("Archived"),
        "resource_type": finding["Resource"].get("ResourceType"),
        "event_count": service.get("Count"),
        "event_first_seen": service.get("EventFirstSeen"),
        "event_last_seen": service.get("EventLastSeen"),
    }


SECTION = Section(
    name="guard_duty",
    title="GuardDuty findings",
    wire="security.guard_duty",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(
        Operation("guardduty", "ListDetectors"),
        Operation("guardduty", "GetDetector"),
        Operation("guardduty", "ListFindings"),
        Operation("guardduty", "GetFindings"),
        Operation("guardduty", "ListMembers"),
    ),
    tables=(GUARD_DUTY_FINDINGS,),
    collect=collect,
    collect_members=collect_members,
    status_field="security",
)
