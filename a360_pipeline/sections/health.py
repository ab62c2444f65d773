"""Section `health`: events of AWS that concern an account, such as outages and planned maintenance."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, History, Kept, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT

HEALTH_EVENTS = Table(
    "health_events",
    "Events of AWS Health, as they were last told of.",
    columns=(
        ACCOUNT,
        Column("arn", Type.TEXT),
        Column("service", Type.TEXT),
        Column("event_type_code", Type.TEXT),
        Column("region", Type.TEXT, "Where it happens; `global` for what has no region."),
        Column("start_time", Type.TIMESTAMPTZ),
        Column("end_time", Type.TIMESTAMPTZ),
        Column("status_code", Type.TEXT, "open, upcoming or closed."),
        Column("event_type_category", Type.TEXT, "Such as issue or scheduledChange."),
        Column("availability_zone", Type.TEXT),
        Column("event_scope_code", Type.TEXT, "PUBLIC or ACCOUNT_SPECIFIC."),
        Column("last_updated_time", Type.TIMESTAMPTZ),
    ),
    # A public event has one ARN for all accounts.
    key=("account_id", "arn"),
    kept=Kept.DELTA,
    stamps=("created_at",),
)

SECTION = Section(
    name="health",
    title="Health events",
    wire="health",
    scope=Scope.ACCOUNT,
    history=History.SNAPSHOT,
    operations=(),
    tables=(HEALTH_EVENTS,),
    status_field="health",
)
