"""Section `marketplace`: what an account uses of AWS Marketplace, and what it costs."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, History, Kept, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT

MARKETPLACE_USAGE = Table(
    "marketplace_usage",
    "Products of AWS Marketplace that an account used or was entitled to in a period.",
    columns=(
        ACCOUNT,
        Column("product_code", Type.TEXT),
        Column("product_name", Type.TEXT),
        Column("cost_consumed", Type.NUMERIC),
        Column("currency", Type.TEXT),
        Column("period_start", Type.DATE),
        Column("period_end", Type.DATE, "Exclusive."),
        Column("status", Type.TEXT),
        Column("dimension", Type.TEXT, "What the entitlement is for."),
        Column("customer_identifier", Type.TEXT),
        Column("value", Type.JSONB, "The entitlement's: a number, a truth or a text, as the product has it."),
        Column("expiration_date", Type.TIMESTAMPTZ),
        Column("daily_costs", Type.JSONB, "Date and cost, day by day."),
    ),
    # Costs know a product by its name, entitlements by its code and dimension.
    key=("account_id", "product_code", "product_name", "dimension", "period_start", "period_end"),
    kept=Kept.DATED,
    set_of=("account_id", "period_start", "period_end"),
    stamps=("created_at",),
)

SECTION = Section(
    name="marketplace",
    title="Marketplace usage",
    wire="marketplace",
    scope=Scope.ACCOUNT,
    history=History.TRAILING,
    operations=(),
    tables=(MARKETPLACE_USAGE,),
    status_field="marketplace",
)
