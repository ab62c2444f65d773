"""Section `service_resources`: every resource of every service, once, where it is, and as its service tells of it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from a360_pipeline.aws.accounts import discover_accounts
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.collection.collect import collect_accounts
from a360_pipeline.collection.order import Order
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sections.model import Scope, Window
from a360_pipeline.sections.service_listings import BUCKETS, IN_A_REGION, Listing
from a360_pipeline.sections.service_resources import SENT, SERVICE_RESOURCES, collect, collect_buckets
from a360_pipeline.settings import Settings, load_settings
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse.stage import Frame, Staged, add_rows

BUCKET = "a360-snapshots"
HERE, THERE = "us-east-1", "eu-central-2"
OTHERS = 120
WINDOW = Window.daily(dt.date(2026, 11, 22))
DENIED = {
    "ec2:DescribeInstances": "EC2 instances",
    "ec2:DescribeVolumes": "EBS volumes",
    "ec2:DescribeSubnets": "subnets",
    "rds:DescribeDBInstances": "RDS instances",
    "elbv2:DescribeLoadBalancers": "load balancers",
    "elb:DescribeLoadBalancers": "classic load balancers",
    "autoscaling:DescribeAutoScalingGroups": "Auto Scaling groups",
    "lambda:ListFunctions": "Lambda functions",
}

Rows = list[dict[str, Any]]


@pytest.fixture
def aws(sessions: Sessions, stand_in: StandIn) -> AccountSession:
    """The management account in the region where it has the most."""
    return sessions.account(stand_in.organization.management.id, HERE)


def listing(title: str) -> Listing:
    return next(each for each in (*IN_A_REGION, BUCKETS) if each.title == title)


def kinds(rows: Rows) -> Counter[tuple[str, str]]:
    return Counter((row["service_name"], row["resource_type"]) for row in rows)


def by_id(rows: Rows, service: str, kind: str) -> dict[str, dict[str, Any]]:
    return {row["resource_id"]: row for row in rows if (row["service_name"], row["resource_type"]) == (service, kind)}


def test_nothing_is_cut_however_many_pages_there_are() -> None:
    """S5 and what stops at the first page: ec2, rds, elbv2, elb, autoscaling, lambda and s3 ListBuckets."""
    sizes = Sizes(keys=1, instances=130, applications=1, patches=1, others=OTHERS)
    organization = Organization.seeded(accounts=1, sizes=sizes)
    with serve(organization, bucket=BUCKET, member_role="a360-member") as large:
        settings = load_settings(
            endpoint_url=large.endpoint_url,
            access_key_id=large.access_key_id,
            secret_access_key=large.secret_access_key,
            external_id=large.external_id,
        )
        aws = Sessions(settings).account(organization.management.id, HERE)
        rows, buckets = collect(aws, WINDOW), collect_buckets(aws, WINDOW)
    assert aws.failed_parts == []
    here = organization.resources(organization.management.id, HERE)
    assert kinds(rows) == {
        ("EC2", "Instance"): len(here.instances),
        ("EBS", "Volume"): OTHERS,
        ("VPC", "Subnet"): OTHERS,
        ("RDS", "DBInstance"): OTHERS,
        ("ELB", "LoadBalancer"): OTHERS,
        ("ELB", "ClassicLoadBalancer"): OTHERS,
        ("AutoScaling", "AutoScalingGroup"): OTHERS,
        ("Lambda", "Function"): OTHERS,
    }
    assert len({(row["service_name"], row["resource_type"], row["resource_id"]) for row in rows}) == len(rows)
    managed = [each.instance_id for each in organization.region(organization.management.id, HERE).instances]
    assert {name for name in managed if name.startswith("i-")} < set(by_id(rows, "EC2", "Instance"))
    known = {bucket.name: bucket.region for bucket in organization.buckets(organization.management.id)}
    assert len(known) == OTHERS
    assert {row["resource_id"]: row["region"] for row in buckets} == {**known, BUCKET: HERE}


def test_a_region_tells_its_own_and_the_account_its_buckets(aws: AccountSession) -> None:
    """R10: buckets are asked once an account, not once a region."""
    of_region, of_account = collect(aws, WINDOW), collect_buckets(aws, WINDOW)
    assert SERVICE_RESOURCES.scope_of is not None
    assert {SERVICE_RESOURCES.scope_of(row) for row in of_region} == {Scope.REGION}
    assert {SERVICE_RESOURCES.scope_of(row) for row in of_account} == {Scope.ACCOUNT}
    assert {row["region"] for row in of_region} == {HERE}


def test_buckets_are_asked_once_an_account_and_stand_in_its_own_snapshot(
    sessions: Sessions, store: SnapshotStore, settings: Settings, stand_in: StandIn
) -> None:
    """R10."""
    account = stand_in.organization.management
    accounts = [each for each in discover_accounts(sessions.hub()) if each.id == account.id]
    today = dt.datetime.now(dt.UTC).date()
    found = collect_accounts(sessions, store, Order.of(settings, accounts, accounts, today, today))
    told = {
        each.snapshot.key.region: {row["service_name"] for row in each.snapshot.content["service_resources"]}
        for each in found
    }
    assert told["Global"] == {"S3"}
    assert "S3" not in told[HERE] | told[THERE]
    asked = sessions.account(account.id)
    assert len(collect_buckets(asked, WINDOW)) == len(stand_in.organization.buckets(account.id)) + 1
    assert asked.meter.effort.calls == 1


@pytest.mark.parametrize("region", [HERE, THERE])
def test_a_bucket_is_told_with_the_region_it_is_in_whichever_region_asks(
    region: str, sessions: Sessions, stand_in: StandIn
) -> None:
    """S18."""
    for account in stand_in.organization.accounts:
        aws = sessions.account(account.id, region)
        rows = collect_buckets(aws, WINDOW)
        known = {bucket.name: bucket.region for bucket in stand_in.organization.buckets(account.id)}
        assert {row["resource_id"]: row["region"] for row in rows if row["resource_id"] != BUCKET} == known
        for name, lies in known.items():
            where = aws.call("s3", "get_bucket_location", Bucket=name)["LocationConstraint"]
            assert (where or "us-east-1") == lies
    regions = {bucket.region for bucket in stand_in.organization.buckets(stand_in.organization.management.id)}
    assert regions == {HERE, THERE}


@pytest.mark.parametrize(("action", "title"), DENIED.items())
def test_one_denied_listing_costs_no_other_service_a_resource(
    action: str, title: str, aws: AccountSession, stand_in: StandIn
) -> None:
    """S5."""
    assert set(DENIED.values()) == {each.title for each in IN_A_REGION}
    stand_in.faults.set(denied={stand_in.organization.management.id: [action]})
    rows = collect(aws, WINDOW)
    assert len(kinds(rows)) == len(IN_A_REGION) - 1
    (failed,) = aws.failed_parts
    assert failed.startswith(f"{title}: ")


def test_where_no_service_answers_the_section_is_denied_and_not_a_listing_of_nothing(
    aws: AccountSession, stand_in: StandIn
) -> None:
    stand_in.faults.set(denied={stand_in.organization.management.id: list(DENIED)})
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        collect(aws, WINDOW)


def test_denied_buckets_are_an_error_and_not_an_account_without_any(aws: AccountSession, stand_in: StandIn) -> None:
    stand_in.faults.set(denied={stand_in.organization.management.id: ["s3:ListBuckets"]})
    with pytest.raises(ClientError, match="AccessDenied"):
        collect_buckets(aws, WINDOW)


def test_the_instance_type_is_that_of_ec2_and_of_nothing_else(aws: AccountSession, stand_in: StandIn) -> None:
    """S19: not what Systems Manager calls the type of a resource, nor a function's runtime."""
    rows = collect(aws, WINDOW)
    truth = stand_in.organization.resources(stand_in.organization.management.id, HERE).instances
    assert {row["resource_id"]: row["instance_type"] for row in rows if row["instance_type"]} == {
        each.resource_id: each.instance_type for each in truth
    }


