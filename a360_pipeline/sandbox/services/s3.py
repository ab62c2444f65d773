"""What S3 answers about the buckets of the caller's account; the buckets themselves are moto's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket, s3_backends

from a360_pipeline.sandbox.errors import AwsError, LeftToMoto
from a360_pipeline.sandbox.facts.buckets import Bucket
from a360_pipeline.sandbox.identity import PARTITION, Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging
from a360_pipeline.sandbox.repairs import permission

BUCKETS = Paging(
    default=8,
    most=8,
    invalid="InvalidArgument",
    cursor="ContinuationToken",
    next_cursor="ContinuationToken",
    size="MaxBuckets",
)
IRELAND = "eu-west-1"
LEGACY_CONSTRAINT = "EU"
"""What buckets made in Ireland long ago still give as their place."""


def make_buckets(organization: Organization) -> None:
    """Makes every bucket that the organization has, each in its account and its region."""
    for account in organization.accounts:
        s3 = s3_backends[account.id][PARTITION]
        for bucket in organization.buckets(account.id):
            made = s3.create_bucket(bucket.name, bucket.region)
            made.creation_date = bucket.creation_date
            if organization.content(account.id, bucket.name).is_versioned:
                made.versioning_status = "Enabled"


def own_bucket(caller: Caller, name: str, action: str) -> FakeBucket:
    """The caller's bucket of that name.

    Raises AwsError where there is none, where it is another account's, and where its policy denies everybody the
    action; its words for actions are IAM's.
    """
    held: FakeBucket | None = s3_backends[caller.account_id][PARTITION].buckets.get(name)
    if held is None and name not in s3_backends.bucket_accounts:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
    if held is None or permission(held, action, held.arn) is PermissionResult.DENIED:
        raise AwsError("AccessDenied", "Access Denied", 403)
    return held


def existing_buckets(account_id: str) -> list[Bucket]:
    """Those that exist now, also those that somebody made meanwhile, by name."""
    held = s3_backends[account_id][PARTITION].buckets.values()
    made = [Bucket(each.name, each.region_name, each.creation_date.replace(microsecond=0)) for each in held]
    return sorted(made, key=lambda bucket: bucket.name)


def list_buckets(_organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    prefix, region = params.get("Prefix", ""), params.get("BucketRegion")
    wanted = [
        bucket
        for bucket in existing_buckets(caller.account_id)
        if bucket.name.startswith(prefix) and region in (None, bucket.region)
    ]
    if not params:
        # Without a parameter S3 answers all at once, and does not say where they are.
        return {"Buckets": [{"Name": bucket.name, "CreationDate": bucket.creation_date} for bucket in wanted]}
    page, more = BUCKETS.page(caller, params, wanted)
    return {
        "Buckets": [
            {"Name": bucket.name, "CreationDate": bucket.creation_date, "BucketRegion": bucket.region}
            for bucket in page
        ]
    } | more


def get_bucket_location(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    """Of an account's first bucket in Ireland the old word; of all others moto knows."""
    own = organization.buckets(caller.account_id) if caller.account_id in organization.by_id else ()
    first = next((bucket.name for bucket in own if bucket.region == IRELAND), None)
    if own_bucket(caller, params["Bucket"], "s3:GetBucketLocation").name != first:
        raise LeftToMoto
    return {"LocationConstraint": LEGACY_CONSTRAINT}


ANSWERS = {("s3", "ListBuckets"): list_buckets, ("s3", "GetBucketLocation"): get_bucket_location}
