"""What Lambda answers about the functions of the caller's account and region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.chosen import serves_only
from a360_pipeline.sandbox.facts.listed import Resource
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

FUNCTIONS = Paging(
    default=8,
    most=8,
    invalid="InvalidParameterValueException",
    cursor="Marker",
    next_cursor="NextMarker",
    size="MaxItems",
)
MEMBERS = {
    "FunctionName": "resource_name",
    "FunctionArn": "arn",
    "Runtime": "runtime",
    "CodeSize": "code_size_bytes",
    "Timeout": "timeout_seconds",
    "MemorySize": "memory_mb",
    "PackageType": "package_type",
}


def list_functions(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    serves_only(params, ("Marker", "MaxItems"), "lambda:ListFunctions")
    page, more = FUNCTIONS.page(caller, params, organization.resources(caller.account_id, caller.region).functions)
    return {"Functions": [_described(function) for function in page]} | more


def _described(function: Resource) -> dict[str, Any]:
    assert function.last_modified is not None  # noqa: S101 - facts have it of every function
    modified = function.last_modified.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    described = members(function, MEMBERS) | {
        "Version": "$LATEST",
        "LastModified": modified,
        "Architectures": str(function.architectures).split(","),
        "EphemeralStorage": {"Size": function.ephemeral_storage_mb},
    }
    # Of a function that has no VPC, Lambda says so in one of two ways.
    if function.vpc_id or function.package_type == "Zip":
        described["VpcConfig"] = {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": function.vpc_id or ""}
    return described


ANSWERS = {("lambda", "ListFunctions"): list_functions}
