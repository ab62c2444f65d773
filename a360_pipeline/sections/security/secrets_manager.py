"""Section `secrets_manager`: secrets (never their values), and whether they are rotated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    whole,
)
from a360_pipeline.sections.shapes import ACCOUNT, instant


def _secrets(payload: Payload) -> Iterator[Row]:
    """The secrets. Secrets Manager says null of a secret that was never set to rotate: it does not rotate (R31)."""
    rows: Iterable[Any] = whole(payload)
    for row in rows:
        is_never_set = isinstance(row, Mapping) and row.get("rotation_enabled", ...) is None
        yield {**row, "rotation_enabled": False} if is_never_set else row


SECRETS = Table(
    "secrets_manager_secrets",
    "Secrets of a region: a replica has an ARN of its own in each.",
    columns=(
        ACCOUNT,
        Column("name", Type.TEXT),
        Column("arn", Type.TEXT),
        Column("description", Type.TEXT),
        Column("created_date", Type.TIMESTAMPTZ),
        Column("last_changed_date", Type.TIMESTAMPTZ),
        Column("rotation_enabled", Type.BOOLEAN, "Null where the sender does not say."),
        Column("last_accessed_date", Type.TIMESTAMPTZ, is_volatile=True),
        Column("rotation_lambda_arn", Type.TEXT),
        Column("kms_key_id", Type.TEXT, "Null for the key that AWS manages."),
        Column("tags", Type.JSONB),
        Column("deleted_date", Type.TIMESTAMPTZ, "When its deletion was asked for; it is gone some days later."),
        Column("last_rotated_date", Type.TIMESTAMPTZ),
        Column("next_rotation_date", Type.TIMESTAMPTZ),
        Column("rotation_rules", Type.JSONB, "As Secrets Manager has them, such as every how many days."),
        Column("owning_service", Type.TEXT, "The AWS service that manages it; null for a secret of one's own."),
        Column("primary_region", Type.TEXT, "Of a secret that is replicated."),
    ),
    key=("arn",),
    rows=_secrets,
    stamps=("created_at",),
)


def collect(aws: AccountSession, _window: Window) -> Payload:
    """Secrets Manager ListSecrets, with those about to be deleted. It tells of secrets, never what is in them."""
    listed = aws.pages("secretsmanager", "list_secrets", "SecretList", IncludePlannedDeletion=True)
    return [secret_row(secret) for secret in listed]


def secret_row(secret: Row) -> Row:
    """A row of what the listing says of a secret."""
    return {
        "name": secret.get("Name"),
        "arn": secret["ARN"],
        "description": secret.get("Description"),
        "created_date": instant(secret.get("CreatedDate")),
        "last_changed_date": instant(secret.get("LastChangedDate")),
        # Left out of a secret that was never set to rotate.
        "rotation_enabled": secret.get("RotationEnabled", False),
        "last_accessed_date": instant(secret.get("LastAccessedDate")),
        "rotation_lambda_arn": secret.get("RotationLambdaARN"),
        "kms_key_id": secret.get("KmsKeyId"),
        "tags": secret.get("Tags", []),
        "deleted_date": instant(secret.get("DeletedDate")),
        "last_rotated_date": instant(secret.get("LastRotatedDate")),
        "next_rotation_date": instant(secret.get("NextRotationDate")),
        "rotation_rules": secret.get("RotationRules"),
        "owning_service": secret.get("OwningService"),
        "primary_region": secret.get("PrimaryRegion"),
    }


SECTION = Section(
    name="secrets_manager",
    title="Secrets",
    wire="security.secrets_manager",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(Operation("secretsmanager", "ListSecrets"),),
    tables=(SECRETS,),
    collect=collect,
    status_field="security",
)
