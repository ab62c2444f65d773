"""Section `security_hub`: what is open, what was closed since, and whose it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.coverage import Status
from a360_pipeline.sections.security.security_hub import collect_members
from a360_pipeline_tests.sections.watched import (
    ACCOUNT,
    RECORDED,
    REGION,
    WINDOW,
    Counted,
    Scripted,
    Watched,
    collected,
    covered,
    recorded,
    refusal,
    watching,
)

RECORDINGS = sorted(path.relative_to(RECORDED) for path in RECORDED.glob("*placebo/*/securityhub.GetFindings_1.json"))
FIELDS = RECORDED.parents[1] / "contract" / "snapshot-fields.txt"
PRODUCT = "arn:aws:securityhub:us-east-1::product/aws/securityhub"


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with watching() as opened:
        yield opened


def finding(name: str, **more: Any) -> dict[str, Any]:
    return {
        "SchemaVersion": "2018-10-08",
        "Id": name,
        "ProductArn": PRODUCT,
        "ProductName": "Security Hub",
        "GeneratorId": "g",
        "AwsAccountId": ACCOUNT,
        "CreatedAt": "2026-01-01T00:00:00.000Z",
        "UpdatedAt": "2026-01-02T00:00:00.000Z",
        "Title": "t",
        "Description": "d",
        "Resources": [],
        "Severity": {"Label": "HIGH", "Normalized": 70},
        "Workflow": {"Status": "NEW"},
        "RecordState": "ACTIVE",
    } | more


def told(payload: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["finding_id"]: row for summary in payload for row in summary["findings"]}


def test_the_findings_of_an_account_are_listed_to_the_last_page(watched: Watched) -> None:
    """Nothing is cut; what nobody could have been told as open, closed long ago, is not told."""
    truth = watched.truth("findings", watched.first, REGION)
    rows = told(watched.collect("security_hub", watched.first, REGION))
    assert len(rows) == 96
    names = ("finding_id", "status", "record_state", "severity", "compliance_status", "product_name", "resource_id")
    assert sorted(str([row[name] for name in names]) for row in rows.values()) == sorted(
        str([each[name] for name in names]) for each in truth
    )


def test_what_was_closed_is_told_whoever_closed_it(watched: Watched) -> None:
    """R16: AWS does not count it as an update when somebody resolves a finding, so no window tells of it."""
    rows = told(watched.collect("security_hub", watched.first, REGION)).values()
    long_ago = str(WINDOW.start)
    how = Counter(
        (row["status"], row["record_state"], row["compliance_status"], row["updated_at"] < long_ago)
        for row in rows
        if row["status"] == "RESOLVED" or row["record_state"] == "ARCHIVED"
    )
    by_hand = {key for key in how if key[3]}
    assert by_hand == {("RESOLVED", "ACTIVE", "FAILED", True), ("RESOLVED", "ACTIVE", None, True)}
    assert ("RESOLVED", "ACTIVE", "PASSED", False) in how
    assert ("NEW", "ARCHIVED", "FAILED", False) in how


def test_each_product_has_a_summary_that_counts_its_findings(watched: Watched) -> None:
    payload = watched.collect("security_hub", watched.first, REGION)
    truth = {each["service"]: each for each in watched.truth("security", watched.first, REGION)}
    assert [summary["service"] for summary in payload] == ["Default", "GuardDuty", "Inspector", "Security Hub"]
    for summary in payload:
        true = truth[summary["service"]]
        assert summary["total_findings"] == len(summary["findings"]) == true["total_findings"]
        assert summary["open_findings"] == true["open_findings"] > 0
        assert summary["resolved_findings"] == true["resolved_findings"] > 0
        assert summary["severity_counts"] == {
            severity: true[f"{severity.lower()}_count"]
            for severity in ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")
        }


def test_the_payload_has_every_field_that_readers_of_the_field_know(watched: Watched) -> None:
    if not FIELDS.is_file():
        pytest.skip("the contract with the field is not at hand")
    at = "security.security_hub[]."
    lines = FIELDS.read_text(encoding="utf-8").splitlines()
    known = {line.removeprefix(at).split(":")[0] for line in lines if line.startswith(at)}
    summary = watched.collect("security_hub", watched.first, REGION)[0]
    ours = {name for name in summary if name not in ("findings", "severity_counts")} | {"findings[]"}
    ours |= {f"severity_counts.{name}" for name in summary["severity_counts"]}
    ours |= {f"findings[].{name}" for name in summary["findings"][0]}
    assert known <= ours


def test_a_finding_that_two_listings_have_is_told_once_as_it_was_last() -> None:
    resolved = finding("a", Workflow={"Status": "RESOLVED"})
    aws = Scripted(
        {"securityhub.get_findings": lambda asked: [resolved if "UpdatedAt" in asked["Filters"] else finding("a")]}
    )
    assert [row["status"] for row in told(collected("security_hub", aws)).values()] == ["RESOLVED"]
    assert len(aws.asked) == 3


def test_findings_are_compared_with_their_like_and_not_with_all_others() -> None:
    """S25."""
    listed = [[finding(Counted(f"id:{number}")) for number in range(500)] for _ in range(3)]
    Counted.comparisons = 0
    aws = Scripted({"securityhub.get_findings": lambda _asked: listed.pop()})
    assert len(told(collected("security_hub", aws))) == 500
    assert Counted.comparisons < 10 * 1500


@pytest.mark.parametrize("failing", ["open", "resolved by hand", "changed"])
def test_one_listing_that_fails_is_not_made_good_by_those_that_succeed(failing: str) -> None:
    """S4."""
    turns = iter(("open", "resolved by hand", "changed"))
    denied = refusal("AccessDeniedException", "not authorized", "GetFindings")
    aws = Scripted({"securityhub.get_findings": lambda _asked: denied if next(turns) == failing else [finding("a")]})
    coverage = covered("security_hub", aws)
    assert (coverage.status, coverage.rows) == (Status.DENIED, 0)


def test_an_account_that_is_not_subscribed_is_not_enabled_and_not_empty() -> None:
    """S6."""
    message = f"Account {ACCOUNT} is not subscribed to AWS Security Hub"
    coverage = covered(
        "security_hub", Scripted({"securityhub.get_findings": refusal("InvalidAccessException", message)})
    )
    assert coverage.status is Status.NOT_ENABLED
    assert message in str(coverage.message)


def test_the_home_region_of_an_administrator_collects_its_own_account_and_region_alone(watched: Watched) -> None:
    """Its listing has the findings of all members, from all regions."""
    for region in (REGION, "eu-central-2"):
        rows = told(watched.collect("security_hub", watched.administrator, region))
        truth = watched.truth("findings", watched.administrator, region)
        assert rows.keys() == {each["finding_id"] for each in truth}
        assert {row["region"] for row in rows.values()} == {region}


def test_an_administrator_tells_each_member_its_findings(watched: Watched) -> None:
    for region in (REGION, "eu-central-2"):
        found = watched.collect_members("security_hub", region)
        assert {account_id: set(told(payload)) for account_id, payload in found.items()} == {
            account.id: {each["finding_id"] for each in watched.truth("findings", account.id, region)}
            for account in watched.accounts
            if account.regions.get(region)
        }


def test_a_member_without_findings_is_empty_and_one_that_left_is_left_out() -> None:
    one, left, stranger = ("1" * 12, "2" * 12, "3" * 12)
    members = [{"AccountId": one, "MemberStatus": "Enabled"}, {"AccountId": left, "MemberStatus": "Removed"}]
    findings = [finding("a", AwsAccountId=left), finding("b")]
    aws = Scripted({"securityhub.list_members": members, "securityhub.get_findings": findings})
    found = collect_members(aws, WINDOW, Watched.accounts_of(one, left, stranger, ACCOUNT))
    assert {account_id: set(told(payload)) for account_id, payload in found.items()} == {one: set(), ACCOUNT: {"b"}}


@pytest.mark.parametrize(
    ("severity", "name"),
    [
        ({"Label": "High", "Normalized": 1}, "HIGH"),
        ({"Normalized": 90}, "CRITICAL"),
        ({"Normalized": 89}, "HIGH"),
        ({"Normalized": 40}, "MEDIUM"),
        ({"Normalized": 10}, "LOW"),
        ({"Normalized": 0}, "INFORMATIONAL"),
        ({}, None),
    ],
)
def test_a_severity_is_told_by_its_label(severity: dict[str, Any], name: str | None) -> None:
    aws = Scripted({"securityhub.get_findings": [finding("a", Severity=severity)]})
    assert told(collected("security_hub", aws))["a"]["severity"] == name


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.parent.name)
def test_recorded_findings_are_told_as_they_are(path: Path) -> None:
    real = {each["Id"]: each for each in recorded(str(path))["Findings"]}
    rows = told(collected("security_hub", Scripted({"securityhub.get_findings": list(real.values())})))
    assert rows.keys() == real.keys()
    for name, row in rows.items():
        fields = real[name].get("ProductFields", {})
        product = real[name].get("ProductName") or fields.get("aws/securityhub/ProductName")
        assert (row["product_name"], row["created_at"]) == (product, real[name]["CreatedAt"])
        assert row["severity"] in ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")
        assert row["resource_id"] == real[name]["Resources"][0]["Id"]
        assert row["record_state"] == real[name]["RecordState"]


def test_a_product_without_a_name_is_called_as_its_arn_calls_it() -> None:
    nameless = finding("a", ProductArn="arn:aws:securityhub:us-east-1::product/halvorsen/shield")
    del nameless["ProductName"]
    (summary,) = collected("security_hub", Scripted({"securityhub.get_findings": [nameless]}))
    assert summary["service"] == "halvorsen/shield"
