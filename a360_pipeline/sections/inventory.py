"""Section `inventory`: instances under Systems Manager, their applications and patches."""

from __future__ import annotations

import datetime as dt
from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import (
    Column,
    History,
    Operation,
    Payload,
    Reference,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
)
from a360_pipeline.sections.shapes import ACCOUNT, at

INSTANCE = Reference("instance_id", "inventory_instances", on=(("instance_id", "instance_id"),))

INSTANCES = Table(
    "inventory_instances",
    "Instances that Systems Manager knows, in EC2 (i-) and elsewhere (mi-).",
    columns=(
        ACCOUNT,
        Column("instance_id", Type.TEXT),
        Column("instance_type", Type.TEXT, "What Systems Manager calls the resource type, such as EC2Instance."),
        Column("platform", Type.TEXT),
        Column("ip_address", Type.TEXT),
        Column("computer_name", Type.TEXT),
        Column("ping_status", Type.TEXT, "Online, ConnectionLost or Inactive."),
        Column("last_ping_date_time", Type.TIMESTAMPTZ, is_volatile=True),
        Column("agent_version", Type.TEXT),
        Column("platform_type", Type.TEXT),
        Column("platform_version", Type.TEXT),
        Column("is_latest_version", Type.BOOLEAN),
        Column("association_status", Type.TEXT),
        Column("association_execution_date", Type.TIMESTAMPTZ, is_volatile=True),
        Column("association_success_date", Type.TIMESTAMPTZ, is_volatile=True),
    ),
    # The same instant twice.
    ignored=("last_ping",),
    key=("account_id", "instance_id"),
    rows=at("instances"),
    stamps=("created_at",),
)

APPLICATIONS = Table(
    "inventory_applications",
    "Applications installed on an instance.",
    columns=(
        ACCOUNT,
        INSTANCE,
        Column("name", Type.TEXT),
        Column("version", Type.TEXT),
        Column("publisher", Type.TEXT),
        Column("architecture", Type.TEXT),
        Column("application_type", Type.TEXT),
        Column("install_time", Type.TIMESTAMPTZ),
    ),
    key=("instance_id", "name", "version", "architecture"),
    rows=at("applications"),
    stamps=("created_at",),
)

PATCHES = Table(
    "inventory_patches",
    "Patches of an instance, in whatever state: installed, missing, failed, not applicable.",
    columns=(
        ACCOUNT,
        INSTANCE,
        Column("title", Type.TEXT),
        Column("classification", Type.TEXT),
        Column("severity", Type.TEXT),
        Column("state", Type.TEXT),
        Column("installed_time", Type.TIMESTAMPTZ),
    ),
    key=("instance_id", "title"),
    rows=at("patches"),
    stamps=("created_at",),
)


def collect(aws: AccountSession, _window: Window) -> Payload:
    """SSM DescribeInstanceInformation, then ListInventoryEntries and DescribeInstancePatches of each instance."""
    listed = list(aws.pages("ssm", "describe_instance_information", "InstanceInformationList"))
    applications: list[Row] = []
    patches: list[Row] = []
    for instance in listed:
        instance_id = instance["InstanceId"]
        with aws.part(f"applications of {instance_id}"):
            applications += _applications(aws, instance_id)
        with aws.part(f"patches of {instance_id}"):
            patches += _patches(aws, instance_id)
    return {
        "instances": [_instance(each) for each in listed],
        "applications": applications,
        "patches": patches,
    }


def _instance(instance: Row) -> Row:
    last_ping = _instant(instance.get("LastPingDateTime"))
    return {
        "instance_id": instance["InstanceId"],
        "instance_type": instance.get("ResourceType"),
        "platform": instance.get("PlatformName"),
        "platform_type": instance.get("PlatformType"),
        "platform_version": instance.get("PlatformVersion"),
        "ip_address": instance.get("IPAddress"),
        "computer_name": instance.get("ComputerName"),
        "ping_status": instance.get("PingStatus"),
        "last_ping": last_ping,
        "last_ping_date_time": last_ping,
        "agent_version": instance.get("AgentVersion"),
        "is_latest_version": instance.get("IsLatestVersion"),
        "association_status": instance.get("AssociationStatus"),
        "association_execution_date": _instant(instance.get("LastAssociationExecutionDate")),
        "association_success_date": _instant(instance.get("LastSuccessfulAssociationExecutionDate")),
    }


def _applications(aws: AccountSession, instance_id: str) -> list[Row]:
    entries = aws.pages("ssm", "list_inventory_entries", "Entries", InstanceId=instance_id, TypeName="AWS:Application")
    return [
        {
            "instance_id": instance_id,
            "name": entry.get("Name"),
            "version": entry.get("Version"),
            "publisher": entry.get("Publisher"),
            "architecture": entry.get("Architecture"),
            "application_type": entry.get("ApplicationType"),
            "install_time": entry.get("InstalledTime"),
        }
        for entry in entries
    ]


def _patches(aws: AccountSession, instance_id: str) -> list[Row]:
    return [
        {
            "instance_id": instance_id,
            "title": patch["Title"],
            "classification": patch.get("Classification"),
            "severity": patch.get("Severity"),
            "state": patch.get("State"),
            "installed_time": _instant(patch.get("InstalledTime")),
        }
        for patch in aws.pages("ssm", "describe_instance_patches", "Patches", InstanceId=instance_id)
    ]


def _instant(value: Any) -> str | None:
    # Where a patch was never installed the API, whose field is required, answers the epoch.
    return value.isoformat() if isinstance(value, dt.datetime) and value.timestamp() > 0 else None


SECTION = Section(
    name="inventory",
    title="Instances, applications and patches",
    wire="inventory",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(
        Operation("ssm", "DescribeInstanceInformation"),
        Operation("ssm", "ListInventoryEntries"),
        Operation("ssm", "DescribeInstancePatches"),
    ),
    tables=(INSTANCES, APPLICATIONS, PATCHES),
    collect=collect,
    parts=("instances", "applications", "patches"),
    status_field="inventory",
)
