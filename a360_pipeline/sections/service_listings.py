"""What each service lists, and the row of `service_resources` that one listed resource makes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from a360_pipeline.aws.sessions import AccountSession

Item = Mapping[str, Any]
Facts = dict[str, Any]

GROWS_BY_ITSELF = ("aurora", "docdb", "neptune")
"""Engines whose storage belongs to the cluster: of an instance RDS says an AllocatedStorage of 1 that means nothing."""
LISTED = "Active"
"""The state of what has none of its own, such as a bucket: senders in the field have it so."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing: whom to ask, where its items lie, and what a row knows of one. `title` names it to people."""

    title: str
    service: str
    method: str
    result: str
    facts: Callable[[Item], Facts]
    within: str | None = None
    """Where the listing holds groups of items: the member of a group that holds them."""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, aws: AccountSession) -> Iterator[Facts]:
        """Its rows to the last page. Raises ClientError on whichever page fails."""
        for listed in aws.pages(self.service, self.method, self.result, **self.parameters):
            for item in listed.get(self.within, ()) if self.within else (listed,):
                yield self.facts(item)


def _instance(item: Item) -> Facts:
    return {
        "service_name": "EC2",
        "resource_type": "Instance",
        "resource_id": item["InstanceId"],
        "availability_zone": item.get("Placement", {}).get("AvailabilityZone"),
        "state": item.get("State", {}).get("Name"),
        "instance_type": item.get("InstanceType"),
        "vpc_id": item.get("VpcId"),
        "subnet_id": item.get("SubnetId"),
        "launch_time": _instant(item.get("LaunchTime")),
        "platform": item.get("PlatformDetails"),
        **_tagged(item.get("Tags")),
    }


def _volume(item: Item) -> Facts:
    attachments = item.get("Attachments", ())
    return {
        "service_name": "EBS",
        "resource_type": "Volume",
        "resource_id": item["VolumeId"],
        "availability_zone": item.get("AvailabilityZone"),
        "state": item.get("State"),
        "size_gb": item.get("Size"),
        "volume_type": item.get("VolumeType"),
        "creation_date": _instant(item.get("CreateTime")),
        "attached_to": _joined(each.get("InstanceId") for each in attachments),
        "encrypted": item.get("Encrypted"),
        "iops": item.get("Iops"),
        "throughput": item.get("Throughput"),
        **_tagged(item.get("Tags")),
    }


def _subnet(item: Item) -> Facts:
    return {
        "service_name": "VPC",
        "resource_type": "Subnet",
        "resource_id": item["SubnetId"],
        "availability_zone": item.get("AvailabilityZone"),
        "state": item.get("State"),
        "vpc_id": item.get("VpcId"),
        "available_ip_count": item.get("AvailableIpAddressCount"),
        "arn": item.get("SubnetArn"),
        "cidr_block": item.get("CidrBlock"),
        **_tagged(item.get("Tags")),
    }


def _database(item: Item) -> Facts:
    engine = item.get("Engine")
    grows = engine is not None and engine.startswith(GROWS_BY_ITSELF)
    return {
        "service_name": "RDS",
        "resource_type": "DBInstance",
        "resource_id": item["DBInstanceIdentifier"],
        "resource_name": item["DBInstanceIdentifier"],
        "availability_zone": item.get("AvailabilityZone"),
        "state": item.get("DBInstanceStatus"),
        "vpc_id": item.get("DBSubnetGroup", {}).get("VpcId"),
        "engine": engine,
        "instance_class": item.get("DBInstanceClass"),
        "multi_az": item.get("MultiAZ"),
        "size_gb": None if grows else item.get("AllocatedStorage"),
        "volume_type": item.get("StorageType"),
        "creation_date": _instant(item.get("InstanceCreateTime")),
        "arn": item.get("DBInstanceArn"),
        "engine_version": item.get("EngineVersion"),
        "encrypted": item.get("StorageEncrypted"),
        "iops": item.get("Iops"),
        "throughput": item.get("StorageThroughput"),
        "dns_name": item.get("Endpoint", {}).get("Address"),
        "tags": _tags(item.get("TagList")),
    }


def _load_balancer(item: Item) -> Facts:
    return {
        "service_name": "ELB",
        "resource_type": "LoadBalancer",
        "resource_id": item["LoadBalancerName"],
        "resource_name": item["LoadBalancerName"],
        "availability_zone": _joined(zone.get("ZoneName") for zone in item.get("AvailabilityZones", ())),
        "state": item.get("State", {}).get("Code"),
        "vpc_id": item.get("VpcId"),
        "type": item.get("Type"),
        "scheme": item.get("Scheme"),
        "creation_date": _instant(item.get("CreatedTime")),
        "arn": item.get("LoadBalancerArn"),
        "dns_name": item.get("DNSName"),
    }


