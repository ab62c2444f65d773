"""What EC2 answers about the instances, volumes and subnets of the caller's account and region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.chosen import chosen, serves_only
from a360_pipeline.sandbox.facts.listed import Resource, Resources
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

INSTANCES = Paging(default=20, most=20, invalid="InvalidNextToken")
THINGS = Paging(default=8, most=8, invalid="InvalidNextToken")
"""EC2 gives a thousand a page; so few make a small account page too."""
STATES = {"running": 16, "terminated": 48, "stopped": 80}
"""The codes that EC2 has for them."""
INSTANCE_MEMBERS = {
    "InstanceId": "resource_id",
    "InstanceType": "instance_type",
    "VpcId": "vpc_id",
    "SubnetId": "subnet_id",
    "LaunchTime": "launch_time",
    "PlatformDetails": "platform",
}
VOLUME_MEMBERS = {
    "VolumeId": "resource_id",
    "AvailabilityZone": "availability_zone",
    "State": "state",
    "Size": "size_gb",
    "VolumeType": "volume_type",
    "CreateTime": "creation_date",
    "Encrypted": "encrypted",
    "Iops": "iops",
    "Throughput": "throughput",
}
SUBNET_MEMBERS = {
    "SubnetId": "resource_id",
    "SubnetArn": "arn",
    "VpcId": "vpc_id",
    "AvailabilityZone": "availability_zone",
    "CidrBlock": "cidr_block",
    "State": "state",
    "AvailableIpAddressCount": "available_ip_count",
}


def describe_instances(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    serves_only(params, ("InstanceIds", "NextToken", "MaxResults"), "ec2:DescribeInstances")
    wanted = chosen(
        _of(organization, caller).instances,
        params.get("InstanceIds"),
        lambda instance: instance.resource_id,
        "InvalidInstanceID.NotFound",
        "instance ID",
    )
    page, more = INSTANCES.page(caller, params, wanted)
    # Two that were launched together are one reservation.
    pairs = [page[start : start + 2] for start in range(0, len(page), 2)]
    return {
        "Reservations": [
            {
                "ReservationId": f"r-{pair[0].resource_id[2:]}",
                "OwnerId": caller.account_id,
                "Instances": [_instance(instance) for instance in pair],
            }
            for pair in pairs
        ]
    } | more


def _instance(instance: Resource) -> dict[str, Any]:
    state = str(instance.state)
    return (
        members(instance, INSTANCE_MEMBERS)
        | _tags(instance)
        | {
            "State": {"Code": STATES[state], "Name": state},
            "Placement": {"AvailabilityZone": instance.availability_zone},
        }
    )


def describe_volumes(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    serves_only(params, ("VolumeIds", "NextToken", "MaxResults"), "ec2:DescribeVolumes")
    wanted = chosen(
        _of(organization, caller).volumes,
        params.get("VolumeIds"),
        lambda volume: volume.resource_id,
        "InvalidVolume.NotFound",
        "volume",
    )
    page, more = THINGS.page(caller, params, wanted)
    return {"Volumes": [_volume(volume) for volume in page]} | more


def _volume(volume: Resource) -> dict[str, Any]:
    attachment = {"InstanceId": volume.attached_to, "VolumeId": volume.resource_id, "State": "attached"}
    attachments = [attachment] if volume.attached_to else []
    return members(volume, VOLUME_MEMBERS) | _tags(volume) | {"Attachments": attachments}


def describe_subnets(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    serves_only(params, ("SubnetIds", "NextToken", "MaxResults"), "ec2:DescribeSubnets")
    wanted = chosen(
        _of(organization, caller).subnets,
        params.get("SubnetIds"),
        lambda subnet: subnet.resource_id,
        "InvalidSubnetID.NotFound",
        "subnet ID",
    )
    page, more = THINGS.page(caller, params, wanted)
    return {"Subnets": [members(subnet, SUBNET_MEMBERS) | _tags(subnet) for subnet in page]} | more


def _of(organization: Organization, caller: Caller) -> Resources:
    return organization.resources(caller.account_id, caller.region)


def _tags(resource: Resource) -> dict[str, Any]:
    """What has no tags has no such member."""
    return {"Tags": [{"Key": key, "Value": value} for key, value in resource.tags]} if resource.tags else {}


ANSWERS = {
    ("ec2", "DescribeInstances"): describe_instances,
    ("ec2", "DescribeVolumes"): describe_volumes,
    ("ec2", "DescribeSubnets"): describe_subnets,
}
