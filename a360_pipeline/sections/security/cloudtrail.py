"""Section `cloudtrail`: trails, whether they log, and where to."""

from __future__ import annotations

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import Column, History, Operation, Payload, Row, Scope, Section, Table, Type, Window
from a360_pipeline.sections.shapes import ACCOUNT, instant


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
        Column(
            "recent_events_count",
            Type.BIGINT,
            "Null: CloudTrail counts no trail's events. Senders in the field ask amiss and say 0 (S14).",
            is_volatile=True,
        ),
        Column("start_logging_time", Type.TIMESTAMPTZ),
        Column("stop_logging_time", Type.TIMESTAMPTZ),
        Column("home_region", Type.TEXT, "Where it was made."),
        Column("is_organization_trail", Type.BOOLEAN),
        Column("has_custom_event_selectors", Type.BOOLEAN, "Whether it logs other than all management events."),
        Column("has_insight_selectors", Type.BOOLEAN),
        Column("s3_key_prefix", Type.TEXT),
        Column("sns_topic_arn", Type.TEXT),
        Column("cloudwatch_logs_group_arn", Type.TEXT),
        Column("latest_delivery_error", Type.TEXT, "What S3 answered when a delivery last failed."),
    ),
    # An organization's trail is listed in every account of it, by the one ARN it has.
    key=("account_id", "arn"),
    scope_of=_scope_of,
    stamps=("created_at",),
)


def collect(aws: AccountSession, _window: Window) -> Payload:
    """CloudTrail DescribeTrails, then GetTrailStatus of each trail that is of this region alone."""
    return [_trail(aws, trail) for trail in _listed(aws) if not trail.get("IsMultiRegionTrail")]


def collect_account(aws: AccountSession, _window: Window) -> Payload:
    """CloudTrail DescribeTrails, then GetTrailStatus of each trail of all regions, the organization's among them."""
    return [_trail(aws, trail) for trail in _listed(aws) if trail.get("IsMultiRegionTrail")]


def _listed(aws: AccountSession) -> list[Row]:
    # Shadows too: a trail of the organization is no more than that in its members, were it of one region alone.
    listed: list[Row] = aws.call("cloudtrail", "describe_trails", includeShadowTrails=True)["trailList"]
    return listed


def _trail(aws: AccountSession, trail: Row) -> Row:
    arn, status = trail["TrailARN"], {}
    with aws.part(f"status of {arn}"):
        # By its ARN: a trail of another region has no name here.
        status = aws.call("cloudtrail", "get_trail_status", Name=arn)
    return trail_row(trail, status)


def trail_row(trail: Row, status: Row) -> Row:
    """A row of what DescribeTrails says of a trail and GetTrailStatus of its status."""
    return {
        "name": trail.get("Name"),
        "arn": trail["TrailARN"],
        "is_logging": status.get("IsLogging"),
        "is_multi_region": trail.get("IsMultiRegionTrail"),
        "s3_bucket": trail.get("S3BucketName"),
        "kms_key_id": trail.get("KmsKeyId"),
        "log_file_validation": trail.get("LogFileValidationEnabled"),
        "latest_delivery_time": instant(status.get("LatestDeliveryTime")),
        "include_global_events": trail.get("IncludeGlobalServiceEvents"),
        # LookupEvents looks through the events of a region, whatever trail they are in, twice a second.
        "recent_events_count": None,
        "start_logging_time": instant(status.get("StartLoggingTime")),
        "stop_logging_time": instant(status.get("StopLoggingTime")),
        "home_region": trail.get("HomeRegion"),
        "is_organization_trail": trail.get("IsOrganizationTrail"),
        "has_custom_event_selectors": trail.get("HasCustomEventSelectors"),
        "has_insight_selectors": trail.get("HasInsightSelectors"),
        "s3_key_prefix": trail.get("S3KeyPrefix"),
        "sns_topic_arn": trail.get("SnsTopicARN"),
        "cloudwatch_logs_group_arn": trail.get("CloudWatchLogsLogGroupArn"),
        "latest_delivery_error": status.get("LatestDeliveryError") or None,
    }


SECTION = Section(
    name="cloudtrail",
    title="Trails",
    wire="security.cloudtrail",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(Operation("cloudtrail", "DescribeTrails"), Operation("cloudtrail", "GetTrailStatus")),
    tables=(CLOUDTRAIL_LOGS,),
    collect=collect,
    collect_account=collect_account,
    status_field="security",
)
