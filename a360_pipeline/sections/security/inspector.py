"""Section `inspector`: vulnerabilities that Inspector found in a region."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, History, Kept, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT

INSPECTOR_FINDINGS = Table(
    "inspector_findings",
    "Findings of Inspector, one row each, as they were last told of.",
    columns=(
        ACCOUNT,
        Column("finding_arn", Type.TEXT),
        Column("severity", Type.TEXT),
        Column("status", Type.TEXT, "ACTIVE, SUPPRESSED or CLOSED."),
        Column("type", Type.TEXT, "Such as PACKAGE_VULNERABILITY."),
        Column("title", Type.TEXT),
        Column("description", Type.TEXT),
        Column("first_observed_at", Type.TIMESTAMPTZ),
        Column("last_observed_at", Type.TIMESTAMPTZ, is_volatile=True),
        # updated_at is the warehouse's own word for when a row changed.
        Column("finding_updated_at", Type.TIMESTAMPTZ, "When Inspector last changed it.", field="updated_at"),
    ),
    key=("finding_arn",),
    kept=Kept.DELTA,
    stamps=("created_at",),
)

SECTION = Section(
    name="inspector",
    title="Inspector findings",
    wire="security.inspector",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(INSPECTOR_FINDINGS,),
    status_field="security",
)
