"""What S3 answers about the buckets of the caller's account; the buckets themselves are moto's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.s3.models import s3_backends

from a360_pipeline.sandbox.facts.buckets import Bucket
from a360_pipeline.sandbox.identity import PARTITION, Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

BUCKETS = Paging(
    default=8,
    most=8,
    invalid="InvalidArgument",
    cursor="ContinuationToken",
    next_cursor="ContinuationToken",
    size="MaxBuckets",
)


def make_buckets(organization: Organization) -> None:
    """Makes every bucket that the organization has, each in its account and its region."""
    for account in organization.accounts:
        s3 = s3_backends[account.id][PARTITION]
        for bucket in organization.buckets(account.id):
            s3.create_bucket(bucket.name, bucket.region).creation_date = bucket.creation_date


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


ANSWERS = {("s3", "ListBuckets"): list_buckets}
