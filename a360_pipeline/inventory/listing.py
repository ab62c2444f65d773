"""Small buckets are listed directly: the listing is taken as a delivery of our own."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import DENIED, error_code, explain
from a360_pipeline.inventory.delivery import (
    Consolidated,
    Delivery,
    Identity,
    SourceFile,
    is_whole,
    location_of,
    read_marker,
    write_marker,
)
from a360_pipeline.inventory.harvest.keeping import catalog_of, inventory_place
from a360_pipeline.inventory.harvest.locks import PARTITION, in_turn
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import BucketRow, DeliveryRow
from a360_pipeline.inventory.harvest.states import BucketState, DeliveryState
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.parts import write_parts
from a360_pipeline.inventory.places import BucketPlace, Place
from a360_pipeline.inventory.versions import LIST, TOLD, TooManyObjects, list_bucket

FORMAT = "listing"
"""What the ledger of deliveries calls it, beside the formats of S3; its key begins with it, as no manifest's does."""
REFUSED = {**dict.fromkeys(DENIED, BucketState.ACCESS_LOST), "NoSuchBucket": BucketState.NOT_AVAILABLE}
"""Error codes that say how a bucket stands; after any other it may be asked again."""
ASKING = (LIST, "AssumeRole")
"""Operations whose errors say it; what the hub itself is refused says nothing of the bucket."""


def take_listing(
    means: Means, registry: Registry, bucket: BucketRow, now: dt.datetime | None = None, *, scratch: Path | None = None
) -> BucketRow:
    """Lists a bucket, publishes the listing as its delivery of the day, and returns how the bucket stands then.

    One listing a day: done again, also after having been killed anywhere, it ends the same. A bucket that holds more
    than A360_LISTED_OBJECTS says so and gets no inventory; one that denies, is gone or is empty says that. Raises
    what else goes wrong: then nothing is recorded, and the bucket is to be listed again.
    """
    target = inventory_place(means)
    delivery = _delivery(bucket, now or dt.datetime.now(dt.UTC), means.settings.home_region)
    recorded = registry.delivery(target.bucket, delivery.manifest_key)
    if recorded is None:
        try:
            taken = _taken(means, bucket, target, delivery, scratch)
        except TooManyObjects as error:
            return _stands(registry, bucket, BucketState.NOT_CREATED, str(error))
        except ClientError as error:
            state = REFUSED.get(error_code(error)) if error.operation_name in ASKING else None
            if state is None:
                raise
            return _stands(registry, bucket, state, explain(error))
        if not taken.rows:
            return _stands(registry, bucket, BucketState.EMPTY)
        recorded = _publish(means, registry, bucket, target, taken)
    return _stands(registry, bucket, BucketState.DONE, key=recorded.manifest_key)


def _stands(
    registry: Registry, bucket: BucketRow, state: BucketState, message: str = "", key: str | None = None
) -> BucketRow:
    return registry.set_bucket(bucket.harvest_id, bucket.account_id, bucket.bucket, state, message, manifest_key=key)


def _delivery(bucket: BucketRow, now: dt.datetime, home_region: str) -> Delivery:
    """The listing of a harvest, a bucket and a day, which is one however often it is begun."""
    identity = Identity(bucket.account_id, bucket.region or home_region)
    key = f"{FORMAT}/{bucket.harvest_id}/{bucket.account_id}/{bucket.bucket}/{now.date().isoformat()}"
    return Delivery(
        source_bucket=bucket.bucket,
        account=identity.account,
        region=identity.region,
        date=now.date(),
        delivered_at=now,
        name=f"{now:%Y%m%dT%H%M%SZ}-{hashlib.sha256(key.encode()).hexdigest()[:8]}",
        manifest_key=key,
        manifest_md5="",
    )


def _taken(means: Means, bucket: BucketRow, target: Place, delivery: Delivery, scratch: Path | None) -> Consolidated:
    """The listing as it lies in its folder, made unless it is there whole. Raises as `list_bucket`."""
    before = _begun_before(target, delivery)
    if before is not None:
        return before
    s3 = means.member("s3", delivery.account, delivery.region)
    # All of it first: what is refused on its last page leaves no files. The limit keeps it small.
    batches = list(list_bucket(s3, delivery.account, bucket.bucket, means.settings.listed_objects))
    written = write_parts(iter(batches), target, delivery.folder, scratch=scratch)
    taken = Consolidated(
        delivery=delivery,
        format=FORMAT,
        fields=TOLD,
        unknown_fields=(),
        left_encoded=0,
        written=written.parts,
        sources=(SourceFile(LIST, 0, "", written.rows, written.object_bytes),),
        location=location_of(target, delivery.folder),
    )
    if batches:
        write_marker(target, taken)
    return taken


def _begun_before(target: Place, delivery: Delivery) -> Consolidated | None:
    """The same listing, made whole by whoever was killed before it was recorded; what is unfinished goes."""
    day, _, name = delivery.folder.rpartition("/")
    tag = name.rpartition("-")[2]
    keys = [entry.key for entry in target.list(f"{day}/") if entry.key.rpartition("/")[0].endswith(f"-{tag}")]
    for folder in sorted({key.rpartition("/")[0] for key in keys}):
        found = read_marker(target, folder)
        if found is not None and is_whole(target, found):
            return found
    target.delete(keys)
    return None


def _publish(
    means: Means, registry: Registry, bucket: BucketRow, target: BucketPlace, taken: Consolidated
) -> DeliveryRow:
    """First the partition, then the record: whoever is killed between them does both again."""
    delivery = taken.delivery
    catalog = catalog_of(means, registry.harvest(bucket.harvest_id))
    catalog.ensure()
    with in_turn(means, PARTITION, f"{delivery.account}/{bucket.bucket}"):
        stands = catalog.publish(
            delivery.date,
            delivery.account,
            delivery.region,
            bucket.bucket,
            taken.location,
            delivered_at=delivery.delivered_at,
            manifest_key=delivery.manifest_key,
        )
    return registry.record_delivery(
        DeliveryRow(
            destination_bucket=target.bucket,
            manifest_key=delivery.manifest_key,
            harvest_id=bucket.harvest_id,
            account_id=delivery.account,
            region=delivery.region,
            bucket=bucket.bucket,
            state=DeliveryState.PUBLISHED if stands else DeliveryState.SUPERSEDED,
            snapshot_date=delivery.date,
            delivered_at=delivery.delivered_at,
            format=FORMAT,
            fields=list(taken.fields),
            rows=taken.rows,
            object_bytes=taken.object_bytes,
            parts=len(taken.parts),
            location=taken.location,
            message=None if stands else "a newer delivery of the day is in the table",
        )
    )
