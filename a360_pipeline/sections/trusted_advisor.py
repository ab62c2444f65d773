"""Section `trusted_advisor`: what Trusted Advisor recommends to an account."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, History, Kept, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT

TRUSTED_ADVISOR_CHECKS = Table(
    "trusted_advisor_checks",
    "Checks of Trusted Advisor with the result that was last told of.",
    columns=(
        ACCOUNT,
        Column("check_name", Type.TEXT),
        Column("category", Type.TEXT),
        Column("severity", Type.TEXT, "ok, warning, error or not_available."),
        Column("recommendation", Type.TEXT),
        Column("affected_resources_count", Type.BIGINT),
        Column("potential_savings", Type.NUMERIC, "USD a month; null where the check is not about cost."),
        Column("timestamp", Type.TIMESTAMPTZ, "When the check ran.", is_volatile=True),
    ),
    key=("account_id", "check_name"),
    kept=Kept.DELTA,
    stamps=("created_at",),
)

SECTION = Section(
    name="trusted_advisor",
    title="Trusted Advisor checks",
    wire="trusted_advisor",
    scope=Scope.ACCOUNT,
    history=History.SNAPSHOT,
    operations=(),
    tables=(TRUSTED_ADVISOR_CHECKS,),
    status_field="trusted_advisor",
)
