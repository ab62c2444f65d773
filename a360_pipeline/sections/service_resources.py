"""Section `service_resources`: instances, volumes, functions, buckets and whatever else an account runs."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, History, Row, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT


def _scope_of(resource: Row) -> Scope:
    # Every region's sender lists all buckets of the account (R10).
    return Scope.ACCOUNT if resource.get("service_name") == "S3" else Scope.REGION


SERVICE_RESOURCES = Table(
    "service_resources",
    "Resources of a region and, under `Global`, the account's S3 buckets.",
    columns=(
        ACCOUNT,
        Column("service_name", Type.TEXT, "Such as EC2, RDS or S3."),
        Column("resource_type", Type.TEXT),
        Column("resource_id", Type.TEXT),
        Column("resource_name", Type.TEXT),
        Column("region", Type.TEXT, "Where it is. Senders in the field label buckets with their own region (S18)."),
        Column("availability_zone", Type.TEXT, "Several are comma-separated."),
        Column("state", Type.TEXT),
        Column("instance_type", Type.TEXT),
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
    ),
    # A database, a load balancer and a group may share a name (R8). The account's row says the region; a bucket is
    # under `Global`, whatever region its sender gives it, so its name is its key (R10).
    key=("account_id", "service_name", "resource_type", "resource_id"),
    scope_of=_scope_of,
    stamps=("created_at",),
)

SECTION = Section(
    name="service_resources",
    title="Resources by service",
    wire="service_resources",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(SERVICE_RESOURCES,),
    status_field="service_resources",
)
