"""Section `cost`: what each account cost, day by day and against the period before, and what is to be expected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from a360_pipeline.aws.accounts import Account, payer_of
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status
from a360_pipeline.sections.cost import anomalies, forecast, savings
from a360_pipeline.sections.cost.usage import (
    GET_COST_AND_USAGE,
    Usage,
    ask_history,
    has_history,
    read_again_from,
    shared_usage,
)
from a360_pipeline.sections.model import (
    AccountRows,
    Column,
    History,
    Kept,
    Payload,
    Reference,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
)
from a360_pipeline.sections.shapes import ACCOUNT, at, elements

TOP_SERVICES = 5

COST_REPORTS = Table(
    "cost_reports",
    "What an account cost in a period, against the period before it.",
    columns=(
        ACCOUNT,
        Column("current_period_cost", Type.NUMERIC, "USD."),
        Column("previous_period_cost", Type.NUMERIC, "USD."),
        Column("cost_difference", Type.NUMERIC, "USD."),
        Column("cost_difference_percentage", Type.NUMERIC, "Null where the previous period cost nothing."),
        Column("potential_monthly_savings", Type.NUMERIC, "USD; null where Cost Optimization Hub is not enrolled."),
        Column("anomalies_detected", Type.BIGINT, "That touch the period; null where nobody asked."),
        Column("saving_opportunities_count", Type.BIGINT, "Null where Cost Optimization Hub is not enrolled."),
        Column("period_start", Type.DATE, field="period.start"),
        Column("period_end", Type.DATE, "Exclusive.", field="period.end"),
        Column("period_granularity", Type.TEXT, "DAILY, WEEKLY, MONTHLY or YEARLY.", field="period.granularity"),
        Column("region", Type.TEXT, field="@region"),
    ),
    key=("account_id", "period_start", "period_granularity"),
    kept=Kept.DATED,
    # The first is what the frame says; the others have tables of their own.
    ignored=("account_id", "top_services", "forecast", "cost_history", "anomalies"),
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
    "What AWS expected a coming period to cost when the report was made: the payer's is the organization's.",
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

COST_HISTORY = Table(
    "cost_history",
    "What an account cost on each day, as AWS last told it: costs are restated until the month's invoice closes.",
    columns=(
        ACCOUNT,
        Column("date", Type.DATE),
        Column("cost", Type.NUMERIC),
        Column("currency", Type.TEXT),
        Column("is_estimated", Type.BOOLEAN, "AWS says that it may still change."),
    ),
    key=("account_id", "date"),
    kept=Kept.DATED,
    set_of=("account_id", "date"),
    rows=at("cost_history"),
)


def collect(hub: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
    """A cost report per account, from one question each about usage, forecast, anomalies and savings.

    What AWS knows only of now is asked only of now: a past day's report leaves it out.
    """
    usage = shared_usage(hub, window)
    history = ask_history(hub, window) if has_history(window) else None
    reports = {account.id: _report(usage, history, account.id, window) for account in accounts}
    if window.is_now:
        payer = payer_of(accounts)
        _add_anomalies(hub, window, reports, payer)
        _add_savings(hub, reports)
        _add_forecasts(hub, window, reports, payer, usage)
    return reports


def _report(usage: Usage, history: Usage | None, account_id: str, window: Window) -> dict[str, Any]:
    services = usage.services(account_id, window.start, window.end)
    current = usage.total(account_id, window.start, window.end)
    previous = usage.total(account_id, window.previous_start, window.start)
    top = sorted(services.items(), key=lambda item: (-item[1], item[0]))[:TOP_SERVICES]
    report: dict[str, Any] = {
        "account_id": account_id,
        "current_period_cost": current,
        "previous_period_cost": previous,
        "cost_difference": current - previous,
        "cost_difference_percentage": (current - previous) * 100 / previous if previous else None,
        "top_services": [{"service": service, "cost": cost} for service, cost in top],
        "period": {
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
            "granularity": str(window.interval),
        },
        "forecast": [],
        "potential_monthly_savings": None,
        "saving_opportunities_count": None,
        "anomalies_detected": None,
        "anomalies": [],
    }
    if history is not None:
        report["cost_history"] = [
            {"date": day.isoformat(), "cost": cost, "currency": history.currency, "is_estimated": is_estimated}
            for day, cost, is_estimated in history.days(account_id, read_again_from(window))
        ]
    return report


Reports = Mapping[str, dict[str, Any]]


def _add_anomalies(hub: AccountSession, window: Window, reports: Reports, payer: str | None) -> None:
    with hub.part("cost anomalies"):
        found = anomalies.by_account(anomalies.ask_anomalies(hub, window), payer)
        for account_id, report in reports.items():
            rows = found.get(account_id, [])
            # An anomaly that ended long ago says nothing of a period longer than the look-back.
            is_whole = window.run_date - window.start <= anomalies.LOOK_BACK
            report["anomalies"] = rows
            report["anomalies_detected"] = anomalies.count_in(rows, window) if is_whole else None


def _add_savings(hub: AccountSession, reports: Reports) -> None:
    with hub.part("savings of Cost Optimization Hub"):
        for account_id, saving in savings.ask_savings(hub).items():
            if account_id in reports:
                reports[account_id]["potential_monthly_savings"] = saving.monthly
                reports[account_id]["saving_opportunities_count"] = saving.recommendations


def _add_forecasts(hub: AccountSession, window: Window, reports: Reports, payer: str | None, usage: Usage) -> None:
    if payer is not None and payer in reports:
        with hub.part("forecast of the organization"):
            reports[payer]["forecast"] = forecast.ask_forecast(hub, window)
    for account_id in _costliest(usage, window, hub.choices.forecast_accounts):
        if account_id in reports and account_id != payer:
            with hub.part(f"forecast of {account_id}"):
                reports[account_id]["forecast"] = forecast.ask_forecast(hub, window, account_id)


def _costliest(usage: Usage, window: Window, count: int) -> list[str]:
    """The accounts of the organization that cost most in the window."""
    return sorted(usage.costs, key=lambda each: (-usage.total(each, window.start, window.end), each))[:count]


SECTION = Section(
    name="cost",
    title="Cost report",
    wire="cost",
    scope=Scope.ORGANIZATION,
    history=History.TRAILING,
    operations=(
        GET_COST_AND_USAGE,
        forecast.GET_COST_FORECAST,
        anomalies.GET_ANOMALIES,
        *savings.OPERATIONS,
    ),
    tables=(COST_REPORTS, SERVICE_COSTS, COST_FORECASTS, COST_HISTORY, anomalies.COST_ANOMALIES),
    collect_all=collect,
    # Cost Explorer says so of an organization that has never turned it on.
    errors={"DataUnavailableException": Status.NOT_ENABLED},
    status_field="cost",
)
