"""What Inspector answers: it is enabled in every account, and these are its findings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError, not_served
from a360_pipeline.sandbox.facts.findings import Vulnerability, vulnerabilities
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging
from a360_pipeline.sandbox.watch import accounts_seen, administrator, members_of, place_of

Params = Mapping[str, Any]

TOKENS = {"cursor": "nextToken", "next_cursor": "nextToken", "size": "maxResults"}
FINDINGS = Paging(default=10, most=10, invalid="ValidationException", **TOKENS)
"""AWS gives 100 a page; a tenth of that makes a small account page too."""
MEMBERS = Paging(default=2, most=2, invalid="ValidationException", **TOKENS)
COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "EQUALS": lambda value, wanted: value == wanted,
    "NOT_EQUALS": lambda value, wanted: value != wanted,
}
SPAN = ("startInclusive", "endInclusive")
TEXTS = {"awsAccountId": "account_id", "findingStatus": "status"}
FINDING_MEMBERS = {
    "findingArn": "finding_arn",
    "awsAccountId": "account_id",
    "severity": "severity",
    "status": "status",
    "type": "type",
    "title": "title",
    "description": "description",
    "firstObservedAt": "first_observed_at",
    "lastObservedAt": "last_observed_at",
    "updatedAt": "updated_at",
    "inspectorScore": "inspector_score",
    "fixAvailable": "fix_available",
    "exploitAvailable": "exploit_available",
}


def batch_get_account_status(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    seen = {account.id for account in accounts_seen(organization, caller, caller.region)}
    wanted = params.get("accountIds") or [caller.account_id]
    return {
        "accounts": [_state(account_id) for account_id in wanted if account_id in seen],
        "failedAccounts": [
            {
                "accountId": account_id,
                "errorCode": "ACCESS_DENIED",
                "errorMessage": "Invoking account does not have access to this account",
            }
            for account_id in wanted
            if account_id not in seen
        ],
    }


def _state(account_id: str) -> dict[str, Any]:
    enabled = {"status": "ENABLED", "errorCode": "ALREADY_ENABLED", "errorMessage": "It is enabled."}
    return {"accountId": account_id, "state": enabled, "resourceState": {"ec2": enabled, "ecr": enabled}}


def list_findings(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if "sortCriteria" in params:
        raise not_served("the sortCriteria of inspector2:ListFindings")
    criteria = params.get("filterCriteria", {})
    unknown = criteria.keys() - {*TEXTS, "updatedAt"}
    if unknown:
        raise not_served(f"inspector2:ListFindings by {', '.join(sorted(unknown))}")
    found = [
        finding
        for account in accounts_seen(organization, caller, caller.region)
        for finding in vulnerabilities(place_of(organization, account.id, caller.region))
        if _matches(finding, criteria)
    ]
    page, more = FINDINGS.page(caller, params, found)
    return {"findings": [_described(finding, caller.region) for finding in page]} | more


def _matches(finding: Vulnerability, criteria: Mapping[str, Any]) -> bool:
    texts = (
        any(_compare(getattr(finding, field), one) for one in criteria[name])
        for name, field in TEXTS.items()
        if name in criteria
    )
    return all(texts) and ("updatedAt" not in criteria or any(_within(finding, one) for one in criteria["updatedAt"]))


def _compare(value: str, wanted: Mapping[str, str]) -> bool:
    comparison = COMPARISONS.get(wanted["comparison"])
    if comparison is None:
        raise not_served(f"the comparison {wanted['comparison']} of inspector2:ListFindings")
    return comparison(value, wanted["value"])


def _within(finding: Vulnerability, span: Mapping[str, dt.datetime]) -> bool:
    if not span:
        raise AwsError("ValidationException", "A date filter has a start or an end.")
    changed = finding.updated_at
    if changed is None:
        return False
    # Parsed as UTC, which it does not say.
    start, end = (span[name].replace(tzinfo=dt.UTC) if name in span else changed for name in SPAN)
    return start <= changed <= end


def _described(finding: Vulnerability, region: str) -> dict[str, Any]:
    resource = {"type": finding.resource_type, "id": finding.resource_id, "partition": "aws", "region": region}
    described = members(finding, FINDING_MEMBERS) | {"resources": [resource]}
    described["remediation"] = {"recommendation": {"text": finding.remediation}} if finding.remediation else {}
    if finding.epss_score is not None:
        described["epss"] = {"score": finding.epss_score}
    if finding.vulnerability_id is None:
        gateway = {"componentId": "igw-0c1d2e3f", "componentType": "AWS::EC2::InternetGateway"}
        described["networkReachabilityDetails"] = {
            "openPortRange": {"begin": 22, "end": 22},
            "protocol": "TCP",
            "networkPath": {"steps": [gateway]},
        }
    else:
        described["packageVulnerabilityDetails"] = {"vulnerabilityId": finding.vulnerability_id, "source": "NVD"}
    return described


def list_members(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    page, more = MEMBERS.page(caller, params, members_of(organization, caller))
    return {
        "members": [
            {
                "accountId": member.id,
                "relationshipStatus": "ENABLED",
                "delegatedAdminAccountId": administrator(organization).id,
                "updatedAt": member.joined_timestamp,
            }
            for member in page
        ]
    } | more


def findings_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `inspector_findings`: what is not closed, and what was closed since yesterday."""
    if not organization.region_enabled(account_id, region):
        return []
    since = organization.now - dt.timedelta(days=1)
    names = {name: name for name in Vulnerability.__slots__ if name not in ("account_id", "updated_at")}
    columns = names | {"finding_updated_at": "updated_at"}
    return [
        {column: getattr(finding, field) for column, field in columns.items()}
        for finding in vulnerabilities(place_of(organization, account_id, region))
        if finding.status != "CLOSED" or (finding.updated_at and finding.updated_at >= since)
    ]


ANSWERS = {
    ("inspector2", "BatchGetAccountStatus"): batch_get_account_status,
    ("inspector2", "ListFindings"): list_findings,
    ("inspector2", "ListMembers"): list_members,
}

TRUTH = {"inspector_findings": findings_truth}
