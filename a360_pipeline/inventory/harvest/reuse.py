"""Which inventory configuration of a bucket can be used as it is, what it lacks, and why another cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from a360_pipeline.inventory.harvest.planned import OURS, delivery_prefix
from a360_pipeline.inventory.layout import OPTIONAL_FIELDS

Configuration = Mapping[str, Any]
"""An InventoryConfiguration as S3 tells it."""

NEEDED = ("Size", "LastModifiedDate", "StorageClass", "ETag")
"""Without these an inventory says too little to be used."""
BUCKET_ARN = ":s3:::"


@dataclass(frozen=True, slots=True)
class Usable:
    """A configuration that can be used, where it delivers, and what its inventories lack."""

    id: str
    destination_bucket: str
    destination_prefix: str
    lacks: tuple[str, ...]


def usable_ones(bucket: str, configurations: Sequence[Configuration]) -> tuple[list[Usable], list[str]]:
    """Those that can be used, the one that lacks least first, and why the others cannot."""
    usable, reasons = [], []
    for one in configurations:
        if str(one["Id"]).startswith(OURS):
            continue
        reason = _why_not(one)
        if reason is None:
            usable.append(_usable(bucket, one))
        else:
            reasons.append(f"{one['Id']} is not used: {reason}")
    return sorted(usable, key=lambda one: (len(one.lacks), one.id)), reasons


def _why_not(one: Configuration) -> str | None:
    destination = one["Destination"]["S3BucketDestination"]
    missing = [name for name in NEEDED if name not in one.get("OptionalFields", ())]
    reasons = {
        "it is disabled": not one["IsEnabled"],
        "it tells of a part of the bucket alone": bool(one.get("Filter", {}).get("Prefix")),
        f"it has no {', '.join(missing)}": bool(missing),
        "its prefix ends with a slash, so that nobody can say where it delivers": (
            destination.get("Prefix", "").endswith("/")
        ),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _usable(bucket: str, one: Configuration) -> Usable:
    destination = one["Destination"]["S3BucketDestination"]
    missing = [name for name in OPTIONAL_FIELDS if name not in one.get("OptionalFields", ())]
    lacks = [f"it has no {', '.join(missing)}"] if missing else []
    if one["IncludedObjectVersions"] != "All":
        lacks.append("it tells of current versions alone")
    if one["Schedule"]["Frequency"] != "Daily":
        lacks.append(f"it comes {one['Schedule']['Frequency'].lower()}")
    return Usable(
        id=one["Id"],
        destination_bucket=str(destination["Bucket"]).rpartition(BUCKET_ARN)[2],
        destination_prefix=delivery_prefix(destination.get("Prefix"), bucket, one["Id"]),
        lacks=tuple(lacks),
    )
