"""Sections `cost` and `service`: what each account cost, in all and by service, asked once for the organization."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import (
    AccountRows,
    Column,
    History,
    Kept,
    Operation,
    Payload,
    Reference,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
)
from a360_pipeline.sections.shapes import ACCOUNT, elements

GET_COST_AND_USAGE = Operation("ce", "GetCostAndUsage", usd_per_request=Decimal("0.01"))
TOP_SERVICES = 5

Usage = dict[str, dict[dt.date, dict[str, Decimal]]]
"""Unblended cost in USD by account id, day and service."""

COST_REPORTS = Table(
    "cost_reports",
    "What an account cost in a period, against the period before it.",
    columns=(
        ACCOUNT,
        Column("current_period_cost", Type.NUMERIC, "USD."),
        Column("previous_period_cost", Type.NUMERIC, "USD."),
        Column("cost_difference", Type.NUMERIC, "USD."),
        Column("cost_difference_percentage", Type.NUMERIC, "Null where the previous period cost nothing."),
        Column("potential_monthly_savings", Type.NUMERIC, "USD; null where nobody collects it."),
        Column("anomalies_detected", Type.BIGINT, "Null where nobody collects it."),
        Column("saving_opportunities_count", Type.BIGINT, "Null where nobody collects it."),
        Column("period_start", Type.DATE, field="period.start"),
        Column("period_end", Type.DATE, "Exclusive.", field="period.end"),
        Column("period_granularity", Type.TEXT, "DAILY, WEEKLY, MONTHLY or YEARLY.", field="period.granularity"),
        Column("region", Type.TEXT, field="@region"),
    ),
    key=("account_id", "period_start", "period_granularity"),
    kept=Kept.DATED,
    # The first is what the frame says; the others have tables of their own.
    ignored=("account_id", "top_services", "forecast"),
    stamps=("created_at",),
)

REPORT = Reference(
    "cost_report_id",
    "cost_reports",
    on=(("period_start", "report.start"), ("period_granularity", "report.granularity")),
)


def _of_report(name: str) -> Callable[[Payload], Iterator[Row]]:
    """The rows under one name of a report, each told which report it belongs to."""

    def rows(payload: Payload) -> Iterator[Row]:
        for row in elements(payload.get(name)):
            yield {"report": payload.get("period"), **row} if isinstance(row, Mapping) else row

    return rows


SERVICE_COSTS = Table(
    "service_costs",
    "The services that cost most in a report's period.",
    columns=(
        REPORT,
        Column("service_name", Type.TEXT, field="service"),
        Column("cost", Type.NUMERIC, "USD."),
        Column("region", Type.TEXT, field="@region"),
    ),
    key=("cost_report_id", "service_name"),
    kept=Kept.DATED,
    set_of=("cost_report_id",),
    rows=_of_report("top_services"),
    stamps=("created_at",),
)

COST_FORECASTS = Table(
    "cost_forecasts",
    "What AWS expected a coming period to cost when the report was made.",
    columns=(
        REPORT,
        Column("period_start", Type.DATE, field="period.start"),
        Column("period_end", Type.DATE, "Exclusive.", field="period.end"),
        Column("amount", Type.NUMERIC, "USD."),
        Column("prediction_interval_lower_bound", Type.NUMERIC, "USD."),
        Column("prediction_interval_upper_bound", Type.NUMERIC, "USD."),
        Column("region", Type.TEXT, field="@region"),
    ),
    key=("cost_report_id", "period_start", "period_end"),
    kept=Kept.DATED,
    set_of=("cost_report_id",),
    rows=_of_report("forecast"),
    stamps=("created_at",),
)

SERVICES = Table(
    "services",
    "What each service cost an account in a period.",
    columns=(
        ACCOUNT,
        Column("service", Type.TEXT),
        Column("date_from", Type.DATE),
        Column("date_to", Type.DATE, "Exclusive."),
        Column("cost", Type.NUMERIC),
        Column("currency", Type.TEXT),
        Column("utilization", Type.NUMERIC),
        Column("utilization_unit", Type.TEXT),
        Column("usage_types", Type.TEXT),
    ),
    key=("account_id", "service", "usage_types", "date_from", "date_to"),
    kept=Kept.DATED,
    set_of=("account_id", "date_from", "date_to"),
)


def _usage(hub: AccountSession, window: Window) -> Usage:
    """Cost Explorer GetCostAndUsage of the window and the day before it, for all accounts in one query."""
    before = window.start - (window.end - window.start)
    usage: Usage = defaultdict(lambda: defaultdict(lambda: defaultdict(Decimal)))
    periods = hub.pages(
        "ce",
        "get_cost_and_usage",
        "ResultsByTime",
        TimePeriod={"Start": before.isoformat(), "End": window.end.isoformat()},
        Granularity="DAILY",
        Metrics=["UnblendedCost"],
        GroupBy=[{"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}, {"Type": "DIMENSION", "Key": "SERVICE"}],
    )
    for period in periods:
        day = dt.date.fromisoformat(period["TimePeriod"]["Start"])
        for group in period["Groups"]:
            account_id, service = group["Keys"]
            usage[account_id][day][service] += Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
    return usage


def _shared_usage(hub: AccountSession, window: Window) -> Usage:
    return hub.once(f"usage {window}", lambda: _usage(hub, window))


def _in_period(usage: Usage, account_id: str, start: dt.date, end: dt.date) -> dict[str, Decimal]:
    total: dict[str, Decimal] = defaultdict(Decimal)
    for day, services in usage.get(account_id, {}).items():
        if start <= day < end:
            for service, cost in services.items():
                total[service] += cost
    return {service: cost for service, cost in total.items() if cost}


def collect_cost(hub: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
    """A cost report per account. An account that Cost Explorer does not mention cost nothing."""
    usage = _shared_usage(hub, window)
    return {account.id: _report(usage, account.id, window) for account in accounts}


def _report(usage: Usage, account_id: str, window: Window) -> Payload:
    length = window.end - window.start
    services = _in_period(usage, account_id, window.start, window.end)
    current = sum(services.values(), Decimal(0))
    previous = sum(_in_period(usage, account_id, window.start - length, window.start).values(), Decimal(0))
    top = sorted(services.items(), key=lambda item: (-item[1], item[0]))[:TOP_SERVICES]
    return {
        "account_id": account_id,
        "current_period_cost": current,
        "previous_period_cost": previous,
        "cost_difference": current - previous,
        "cost_difference_percentage": (current - previous) * 100 / previous if previous else None,
        "top_services": [{"service": service, "cost": cost} for service, cost in top],
        "period": {"start": window.start.isoformat(), "end": window.end.isoformat(), "granularity": "DAILY"},
    }


def collect_service(hub: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
    """The cost of each service of each account, from the same query as the cost report."""
    usage = _shared_usage(hub, window)
    return {
        account.id: [
            {
                "service": service,
                "usage_types": "Aggregated",
                "date_from": window.start.isoformat(),
                "date_to": window.end.isoformat(),
                "cost": cost,
                "currency": "USD",
                "utilization": None,
                "utilization_unit": None,
            }
            for service, cost in sorted(_in_period(usage, account.id, window.start, window.end).items())
        ]
        for account in accounts
    }


SECTIONS = (
    Section(
        name="cost",
        title="Cost report",
        wire="cost",
        scope=Scope.ORGANIZATION,
        history=History.TRAILING,
        operations=(GET_COST_AND_USAGE,),
        tables=(COST_REPORTS, SERVICE_COSTS, COST_FORECASTS),
        collect_all=collect_cost,
        status_field="cost",
    ),
    Section(
        name="service",
        title="Cost by service",
        wire="service",
        scope=Scope.ORGANIZATION,
        history=History.TRAILING,
        operations=(GET_COST_AND_USAGE,),
        tables=(SERVICES,),
        collect_all=collect_service,
        status_field="service",
    ),
)
