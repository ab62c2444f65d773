"""What KMS answers about the keys of the caller's account and region."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError, not_served
from a360_pipeline.sandbox.facts.model import Key
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

KEYS = Paging(
    default=50,
    most=50,
    invalid="InvalidMarkerException",
    cursor="Marker",
    next_cursor="NextMarker",
    size="Limit",
)
"""AWS gives 100 keys a page; half of that makes a small account page too."""
METADATA = {
    "KeyId": "key_id",
    "Arn": "arn",
    "CreationDate": "creation_date",
    "Enabled": "enabled",
    "Description": "description",
    "KeyUsage": "key_usage",
    "KeyState": "key_state",
    "DeletionDate": "deletion_date",
    "KeyManager": "key_manager",
    "CustomerMasterKeySpec": "key_spec",
    "KeySpec": "key_spec",
}
ALGORITHMS: Mapping[str, dict[str, list[str]]] = {
    "ENCRYPT_DECRYPT": {"EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"]},
    "SIGN_VERIFY": {"SigningAlgorithms": ["RSASSA_PSS_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256"]},
}
ROTATION_DAYS = 365


def list_keys(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    if "ResourceOwners" in params:
        raise not_served("the ResourceOwners of kms:ListKeys")
    keys = list(organization.keys(caller.account_id, caller.region).values())
    page, more = KEYS.page(caller, params, keys)
    return {
        "Keys": [{"KeyId": key.key_id, "KeyArn": key.arn} for key in page],
        "Truncated": bool(more),
    } | more


def describe_key(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    key = _key(organization, caller, params["KeyId"])
    described = members(key, METADATA) | ALGORITHMS[key.key_usage]
    described |= {
        "AWSAccountId": caller.account_id,
        "Origin": "AWS_KMS",
        "MultiRegion": key.primary_region is not None,
    }
    if key.primary_region is not None:
        described["MultiRegionConfiguration"] = {
            "MultiRegionKeyType": "PRIMARY" if caller.region == key.primary_region else "REPLICA",
            "PrimaryKey": _copy(key, caller.region, key.primary_region),
            "ReplicaKeys": [_copy(key, caller.region, region) for region in key.replica_regions],
        }
    return {"KeyMetadata": described}


def get_key_rotation_status(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    key = _key(organization, caller, params["KeyId"])
    if key.key_rotation_enabled is None:
        raise AwsError("UnsupportedOperationException", f"{key.arn} is of a kind that KMS does not rotate.")
    status: dict[str, Any] = {"KeyId": key.key_id, "KeyRotationEnabled": key.key_rotation_enabled}
    if key.key_rotation_enabled:
        age = (organization.now - key.creation_date).days
        due = (age // ROTATION_DAYS + 1) * ROTATION_DAYS
        status["RotationPeriodInDays"] = ROTATION_DAYS
        status["NextRotationDate"] = key.creation_date + dt.timedelta(days=due)
    return status


def _key(organization: Organization, caller: Caller, wanted: str) -> Key:
    prefix = f"arn:aws:kms:{caller.region}:{caller.account_id}:key/"
    key = organization.keys(caller.account_id, caller.region).get(wanted.removeprefix(prefix))
    if key is None:
        arn = wanted if wanted.startswith("arn:") else f"{prefix}{wanted}"
        raise AwsError("NotFoundException", f"Key '{arn}' does not exist")
    return key


def _copy(key: Key, here: str, region: str) -> dict[str, str]:
    return {"Arn": key.arn.replace(f":kms:{here}:", f":kms:{region}:"), "Region": region}


def keys_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `kms_keys`."""
    columns = ("key_id", "arn", "key_usage", "key_state", "creation_date", "enabled", "key_rotation_enabled")
    return [{name: getattr(key, name) for name in columns} for key in organization.region(account_id, region).kms_keys]


ANSWERS = {
    ("kms", "ListKeys"): list_keys,
    ("kms", "DescribeKey"): describe_key,
    ("kms", "GetKeyRotationStatus"): get_key_rotation_status,
}

TRUTH = {"kms_keys": keys_truth}
