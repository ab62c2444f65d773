"""Each operation that the sandbox answers, asked by boto3 over HTTP and read to its last page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from a360_pipeline.sandbox.aws import serve
from a360_pipeline.sandbox.facts.costs import SERVICES
from a360_pipeline.sandbox.facts.model import Region
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline_tests.sandbox.clients import BUCKET, ROLE, Clients

DAY = {"Start": "2026-11-20", "End": "2026-11-21"}
BY_ACCOUNT_AND_SERVICE = [
    {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
    {"Type": "DIMENSION", "Key": "SERVICE"},
]


@pytest.fixture(scope="module")
def organization() -> Organization:
    return Organization.seeded(accounts=25, now=dt.datetime(2026, 11, 22, tzinfo=dt.UTC))


@pytest.fixture(scope="module")
def clients(organization: Organization) -> Iterator[Clients]:
    with serve(organization, bucket=BUCKET, member_role=ROLE) as stand_in:
        clients = Clients(stand_in)
        yield clients
        clients.close()


@pytest.fixture
def ours(organization: Organization) -> Region:
    """The region of the management account that has the most."""
    return organization.management.regions[0]


def pages(client: Any, operation: str, result: str, **parameters: Any) -> list[list[Any]]:
    return [page[result] for page in client.get_paginator(operation).paginate(**parameters)]


def joined(listed: list[list[Any]]) -> list[Any]:
    return [item for page in listed for item in page]


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_the_organization_and_its_accounts_are_listed_page_by_page(
    organization: Organization, clients: Clients
) -> None:
    client = clients.hub("organizations")
    described = client.describe_organization()["Organization"]
    assert (described["MasterAccountId"], described["Id"]) == (organization.management.id, organization.id)
    listed = pages(client, "list_accounts", "Accounts")
    assert [len(page) for page in listed] == [20, 6]
    assert [
        (one["Id"], one["Name"], one["Email"], one["Arn"], one["Status"], one["JoinedTimestamp"])
        for one in joined(listed)
    ] == [
        (a.id, a.name, a.email, a.arn, a.status, a.joined_timestamp)
        for a in (*organization.accounts, *organization.suspended)
    ]


def test_every_account_hangs_in_one_place_of_the_tree(organization: Organization, clients: Clients) -> None:
    client = clients.hub("organizations")

    def below(parent: str) -> dict[str, list[str]]:
        units = joined(pages(client, "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent))
        accounts = joined(pages(client, "list_accounts_for_parent", "Accounts", ParentId=parent))
        found = {parent: [one["Id"] for one in accounts]}
        for unit in units:
            found |= below(unit["Id"])
        return found

    units = organization.units
    tree = {units.names[unit]: accounts for unit, accounts in below(units.id_of("Root")).items()}
    assert list(tree) == ["Root", "Workloads", "Prod", "Dev", "Security", "Closed"]
    assert (tree["Root"], tree["Workloads"]) == ([organization.management.id], [])
    assert tree["Closed"] == [one.id for one in organization.suspended]
    everyone = [one.id for one in (*organization.accounts, *organization.suspended)]
    assert sorted(account_id for accounts in tree.values() for account_id in accounts) == sorted(everyone)
    with pytest.raises(ClientError) as error:
        client.list_accounts_for_parent(ParentId="ou-aaaa-bbbbbbbb")
    assert code(error) == "ParentNotFoundException"


def test_nobody_assumes_a_role_in_a_suspended_account(organization: Organization, clients: Clients) -> None:
    (suspended,) = organization.suspended
    with pytest.raises(ClientError) as error:
        clients.assume(suspended.id)
    assert code(error) == "AccessDenied"


def test_tags_are_those_of_the_account(organization: Organization, clients: Clients) -> None:
    client = clients.hub("organizations")
    for account in organization.accounts[:2]:
        tags = joined(pages(client, "list_tags_for_resource", "Tags", ResourceId=account.id))
        assert tuple((tag["Key"], tag["Value"]) for tag in tags) == account.tags
    with pytest.raises(ClientError) as error:
        client.list_tags_for_resource(ResourceId="999999999999")
    assert code(error) == "TargetNotFoundException"


def test_regions_are_listed_for_a_member_and_for_oneself(organization: Organization, clients: Clients) -> None:
    member = organization.accounts[3]
    listed = pages(clients.hub("account"), "list_regions", "Regions", AccountId=member.id)
    assert [len(page) for page in listed] == [10, 4]
    assert tuple((one["RegionName"], one["RegionOptStatus"]) for one in joined(listed)) == member.opt_status
    enabled = clients.member(member.id, "account").list_regions(
        RegionOptStatusContains=["ENABLED", "ENABLED_BY_DEFAULT"]
    )["Regions"]
    assert enabled == [{"RegionName": "us-east-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"}]


def test_the_management_account_is_asked_for_without_its_id(organization: Organization, clients: Clients) -> None:
    client = clients.hub("account")
    with pytest.raises(ClientError) as error:
        client.get_contact_information(AccountId=organization.management.id)
    assert code(error) == "AccessDeniedException"
    assert "standalone context" in str(error.value)
    with pytest.raises(ClientError) as error:
        clients.member(organization.accounts[1].id, "account").list_regions(AccountId=organization.accounts[2].id)
    assert code(error) == "AccessDeniedException"


def test_contacts_leave_out_what_nobody_gave(organization: Organization, clients: Clients) -> None:
    lean = organization.accounts[1]
    given = clients.hub("account").get_contact_information(AccountId=lean.id)["ContactInformation"]
    assert given["FullName"] == lean.contact_info.full_name
    assert given["PostalCode"] == lean.contact_info.postal_code
    assert "AddressLine2" not in given
    assert "WebsiteUrl" not in given
    full = clients.hub("account").get_contact_information()["ContactInformation"]
    assert full["AddressLine2"] == organization.management.contact_info.address_line2


def test_a_missing_alternate_contact_is_an_error(organization: Organization, clients: Clients) -> None:
    account = organization.accounts[1]
    client = clients.member(account.id, "account")
    billing = client.get_alternate_contact(AlternateContactType="BILLING")["AlternateContact"]
    assert (billing["Name"], billing["EmailAddress"]) == (
        account.alternate_contacts[0].name,
        account.alternate_contacts[0].email,
    )
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_alternate_contact(AlternateContactType="SECURITY")


def test_costs_by_account_and_service_add_up_over_all_pages(organization: Organization, clients: Clients) -> None:
    client = clients.hub("ce")
    asked: dict[str, Any] = {
        "TimePeriod": {"Start": "2026-11-11", "End": "2026-11-21"},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
        "GroupBy": BY_ACCOUNT_AND_SERVICE,
    }
    found: dict[tuple[str, ...], Decimal] = {}
    estimated = {}
    answers = 0
    while True:
        answer = client.get_cost_and_usage(**asked)
        answers += 1
        assert sum(len(result["Groups"]) for result in answer["ResultsByTime"]) <= 500
        for result in answer["ResultsByTime"]:
            day = result["TimePeriod"]["Start"]
            estimated[day] = result["Estimated"]
            for group in result["Groups"]:
                found[day, *group["Keys"]] = Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
        if "NextPageToken" not in answer:
            break
        asked["NextPageToken"] = answer["NextPageToken"]
    expected = {
        (day, account.id, service): organization.cost(account.id, service, dt.date.fromisoformat(day))
        for day in estimated
        for account in organization.accounts
        for service in SERVICES
    }
    assert found == {keys: amount for keys, amount in expected.items() if amount}
    assert answers > 3
    assert estimated == {f"2026-11-{day}": day == 20 for day in range(11, 21)}


def test_months_are_the_sums_of_their_days(organization: Organization, clients: Clients) -> None:
    account = organization.accounts[2]
    answer = clients.hub("ce").get_cost_and_usage(
        TimePeriod={"Start": "2026-09-20", "End": "2026-11-01"},
        Granularity="MONTHLY",
        Metrics=["UnblendedCost", "AmortizedCost"],
        Filter={"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": [account.id]}},
    )
    periods = [(one["TimePeriod"]["Start"], one["TimePeriod"]["End"]) for one in answer["ResultsByTime"]]
    assert periods == [("2026-09-20", "2026-10-01"), ("2026-10-01", "2026-11-01")]
    october = [dt.date(2026, 10, day) for day in range(1, 32)]
    total = sum(organization.cost(account.id, service, day) for service in SERVICES for day in october)
    assert Decimal(answer["ResultsByTime"][1]["Total"]["AmortizedCost"]["Amount"]) == total


@pytest.mark.parametrize(
    ("changed", "explained"),
    [
        ({"TimePeriod": {"Start": "2026-11-21", "End": "2026-11-21"}}, "before end date"),
        ({"Granularity": "WEEKLY"}, "must be one of DAILY, MONTHLY, HOURLY"),
        ({"Metrics": ["Unblended"]}, "'Unblended' is none of the Metrics"),
        ({"GroupBy": [{"Type": "DIMENSION", "Key": "REGION"}]}, "'REGION' is none of the GroupBy keys"),
        ({"Filter": {"Tags": {"Key": "product", "Values": ["x"]}}}, "filters by Dimensions"),
        ({"NextPageToken": "bm90IG9uZQ=="}, "not one that this request was given"),
        ({"Period": DAY}, "Unknown parameter: Period"),
    ],
)
def test_cost_explorer_refuses_what_it_would_get_wrong(
    clients: Clients, changed: dict[str, Any], explained: str
) -> None:
    client = clients.hub("ce", parameter_validation=False)
    asked = {"TimePeriod": DAY, "Granularity": "DAILY", "Metrics": ["UnblendedCost"]} | changed
    if "Period" in changed:
        # boto3 would drop what it does not know, so it goes in under its hands.
        client.meta.events.register(
            "before-call.ce.GetCostAndUsage",
            lambda params, **_: params.update(body=params["body"].replace(b'{"', b'{"Period": "x", "', 1)),
        )
        asked.pop("Period")
    with pytest.raises(ClientError, match=explained) as error:
        client.get_cost_and_usage(**asked)
    assert code(error) in ("ValidationException", "InvalidNextTokenException")


def test_keys_are_listed_and_described_as_they_are(clients: Clients, ours: Region) -> None:
    client = clients.hub("kms")
    listed = pages(client, "list_keys", "Keys")
    assert [len(page) for page in listed] == [50, 15]
    assert [key["KeyArn"] for key in joined(listed)] == [key.arn for key in ours.kms_keys]
    for key in ours.kms_keys:
        described = client.describe_key(KeyId=key.arn)["KeyMetadata"]
        assert (described["KeyId"], described["KeyState"], described["Enabled"], described["KeyManager"]) == (
            key.key_id,
            key.key_state,
            key.enabled,
            key.key_manager,
        )
        assert described["CreationDate"] == key.creation_date
        assert described.get("DeletionDate") == key.deletion_date
        if key.key_rotation_enabled is None:
            with pytest.raises(client.exceptions.UnsupportedOperationException):
                client.get_key_rotation_status(KeyId=key.key_id)
        else:
            status = client.get_key_rotation_status(KeyId=key.key_id)
            assert status["KeyRotationEnabled"] is key.key_rotation_enabled


def test_a_multi_region_key_names_its_copies_from_both_ends(organization: Organization, clients: Clients) -> None:
    shared = next(key for key in organization.management.regions[1].kms_keys if key.primary_region)
    ends = [
        clients.hub("kms", region).describe_key(KeyId=shared.key_id)["KeyMetadata"]["MultiRegionConfiguration"]
        for region in ("us-east-1", "eu-central-2")
    ]
    assert [end["MultiRegionKeyType"] for end in ends] == ["PRIMARY", "REPLICA"]
    assert ends[0]["ReplicaKeys"] == ends[1]["ReplicaKeys"] == [{"Arn": shared.arn, "Region": "eu-central-2"}]


def test_keys_of_others_do_not_exist(organization: Organization, clients: Clients, ours: Region) -> None:
    client = clients.member(organization.accounts[1].id, "kms")
    with pytest.raises(client.exceptions.NotFoundException):
        client.describe_key(KeyId=ours.kms_keys[0].key_id)


def test_instances_are_listed_with_what_is_known_of_them(clients: Clients, ours: Region) -> None:
    client = clients.hub("ssm")
    listed = pages(client, "describe_instance_information", "InstanceInformationList")
    assert [len(page) for page in listed] == [10, 10, 10, 10, 10, 6]
    for said, true in zip(joined(listed), ours.instances, strict=True):
        assert (said["InstanceId"], said["PingStatus"], said["PlatformName"], said["ResourceType"]) == (
            true.instance_id,
            true.ping_status,
            true.platform,
            true.instance_type,
        )
        assert said["LastPingDateTime"] == true.last_ping_date_time
        assert said.get("LastSuccessfulAssociationExecutionDate") == true.association_success_date
    windows = pages(
        client,
        "describe_instance_information",
        "InstanceInformationList",
        Filters=[{"Key": "PlatformTypes", "Values": ["Windows"]}],
        PaginationConfig={"PageSize": 50},
    )
    assert len(joined(windows)) == sum(one.platform_type == "Windows" for one in ours.instances)


def test_applications_say_what_they_know_and_no_more(clients: Clients, ours: Region) -> None:
    client = clients.hub("ssm")
    asked = {"TypeName": "AWS:Application", "MaxResults": 9}
    for instance in ours.instances[:6]:
        entries: list[dict[str, str]] = []
        token: dict[str, str] = {}
        while True:
            answer = client.list_inventory_entries(InstanceId=instance.instance_id, **asked, **token)
            entries += answer["Entries"]
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}
        true = [one for one in ours.applications if one.instance_id == instance.instance_id]
        assert [(one["Name"], one.get("Version"), one.get("Architecture"), one["Publisher"]) for one in entries] == [
            (one.name, one.version, one.architecture, one.publisher) for one in true
        ]
    nothing = client.list_inventory_entries(InstanceId=ours.instances[0].instance_id, TypeName="AWS:File")
    assert nothing["Entries"] == []
    with pytest.raises(client.exceptions.InvalidInstanceId):
        client.list_inventory_entries(InstanceId="i-00000000000000000", TypeName="AWS:Application")


def test_patches_that_are_not_installed_bear_the_epoch(clients: Clients, ours: Region) -> None:
    client = clients.hub("ssm")
    instance_id = ours.instances[0].instance_id
    listed = pages(client, "describe_instance_patches", "Patches", InstanceId=instance_id)
    assert len(listed) > 1
    epoch = dt.datetime.fromtimestamp(0, dt.UTC)
    assert [(one["KBId"], one["State"], one["InstalledTime"]) for one in joined(listed)] == [
        (one.kb_id, one.state, one.installed_time or epoch) for one in ours.patches if one.instance_id == instance_id
    ]