def _classic_load_balancer(item: Item) -> Facts:
    return {
        "service_name": "ELB",
        # A name may be taken twice in a region, once by a load balancer of each generation.
        "resource_type": "ClassicLoadBalancer",
        "resource_id": item["LoadBalancerName"],
        "resource_name": item["LoadBalancerName"],
        "availability_zone": _joined(item.get("AvailabilityZones", ())),
        "vpc_id": item.get("VPCId"),
        "type": "classic",
        "scheme": item.get("Scheme"),
        "instance_count": len(item.get("Instances", ())),
        "creation_date": _instant(item.get("CreatedTime")),
        "dns_name": item.get("DNSName"),
    }


def _group(item: Item) -> Facts:
    return {
        "service_name": "AutoScaling",
        "resource_type": "AutoScalingGroup",
        "resource_id": item["AutoScalingGroupName"],
        "resource_name": item["AutoScalingGroupName"],
        "availability_zone": _joined(item.get("AvailabilityZones", ())),
        # A group has a status only while it is deleted.
        "state": item.get("Status") or LISTED,
        "instance_count": len(item.get("Instances", ())),
        "min_size": item.get("MinSize"),
        "max_size": item.get("MaxSize"),
        "desired_capacity": item.get("DesiredCapacity"),
        "creation_date": _instant(item.get("CreatedTime")),
        "arn": item.get("AutoScalingGroupARN"),
        "tags": _tags(item.get("Tags")),
    }


def _function(item: Item) -> Facts:
    return {
        "service_name": "Lambda",
        "resource_type": "Function",
        "resource_id": item["FunctionArn"],
        "resource_name": item.get("FunctionName"),
        # Only while the function is made, or when asked for one by one, does Lambda say its state.
        "state": item.get("State"),
        # Lambda writes an empty id where a function was taken out of its VPC.
        "vpc_id": item.get("VpcConfig", {}).get("VpcId") or None,
        "arn": item["FunctionArn"],
        "runtime": item.get("Runtime"),
        "memory_mb": item.get("MemorySize"),
        "ephemeral_storage_mb": item.get("EphemeralStorage", {}).get("Size"),
        "timeout_seconds": item.get("Timeout"),
        "code_size_bytes": item.get("CodeSize"),
        "package_type": item.get("PackageType"),
        "architectures": _joined(item.get("Architectures", ())),
        "last_modified": item.get("LastModified"),
    }


def _bucket(item: Item) -> Facts:
    return {
        "service_name": "S3",
        "resource_type": "Bucket",
        "resource_id": item["Name"],
        "resource_name": item["Name"],
        "region": item.get("BucketRegion"),
        "state": LISTED,
        "creation_date": _instant(item.get("CreationDate")),
    }


def _tagged(tags: Iterable[Item] | None) -> Facts:
    named = _tags(tags)
    return {"resource_name": named.get("Name") or None, "tags": named}


def _tags(tags: Iterable[Item] | None) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in tags or ()}


def _joined(names: Iterable[str | None]) -> str | None:
    return ",".join(name for name in names if name) or None


def _instant(value: dt.datetime | None) -> str | None:
    return None if value is None else value.isoformat()


IN_A_REGION = (
    # Asked without a size, EC2 tries to answer all at once, and times out where there is much.
    Listing("EC2 instances", "ec2", "describe_instances", "Reservations", _instance, "Instances", {"MaxResults": 1000}),
    Listing("EBS volumes", "ec2", "describe_volumes", "Volumes", _volume, parameters={"MaxResults": 500}),
    Listing("subnets", "ec2", "describe_subnets", "Subnets", _subnet, parameters={"MaxResults": 1000}),
    Listing("RDS instances", "rds", "describe_db_instances", "DBInstances", _database),
    Listing("load balancers", "elbv2", "describe_load_balancers", "LoadBalancers", _load_balancer),
    Listing(
        "classic load balancers", "elb", "describe_load_balancers", "LoadBalancerDescriptions", _classic_load_balancer
    ),
    Listing("Auto Scaling groups", "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", _group),
    Listing("Lambda functions", "lambda", "list_functions", "Functions", _function),
)

# Asked in pages, and only then, S3 says where a bucket is.
BUCKETS = Listing("S3 buckets", "s3", "list_buckets", "Buckets", _bucket, parameters={"MaxBuckets": 1000})
