"""Section `resilience_hub`: applications of Resilience Hub, and whether they would recover in time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache
from typing import Any

from a360_pipeline.aws.regions import only_where_it_exists
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import (
    Column,
    History,
    Operation,
    Payload,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
)
from a360_pipeline.sections.shapes import ACCOUNT

SERVICE = "resiliencehub"
DISRUPTIONS = {"Software": "software", "Hardware": "hardware", "AZ": "az", "Region": "region"}
"""What may fail, in AWS's words, and how the columns of its objectives begin."""

RESILIENCE_HUB_APPS = Table(
    "resilience_hub_apps",
    "Applications of Resilience Hub.",
    columns=(
        ACCOUNT,
        Column("app_arn", Type.TEXT),
        Column("name", Type.TEXT),
        Column("compliance_status", Type.TEXT, "Such as PolicyMet, PolicyBreached or NotAssessed."),
        Column("resiliency_score", Type.NUMERIC),
        Column("status", Type.TEXT, "Active or Deleting."),
        Column("cost", Type.NUMERIC, "What the last successful assessment estimates, in `cost_currency`."),
        Column("description", Type.TEXT),
        Column("creation_time", Type.TIMESTAMPTZ),
        Column("last_assessment_time", Type.TIMESTAMPTZ),
        Column("rpo", Type.BIGINT, "Seconds: how much data it would lose, as Resilience Hub has it of the whole."),
        Column("rto", Type.BIGINT, "Seconds: how long it would be down, as Resilience Hub has it of the whole."),
        Column("last_drill", Type.TIMESTAMPTZ, "Null: Resilience Hub keeps no drills."),
        Column("cost_currency", Type.TEXT),
        Column("cost_frequency", Type.TEXT, "Hourly, Daily, Monthly or Yearly."),
        Column("drift_status", Type.TEXT, "NotChecked, NotDetected or Detected."),
        Column("assessment_schedule", Type.TEXT, "Daily or Disabled."),
        Column("policy_arn", Type.TEXT, "Null where it has no resiliency policy."),
        Column("policy_name", Type.TEXT),
        Column("policy_tier", Type.TEXT, "Such as MissionCritical or NonCritical."),
        *(
            Column(f"{prefix}_{objective}", Type.BIGINT, f"Seconds that the policy allows when this fails: {what}.")
            for what, prefix in DISRUPTIONS.items()
            for objective in ("rpo", "rto")
        ),
    ),
    key=("app_arn",),
    stamps=("created_at",),
)


def collect(aws: AccountSession, _window: Window) -> Payload:
    """Resilience Hub ListApps; of each app DescribeApp, its DescribeResiliencyPolicy and its last ListAppAssessments.

    Raises Unavailable in a region where AWS does not have Resilience Hub.
    """
    with only_where_it_exists(SERVICE, aws.region):
        listed = list(aws.pages(SERVICE, "list_apps", "appSummaries"))
    # Apps share policies, so each is asked for once.
    policy_of = cache(lambda arn: aws.call(SERVICE, "describe_resiliency_policy", policyArn=arn)["policy"])
    apps: list[Row] = []
    for app in listed:
        arn = app["appArn"]
        row = {**_app(app), **_policy(None, {}), **_cost({})}
        with aws.part(f"policy of {arn}"):
            policy_arn = aws.call(SERVICE, "describe_app", appArn=arn)["app"].get("policyArn")
            row["policy_arn"] = policy_arn
            row |= _policy(policy_arn, policy_of(policy_arn) if policy_arn else {})
        with aws.part(f"assessments of {arn}"):
            row |= _cost(_last_assessment(aws, arn))
        apps.append(row)
    return apps


def _last_assessment(aws: AccountSession, app_arn: str) -> Mapping[str, Any]:
    """The last assessment that succeeded: AWS lists the latest first when asked to, so one is enough."""
    asked = {"appArn": app_arn, "assessmentStatus": ["Success"], "reverseOrder": True, "maxResults": 1}
    return next(aws.pages(SERVICE, "list_app_assessments", "assessmentSummaries", **asked), {})


def _app(app: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "app_arn": app["appArn"],
        "name": app["name"],
        "description": app.get("description"),
        "creation_time": _iso(app.get("creationTime")),
        "last_assessment_time": _iso(app.get("lastAppComplianceEvaluationTime")),
        "compliance_status": app.get("complianceStatus"),
        "resiliency_score": app.get("resiliencyScore"),
        "status": app.get("status"),
        "rpo": app.get("rpoInSecs"),
        "rto": app.get("rtoInSecs"),
        "last_drill": None,
        "drift_status": app.get("driftStatus"),
        "assessment_schedule": app.get("assessmentSchedule"),
    }


def _policy(arn: str | None, policy: Mapping[str, Any]) -> dict[str, Any]:
    objectives = policy.get("policy", {})
    return {
        "policy_arn": arn,
        "policy_name": policy.get("policyName"),
        "policy_tier": policy.get("tier"),
        **{
            f"{prefix}_{objective}": objectives.get(disruption, {}).get(f"{objective}InSecs")
            for disruption, prefix in DISRUPTIONS.items()
            for objective in ("rpo", "rto")
        },
    }


def _cost(assessment: Mapping[str, Any]) -> dict[str, Any]:
    cost = assessment.get("cost", {})
    return {
        "cost": cost.get("amount"),
        "cost_currency": cost.get("currency"),
        "cost_frequency": cost.get("frequency"),
    }


def _iso(instant: dt.datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


SECTION = Section(
    name="resilience_hub",
    title="Resilience Hub applications",
    wire="resilience_hub",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(
        Operation(SERVICE, "ListApps"),
        Operation(SERVICE, "DescribeApp"),
        Operation(SERVICE, "DescribeResiliencyPolicy"),
        Operation(SERVICE, "ListAppAssessments"),
    ),
    tables=(RESILIENCE_HUB_APPS,),
    collect=collect,
    status_field="resilience_hub",
)
