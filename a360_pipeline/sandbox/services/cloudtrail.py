"""What CloudTrail answers about trails: a region's own, those of all regions, and the organization's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.errors import AwsError, not_served
from a360_pipeline.sandbox.facts.chance import before, chance
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization

Params = Mapping[str, Any]

OF_ALL_REGIONS = 2
"""Trails that every region of an account lists: its own and the organization's."""


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail and its status; what AWS leaves out of an answer about it is None."""

    name: str
    arn: str
    home_region: str
    s3_bucket: str
    is_multi_region: bool
    is_organization_trail: bool
    log_file_validation: bool
    include_global_events: bool
    has_custom_event_selectors: bool
    has_insight_selectors: bool
    is_logging: bool
    s3_key_prefix: str | None = None
    sns_topic_arn: str | None = None
    kms_key_id: str | None = None
    cloudwatch_logs_group_arn: str | None = None
    start_logging_time: dt.datetime | None = None
    stop_logging_time: dt.datetime | None = None
    latest_delivery_time: dt.datetime | None = None
    latest_delivery_error: str | None = None


MEMBERS = {
    "Name": "name",
    "TrailARN": "arn",
    "HomeRegion": "home_region",
    "S3BucketName": "s3_bucket",
    "S3KeyPrefix": "s3_key_prefix",
    "SnsTopicARN": "sns_topic_arn",
    "IsMultiRegionTrail": "is_multi_region",
    "IsOrganizationTrail": "is_organization_trail",
    "LogFileValidationEnabled": "log_file_validation",
    "IncludeGlobalServiceEvents": "include_global_events",
    "HasCustomEventSelectors": "has_custom_event_selectors",
    "HasInsightSelectors": "has_insight_selectors",
    "KmsKeyId": "kms_key_id",
    "CloudWatchLogsLogGroupArn": "cloudwatch_logs_group_arn",
}
STATUS_MEMBERS = {
    "IsLogging": "is_logging",
    "StartLoggingTime": "start_logging_time",
    "StopLoggingTime": "stop_logging_time",
    "LatestDeliveryTime": "latest_delivery_time",
    "LatestDeliveryError": "latest_delivery_error",
}


def _of_all_regions(organization: Organization, account_id: str) -> tuple[Trail, ...]:
    """The account's own trail, stopped in every third account, and the organization's, made by its management."""
    home = organization.region_names[0]
    management = organization.management.id
    place = list(organization.by_id).index(account_id)
    own = _drawn(organization.seed, account_id, home, 1, organization.settled, organization.now, None, "account")
    shared = _drawn(organization.seed, management, home, 1, organization.settled, organization.now, None, "org")
    return (_widened(own[0], place % 3 != 2, is_organization=False), _widened(shared[0], True, is_organization=True))


def _widened(trail: Trail, is_logging: bool, *, is_organization: bool) -> Trail:
    return Trail(
        **{name: getattr(trail, name) for name in MEMBERS.values() if not name.startswith(("is_", "include_"))},
        is_multi_region=True,
        is_organization_trail=is_organization,
        include_global_events=True,
        is_logging=is_logging,
        start_logging_time=trail.start_logging_time,
        stop_logging_time=None if is_logging else trail.latest_delivery_time,
        latest_delivery_time=trail.latest_delivery_time,
    )


def _of_one_region(organization: Organization, account_id: str, region: str) -> tuple[Trail, ...]:
    count = max(1, organization.share(account_id, region, "cloudtrail") - OF_ALL_REGIONS)
    keys = [key.arn for key in organization.region(account_id, region).kms_keys if key.enabled]
    now, settled = organization.now, organization.settled
    return _drawn(organization.seed, account_id, region, count, settled, now, keys[0] if keys else None, "region")


@lru_cache(maxsize=512)
def _drawn(
    seed: int,
    account_id: str,
    region: str,
    count: int,
    settled: dt.datetime,
    now: dt.datetime,
    key: str | None,
    kind: str,
) -> tuple[Trail, ...]:
    """Every fourth has stopped, every seventh was never started, every fifth cannot reach its bucket."""
    rng = chance(seed, account_id, region, "cloudtrail", kind)
    trails = []
    for place in range(count):
        name = f"{kind}-trail-{place:03}"
        stopped, never, astray = place % 4 == 3, place % 7 == 6, place % 5 == 4
        started = before(rng, settled, 800)
        delivered = now - dt.timedelta(minutes=rng.randrange(5, 60)) if not stopped else started + dt.timedelta(days=30)
        trails.append(
            Trail(
                name=name,
                arn=f"arn:aws:cloudtrail:{region}:{account_id}:trail/{name}",
                home_region=region,
                s3_bucket=f"trails-{account_id}-{region}",
                s3_key_prefix=f"{kind}/{place}" if place % 2 else None,
                sns_topic_arn=f"arn:aws:sns:{region}:{account_id}:trails" if place % 3 == 1 else None,
                kms_key_id=key if place % 2 == 0 else None,
                cloudwatch_logs_group_arn=f"arn:aws:logs:{region}:{account_id}:log-group:trails:*"
                if place % 3 == 2
                else None,
                is_multi_region=False,
                is_organization_trail=False,
                log_file_validation=place % 2 == 0,
                include_global_events=False,
                has_custom_event_selectors=place % 3 == 0,
                has_insight_selectors=place % 6 == 0,
                is_logging=not (stopped or never),
                start_logging_time=None if never else started,
                stop_logging_time=delivered if stopped and not never else None,
                latest_delivery_time=None if never or astray else delivered,
                latest_delivery_error="NoSuchBucket" if astray and not never else None,
            )
        )
    return tuple(trails)


def _listed(organization: Organization, caller: Caller) -> dict[str, Trail]:
    trails = (
        *_of_one_region(organization, caller.account_id, caller.region),
        *_of_all_regions(organization, caller.account_id),
    )
    return {trail.arn: trail for trail in trails}


def _is_shadow(trail: Trail, caller: Caller) -> bool:
    return trail.home_region != caller.region or f":{caller.account_id}:" not in trail.arn


def describe_trails(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if "trailNameList" in params:
        raise not_served("the trailNameList of cloudtrail:DescribeTrails")
    with_shadows = params.get("includeShadowTrails", True)
    trails = [each for each in _listed(organization, caller).values() if with_shadows or not _is_shadow(each, caller)]
    return {"trailList": [members(trail, MEMBERS) for trail in trails]}


def get_trail_status(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    name = params["Name"]
    listed = _listed(organization, caller)
    # A shadow is known by its ARN alone.
    named = {each.name: each for each in listed.values() if not _is_shadow(each, caller)}
    trail = (listed | named).get(name)
    if trail is None:
        raise AwsError("TrailNotFoundException", f"Unknown trail: {name} for the user: {caller.account_id}")
    return members(trail, STATUS_MEMBERS)


def trails_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `cloudtrail_logs`; those of all regions are the account's."""
    columns = (*MEMBERS.values(), *STATUS_MEMBERS.values())
    trails = (
        _of_all_regions(organization, account_id)
        if region == GLOBAL
        else _of_one_region(organization, account_id, region)
    )
    return [{name: getattr(trail, name) for name in columns} | {"recent_events_count": None} for trail in trails]


ANSWERS = {
    ("cloudtrail", "DescribeTrails"): describe_trails,
    ("cloudtrail", "GetTrailStatus"): get_trail_status,
}

TRUTH = {"cloudtrail_logs": trails_truth}
