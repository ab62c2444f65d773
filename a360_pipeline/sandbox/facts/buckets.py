"""The S3 buckets of an account: they belong to all of it, and each lies in one region."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

from a360_pipeline.sandbox.facts.chance import before, chance
from a360_pipeline.sandbox.facts.listed import Resource

PURPOSES = ("logs", "backups", "customer-files", "data-lake", "artifacts", "invoices", "exports", "web-assets")


@dataclass(frozen=True, slots=True)
class Bucket:
    """An S3 bucket: it belongs to the account, and lies in a region."""

    name: str
    region: str
    creation_date: dt.datetime


@lru_cache(maxsize=4096)
def buckets(
    seed: int, account_id: str, regions: tuple[str, ...], count: int, settled: dt.datetime
) -> tuple[Bucket, ...]:
    """One bucket in each of the regions first, then wherever chance has it; as S3 lists them, by name."""
    rng = chance(seed, account_id, "s3")
    made = []
    for number in range(count):
        region = regions[number] if number < len(regions) else rng.choice(regions)
        name = f"northlight-{rng.choice(PURPOSES)}-{account_id}-{rng.getrandbits(24):06x}"
        made.append(Bucket(name, region, before(rng, settled, 1400)))
    return tuple(sorted(made, key=lambda bucket: bucket.name))


def row_of(bucket: Bucket) -> Resource:
    """The bucket as the table has it."""
    return Resource(
        service_name="S3",
        resource_type="Bucket",
        resource_id=bucket.name,
        resource_name=bucket.name,
        region=bucket.region,
        state="Active",
        creation_date=bucket.creation_date,
    )
