"""S3's inventory configurations of a bucket, kept whole with moto's bucket: moto forgets half of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging
from a360_pipeline.sandbox.services.s3 import own_bucket

CONFIGURATIONS = Paging(
    default=100,
    most=100,
    invalid="InvalidArgument",
    cursor="ContinuationToken",
    next_cursor="NextContinuationToken",
)
READS, WRITES = "s3:GetInventoryConfiguration", "s3:PutInventoryConfiguration"
MOST = 1000
"""Configurations of one bucket."""
Params = Mapping[str, Any]


def put_configuration(_organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    held, configuration = _configurations(caller, params, WRITES), params["InventoryConfiguration"]
    if configuration["Id"] != params["Id"]:
        raise AwsError("InvalidArgument", "The Id of the request and that of the configuration differ.")
    if not configuration["Destination"]["S3BucketDestination"]["Bucket"].startswith("arn:"):
        raise AwsError("InvalidArgument", "The destination is not the ARN of a bucket.")
    if len(held) >= MOST and params["Id"] not in held:
        problem = "You are attempting to create a new configuration but have already reached the 1,000-configuration"
        raise AwsError("TooManyConfigurations", f"{problem} limit.")
    held[params["Id"]] = configuration
    return {}


def get_configuration(_organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    return {"InventoryConfiguration": _known(_configurations(caller, params, READS), params["Id"])}


def list_configurations(_organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    held = _configurations(caller, params, READS)
    page, more = CONFIGURATIONS.page(caller, params, [held[name] for name in sorted(held)])
    return {"InventoryConfigurationList": page, "IsTruncated": bool(more)} | more


def delete_configuration(_organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    """Removes one inventory configuration; moto would delete the whole bucket."""
    held = _configurations(caller, params, WRITES)
    _known(held, params["Id"])
    del held[params["Id"]]
    return {}


def _configurations(caller: Caller, params: Params, action: str) -> dict[str, Any]:
    held: dict[str, Any] = own_bucket(caller, params["Bucket"], action).inventory_configs
    return held


def _known(held: dict[str, Any], name: str) -> Any:
    if name not in held:
        raise AwsError("NoSuchConfiguration", "The specified configuration does not exist.", 404)
    return held[name]


ANSWERS = {
    ("s3", "PutBucketInventoryConfiguration"): put_configuration,
    ("s3", "GetBucketInventoryConfiguration"): get_configuration,
    ("s3", "ListBucketInventoryConfigurations"): list_configurations,
    ("s3", "DeleteBucketInventoryConfiguration"): delete_configuration,
}
