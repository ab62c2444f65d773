"""What Cost Explorer answers about unusual costs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.facts import anomalies as facts
from a360_pipeline.sandbox.facts.anomalies import Anomaly, Cause
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

ANOMALIES = Paging(
    default=10,
    most=100,
    invalid="InvalidNextTokenException",
    cursor="NextPageToken",
    next_cursor="NextPageToken",
)


def get_anomalies(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    today = organization.now.date()
    asked = params["DateInterval"]
    first = dt.date.fromisoformat(asked["StartDate"][:10])
    last = dt.date.fromisoformat(asked.get("EndDate", today.isoformat())[:10])
    # What lasts still ended, as far as AWS can say, yesterday.
    found = [each for each in all_of(organization) if first <= (each.end or today - dt.timedelta(days=1)) <= last]
    page, more = ANOMALIES.page(caller, params, found)
    return {"Anomalies": [_described(organization, each) for each in page]} | more


def all_of(organization: Organization) -> tuple[Anomaly, ...]:
    """Every anomaly of the organization."""
    accounts = tuple(account.id for account in organization.accounts)
    region, others = organization.region_names[0], organization.sizes.others
    return facts.anomalies(organization.seed, accounts, region, others, organization.now.date())


def monitor_arn(organization: Organization, anomaly: Anomaly) -> str:
    return f"arn:aws:ce::{organization.management.id}:anomalymonitor/{anomaly.monitor}"


def _described(organization: Organization, anomaly: Anomaly) -> dict[str, Any]:
    described: dict[str, Any] = {
        "AnomalyId": anomaly.anomaly_id,
        "AnomalyStartDate": f"{anomaly.start.isoformat()}T00:00:00Z",
        "DimensionValue": anomaly.service,
        "AnomalyScore": {"MaxScore": float(anomaly.max_score), "CurrentScore": float(anomaly.current_score)},
        "Impact": {
            "MaxImpact": float(anomaly.impact),
            "TotalImpact": float(anomaly.impact),
            "TotalActualSpend": float(anomaly.actual),
            "TotalExpectedSpend": float(anomaly.expected),
        },
        "MonitorArn": monitor_arn(organization, anomaly),
    }
    if anomaly.end is not None:
        described["AnomalyEndDate"] = f"{anomaly.end.isoformat()}T00:00:00Z"
    if anomaly.feedback is not None:
        described["Feedback"] = anomaly.feedback
    if anomaly.causes:
        described["RootCauses"] = [_cause(organization, cause) for cause in anomaly.causes]
    return described


def _cause(organization: Organization, cause: Cause) -> dict[str, Any]:
    known = {"Region": cause.region, "UsageType": cause.usage_type}
    return {
        "Service": cause.service,
        "LinkedAccount": cause.account_id,
        "LinkedAccountName": organization.by_id[cause.account_id].name,
        "Impact": {"Contribution": float(cause.contribution)},
        **{name: value for name, value in known.items() if value is not None},
    }


ANSWERS = {("ce", "GetAnomalies"): get_anomalies}
