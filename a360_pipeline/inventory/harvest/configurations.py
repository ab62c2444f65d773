"""The inventory configurations that a harvest puts to buckets, each in its own account, and removes again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import AWS_ERRORS, error_code, error_message, explain
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.inventory.harvest.asking import is_denial, partition_of, session_of
from a360_pipeline.inventory.harvest.planned import configuration_id, configured_prefix
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import BucketRow, Harvest
from a360_pipeline.inventory.harvest.states import BucketState, RegionState, Way
from a360_pipeline.inventory.layout import OPTIONAL_FIELDS
from a360_pipeline.inventory.means import Means

NO_CONFIGURATION = "NoSuchConfiguration"
GONE = frozenset({"NoSuchBucket", "404"})
REFUSED = frozenset({"MalformedXML", "InvalidArgument", "InvalidRequest"})
"""What S3 says of a configuration with something in it that it does not know."""
ENTITY = re.compile(r"[A-Z][A-Za-z]+")
DELIVERED = (BucketState.DONE, BucketState.VERIFICATION_FAILED)
"""A bucket whose delivery came keeps its state, whatever is put to it again."""
LEARNED_LAST = (
    "ObjectLockEventHoldStatus",
    "ObjectLockEventHoldDuration",
    "IntelligentTieringReferenceDate",
    "LifecycleExpirationDate",
    "ObjectOwner",
    "ObjectAccessControlList",
    "ChecksumAlgorithm",
)
"""The fields that S3 learned last, the newest first: a region that refuses a configuration may not know them yet."""

Configuration = dict[str, Any]


class ConfigurationOfAnother(RuntimeError):
    """A configuration of this id delivers elsewhere: the harvest did not put it there, and leaves it alone."""


def wanted_configuration(harvest: Harvest, row: BucketRow, hub_account: str, partition: str) -> Configuration:
    """The InventoryConfiguration of a bucket: every version, every field, every day, into the region's destination."""
    key = next((one["kms_key"] for one in harvest.plan["regions"] if one["region"] == row.region), None)
    return {
        "Id": configuration_id(harvest.harvest_id),
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
        "OptionalFields": list(OPTIONAL_FIELDS),
        "Destination": {
            "S3BucketDestination": {
                "AccountId": hub_account,
                "Bucket": f"arn:{partition}:s3:::{row.destination_bucket}",
                "Format": harvest.request["format"],
                "Prefix": configured_prefix(harvest.harvest_id, row.account_id),
                "Encryption": {"SSEKMS": {"KeyId": key}} if key else {"SSES3": {}},
            }
        },
    }


def configure(means: Means, harvest_id: str, row: BucketRow) -> BucketRow:
    """Puts the harvest's configuration to a bucket where it is not there already; the bucket as it then stands.

    Operations: S3 GetBucketInventoryConfiguration, PutBucketInventoryConfiguration, as the bucket's account. A field
    that S3 refuses is left out, and said. Any refusal becomes the bucket's state with the reason, as does a region
    whose destination is not there; only the registry's own errors are raised.
    """
    if row.way is not Way.CONFIGURED:
        return row
    with means.connect() as connection:
        registry = Registry(connection)
        harvest, regions = registry.harvest(harvest_id), registry.regions(harvest_id)
    place = next((one for one in regions if one.region == row.region), None)
    if place is None or place.state is not RegionState.READY:
        told = "not planned" if place is None else f"{place.state}: {place.message or 'it has not been made yet'}"
        message = f"its destination in {row.region} is {told}"
        return _record(means, row, BucketState.NOT_CREATED, message)
    wanted = wanted_configuration(harvest, row, means.hub_account, partition_of(means))
    try:
        left_out = _put(session_of(means, row.account_id, row.region), row, wanted)
    except (*AWS_ERRORS, ConfigurationOfAnother) as error:
        return _record(means, row, _refused(error), explain(error))
    message = f"S3 refuses the fields {', '.join(left_out)}: its inventory will not have them" if left_out else ""
    return _record(means, row, BucketState.IN_PROGRESS, message)


def deconfigure(means: Means, harvest_id: str, row: BucketRow) -> bool:
    """Removes the harvest's own configuration from a bucket, and no other; whether there was one.

    Operations: S3 GetBucketInventoryConfiguration, DeleteBucketInventoryConfiguration, as the bucket's account. A
    bucket that is gone has none. Raises ConfigurationOfAnother, and ClientError where the account refuses.
    """
    if row.way is not Way.CONFIGURED:
        return False
    where = {"Bucket": row.bucket, "Id": configuration_id(harvest_id), "ExpectedBucketOwner": row.account_id}
    session = session_of(means, row.account_id, row.region)
    try:
        if _held(session, where, row) is None:
            return False
        session.call("s3", "delete_bucket_inventory_configuration", **where)
    except ClientError as error:
        if error_code(error) in (NO_CONFIGURATION, *GONE):
            return False
        raise
    return True


def _put(session: AccountSession, row: BucketRow, wanted: Configuration) -> list[str]:
    """Puts a configuration unless the same is there; the fields that were left out because S3 refuses them."""
    where = {"Bucket": row.bucket, "Id": wanted["Id"], "ExpectedBucketOwner": row.account_id}
    held = _held(session, where, row)
    left_out: list[str] = []
    while True:
        fields = [name for name in OPTIONAL_FIELDS if name not in left_out]
        asked = {**wanted, "OptionalFields": fields}
        if held is not None and _alike(held, asked):
            return left_out
        try:
            session.call("s3", "put_bucket_inventory_configuration", **where, InventoryConfiguration=asked)
        except ClientError as error:
            more = _unknown_fields(error, fields)
            if not more:
                raise
            left_out += more
            continue
        return left_out


def _held(session: AccountSession, where: Mapping[str, str], row: BucketRow) -> Configuration | None:
    """The configuration that is there. Raises ConfigurationOfAnother where it delivers elsewhere."""
    try:
        answer = session.call("s3", "get_bucket_inventory_configuration", **where)
    except ClientError as error:
        if error_code(error) == NO_CONFIGURATION:
            return None
        raise
    found: Configuration = answer["InventoryConfiguration"]
    place = str(found["Destination"]["S3BucketDestination"]["Bucket"])
    if not place.endswith(f":{row.destination_bucket}"):
        raise ConfigurationOfAnother(
            f"{where['Id']} of {row.bucket} in account {row.account_id} delivers to {place}, and not to "
            f"{row.destination_bucket}: it is not of this harvest and is left alone"
        )
    return found


def _alike(held: Configuration, wanted: Configuration) -> bool:
    """Whether two configurations ask for the same; S3 may tell fields in any order."""
    told = [{**one, "OptionalFields": sorted(one.get("OptionalFields", ()))} for one in (held, wanted)]
    return told[0] == told[1]


def _unknown_fields(error: ClientError, fields: list[str]) -> list[str]:
    """The fields that S3 refuses: those that it names, or else the one of those we ask for that it learned last."""
    if error_code(error) not in REFUSED:
        return []
    named = set(ENTITY.findall(error_message(error)))
    told = [name for name in fields if name in named]
    return told or [name for name in LEARNED_LAST if name in fields][:1]


def _refused(error: Exception) -> BucketState:
    if is_denial(error):
        return BucketState.ACCESS_LOST
    return BucketState.NOT_AVAILABLE if error_code(error) in GONE else BucketState.NOT_CREATED


def _record(means: Means, row: BucketRow, state: BucketState, message: str) -> BucketRow:
    with means.connect() as connection:
        return Registry(connection).set_bucket(
            row.harvest_id, row.account_id, row.bucket, state, message, unless=DELIVERED
        )
