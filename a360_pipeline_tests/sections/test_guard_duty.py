"""Section `guard_duty`: every finding, archived or not, with its own id, detector and times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from a360_pipeline.coverage import Status
from a360_pipeline.sections.security.guard_duty import collect_members
from a360_pipeline_tests.sections.watched import (
    ACCOUNT,
    WINDOW,
    Scripted,
    Watched,
    collected,
    covered,
    recorded,
    watching,
)

ENABLED: dict[str, Any] = {"guardduty.list_detectors": ["d"], "guardduty.get_detector": {"Status": "ENABLED"}}


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with watching() as opened:
        yield opened


def finding(number: int, account: str = ACCOUNT, **more: Any) -> dict[str, Any]:
    return {
        "Id": f"f{number}",
        "Arn": f"arn:aws:guardduty:us-east-1:{account}:detector/d/finding/f{number}",
        "AccountId": account,
        "Type": "Recon:IAMUser/UserPermissions",
        "Severity": 5.0,
        "Region": "us-east-1",
        "CreatedAt": "2026-01-01T00:00:00.000Z",
        "UpdatedAt": "2026-01-02T00:00:00.000Z",
        "Resource": {},
        "SchemaVersion": "2.0",
    } | more


def listing(*findings: dict[str, Any]) -> dict[str, Any]:
    by_id = {each["Id"]: each for each in findings}
    return {
        **ENABLED,
        "guardduty.list_findings": [each["Id"] for each in findings],
        "guardduty.get_findings": lambda asked: {"Findings": [by_id[name] for name in asked["FindingIds"]]},
    }


def test_the_findings_of_an_account_are_listed_to_the_last_page(watched: Watched) -> None:
    """ListFindings gives 50 a page and ListDetectors pages too: nothing is cut, nothing is said twice."""
    truth = watched.truth("guard_duty_findings", watched.first, "us-east-1")
    rows = watched.collect("guard_duty", watched.first, "us-east-1")
    assert len(rows) == 120
    assert sorted((row["id"], row["title"], row["description"]) for row in rows) == sorted(
        (each["finding_id"], each["title"], each["description"]) for each in truth
    )
    assert {row["id"]: row["archived"] for row in rows} == {each["finding_id"]: each["archived"] for each in truth}


def test_findings_are_described_fifty_at_a_time_and_each_once() -> None:
    findings = [finding(number) for number in range(120)]
    aws = Scripted(listing(*findings, findings[0]))
    assert [row["id"] for row in collected("guard_duty", aws)] == [each["Id"] for each in findings]
    batches = [len(asked["FindingIds"]) for method, asked in aws.asked if method == "guardduty.get_findings"]
    assert batches == [50, 50, 20]


def test_a_finding_has_its_own_times_and_its_detector_is_not_its_id() -> None:
    """R29."""
    (real,) = recorded("aws-cli-examples/guardduty/get-findings.1.json")["Findings"]
    (row,) = collected("guard_duty", Scripted(listing(real)))
    assert row == {
        "id": "1ab92989eaf0e742df4a014d5example",
        "arn": real["Arn"],
        "detector_id": "d4b040365221be2b54a6264dcexample",
        "type": "Recon:IAMUser/UserPermissions",
        "severity": 5,
        "severity_label": "MEDIUM",
        "title": real["Title"],
        "description": real["Description"],
        "confidence": None,
        "region": "us-east-1",
        "created_at": "2020-05-26T22:21:48.385Z",
        "updated_at": "2020-05-26T22:55:21.703Z",
        "archived": False,
        "resource_type": "AccessKey",
        "event_count": 5,
        "event_first_seen": "2020-05-26T22:02:24Z",
        "event_last_seen": "2020-05-26T22:33:55Z",
    }


@pytest.mark.parametrize(
    ("severity", "label"),
    [(10, "CRITICAL"), (9.0, "CRITICAL"), (8.9, "HIGH"), (7, "HIGH"), (6.9, "MEDIUM"), (4, "MEDIUM"), (1, "LOW")],
)
def test_the_number_of_a_severity_is_told_with_its_name(severity: float, label: str) -> None:
    (row,) = collected("guard_duty", Scripted(listing(finding(1, Severity=severity))))
    assert (row["severity"], row["severity_label"]) == (severity, label)


def test_what_a_finding_does_not_say_is_unknown() -> None:
    (row,) = collected("guard_duty", Scripted(listing(finding(1))))
    unknown = {name for name, value in row.items() if value is None}
    assert unknown >= {"detector_id", "title", "description", "confidence", "archived", "event_count"}


def test_what_is_archived_is_told_whenever_that_was(watched: Watched) -> None:
    """R16: to archive a finding is no update of it; a window would leave it open for ever."""
    rows = watched.collect("guard_duty", watched.first, "us-east-1")
    put_away = [row for row in rows if row["archived"]]
    assert len(put_away) == 30
    assert all(row["updated_at"] < str(WINDOW.start) for row in put_away)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"guardduty.list_detectors": []}, "there is no detector"),
        ({**ENABLED, "guardduty.get_detector": {"Status": "DISABLED"}}, "suspended"),
    ],
)
def test_a_region_without_a_detector_at_work_is_not_enabled_and_not_empty(said: dict[str, Any], message: str) -> None:
    """S6."""
    coverage = covered("guard_duty", Scripted(said))
    assert coverage.status is Status.NOT_ENABLED
    assert message in str(coverage.message)


def test_a_service_that_is_not_enabled_keeps_its_neighbors_from_nothing() -> None:
    """S6."""
    state = {"accountId": ACCOUNT, "state": {"status": "ENABLED"}}
    aws = Scripted(
        {
            "guardduty.list_detectors": [],
            "inspector2.batch_get_account_status": {"accounts": [state]},
            "inspector2.list_findings": [],
            "securityhub.get_findings": [],
        }
    )
    statuses = {name: covered(name, aws).status for name in ("guard_duty", "inspector", "security_hub")}
    assert statuses == {
        "guard_duty": Status.NOT_ENABLED,
        "inspector": Status.EMPTY,
        "security_hub": Status.EMPTY,
    }


def test_an_administrator_collects_its_own_findings_as_its_own_alone(watched: Watched) -> None:
    rows = watched.collect("guard_duty", watched.administrator, "us-east-1")
    assert {row["arn"].split(":")[4] for row in rows} == {watched.administrator}
    assert len(rows) == len(watched.truth("guard_duty_findings", watched.administrator, "us-east-1"))


def test_an_administrator_tells_each_member_its_findings(watched: Watched) -> None:
    for region in ("us-east-1", "eu-central-2"):
        found = watched.collect_members("guard_duty", region)
        assert {account_id: {row["id"] for row in rows} for account_id, rows in found.items()} == {
            account.id: {each["finding_id"] for each in watched.truth("guard_duty_findings", account.id, region)}
            for account in watched.accounts
            if account.regions.get(region)
        }


def test_a_member_without_findings_is_empty_and_one_that_is_not_watched_is_left_out() -> None:
    members = {"guardduty.list_members": [
        {"AccountId": "1" * 12, "RelationshipStatus": "Enabled"},
        {"AccountId": "2" * 12, "RelationshipStatus": "Removed"},
    ]}  # fmt: skip
    stray = finding(1, account="2" * 12)
    aws = Scripted({**listing(stray), **members})
    found = collect_members(aws, WINDOW, Watched.accounts_of("1" * 12, "2" * 12, "3" * 12, ACCOUNT))
    assert found == {"1" * 12: [], ACCOUNT: []}
