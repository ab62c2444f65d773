"""Section `compute_optimizer`: which instances, volumes and functions are larger or smaller than they need be."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, History, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT

COMPUTE_OPTIMIZER = Table(
    "compute_optimizer",
    "Recommendations of Compute Optimizer, one row per resource.",
    columns=(
        ACCOUNT,
        Column("resource_type", Type.TEXT, "EC2, EBS or Lambda."),
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
        Column("memory_utilization_avg", Type.NUMERIC, "Percent. Senders in the field always say 0 (S16)."),
        Column("migration_effort", Type.TEXT),
    ),
    # The account is that of the snapshot.
    ignored=("account_id",),
    key=("account_id", "resource_arn"),
    stamps=("created_at",),
)

SECTION = Section(
    name="compute_optimizer",
    title="Compute Optimizer recommendations",
    wire="compute_optimizer",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(COMPUTE_OPTIMIZER,),
    status_field="compute_optimizer",
)
