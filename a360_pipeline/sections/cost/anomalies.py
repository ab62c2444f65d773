"""Cost anomalies: what Cost Anomaly Detection noticed, by the accounts that caused it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.cost.usage import USD_PER_REQUEST
from a360_pipeline.sections.model import Column, Kept, Operation, Row, Table, Type, Window
from a360_pipeline.sections.shapes import ACCOUNT, at

GET_ANOMALIES = Operation("ce", "GetAnomalies", usd_per_request=USD_PER_REQUEST, at_least=0)
LOOK_BACK = dt.timedelta(days=30)
"""How long an anomaly may still grow or end after it was first told; AWS keeps them for 90 days."""

COST_ANOMALIES = Table(
    "cost_anomalies",
    "Unusual costs that Cost Anomaly Detection noticed, one row per anomaly and account that caused it.",
    columns=(
        ACCOUNT,
        Column("anomaly_id", Type.TEXT),
        Column("monitor_arn", Type.TEXT),
        Column("dimension_value", Type.TEXT, "What the monitor watches, such as a service."),
        Column("start_date", Type.DATE, "The first day it was noticed."),
        Column("end_date", Type.DATE, "The last day it was noticed; null while it lasts."),
        Column("account_impact", Type.NUMERIC, "USD that this account's root causes contributed."),
        Column("total_impact", Type.NUMERIC, "USD, of all accounts."),
        Column("total_actual_spend", Type.NUMERIC, "USD, of all accounts."),
        Column("total_expected_spend", Type.NUMERIC, "USD, of all accounts."),
        Column("max_score", Type.NUMERIC),
        Column("current_score", Type.NUMERIC),
        Column("feedback", Type.TEXT, "YES, NO or PLANNED_ACTIVITY, where somebody said."),
        Column("root_causes", Type.JSONB, "Of this account: service, region, usage type and contribution."),
    ),
    key=("account_id", "anomaly_id"),
    kept=Kept.DELTA,
    rows=at("anomalies"),
)


def ask_anomalies(hub: AccountSession, window: Window) -> list[dict[str, Any]]:
    """Cost Explorer GetAnomalies of the weeks before the run date, for all accounts."""
    interval = {
        "StartDate": (window.run_date - LOOK_BACK).isoformat(),
        "EndDate": (window.run_date - dt.timedelta(days=1)).isoformat(),
    }
    return list(hub.pages("ce", "get_anomalies", "Anomalies", DateInterval=interval))


def by_account(anomalies: Sequence[Mapping[str, Any]], payer: str | None) -> dict[str, list[Row]]:
    """The rows of each account. An anomaly whose causes name no account is the payer's."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for anomaly in anomalies:
        causes: dict[str | None, list[Mapping[str, Any]]] = defaultdict(list)
        for cause in anomaly.get("RootCauses") or [{}]:
            causes[cause.get("LinkedAccount", payer)].append(cause)
        for account_id, own in causes.items():
            if account_id is not None:
                rows[account_id].append(_row(anomaly, own))
    return rows


def count_in(rows: Sequence[Row], window: Window) -> int:
    """How many of them touch the window."""
    start, end = window.start.isoformat(), window.end.isoformat()
    return sum((row["start_date"] or start) < end and (row["end_date"] or end) >= start for row in rows)


def _row(anomaly: Mapping[str, Any], causes: Sequence[Mapping[str, Any]]) -> Row:
    impact, score = anomaly["Impact"], anomaly["AnomalyScore"]
    return {
        "anomaly_id": anomaly["AnomalyId"],
        "monitor_arn": anomaly["MonitorArn"],
        "dimension_value": anomaly.get("DimensionValue"),
        "start_date": _day(anomaly.get("AnomalyStartDate")),
        "end_date": _day(anomaly.get("AnomalyEndDate")),
        "account_impact": _sum(_contributions(causes)),
        "total_impact": _exact(impact.get("TotalImpact")),
        "total_actual_spend": _exact(impact.get("TotalActualSpend")),
        "total_expected_spend": _exact(impact.get("TotalExpectedSpend")),
        "max_score": _exact(score["MaxScore"]),
        "current_score": _exact(score["CurrentScore"]),
        "feedback": anomaly.get("Feedback"),
        "root_causes": [
            {
                "service": cause.get("Service"),
                "region": cause.get("Region"),
                "usage_type": cause.get("UsageType"),
                "contribution": contribution,
            }
            for cause, contribution in zip(causes, _contributions(causes), strict=True)
            if cause
        ],
    }


def _contributions(causes: Sequence[Mapping[str, Any]]) -> list[Decimal | None]:
    return [_exact(cause.get("Impact", {}).get("Contribution")) for cause in causes]


def _sum(known: Sequence[Decimal | None]) -> Decimal | None:
    # A sum without one of its parts would be another figure.
    return sum((each for each in known if each is not None), Decimal(0)) if None not in known else None


def _exact(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _day(instant: str | None) -> str | None:
    return instant[:10] if instant else None
