"""Section `inspector`: what is not closed, and what was closed since yesterday."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from a360_pipeline.coverage import Status
from a360_pipeline.sections.security.inspector import collect_members
from a360_pipeline_tests.sections.watched import (
    ACCOUNT,
    WINDOW,
    Counted,
    Scripted,
    Watched,
    collected,
    covered,
    recorded,
    watching,
)

SEEN = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with watching() as opened:
        yield opened


def states(**by_account: str) -> dict[str, Any]:
    """What BatchGetAccountStatus answers; the ids of accounts bear an `a` in front."""
    return {
        "accounts": [
            {"accountId": name[1:], "state": {"status": state}}
            for name, state in by_account.items()
            if "_" not in state
        ],
        "failedAccounts": [
            {"accountId": name[1:], "errorCode": state} for name, state in by_account.items() if "_" in state
        ],
    }


def finding(arn: str, account: str = ACCOUNT, **more: Any) -> dict[str, Any]:
    return {
        "findingArn": arn,
        "awsAccountId": account,
        "type": "NETWORK_REACHABILITY",
        "description": "d",
        "remediation": {},
        "severity": "MEDIUM",
        "status": "ACTIVE",
        "firstObservedAt": SEEN,
        "lastObservedAt": SEEN,
        "resources": [{"type": "AWS_EC2_INSTANCE", "id": "i-1"}],
    } | more


def listing(*findings: Any, **by_account: str) -> dict[str, Any]:
    return {
        "inspector2.batch_get_account_status": states(**(by_account or {f"a{ACCOUNT}": "ENABLED"})),
        "inspector2.list_findings": list(findings),
    }


def test_the_findings_of_an_account_are_listed_to_the_last_page(watched: Watched) -> None:
    """ListFindings gives 100 a page: nothing is cut; and what was closed today is told, R16, as what is open."""
    rows = watched.collect("inspector", watched.first, "us-east-1")
    truth = watched.truth("inspector_findings", watched.first, "us-east-1")
    assert len(rows) == 100
    assert sorted((row["finding_arn"], row["status"], row["severity"]) for row in rows) == sorted(
        (each["finding_arn"], each["status"], each["severity"]) for each in truth
    )
    closed = [row for row in rows if row["status"] == "CLOSED"]
    assert len(closed) == 20
    assert all(row["updated_at"] >= str(WINDOW.start) for row in closed)
    assert {row["status"] for row in rows} == {"ACTIVE", "SUPPRESSED", "CLOSED"}


def test_a_finding_that_both_listings_have_is_told_once_as_it_was_last() -> None:
    changed = [finding("a", status="SUPPRESSED", updatedAt=SEEN)]
    aws = Scripted(
        listing()
        | {
            "inspector2.list_findings": lambda asked: (
                changed if "updatedAt" in asked["filterCriteria"] else [finding("a")]
            )
        }
    )
    (row,) = collected("inspector", aws)
    assert (row["finding_arn"], row["status"], row["updated_at"]) == ("a", "SUPPRESSED", SEEN.isoformat())


def test_findings_are_compared_with_their_like_and_not_with_all_others() -> None:
    """S25."""
    findings = [finding(Counted(f"arn:{number}")) for number in range(500)]
    again = [finding(Counted(f"arn:{number}")) for number in range(500)]
    Counted.comparisons = 0
    aws = Scripted(listing(*findings, *again))
    assert len(collected("inspector", aws)) == 500
    assert Counted.comparisons < 4 * 1000


def test_a_recorded_finding_is_told_as_it_is() -> None:
    real = recorded("cloud-custodian-placebo/test_inspector2_finding/inspector2.ListFindings_1.json")["findings"]
    account = real[0]["awsAccountId"]
    aws = Scripted(listing(*real, **{f"a{account}": "ENABLED"}), account_id=account)
    rows = collected("inspector", aws)
    assert len(rows) == len({each["findingArn"] for each in real})
    assert rows[0] == {
        "finding_arn": real[0]["findingArn"],
        "severity": real[0]["severity"],
        "status": real[0]["status"],
        "type": "PACKAGE_VULNERABILITY",
        "title": real[0]["title"],
        "description": real[0]["description"],
        "first_observed_at": "2023-09-08T20:07:30.366000+00:00",
        "last_observed_at": "2023-09-08T20:07:30.366000+00:00",
        "updated_at": real[0]["updatedAt"].isoformat(),
        "vulnerability_id": "CVE-2022-40982",
        "resource_type": real[0]["resources"][0]["type"],
        "resource_id": real[0]["resources"][0]["id"],
        "inspector_score": 6.5,
        "epss_score": 0.00105,
        "fix_available": "YES",
        "exploit_available": "NO",
        "remediation": real[0]["remediation"]["recommendation"]["text"],
    }


def test_what_a_finding_does_not_say_is_unknown() -> None:
    (row,) = collected("inspector", Scripted(listing(finding("a", resources=[]))))
    assert {name for name, value in row.items() if value is None} == {
        "title",
        "updated_at",
        "vulnerability_id",
        "resource_type",
        "resource_id",
        "inspector_score",
        "epss_score",
        "fix_available",
        "exploit_available",
        "remediation",
    }


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("DISABLED", Status.NOT_ENABLED),
        ("SUSPENDED", Status.NOT_ENABLED),
        ("ENABLING", Status.NOT_ENABLED),
        ("ACCESS_DENIED", Status.DENIED),
        ("INTERNAL_ERROR", Status.FAILED),
    ],
)
def test_where_inspector_is_not_at_work_its_empty_listing_is_not_asked_for(state: str, status: Status) -> None:
    """S6: Inspector lists nothing where it is not enabled, as if all were well."""
    aws = Scripted(listing(**{f"a{ACCOUNT}": state}))
    coverage = covered("inspector", aws)
    assert (coverage.status, state in str(coverage.message)) == (status, True)
    assert [method for method, _ in aws.asked] == ["inspector2.batch_get_account_status"]


def test_an_administrator_collects_its_own_findings_as_its_own_alone(watched: Watched) -> None:
    rows = watched.collect("inspector", watched.administrator, "us-east-1")
    assert {row["finding_arn"].split(":")[4] for row in rows} == {watched.administrator}
    assert len(rows) == len(watched.truth("inspector_findings", watched.administrator, "us-east-1"))


def test_an_administrator_tells_each_member_its_findings(watched: Watched) -> None:
    for region in ("us-east-1", "eu-central-2"):
        found = watched.collect_members("inspector", region)
        assert {account_id: {row["finding_arn"] for row in rows} for account_id, rows in found.items()} == {
            account.id: {each["finding_arn"] for each in watched.truth("inspector_findings", account.id, region)}
            for account in watched.accounts
            if account.regions.get(region)
        }


def test_a_member_without_findings_is_empty_and_one_that_is_not_scanned_is_left_out() -> None:
    one, unscanned, removed, stranger = ("1" * 12, "2" * 12, "3" * 12, "4" * 12)
    members = [
        {"accountId": one, "relationshipStatus": "ENABLED"},
        {"accountId": unscanned, "relationshipStatus": "ENABLED"},
        {"accountId": removed, "relationshipStatus": "REMOVED"},
    ]
    enabled = {f"a{account}": "ENABLED" for account in (one, ACCOUNT)}
    aws = Scripted(
        listing(finding("a", account=removed), **enabled, **{f"a{unscanned}": "DISABLED"})
        | {"inspector2.list_members": members}
    )
    found = collect_members(aws, WINDOW, Watched.accounts_of(one, unscanned, removed, stranger, ACCOUNT))
    assert found == {one: [], ACCOUNT: []}
    asked = next(asked for method, asked in aws.asked if method == "inspector2.batch_get_account_status")
    assert asked["accountIds"] == [one, ACCOUNT, unscanned]
