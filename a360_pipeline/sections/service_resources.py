"""Section `service_resources`: instances, volumes, functions, buckets and whatever else an account runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import (
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
from a360_pipeline.sections.parts import gathered
from a360_pipeline.sections.service_listings import BUCKETS, IN_A_REGION, Facts
from a360_pipeline.sections.shapes import ACCOUNT


def _scope_of(resource: Row) -> Scope:
    # Every region's sender lists all buckets of the account (R10).
    return Scope.ACCOUNT if resource.get("service_name") == "S3" else Scope.REGION


SENT = (
    Column("service_name", Type.TEXT, "Such as EC2, RDS or S3."),
    Column("resource_type", Type.TEXT),
    Column("resource_id", Type.TEXT),
    Column("resource_name", Type.TEXT),
    Column("region", Type.TEXT, "Where it is. Senders in the field label buckets with their own region (S18)."),
    Column("availability_zone", Type.TEXT, "Several are comma-separated."),
    Column("state", Type.TEXT),
    Column("instance_type", Type.TEXT, "EC2's, such as m6i.large; senders put a function's runtime here."),
    Column("vpc_id", Type.TEXT),
    Column("engine", Type.TEXT),
    Column("instance_class", Type.TEXT),
    Column("multi_az", Type.BOOLEAN),
    Column("size_gb", Type.NUMERIC),
    Column("volume_type", Type.TEXT),
    Column("creation_date", Type.TIMESTAMPTZ),
    Column("type", Type.TEXT),
    Column("scheme", Type.TEXT),
    Column("instance_count", Type.BIGINT),
    Column("min_size", Type.BIGINT),
    Column("max_size", Type.BIGINT),
    Column("available_ip_count", Type.BIGINT, is_volatile=True),
)
"""What senders in the field write of every resource, null or not: so do we, for whoever reads snapshots as theirs."""

ADDED = (
    Column("arn", Type.TEXT, "Null where the listing does not say it."),
    Column("subnet_id", Type.TEXT),
    Column("cidr_block", Type.TEXT),
    Column("dns_name", Type.TEXT),
    Column("launch_time", Type.TIMESTAMPTZ, "When an instance was last started."),
    Column("platform", Type.TEXT, "What EC2 bills an instance as, such as Linux/UNIX or Windows."),
    Column("attached_to", Type.TEXT, "The instance that a volume is attached to; several are comma-separated."),
    Column("encrypted", Type.BOOLEAN),
    Column("iops", Type.BIGINT),
    Column("throughput", Type.BIGINT, "In MiB a second."),
    Column("engine_version", Type.TEXT),
    Column("desired_capacity", Type.BIGINT),
    Column("runtime", Type.TEXT, "Null for a function in a container image."),
    Column("memory_mb", Type.BIGINT),
    Column("ephemeral_storage_mb", Type.BIGINT),
    Column("timeout_seconds", Type.BIGINT),
    Column("code_size_bytes", Type.BIGINT),
    Column("package_type", Type.TEXT, "Zip or Image."),
    Column("architectures", Type.TEXT, "Several are comma-separated."),
    Column("last_modified", Type.TIMESTAMPTZ),
    Column("tags", Type.JSONB, "Null where the listing does not tell them."),
)

SERVICE_RESOURCES = Table(
    "service_resources",
    "Resources of a region and, under `Global`, the account's S3 buckets.",
    columns=(ACCOUNT, *SENT, *ADDED),
    # A database, a load balancer and a group may share a name (R8). The account's row says the region; a bucket is
    # under `Global`, whatever region its sender gives it, so its name is its key (R10).
    key=("account_id", "service_name", "resource_type", "resource_id"),
    scope_of=_scope_of,
    stamps=("created_at",),
)


def collect(aws: AccountSession, _window: Window) -> Payload:
    """The listings of a region, each a part of its own. Raises what the first met when none of them came.

    Operations: ec2 DescribeInstances, DescribeVolumes and DescribeSubnets, rds DescribeDBInstances, elbv2 and elb
    DescribeLoadBalancers, autoscaling DescribeAutoScalingGroups, lambda ListFunctions.
    """
    found = gathered(aws, [(listing.title, partial(listing.rows, aws)) for listing in IN_A_REGION])
    return _rows(found, aws.region)


def collect_buckets(aws: AccountSession, _window: Window) -> Payload:
    """S3 ListBuckets: every bucket of the account, in whatever region it is."""
    return _rows(list(BUCKETS.rows(aws)), None)


def _rows(found: Sequence[Facts], region: str | None) -> list[Facts]:
    unset = dict.fromkeys(column.name for column in SENT)
    return [{**unset, "region": region, **facts} for facts in found]


SECTION = Section(
    name="service_resources",
    title="Resources by service",
    wire="service_resources",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(
        Operation("ec2", "DescribeInstances"),
        Operation("ec2", "DescribeVolumes"),
        Operation("ec2", "DescribeSubnets"),
        Operation("rds", "DescribeDBInstances"),
        Operation("elbv2", "DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers"),
        Operation("elb", "DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers"),
        Operation("autoscaling", "DescribeAutoScalingGroups"),
        Operation("lambda", "ListFunctions"),
        Operation("s3", "ListBuckets", "s3:ListAllMyBuckets"),
    ),
    tables=(SERVICE_RESOURCES,),
    collect=collect,
    collect_account=collect_buckets,
    status_field="service_resources",
)
