"""The table of Compute Optimizer's recommendations."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT

COMPUTE_OPTIMIZER = Table(
    "compute_optimizer",
    "Recommendations of Compute Optimizer, one row per resource; of a database one for its storage too.",
    columns=(
        ACCOUNT,
        Column("resource_type", Type.TEXT, "EC2, EBS, Lambda, AutoScaling, ECS, RDS or RDSStorage."),
        Column("resource_arn", Type.TEXT),
        Column("resource_name", Type.TEXT),
        Column("finding", Type.TEXT, "Such as Overprovisioned or Optimized."),
        Column("current_instance_type", Type.TEXT),
        Column("current_memory_size", Type.BIGINT, "MB."),
        Column("current_volume_type", Type.TEXT),
        Column("current_volume_size", Type.BIGINT, "GB."),
        Column("recommended_instance_type", Type.TEXT),
        Column("recommended_memory_size", Type.BIGINT, "MB."),
        Column("recommended_volume_type", Type.TEXT),
        Column("recommended_volume_size", Type.BIGINT, "GB."),
        Column("savings_opportunity_percentage", Type.NUMERIC),
        Column("estimated_monthly_savings_usd", Type.NUMERIC),
        Column("performance_risk", Type.NUMERIC, "0 is very low, 4 very high."),
        Column("cpu_utilization_max", Type.NUMERIC, "Percent. Senders in the field always say 0 (S16)."),
        Column(
            "memory_utilization_avg",
            Type.NUMERIC,
            "Percent; AWS mostly gives the maximum alone. Senders in the field always say 0 (S16).",
        ),
        Column("migration_effort", Type.TEXT, "VeryLow, Low, Medium or High."),
        Column("memory_utilization_max", Type.NUMERIC, "Percent."),
        Column("current_cpu_units", Type.BIGINT, "Of an ECS service; 1,024 are a vCPU."),
        Column("recommended_cpu_units", Type.BIGINT),
        Column("savings_after_discounts_percentage", Type.NUMERIC, "With what is reserved and planned taken in."),
        Column("estimated_monthly_savings_after_discounts_usd", Type.NUMERIC),
        Column("currency", Type.TEXT, "Of the savings: USD, or CNY in China whatever the columns are called."),
        Column("current_performance_risk", Type.TEXT, "VeryLow, Low, Medium or High."),
        Column("finding_reason_codes", Type.JSONB, "Why, such as CPUOverprovisioned."),
        Column("look_back_period_days", Type.NUMERIC, "Days of metrics that the finding is drawn from."),
        Column("last_refresh_timestamp", Type.TIMESTAMPTZ, is_volatile=True),
    ),
    # The account is that of the snapshot.
    ignored=("account_id",),
    key=("account_id", "resource_arn", "resource_type"),
    stamps=("created_at",),
)
