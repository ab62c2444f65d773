"""What AWS Config records of the resources in a region, as its configuration items have it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from a360_pipeline.sandbox.facts.buckets import Bucket
from a360_pipeline.sandbox.facts.chance import draw
from a360_pipeline.sandbox.facts.listed import Resource, Resources

TYPES = {
    ("EC2", "Instance"): "AWS::EC2::Instance",
    ("EBS", "Volume"): "AWS::EC2::Volume",
    ("VPC", "Subnet"): "AWS::EC2::Subnet",
    ("RDS", "DBInstance"): "AWS::RDS::DBInstance",
    ("ELB", "LoadBalancer"): "AWS::ElasticLoadBalancingV2::LoadBalancer",
    ("ELB", "ClassicLoadBalancer"): "AWS::ElasticLoadBalancing::LoadBalancer",
    ("AutoScaling", "AutoScalingGroup"): "AWS::AutoScaling::AutoScalingGroup",
    ("Lambda", "Function"): "AWS::Lambda::Function",
}
BY_ARN = ("AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::AutoScaling::AutoScalingGroup")
"""Types whose id Config takes to be their ARN; that of a function is its name, that of a database a number."""
CONFIGURATION: Mapping[str, Mapping[str, str]] = {
    "AWS::EC2::Instance": {"state.name": "state", "instanceType": "instance_type", "vpcId": "vpc_id"},
    "AWS::EC2::Volume": {"state.value": "state", "size": "size_gb", "volumeType": "volume_type"},
    "AWS::EC2::Subnet": {
        "state.value": "state",
        "vpcId": "vpc_id",
        "availableIpAddressCount": "available_ip_count",
    },
    "AWS::RDS::DBInstance": {
        "dBInstanceStatus": "state",
        "engine": "engine",
        "dBInstanceClass": "instance_class",
        "dBSubnetGroup.vpcId": "vpc_id",
        "allocatedStorage": "size_gb",
        "storageType": "volume_type",
        "multiAZ": "multi_az",
    },
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "state.code": "state",
        "vpcId": "vpc_id",
        "type": "type",
        "scheme": "scheme",
    },
    "AWS::ElasticLoadBalancing::LoadBalancer": {"vpcid": "vpc_id", "scheme": "scheme"},
    "AWS::AutoScaling::AutoScalingGroup": {"status": "status", "minSize": "min_size", "maxSize": "max_size"},
    "AWS::Lambda::Function": {"runtime": "runtime", "memorySize": "memory_mb", "environment.TOKEN": "secret"},
}
"""By type: what its configuration holds, and from where. A function's environment is there for nobody to ask for."""
ROLES = ("OrganizationAccountAccessRole", "a360-member", "ci-deploy")
VERDICT = "AWS::Config::ResourceCompliance"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One configuration item: what Config says of every resource, and its configuration, its places dotted."""

    resource_type: str
    resource_id: str
    resource_name: str | None
    region: str
    availability_zone: str | None
    creation_date: dt.datetime | None
    arn: str | None
    item_status: str
    captured_at: dt.datetime
    configuration: tuple[tuple[str, Any], ...] = ()


def recorded(
    account_id: str, region: str, here: Resources, buckets: Iterable[Bucket], settled: dt.datetime, *, is_home: bool
) -> tuple[Recorded, ...]:
    """What the recorder of a region holds: its resources, its buckets, in the home region the roles of the account,
    and what Config's rules say of the first instances, which is no resource."""
    return (
        *(_resource(resource, settled) for resource in _resources(here)),
        *(_bucket(bucket, settled) for bucket in buckets if bucket.region == region),
        *(_role(account_id, name, settled) for name in ROLES if is_home),
        *(_verdict(instance, region, settled) for instance in here.instances[:3]),
    )


def _resources(here: Resources) -> Iterator[Resource]:
    for name in Resources.__slots__:
        yield from getattr(here, name)


def _resource(resource: Resource, settled: dt.datetime) -> Recorded:
    kind = TYPES[resource.service_name, resource.resource_type]
    several = resource.availability_zone is not None and "," in resource.availability_zone
    facts = {name: getattr(resource, name) for name in Resource.__slots__}
    # Config calls a group's status null, where it is not deleted.
    facts |= {"secret": "hunter2", "status": None if resource.state == "Active" else resource.state}
    held = [(path, facts[name]) for path, name in CONFIGURATION[kind].items()]
    return Recorded(
        resource_type=kind,
        resource_id=_id(kind, resource),
        resource_name=resource.resource_name,
        region=str(resource.region),
        availability_zone="Multiple Availability Zones" if several else resource.availability_zone or "Not Applicable",
        creation_date=resource.creation_date,
        arn=resource.arn,
        item_status="OK" if draw(resource.resource_id) % 3 else "ResourceDiscovered",
        captured_at=settled,
        configuration=tuple((path, value) for path, value in held if value is not None),
    )


def _id(kind: str, resource: Resource) -> str:
    if kind in BY_ARN:
        return str(resource.arn)
    if kind == "AWS::RDS::DBInstance":
        return f"db-{draw(resource.arn):016X}"
    return str(resource.resource_name) if kind == "AWS::Lambda::Function" else resource.resource_id


def _bucket(bucket: Bucket, settled: dt.datetime) -> Recorded:
    return Recorded(
        resource_type="AWS::S3::Bucket",
        resource_id=bucket.name,
        resource_name=bucket.name,
        region=bucket.region,
        availability_zone="Regional",
        creation_date=bucket.creation_date,
        arn=f"arn:aws:s3:::{bucket.name}",
        item_status="OK",
        captured_at=settled,
    )


def _role(account_id: str, name: str, settled: dt.datetime) -> Recorded:
    return Recorded(
        resource_type="AWS::IAM::Role",
        resource_id=f"AROA{draw(account_id, name):016X}",
        resource_name=name,
        region="global",
        availability_zone="Not Applicable",
        creation_date=settled,
        arn=f"arn:aws:iam::{account_id}:role/{name}",
        item_status="ResourceDiscovered",
        captured_at=settled,
    )


def _verdict(instance: Resource, region: str, settled: dt.datetime) -> Recorded:
    return Recorded(
        resource_type=VERDICT,
        resource_id=f"AWS::EC2::Instance/{instance.resource_id}",
        resource_name=None,
        region=region,
        availability_zone=None,
        creation_date=None,
        arn=None,
        item_status="OK",
        captured_at=settled,
        configuration=(("complianceType", "NON_COMPLIANT"),),
    )
