"""What Systems Manager answers about the instances of the caller's account and region."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError, not_served
from a360_pipeline.sandbox.facts.model import Application, Instance, Patch
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

INSTANCES = Paging(default=10, most=50, invalid="InvalidNextToken")
ENTRIES = Paging(default=50, most=50, invalid="InvalidNextToken")
PATCHES = Paging(default=10, most=100, invalid="InvalidNextToken")

INSTANCE_MEMBERS = {
    "InstanceId": "instance_id",
    "PingStatus": "ping_status",
    "LastPingDateTime": "last_ping_date_time",
    "AgentVersion": "agent_version",
    "IsLatestVersion": "is_latest_version",
    "PlatformType": "platform_type",
    "PlatformName": "platform",
    "PlatformVersion": "platform_version",
    "ActivationId": "activation_id",
    "RegistrationDate": "registration_date",
    "ResourceType": "instance_type",
    "Name": "name",
    "IPAddress": "ip_address",
    "ComputerName": "computer_name",
    "AssociationStatus": "association_status",
    "LastAssociationExecutionDate": "association_execution_date",
    "LastSuccessfulAssociationExecutionDate": "association_success_date",
}
INSTANCE_FILTERS = {
    "InstanceIds": "instance_id",
    "AgentVersion": "agent_version",
    "PingStatus": "ping_status",
    "PlatformTypes": "platform_type",
    "ResourceType": "instance_type",
    "AssociationStatus": "association_status",
}
APPLICATION_ATTRIBUTES = {
    "Name": "name",
    "ApplicationType": "application_type",
    "Publisher": "publisher",
    "Version": "version",
    "Architecture": "architecture",
    "InstalledTime": "install_time",
}
INVENTORY_TYPES = frozenset(
    f"AWS:{name}"
    for name in (
        "Application",
        "AWSComponent",
        "BillingInfo",
        "ComplianceItem",
        "File",
        "InstanceDetailedInformation",
        "InstanceInformation",
        "Network",
        "Service",
        "Tag",
        "WindowsRegistry",
        "WindowsRole",
        "WindowsUpdate",
    )
)
PATCH_MEMBERS = {
    "Title": "title",
    "KBId": "kb_id",
    "Classification": "classification",
    "Severity": "severity",
    "State": "state",
    "InstalledTime": "installed_time",
}
PATCH_FILTERS = {
    "Classification": "classification",
    "KBId": "kb_id",
    "Severity": "severity",
    "State": "state",
}
NEVER = dt.datetime.fromtimestamp(0, dt.UTC)
"""AWS always gives an InstalledTime: the epoch, where the patch is not installed."""


def describe_instance_information(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    instances: Iterable[Instance] = organization.region(caller.account_id, caller.region).instances
    asked = [(one["Key"], one["Values"]) for one in params.get("Filters", ())]
    asked += [(one["key"], one["valueSet"]) for one in params.get("InstanceInformationFilterList", ())]
    wanted = list(_filtered(instances, asked, INSTANCE_FILTERS, "InvalidFilterKey"))
    page, more = INSTANCES.page(caller, params, wanted)
    return {"InstanceInformationList": [members(instance, INSTANCE_MEMBERS) for instance in page]} | more


def list_inventory_entries(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    instance = _instance(organization, caller, params["InstanceId"])
    kind = params["TypeName"]
    if "Filters" in params:
        raise not_served("the Filters of ssm:ListInventoryEntries")
    if kind not in INVENTORY_TYPES and not kind.startswith("Custom:"):
        raise AwsError("InvalidTypeNameException", f"The inventory type {kind} does not exist.")
    applications: tuple[Application, ...] = ()
    if kind == "AWS:Application":
        applications = organization.rows_of("applications", caller.account_id, caller.region, instance.instance_id)
    page, more = ENTRIES.page(caller, params, applications)
    return {
        "TypeName": kind,
        "InstanceId": instance.instance_id,
        "SchemaVersion": "1.1",
        "CaptureTime": _iso(instance.last_ping_date_time),
        "Entries": [_entry(application) for application in page],
    } | more


def describe_instance_patches(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    instance = _instance(organization, caller, params["InstanceId"])
    patches: Iterable[Patch] = organization.rows_of("patches", caller.account_id, caller.region, instance.instance_id)
    asked = [(one["Key"], one["Values"]) for one in params.get("Filters", ())]
    wanted = list(_filtered(patches, asked, PATCH_FILTERS, "InvalidFilter"))
    page, more = PATCHES.page(caller, params, wanted)
    return {"Patches": [{"InstalledTime": NEVER} | members(patch, PATCH_MEMBERS) for patch in page]} | more


def _instance(organization: Organization, caller: Caller, instance_id: str) -> Instance:
    instance = organization.instance(caller.account_id, caller.region, instance_id)
    if instance is None:
        raise AwsError("InvalidInstanceId", f"The instance {instance_id} is not managed in this account and region.")
    return instance


def _filtered(
    rows: Iterable[Any], asked: list[tuple[str, list[str]]], fields: Mapping[str, str], invalid: str
) -> Iterable[Any]:
    unknown = [key for key, _ in asked if key not in fields]
    if unknown:
        raise AwsError(invalid, f"{unknown[0]} is not a filter; these are: {', '.join(sorted(fields))}.")
    return (row for row in rows if all(getattr(row, fields[key]) in values for key, values in asked))


def _entry(application: Application) -> dict[str, str]:
    attributes = members(application, APPLICATION_ATTRIBUTES)
    return {name: _iso(value) if isinstance(value, dt.datetime) else value for name, value in attributes.items()}


def _iso(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


ANSWERS = {
    ("ssm", "DescribeInstanceInformation"): describe_instance_information,
    ("ssm", "ListInventoryEntries"): list_inventory_entries,
    ("ssm", "DescribeInstancePatches"): describe_instance_patches,
}
