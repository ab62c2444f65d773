"""Section `cloudtrail`: trails, whether they log, and where to."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, History, Row, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT


def _scope_of(trail: Row) -> Scope:
    # Every region lists a multi-Region trail, by the one ARN it has.
    return Scope.ACCOUNT if trail.get("is_multi_region") is True else Scope.REGION


CLOUDTRAIL_LOGS = Table(
    "cloudtrail_logs",
    "Trails of a region and, under `Global`, those of all regions.",
    columns=(
        ACCOUNT,
        Column("name", Type.TEXT),
        Column("arn", Type.TEXT),
        Column("is_logging", Type.BOOLEAN),
        Column("is_multi_region", Type.BOOLEAN),
        Column("s3_bucket", Type.TEXT),
        Column("kms_key_id", Type.TEXT),
        Column("log_file_validation", Type.BOOLEAN),
        Column("latest_delivery_time", Type.TIMESTAMPTZ, is_volatile=True),
        Column("include_global_events", Type.BOOLEAN),
        Column("recent_events_count", Type.BIGINT, is_volatile=True),
        Column("start_logging_time", Type.TIMESTAMPTZ),
        Column("stop_logging_time", Type.TIMESTAMPTZ),
    ),
    # An organization's trail is listed in every account of it, by the one ARN it has.
    key=("account_id", "arn"),
    scope_of=_scope_of,
    stamps=("created_at",),
)

SECTION = Section(
    name="cloudtrail",
    title="Trails",
    wire="security.cloudtrail",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(CLOUDTRAIL_LOGS,),
    status_field="security",
)
