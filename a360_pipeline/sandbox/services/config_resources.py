"""What Config answers about the resources that it records, by advanced query, of one account and of all."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.facts.recorded import CONFIGURATION, VERDICT, Recorded
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

RESULTS = Paging(default=25, most=50, invalid="InvalidNextTokenException", size="Limit")
AGGREGATORS = Paging(default=10, most=10, invalid="InvalidNextTokenException", size="Limit")
AGGREGATOR = "organization"
ITEM_MEMBERS = {
    "awsRegion": "region",
    "resourceType": "resource_type",
    "resourceId": "resource_id",
    "resourceName": "resource_name",
    "availabilityZone": "availability_zone",
    "resourceCreationTime": "creation_date",
    "arn": "arn",
    "configurationItemStatus": "item_status",
    "configurationItemCaptureTime": "captured_at",
}
SELECTABLE = {
    "accountId",
    *ITEM_MEMBERS,
    *(f"configuration.{path}" for places in CONFIGURATION.values() for path in places),
}
EXPRESSION = re.compile(r"SELECT (?P<fields>[\w., ]+?)(?: WHERE awsRegion = '(?P<region>[\w-]+)')?")
DRAWN = (
    "instance_type",
    "instance_class",
    "engine",
    "vpc_id",
    "size_gb",
    "volume_type",
    "multi_az",
    "scheme",
    "type",
    "min_size",
    "max_size",
    "available_ip_count",
)
"""Columns of the table that come out of configurations."""
NO_ZONE = ("Not Applicable", "Regional")


def describe_configuration_recorders(_organization: Organization, caller: Caller, _params: Params) -> dict[str, Any]:
    role = f"arn:aws:iam::{caller.account_id}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    arn = f"arn:aws:config:{caller.region}:{caller.account_id}:configuration-recorder/default/000000000000000000001"
    recorder = {"arn": arn, "name": "default", "roleARN": role, "recordingScope": "PAID"}
    return {"ConfigurationRecorders": [recorder]}


def describe_configuration_recorder_status(
    organization: Organization, _caller: Caller, _params: Params
) -> dict[str, Any]:
    status = {"name": "default", "recording": True, "lastStatus": "SUCCESS", "lastStartTime": organization.settled}
    return {"ConfigurationRecordersStatus": [status]}


def describe_configuration_aggregators(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    """The management account has one, in the organization's first region, for all regions."""
    has = caller.account_id == organization.management.id and caller.region == organization.region_names[0]
    arn = f"arn:aws:config:{caller.region}:{caller.account_id}:config-aggregator/config-aggregator-organiza"
    role = f"arn:aws:iam::{caller.account_id}:role/config-aggregator"
    aggregator = {
        "ConfigurationAggregatorName": AGGREGATOR,
        "ConfigurationAggregatorArn": arn,
        "OrganizationAggregationSource": {"RoleArn": role, "AllAwsRegions": True},
    }
    page, more = AGGREGATORS.page(caller, params, [aggregator] if has else [])
    return {"ConfigurationAggregators": page} | more


def select_resource_config(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    fields, region = _parsed(params["Expression"])
    items = [
        (caller.account_id, item)
        for item in organization.recorded(caller.account_id, caller.region)
        if region in (None, item.region)
    ]
    return _answer(caller, params, fields, items)


def select_aggregate_resource_config(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if params["ConfigurationAggregatorName"] != AGGREGATOR:
        message = f"The configuration aggregator {params['ConfigurationAggregatorName']} does not exist."
        raise AwsError("NoSuchConfigurationAggregatorException", message)
    fields, region = _parsed(params["Expression"])
    items = [
        (account.id, item)
        for account in organization.accounts
        for place in account.regions
        for item in organization.recorded(account.id, place.name)
        if region in (None, item.region)
    ]
    return _answer(caller, params, fields, items)


def _parsed(expression: str) -> tuple[list[str], str | None]:
    """The properties that are selected, and the region that they are asked of."""
    found = EXPRESSION.fullmatch(expression)
    if found is None:
        raise AwsError("InvalidExpressionException", "The expression is none that the sandbox serves.")
    fields = [name.strip() for name in found["fields"].split(",")]
    unknown = [name for name in fields if name not in SELECTABLE]
    if unknown:
        raise AwsError("InvalidExpressionException", f"The property {unknown[0]} is not supported.")
    return fields, found["region"]


def _answer(
    caller: Caller, params: Params, fields: Sequence[str], items: Sequence[tuple[str, Recorded]]
) -> dict[str, Any]:
    page, more = RESULTS.page(caller, params, items)
    return {
        "Results": [json.dumps(_selected(account_id, item, fields)) for account_id, item in page],
        "QueryInfo": {"SelectFields": [{"Name": name} for name in fields]},
    } | more


def _selected(account_id: str, item: Recorded, fields: Sequence[str]) -> dict[str, Any]:
    """What is selected of an item, places as objects in objects; what it does not have is left out."""
    known = {"accountId": account_id} | {name: getattr(item, field) for name, field in ITEM_MEMBERS.items()}
    known |= {f"configuration.{path}": value for path, value in item.configuration}
    selected: dict[str, Any] = {}
    for name in fields:
        if known.get(name) is not None:
            *places, last = name.split(".")
            inner = selected
            for place in places:
                inner = inner.setdefault(place, {})
            inner[last] = _as_json(known[name])
    return selected


def _as_json(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    # Config writes every number with a point.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def inventory_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `config_inventory`."""
    if region == GLOBAL:
        return []
    items = organization.recorded(account_id, region)
    return [_row(item) for item in items if item.resource_type != VERDICT]


def _row(item: Recorded) -> dict[str, Any]:
    _, service, subtype = item.resource_type.split("::")
    named = CONFIGURATION.get(item.resource_type, {})
    facts = {named[path]: value for path, value in item.configuration}
    row = {name: getattr(item, name) for name in ITEM_MEMBERS.values() if name != "captured_at"}
    row |= {name: facts.get(name) for name in DRAWN}
    row |= {"service_name": service, "resource_subtype": subtype, "state": facts.get("state", facts.get("status"))}
    return row | {"availability_zone": None if item.availability_zone in NO_ZONE else item.availability_zone}


ANSWERS = {
    ("config", "DescribeConfigurationRecorders"): describe_configuration_recorders,
    ("config", "DescribeConfigurationRecorderStatus"): describe_configuration_recorder_status,
    ("config", "DescribeConfigurationAggregators"): describe_configuration_aggregators,
    ("config", "SelectResourceConfig"): select_resource_config,
    ("config", "SelectAggregateResourceConfig"): select_aggregate_resource_config,
}

TRUTH = {"config_inventory": inventory_truth}
