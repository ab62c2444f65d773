"""Section `certificate_manager`: TLS certificates, and when they end."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, History, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT

CERTIFICATES = Table(
    "certificates",
    "Certificates of Certificate Manager.",
    columns=(
        ACCOUNT,
        Column("arn", Type.TEXT),
        Column("domain_name", Type.TEXT),
        Column("status", Type.TEXT, "Such as ISSUED, EXPIRED or PENDING_VALIDATION."),
        Column("type", Type.TEXT, "AMAZON_ISSUED, IMPORTED or PRIVATE."),
        Column("not_after", Type.TIMESTAMPTZ),
        Column("not_before", Type.TIMESTAMPTZ),
        # The contract's created_at is the row's.
        Column("requested_at", Type.TIMESTAMPTZ, "When the certificate was requested.", field="created_at"),
        Column("issued_at", Type.TIMESTAMPTZ),
        Column("subject_alternative_names", Type.JSONB),
        Column("key_algorithm", Type.TEXT),
        Column("signature_algorithm", Type.TEXT),
        Column("key_usages", Type.JSONB),
        Column("extended_key_usages", Type.JSONB),
        Column("renewal_eligibility", Type.TEXT, "ELIGIBLE or INELIGIBLE."),
    ),
    key=("arn",),
    stamps=("created_at",),
)

SECTION = Section(
    name="certificate_manager",
    title="Certificates",
    wire="security.certificate_manager",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(CERTIFICATES,),
    status_field="security",
)
