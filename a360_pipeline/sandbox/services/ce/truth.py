"""What is true of costs: the rows that the warehouse must hold after a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.facts.anomalies import Anomaly
from a360_pipeline.sandbox.facts.costs import SERVICES
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services import cost_optimization_hub
from a360_pipeline.sandbox.services.ce import anomalies, forecast
from a360_pipeline.sandbox.services.ce.usage import ESTIMATED_DAYS, Period

TOP = 5
INVOICE_CLOSED_BY = 10
Rows = Iterator[Mapping[str, Any]]


def _yesterday(organization: Organization) -> Period:
    today = organization.now.date()
    return Period(today - dt.timedelta(days=1), today)


def _costs(organization: Organization, account_id: str, date: dt.date) -> dict[str, Decimal]:
    found = {service: organization.cost(account_id, service, date) for service in SERVICES}
    return {service: cost for service, cost in found.items() if cost}


def reports(organization: Organization, account_id: str, region: str) -> Rows:
    """Rows of `cost_reports`."""
    if region != GLOBAL:
        return
    period = _yesterday(organization)
    before = period.start - dt.timedelta(days=1)
    count, monthly = cost_optimization_hub.of(organization, account_id)
    yield {
        "period_start": period.start,
        "period_granularity": "DAILY",
        "period_end": period.end,
        "current_period_cost": sum(_costs(organization, account_id, period.start).values()),
        "previous_period_cost": sum(_costs(organization, account_id, before).values()),
        "potential_monthly_savings": monthly,
        "saving_opportunities_count": count,
        "anomalies_detected": sum(
            each.start < period.end and (each.end is None or each.end >= period.start)
            for each in _anomalies(organization, account_id)
        ),
    }


def _report(organization: Organization) -> dict[str, Any]:
    return {
        "cost_report_id.period_start": _yesterday(organization).start,
        "cost_report_id.period_granularity": "DAILY",
    }


def top_services(organization: Organization, account_id: str, region: str) -> Rows:
    """Rows of `service_costs`."""
    if region == GLOBAL:
        costs = _costs(organization, account_id, _yesterday(organization).start)
        for service in sorted(costs, key=lambda each: (-costs[each], each))[:TOP]:
            yield {**_report(organization), "service_name": service, "cost": costs[service]}


def services(organization: Organization, account_id: str, region: str) -> Rows:
    """Rows of `services`."""
    if region == GLOBAL:
        period = _yesterday(organization)
        for service, cost in _costs(organization, account_id, period.start).items():
            yield {
                "service": service,
                "usage_types": "Aggregated",
                "date_from": period.start,
                "date_to": period.end,
                "cost": cost,
                "currency": "USD",
            }


def forecasts(organization: Organization, account_id: str, region: str) -> Rows:
    """Rows of `cost_forecasts`: the management account's are the organization's."""
    if region == GLOBAL and account_id == organization.management.id:
        today = organization.now.date()
        next_month = (today.replace(day=1) + dt.timedelta(days=31)).replace(day=1)
        the_one_after = (next_month + dt.timedelta(days=31)).replace(day=1)
        for start, end in pairwise((today, next_month, the_one_after)):
            accounts = tuple(organization.by_id)
            yield {
                **_report(organization),
                "period_start": start,
                "period_end": end,
                "amount": round(forecast.expected(organization, Period(start, end), accounts, SERVICES), 10),
            }


def history(organization: Organization, account_id: str, region: str) -> Rows:
    """Rows of `cost_history`: since the first day of the oldest invoice that may be open."""
    if region == GLOBAL:
        today = organization.now.date()
        of_last_month = today.replace(day=1) - dt.timedelta(days=1)
        date = (of_last_month if today.day <= INVOICE_CLOSED_BY else today).replace(day=1)
        while date < today:
            yield {
                "date": date,
                "cost": sum(_costs(organization, account_id, date).values()),
                "currency": "USD",
                "is_estimated": date >= today - dt.timedelta(days=ESTIMATED_DAYS),
            }
            date += dt.timedelta(days=1)


def unusual(organization: Organization, account_id: str, region: str) -> Rows:
    """Rows of `cost_anomalies`."""
    if region == GLOBAL:
        for each in _anomalies(organization, account_id):
            own = [cause for cause in each.causes if cause.account_id == account_id]
            yield {
                "anomaly_id": each.anomaly_id,
                "monitor_arn": anomalies.monitor_arn(organization, each),
                "start_date": each.start,
                "end_date": each.end,
                "account_impact": sum(cause.contribution for cause in own) if own else None,
                "total_impact": each.impact,
                "current_score": each.current_score,
                "feedback": each.feedback,
                "root_causes": [
                    {
                        "service": cause.service,
                        "region": cause.region,
                        "usage_type": cause.usage_type,
                        "contribution": cause.contribution,
                    }
                    for cause in own
                ],
            }


def _anomalies(organization: Organization, account_id: str) -> list[Anomaly]:
    """Those that the account caused; those that nobody is known to have caused are the management account's."""
    payer = organization.management.id
    return [
        each
        for each in anomalies.all_of(organization)
        if account_id in ([cause.account_id for cause in each.causes] or [payer])
    ]


TRUTH = {
    "cost_reports": reports,
    "service_costs": top_services,
    "services": services,
    "cost_forecasts": forecasts,
    "cost_history": history,
    "cost_anomalies": unusual,
}
