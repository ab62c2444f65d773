"""Section `kms`: every KMS key of a region, its state, and whether it is rotated."""

from __future__ import annotations

from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import (
    Column,
    History,
    Operation,
    Payload,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
)
from a360_pipeline.sections.shapes import ACCOUNT, instant

KMS_KEYS = Table(
    "kms_keys",
    "KMS keys, one row per key and region: a multi-Region key has one ARN in each.",
    columns=(
        ACCOUNT,
        Column("key_id", Type.TEXT),
        Column("arn", Type.TEXT),
        Column("description", Type.TEXT),
        Column("key_usage", Type.TEXT, "ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC or KEY_AGREEMENT."),
        Column("key_state", Type.TEXT, "Such as Enabled, Disabled or PendingDeletion."),
        Column("creation_date", Type.TIMESTAMPTZ),
        Column("enabled", Type.BOOLEAN),
        Column("key_rotation_enabled", Type.BOOLEAN, "Null where KMS cannot rotate the key, or would not say."),
    ),
    key=("arn",),
    stamps=("created_at",),
)


def collect(aws: AccountSession, _window: Window) -> Payload:
    """KMS ListKeys, then DescribeKey and GetKeyRotationStatus of each key."""
    keys: list[Row] = []
    for listed in aws.pages("kms", "list_keys", "Keys"):
        # A key's own policy may keep even an administrator out: its neighbors are still known.
        with aws.part(f"key {listed['KeyArn']}"):
            keys.append(_key(aws, listed["KeyId"]))
    return keys


def _key(aws: AccountSession, key_id: str) -> dict[str, Any]:
    key = aws.call("kms", "describe_key", KeyId=key_id)["KeyMetadata"]
    row = {
        "key_id": key["KeyId"],
        "arn": key["Arn"],
        "description": key.get("Description"),
        "key_usage": key.get("KeyUsage"),
        "key_state": key.get("KeyState"),
        "creation_date": instant(key.get("CreationDate")),
        "enabled": key.get("Enabled"),
        "key_rotation_enabled": None,
    }
    if key.get("KeySpec") == "SYMMETRIC_DEFAULT" and key.get("Origin") == "AWS_KMS":
        with aws.part(f"rotation of {key['Arn']}"):
            rotation = aws.call("kms", "get_key_rotation_status", KeyId=key_id)
            row["key_rotation_enabled"] = rotation.get("KeyRotationEnabled")
    return row


SECTION = Section(
    name="kms",
    title="KMS keys",
    wire="security.kms",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(
        Operation("kms", "ListKeys"),
        Operation("kms", "DescribeKey"),
        Operation("kms", "GetKeyRotationStatus"),
    ),
    tables=(KMS_KEYS,),
    collect=collect,
    status_field="security",
)
