"""Section `resilience_hub`: applications of Resilience Hub, and whether they would recover in time."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, History, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT

RESILIENCE_HUB_APPS = Table(
    "resilience_hub_apps",
    "Applications of Resilience Hub.",
    columns=(
        ACCOUNT,
        Column("app_arn", Type.TEXT),
        Column("name", Type.TEXT),
        Column("compliance_status", Type.TEXT, "Such as PolicyMet, PolicyBreached or NotAssessed."),
        Column("resiliency_score", Type.NUMERIC),
        Column("status", Type.TEXT),
        Column("cost", Type.NUMERIC),
        Column("description", Type.TEXT),
        Column("creation_time", Type.TIMESTAMPTZ),
        Column("last_assessment_time", Type.TIMESTAMPTZ),
        Column("rpo", Type.BIGINT, "Seconds."),
        Column("rto", Type.BIGINT, "Seconds."),
        Column("last_drill", Type.TIMESTAMPTZ),
    ),
    key=("app_arn",),
    stamps=("created_at",),
)

SECTION = Section(
    name="resilience_hub",
    title="Resilience Hub applications",
    wire="resilience_hub",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(RESILIENCE_HUB_APPS,),
    status_field="resilience_hub",
)
