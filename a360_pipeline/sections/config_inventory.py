"""Section `config_inventory`: resources that AWS Config records."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, History, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT

CONFIG_INVENTORY = Table(
    "config_inventory",
    "Resources that AWS Config records.",
    columns=(
        ACCOUNT,
        Column("resource_type", Type.TEXT),
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
    ),
    key=("account_id", "resource_type", "resource_id", "region"),
)

SECTION = Section(
    name="config_inventory",
    title="Resources that Config records",
    wire="config_inventory",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(CONFIG_INVENTORY,),
    status_field="config_inventory",
)