def test_a_database_two_load_balancers_and_a_group_of_one_name_are_four_rows(aws: AccountSession) -> None:
    """R8."""
    same = [row for row in collect(aws, WINDOW) if row["resource_id"] == "payments"]
    assert kinds(same) == {
        ("RDS", "DBInstance"): 1,
        ("ELB", "LoadBalancer"): 1,
        ("ELB", "ClassicLoadBalancer"): 1,
        ("AutoScaling", "AutoScalingGroup"): 1,
    }
    assert {row["engine"] is not None for row in same if row["service_name"] != "RDS"} == {False}


def test_a_function_has_columns_of_its_own_and_overloads_none(aws: AccountSession, stand_in: StandIn) -> None:
    overloaded = ("instance_type", "engine", "size_gb", "volume_type", "type", "scheme", "max_size", "multi_az")
    told = by_id(collect(aws, WINDOW), "Lambda", "Function")
    truth = stand_in.organization.resources(stand_in.organization.management.id, HERE).functions
    for function in truth:
        row = told[function.resource_id]
        assert {row[name] for name in overloaded} == {None}
        assert (row["runtime"], row["memory_mb"], row["package_type"]) == (
            function.runtime,
            function.memory_mb,
            function.package_type,
        )
        assert row["vpc_id"] == function.vpc_id
    assert {row["package_type"] for row in told.values()} == {"Zip", "Image"}
    assert {row["runtime"] for row in told.values() if row["package_type"] == "Image"} == {None}


