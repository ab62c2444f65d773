"""Section `secrets_manager`: secrets (never their values), and whether they are rotated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from a360_pipeline.sections.model import Column, History, Payload, Row, Scope, Section, Table, Type, whole
from a360_pipeline.sections.shapes import ACCOUNT


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
    ),
    key=("arn",),
    rows=_secrets,
    stamps=("created_at",),
)

SECTION = Section(
    name="secrets_manager",
    title="Secrets",
    wire="security.secrets_manager",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(SECRETS,),
    status_field="security",
)
