"""The table of reserved instances and Savings Plans."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, Kept, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT

RI_SP_DAILY_SAVINGS = Table(
    "ri_sp_daily_savings",
    "Use and savings of each reservation and Savings Plan in a period.",
    columns=(
        ACCOUNT,
        Column("date_from", Type.DATE),
        Column("date_to", Type.DATE, "Exclusive."),
        Column("reservation_type", Type.TEXT, "Reserved Instance or Savings Plan."),
        Column("subscription_id", Type.TEXT),
        Column("offering_id", Type.TEXT),
        Column("savings_plan_arn", Type.TEXT),
        Column("service", Type.TEXT),
        Column("instance_type", Type.TEXT, "Of a Savings Plan its kind, such as Compute."),
        Column("instance_count", Type.BIGINT),
        Column("instance_family", Type.TEXT),
        Column("instance_tenancy", Type.TEXT),
        Column("offering_class", Type.TEXT, "standard or convertible."),
        Column("product_types", Type.TEXT),
        Column("region", Type.TEXT),
        Column("utilization_percentage", Type.NUMERIC),
        Column("on_demand_cost", Type.NUMERIC, "What the use would have cost on demand."),
        Column("reservation_cost", Type.NUMERIC),
        Column("net_savings", Type.NUMERIC),
        Column("commitment", Type.NUMERIC, "An hour."),
        Column("upfront_cost", Type.NUMERIC),
        Column("recurring_cost", Type.NUMERIC),
        Column("recurring_frequency", Type.TEXT),
        Column("usage_price", Type.NUMERIC),
        Column("currency", Type.TEXT),
        Column("start_date", Type.TIMESTAMPTZ),
        Column("end_date", Type.TIMESTAMPTZ),
        Column("returnable_until", Type.TIMESTAMPTZ),
        Column("duration_seconds", Type.BIGINT),
        Column("offering_type", Type.TEXT, "All Upfront, Partial Upfront or No Upfront."),
        Column("state", Type.TEXT),
        Column("description", Type.TEXT),
        Column("date", Type.DATE, "The day that the figures of a Savings Plan are of."),
    ),
    # A month's figures end, or begin, on the same day as a day's (R19).
    key=("account_id", "date_from", "date_to", "subscription_id", "reservation_type"),
    kept=Kept.DATED,
    set_of=("account_id", "date_from", "date_to"),
)
