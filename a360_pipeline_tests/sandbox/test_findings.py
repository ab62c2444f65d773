"""What the sandbox's security services refuse, and whom they tell of whose findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from a360_pipeline.sandbox.aws import serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.facts.posture import STATES, hub_findings
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.watch import administrator, place_of
from a360_pipeline_tests.sandbox.clients import BUCKET, ROLE, Clients

SIZES = Sizes(keys=1, instances=2, applications=1, patches=1)


@pytest.fixture(scope="module")
def organization() -> Organization:
    return Organization.seeded(sizes=SIZES)


@pytest.fixture(scope="module")
def clients(organization: Organization) -> Iterator[Clients]:
    with serve(organization, bucket=BUCKET, member_role=ROLE) as stand_in:
        clients = Clients(stand_in)
        yield clients
        clients.close()


def pages(client: Any, operation: str, result: str, **parameters: Any) -> list[list[Any]]:
    return [page[result] for page in client.get_paginator(operation).paginate(**parameters)]


def refused(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return str(error.value.response["Error"]["Code"])


def test_twelve_findings_come_in_two_pages(clients: Clients) -> None:
    guardduty = clients.hub("guardduty")
    (detector,) = guardduty.list_detectors()["DetectorIds"]
    found = {
        "guardduty": pages(guardduty, "list_findings", "FindingIds", DetectorId=detector),
        "inspector2": pages(clients.hub("inspector2"), "list_findings", "findings"),
        "securityhub": pages(clients.hub("securityhub"), "get_findings", "Findings"),
    }
    assert {name: [len(page) for page in listed] for name, listed in found.items()} == {name: [10, 2] for name in found}


def test_every_account_has_findings_and_none_has_as_many_as_the_first(organization: Organization) -> None:
    counts = {
        (account.id, region.name): place_of(organization, account.id, region.name).count
        for account in organization.accounts
        for region in account.regions
    }
    first = counts.pop((organization.management.id, "us-east-1"))
    assert first == 12
    assert all(0 < count < first for count in counts.values())


def test_security_hub_has_what_the_other_services_found_under_the_ids_that_they_gave(
    organization: Organization, clients: Clients
) -> None:
    findings = hub_findings(place_of(organization, organization.management.id, "us-east-1"))
    inspector = {
        each["findingArn"] for page in pages(clients.hub("inspector2"), "list_findings", "findings") for each in page
    }
    assert {each.finding_id for each in findings if each.product == "Inspector"} <= inspector
    assert {(each.status, each.record_state) for each in findings} == {state[:2] for state in STATES}


def test_the_administrator_alone_is_told_of_others(organization: Organization, clients: Clients) -> None:
    chief = administrator(organization).id
    others = {account.id for account in organization.accounts} - {chief}
    for account_id, expected in ((chief, others), (organization.accounts[2].id, set())):
        client = clients.member(account_id, "inspector2")
        assert {each["accountId"] for page in pages(client, "list_members", "members") for each in page} == expected
        findings = [each for page in pages(client, "list_findings", "findings") for each in page]
        assert {each["awsAccountId"] for each in findings} == expected | {account_id}


def test_only_the_administrators_first_region_has_the_findings_of_all(
    organization: Organization, clients: Clients
) -> None:
    chief = administrator(organization).id
    for region, expected in (("us-east-1", {"us-east-1", "eu-central-2"}), ("eu-central-2", {"eu-central-2"})):
        listed = pages(clients.member(chief, "securityhub", region), "get_findings", "Findings")
        assert {each["Region"] for page in listed for each in page} == expected


def test_a_detector_of_others_is_refused(organization: Organization, clients: Clients) -> None:
    client = clients.hub("guardduty")
    (other,) = clients.member(organization.accounts[1].id, "guardduty").list_detectors()["DetectorIds"]
    assert refused(client.list_findings, DetectorId=other) == "BadRequestException"
    (own,) = client.list_detectors()["DetectorIds"]
    assert client.get_findings(DetectorId=own, FindingIds=["0" * 32])["Findings"] == []


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ({"UpdatedAt": [{"Start": "2026-01-01T00:00:00Z"}]}, "InvalidInputException"),
        (
            {"Region": [{"Value": "a", "Comparison": "EQUALS"}, {"Value": "b", "Comparison": "NOT_EQUALS"}]},
            "InvalidInputException",
        ),
        ({"Region": [{"Value": "a", "Comparison": "PREFIX"}]}, "NotImplemented"),
        ({"Keyword": [{"Value": "a"}]}, "NotImplemented"),
    ],
)
def test_filters_that_aws_would_refuse_or_that_are_not_served_filter_nothing_out(
    clients: Clients, filters: dict[str, Any], code: str
) -> None:
    assert refused(clients.hub("securityhub").get_findings, Filters=filters) == code


def test_who_is_no_member_has_a_state_that_is_denied(organization: Organization, clients: Clients) -> None:
    own, other = organization.management.id, organization.accounts[2].id
    answer = clients.hub("inspector2").batch_get_account_status(accountIds=[own, other])
    assert [each["accountId"] for each in answer["accounts"]] == [own]
    assert [(each["accountId"], each["errorCode"]) for each in answer["failedAccounts"]] == [(other, "ACCESS_DENIED")]
