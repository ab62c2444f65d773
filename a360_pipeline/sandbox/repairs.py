"""What moto does wrongly and the sandbox therefore does itself, on moto's own data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.s3.exceptions import BucketError, S3ClientError
from moto.s3.models import s3_backends

from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.identity import PARTITION, Caller
from a360_pipeline.sandbox.organization import Organization


def delete_bucket_inventory_configuration(
    _organization: Organization, caller: Caller, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Removes one inventory configuration; moto would delete the whole bucket."""
    try:
        bucket = s3_backends[caller.account_id][PARTITION].get_bucket(params["Bucket"])
    except (BucketError, S3ClientError):
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404) from None
    if bucket.inventory_configs.pop(params["Id"], None) is None:
        raise AwsError("NoSuchConfiguration", "The specified configuration does not exist.", 404)
    return {}


REPAIRS = {("s3", "DeleteBucketInventoryConfiguration"): delete_bucket_inventory_configuration}
