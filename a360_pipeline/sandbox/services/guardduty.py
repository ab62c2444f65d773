"""What GuardDuty answers: one detector in every region, and what it found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError, not_served
from a360_pipeline.sandbox.facts.findings import Threat, detector_id, threats
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging
from a360_pipeline.sandbox.watch import accounts_seen, administrator, members_of, place_of

Params = Mapping[str, Any]

DETECTORS = Paging(default=50, most=50, invalid="BadRequestException")
FINDINGS = Paging(default=10, most=10, invalid="BadRequestException")
"""AWS gives 50 a page; a fifth of that makes a small account page too."""
MEMBERS = Paging(default=2, most=2, invalid="BadRequestException")
CRITERIA = {"accountId": "account_id", "region": "region", "service.archived": "archived", "type": "finding_type"}


def list_detectors(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    page, more = DETECTORS.page(caller, params, [_own_detector(organization, caller)])
    return {"DetectorIds": page} | more


def get_detector(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    _check_detector(organization, caller, params)
    role = "aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty"
    return {
        "Status": "ENABLED",
        "ServiceRole": f"arn:aws:iam::{caller.account_id}:role/{role}",
        "FindingPublishingFrequency": "SIX_HOURS",
    }


def list_findings(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    _check_detector(organization, caller, params)
    if "SortCriteria" in params:
        raise not_served("the SortCriteria of guardduty:ListFindings")
    criteria = params.get("FindingCriteria", {}).get("Criterion", {})
    if any(name not in CRITERIA or set(wanted) != {"Equals"} for name, wanted in criteria.items()):
        raise not_served(f"guardduty:ListFindings with criteria other than Equals of {', '.join(CRITERIA)}")
    found = [
        threat.finding_id
        for threat in _seen(organization, caller)
        if all(_text(getattr(threat, CRITERIA[name])) in wanted["Equals"] for name, wanted in criteria.items())
    ]
    page, more = FINDINGS.page(caller, params, found)
    return {"FindingIds": page} | more


def get_findings(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    """AWS leaves out ids that it does not know."""
    _check_detector(organization, caller, params)
    wanted = set(params["FindingIds"])
    return {"Findings": [_described(each) for each in _seen(organization, caller) if each.finding_id in wanted]}


def list_members(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    _check_detector(organization, caller, params)
    page, more = MEMBERS.page(caller, params, members_of(organization, caller))
    chief = administrator(organization).id
    return {
        "Members": [
            {
                "AccountId": member.id,
                "DetectorId": detector_id(organization.seed, member.id, caller.region),
                "MasterId": chief,
                "AdministratorId": chief,
                "Email": member.email,
                "RelationshipStatus": "Enabled",
                "UpdatedAt": _iso(member.joined_timestamp),
            }
            for member in page
        ]
    } | more


def _own_detector(organization: Organization, caller: Caller) -> str:
    return detector_id(organization.seed, caller.account_id, caller.region)


def _check_detector(organization: Organization, caller: Caller, params: Params) -> None:
    if params["DetectorId"] != _own_detector(organization, caller):
        message = "The request is rejected because the input detectorId is not owned by the current account."
        raise AwsError("BadRequestException", message)


def _seen(organization: Organization, caller: Caller) -> list[Threat]:
    accounts = accounts_seen(organization, caller, caller.region)
    return [threat for each in accounts for threat in threats(place_of(organization, each.id, caller.region))]


def _described(threat: Threat) -> dict[str, Any]:
    optional = {"Description": threat.description, "Confidence": threat.confidence}
    return {name: value for name, value in optional.items() if value is not None} | {
        "AccountId": threat.account_id,
        "Arn": threat.arn,
        "Id": threat.finding_id,
        "Type": threat.finding_type,
        "Title": threat.title,
        "Severity": threat.severity,
        "Region": threat.region,
        "Partition": "aws",
        "SchemaVersion": "2.0",
        "CreatedAt": _iso(threat.created_at),
        "UpdatedAt": _iso(threat.updated_at),
        "Resource": {"ResourceType": threat.resource_type},
        "Service": {
            "ServiceName": "guardduty",
            "DetectorId": threat.detector_id,
            "Archived": threat.archived,
            "Count": threat.event_count,
            "EventFirstSeen": _iso(threat.event_first_seen),
            "EventLastSeen": _iso(threat.event_last_seen),
        },
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _iso(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def findings_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `guard_duty_findings`."""
    columns = [name for name in Threat.__slots__ if name not in ("account_id", "resource")]
    if not organization.region_enabled(account_id, region):
        return []
    found = threats(place_of(organization, account_id, region))
    return [{name: getattr(threat, name) for name in columns} for threat in found]


ANSWERS = {
    ("guardduty", "ListDetectors"): list_detectors,
    ("guardduty", "GetDetector"): get_detector,
    ("guardduty", "ListFindings"): list_findings,
    ("guardduty", "GetFindings"): get_findings,
    ("guardduty", "ListMembers"): list_members,
}

TRUTH = {"guard_duty_findings": findings_truth}
