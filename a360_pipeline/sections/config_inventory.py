"""Section `config_inventory`: resources that AWS Config records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status, Unavailable
from a360_pipeline.sections.aggregators import aggregator_of
from a360_pipeline.sections.model import (
    AccountRows,
    Column,
    History,
    Operation,
    Payload,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
)
from a360_pipeline.sections.shapes import ACCOUNT

CONFIG_INVENTORY = Table(
    "config_inventory",
    "Resources that AWS Config records.",
    columns=(
        ACCOUNT,
        Column("resource_type", Type.TEXT, "Such as AWS::EC2::Instance; senders write the last part alone."),
        Column("resource_subtype", Type.TEXT),
        Column("resource_id", Type.TEXT),
        Column("resource_name", Type.TEXT),
        Column("region", Type.TEXT, "Where it is: Config also records what has no region, or lies in another."),
        Column("availability_zone", Type.TEXT),
        Column("state", Type.TEXT),
        Column("instance_type", Type.TEXT),
        Column("instance_class", Type.TEXT),
        Column("engine", Type.TEXT),
        Column("vpc_id", Type.TEXT),
        Column("size_gb", Type.NUMERIC),
        Column("volume_type", Type.TEXT),
        Column("creation_date", Type.TIMESTAMPTZ),
        Column("multi_az", Type.BOOLEAN),
        Column("scheme", Type.TEXT),
        Column("type", Type.TEXT),
        Column("instance_count", Type.BIGINT),
        Column("min_size", Type.BIGINT),
        Column("max_size", Type.BIGINT),
        Column("available_ip_count", Type.BIGINT, is_volatile=True),
        Column("service_name", Type.TEXT, "Null where the sender leaves it to the resource's type."),
        Column("arn", Type.TEXT),
        Column("item_status", Type.TEXT, "What Config last did, such as OK or ResourceDiscovered."),
        Column("captured_at", Type.TIMESTAMPTZ, "When Config last looked.", is_volatile=True),
    ),
    key=("account_id", "resource_type", "resource_id", "region"),
)

ITEM = {
    "resource_type": "resourceType",
    "resource_id": "resourceId",
    "resource_name": "resourceName",
    "region": "awsRegion",
    "availability_zone": "availabilityZone",
    "creation_date": "resourceCreationTime",
    "arn": "arn",
    "item_status": "configurationItemStatus",
    "captured_at": "configurationItemCaptureTime",
}
"""What Config says of every resource, by column."""

CONFIGURATION: Mapping[str, Mapping[str, str]] = {
    "AWS::EC2::Instance": {"state": "state.name", "instance_type": "instanceType", "vpc_id": "vpcId"},
    "AWS::EC2::Volume": {"state": "state.value", "size_gb": "size", "volume_type": "volumeType"},
    "AWS::EC2::Subnet": {
        "state": "state.value",
        "vpc_id": "vpcId",
        "available_ip_count": "availableIpAddressCount",
    },
    "AWS::RDS::DBInstance": {
        "state": "dBInstanceStatus",
        "engine": "engine",
        "instance_class": "dBInstanceClass",
        "vpc_id": "dBSubnetGroup.vpcId",
        "size_gb": "allocatedStorage",
        "volume_type": "storageType",
        "multi_az": "multiAZ",
    },
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "state": "state.code",
        "vpc_id": "vpcId",
        "type": "type",
        "scheme": "scheme",
    },
    "AWS::ElasticLoadBalancing::LoadBalancer": {"vpc_id": "vpcid", "scheme": "scheme"},
    "AWS::AutoScaling::AutoScalingGroup": {"state": "status", "min_size": "minSize", "max_size": "maxSize"},
}
"""What it says of some types more: the place within their configuration, by column."""

# Only what is kept is asked for: a function's whole configuration would bring its environment, secrets and all.
PLACES = sorted({f"configuration.{path}" for places in CONFIGURATION.values() for path in places.values()})
QUERY = f"SELECT {', '.join(('accountId', *ITEM.values(), *PLACES))}"
VERDICTS = ("AWS::Config::ResourceCompliance", "AWS::Config::ConformancePackCompliance")
"""What Config keeps beside resources: what its rules say of them."""
NO_ZONE = ("Not Applicable", "Regional")
NO_REGION = "global"
HOME_OF_NO_REGION = "us-east-1"
"""Where Config records what has no region; the query for all accounts says no more of it than `global`."""


def collect(aws: AccountSession, _window: Window) -> Payload:
    """Config SelectResourceConfig: every resource that it records in the region, in one paged query.

    Raises Unavailable where there is no recorder (DescribeConfigurationRecorders). One that stands still
    (DescribeConfigurationRecorderStatus) is a failed part: what it once recorded may be gone.
    """
    if not aws.call("config", "describe_configuration_recorders").get("ConfigurationRecorders"):
        raise Unavailable(Status.NOT_ENABLED, f"Config has no recorder in {aws.region}")
    with aws.part("recorder"):
        told = aws.call("config", "describe_configuration_recorder_status")
        if not any(recorder.get("recording") for recorder in told.get("ConfigurationRecordersStatus", ())):
            raise Unavailable(Status.NOT_ENABLED, "it is stopped, and what it recorded may be out of date")
    results = aws.pages("config", "select_resource_config", "Results", Expression=QUERY)
    return [row for _, row in _resources(results)]


def collect_members(aws: AccountSession, _window: Window, accounts: Sequence[Account]) -> AccountRows:
    """Config SelectAggregateResourceConfig: the resources of this region in all accounts, by account id.

    The aggregator is one of this region (DescribeConfigurationAggregators) that covers it; raises Unavailable where
    there is none. An account of which it knows nothing is left out: that it has nothing is not said.
    """
    name = aggregator_of(aws)
    wanted = {account.id for account in accounts}
    found: dict[str, list[Row]] = {}
    for region in (aws.region, NO_REGION) if aws.region == HOME_OF_NO_REGION else (aws.region,):
        results = aws.pages(
            "config",
            "select_aggregate_resource_config",
            "Results",
            Expression=f"{QUERY} WHERE awsRegion = '{region}'",
            ConfigurationAggregatorName=name,
        )
        for account_id, row in _resources(results):
            if account_id in wanted:
                found.setdefault(account_id, []).append(row)
    return found


def _resources(results: Iterator[str]) -> Iterator[tuple[str, Row]]:
    """The account and the row of each resource; each result is JSON."""
    for result in results:
        item = json.loads(result)
        if item["resourceType"] not in VERDICTS:
            yield item.get("accountId", ""), _row(item)


def _row(item: Mapping[str, Any]) -> Row:
    kind = item["resourceType"]
    # AWS::EC2::Instance: whose it is, the service, and what it is there.
    parts = kind.split("::")
    row: dict[str, Any] = {column.name: None for column in CONFIG_INVENTORY.values}
    row |= {name: item.get(member) for name, member in ITEM.items()}
    row |= {name: _at(item, f"configuration.{path}") for name, path in CONFIGURATION.get(kind, {}).items()}
    row |= {"resource_subtype": parts[-1], "service_name": parts[1] if len(parts) > 2 else None}
    if row["availability_zone"] in NO_ZONE:
        row["availability_zone"] = None
    return row


def _at(item: Mapping[str, Any], path: str) -> Any:
    found: Any = item
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


SECTION = Section(
    name="config_inventory",
    title="Resources that Config records",
    wire="config_inventory",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(
        Operation("config", "DescribeConfigurationRecorders"),
        Operation("config", "DescribeConfigurationRecorderStatus"),
        Operation("config", "SelectResourceConfig"),
        Operation("config", "DescribeConfigurationAggregators"),
        Operation("config", "SelectAggregateResourceConfig"),
    ),
    tables=(CONFIG_INVENTORY,),
    collect=collect,
    collect_members=collect_members,
    status_field="config_inventory",
)
