"""What Resilience Hub answers about the applications of the caller's account and region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError, not_served
from a360_pipeline.sandbox.facts import apps as facts
from a360_pipeline.sandbox.facts.apps import App, Assessment, Policy
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

PAGES = Paging(
    default=5,
    most=5,
    invalid="ValidationException",
    cursor="nextToken",
    next_cursor="nextToken",
    size="maxResults",
)
"""AWS gives up to 100 a page; far less makes a small account page too."""
FILTERS = ("appArn", "awsApplicationArn", "fromLastAssessmentTime", "name", "reverseOrder", "toLastAssessmentTime")

APP_MEMBERS = {
    "appArn": "arn",
    "name": "name",
    "description": "description",
    "creationTime": "creation_time",
    "status": "status",
    "complianceStatus": "compliance_status",
    "driftStatus": "drift_status",
    "assessmentSchedule": "assessment_schedule",
    "resiliencyScore": "score",
    "rpoInSecs": "rpo",
    "rtoInSecs": "rto",
    "lastAppComplianceEvaluationTime": "last_assessed",
}
ASSESSMENT_MEMBERS = {
    "assessmentArn": "arn",
    "assessmentStatus": "status",
    "startTime": "start",
}
CURRENCY, FREQUENCY = "USD", "Monthly"


def _apps(organization: Organization, account_id: str, region: str) -> tuple[App, ...]:
    if not organization.region_enabled(account_id, region):
        return ()
    count = organization.share(account_id, region, "apps")
    return facts.apps(organization.seed, account_id, region, count, organization.settled, organization.now)


def list_apps(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    asked = [name for name in FILTERS if name in params]
    if asked:
        raise not_served(f"the {asked[0]} of resiliencehub:ListApps")
    page, more = PAGES.page(caller, params, _apps(organization, caller.account_id, caller.region))
    return {"appSummaries": [members(app, APP_MEMBERS) for app in page]} | more


def describe_app(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    app = _app(organization, caller, params["appArn"])
    described = members(app, APP_MEMBERS) | ({"policyArn": app.policy.arn} if app.policy else {})
    return {"app": described}


def _app(organization: Organization, caller: Caller, arn: str) -> App:
    for app in _apps(organization, caller.account_id, caller.region):
        if app.arn == arn:
            return app
    raise AwsError("ResourceNotFoundException", f"The application {arn} was not found.", 404)


def describe_resiliency_policy(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    wanted = params["policyArn"]
    for app in _apps(organization, caller.account_id, caller.region):
        if app.policy is not None and app.policy.arn == wanted:
            return {"policy": _policy(app.policy)}
    raise AwsError("ResourceNotFoundException", f"The policy {wanted} was not found.", 404)


def _policy(policy: Policy) -> dict[str, Any]:
    objectives = {name: {"rpoInSecs": rpo, "rtoInSecs": rto} for name, rpo, rto in policy.objectives}
    return {"policyArn": policy.arn, "policyName": policy.name, "tier": policy.tier, "policy": objectives}


def list_app_assessments(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if not params.keys() <= {"appArn", "assessmentStatus", "reverseOrder", "maxResults", "nextToken"}:
        raise not_served("the other filters of resiliencehub:ListAppAssessments")
    app = _app(organization, caller, params["appArn"])
    wanted = [each for each in app.assessments if each.status in params.get("assessmentStatus", (each.status,))]
    page, more = PAGES.page(caller, params, wanted[::-1] if params.get("reverseOrder") else wanted)
    return {"assessmentSummaries": [_assessment(app, each) for each in page]} | more


def _assessment(app: App, assessment: Assessment) -> dict[str, Any]:
    cost = {"amount": assessment.cost, "currency": CURRENCY, "frequency": FREQUENCY}
    told = members(assessment, ASSESSMENT_MEMBERS) | {"appArn": app.arn}
    return told if assessment.cost is None else told | {"cost": cost}


def apps_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `resilience_hub_apps`."""
    return [_row(app) for app in _apps(organization, account_id, region)]


def _row(app: App) -> dict[str, Any]:
    objectives = {name: (rpo, rto) for name, rpo, rto in app.policy.objectives} if app.policy else {}
    estimates = [each.cost for each in app.assessments if each.cost is not None]
    row: dict[str, Any] = {
        "app_arn": app.arn,
        "name": app.name,
        "description": app.description,
        "creation_time": app.creation_time,
        "last_assessment_time": app.last_assessed,
        "compliance_status": app.compliance_status,
        "resiliency_score": app.score,
        "status": app.status,
        "rpo": app.rpo,
        "rto": app.rto,
        "last_drill": None,
        "drift_status": app.drift_status,
        "assessment_schedule": app.assessment_schedule,
        "policy_arn": app.policy and app.policy.arn,
        "policy_name": app.policy and app.policy.name,
        "policy_tier": app.policy and app.policy.tier,
        "cost": estimates[-1] if estimates else None,
        "cost_currency": CURRENCY if estimates else None,
        "cost_frequency": FREQUENCY if estimates else None,
    }
    for name in facts.DISRUPTIONS:
        row[f"{name.lower()}_rpo"], row[f"{name.lower()}_rto"] = objectives.get(name, (None, None))
    return row


ANSWERS = {
    ("resiliencehub", "ListApps"): list_apps,
    ("resiliencehub", "DescribeApp"): describe_app,
    ("resiliencehub", "DescribeResiliencyPolicy"): describe_resiliency_policy,
    ("resiliencehub", "ListAppAssessments"): list_app_assessments,
}

TRUTH = {"resilience_hub_apps": apps_truth}