def test_a_size_keeps_its_fraction() -> None:
    """R32."""
    staged = Staged(SERVICE_RESOURCES)
    add_rows(
        staged,
        0,
        [Frame()],
        [{"service_name": "Lambda", "resource_type": "Function", "resource_id": "f", "size_gb": 0.125}],
    )
    assert not staged.rejected
    assert ["0.125"] in staged.columns


def test_every_row_has_all_fields_that_senders_write(aws: AccountSession) -> None:
    sent = {column.name for column in SENT}
    known = SERVICE_RESOURCES.known_fields
    for row in collect(aws, WINDOW) + collect_buckets(aws, WINDOW):
        assert sent <= set(row) <= known


def test_what_a_service_leaves_out_is_unknown() -> None:
    created = dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.timezone(dt.timedelta(hours=8)))
    told = {
        "EC2 instances": ({"InstanceId": "i-1"}, ("state", "vpc_id", "availability_zone", "resource_name")),
        "EBS volumes": (
            {"VolumeId": "vol-1", "Tags": [{"Key": "Name", "Value": ""}]},
            ("resource_name", "attached_to"),
        ),
        "subnets": ({"SubnetId": "subnet-1"}, ("available_ip_count", "vpc_id")),
        "RDS instances": (
            {"DBInstanceIdentifier": "db"},
            ("availability_zone", "size_gb", "dns_name"),
        ),
        "load balancers": ({"LoadBalancerName": "lb", "Type": "gateway"}, ("scheme", "availability_zone", "tags")),
        "classic load balancers": ({"LoadBalancerName": "lb"}, ("vpc_id", "availability_zone")),
        "Auto Scaling groups": ({"AutoScalingGroupName": "asg"}, ("min_size", "desired_capacity")),
        "Lambda functions": ({"FunctionArn": "arn:f", "VpcConfig": {"VpcId": ""}}, ("vpc_id", "runtime", "state")),
        "S3 buckets": ({"Name": "b", "CreationDate": created}, ("region",)),
    }
    for title, (item, unknown) in told.items():
        row = listing(title).facts(item)
        assert {name: row.get(name) for name in unknown} == dict.fromkeys(unknown), title
    bucket = listing("S3 buckets").facts({"Name": "b", "CreationDate": created})
    assert bucket["creation_date"] == "2026-03-01T09:30:00+08:00", "R13: an instant keeps its offset"


@pytest.mark.parametrize(
    ("engine", "size"), [("postgres", 20), ("aurora-mysql", None), ("docdb", None), ("neptune", None)]
)
def test_a_database_whose_storage_is_its_clusters_has_no_size_of_its_own(engine: str, size: int | None) -> None:
    item = {"DBInstanceIdentifier": "db", "Engine": engine, "AllocatedStorage": 20 if size else 1}
    assert listing("RDS instances").facts(item)["size_gb"] == size


def test_a_load_balancer_in_many_zones_names_them_all() -> None:
    """R14."""
    zones = [f"us-east-1{letter}" for letter in "abcdef"]
    item = {"LoadBalancerName": "lb", "AvailabilityZones": [{"ZoneName": zone} for zone in zones]}
    assert listing("load balancers").facts(item)["availability_zone"] == ",".join(zones)


def test_a_group_that_is_deleted_says_so_and_any_other_is_active() -> None:
    group = listing("Auto Scaling groups").facts
    assert group({"AutoScalingGroupName": "g", "Status": "Delete in progress"})["state"] == "Delete in progress"
    assert group({"AutoScalingGroupName": "g"})["state"] == "Active"
