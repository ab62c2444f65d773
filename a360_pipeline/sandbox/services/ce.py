"""What Cost Explorer answers: the organization's costs by day or month, account and service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import groupby, product
from typing import Any, NamedTuple

from a360_pipeline.sandbox.errors import invalid
from a360_pipeline.sandbox.facts.costs import SERVICES
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

GROUPS = Paging(
    default=30,
    most=30,
    invalid="InvalidNextTokenException",
    cursor="NextPageToken",
    next_cursor="NextPageToken",
)
DIMENSIONS = ("LINKED_ACCOUNT", "SERVICE")
METRICS = ("AmortizedCost", "BlendedCost", "NetAmortizedCost", "NetUnblendedCost", "UnblendedCost")
"""One organization, no reservations, no discounts: all of them are the same amount."""
ESTIMATED_DAYS = 2
Chosen = dict[str, tuple[str, ...]]


class Period(NamedTuple):
    """From the first day to before the last, as Cost Explorer has its periods."""

    start: dt.date
    end: dt.date


class Line(NamedTuple):
    """One group of one period; None stands for a period that nothing was spent in."""

    period: Period
    keys: tuple[str, ...] | None
    amount: Decimal


def get_cost_and_usage(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    grouping = _grouping(params.get("GroupBy", []))
    metrics = [_one_of(metric, METRICS, "Metrics") for metric in params["Metrics"]]
    chosen = _chosen(params.get("Filter"), organization)
    lines = [
        line
        for period in _periods(params["TimePeriod"], params["Granularity"])
        for line in _lines(organization, period, chosen, grouping)
    ]
    page, more = GROUPS.page(caller, params, lines)
    answer: dict[str, Any] = {
        "ResultsByTime": [
            _result(organization, period, list(of_period), grouping, metrics)
            for period, of_period in groupby(page, key=lambda line: line.period)
        ],
    }
    if grouping:
        answer["GroupDefinitions"] = params["GroupBy"]
    if "LINKED_ACCOUNT" in grouping:
        answer["DimensionValueAttributes"] = _account_names(organization, page, grouping.index("LINKED_ACCOUNT"))
    return answer | more


def _lines(organization: Organization, period: Period, chosen: Chosen, grouping: list[str]) -> Iterator[Line]:
    days = [period.start + dt.timedelta(days=day) for day in range((period.end - period.start).days)]
    sums: dict[tuple[str, ...], Decimal] = {}
    for values in product(*(chosen[dimension] for dimension in DIMENSIONS)):
        account_id, service = values
        amount = sum((organization.cost(account_id, service, day) for day in days), Decimal(0))
        keys = tuple(values[DIMENSIONS.index(dimension)] for dimension in grouping)
        if amount or not grouping:
            sums[keys] = sums.get(keys, Decimal(0)) + amount
    if not sums:
        yield Line(period, None, Decimal(0))
    for keys, amount in sorted(sums.items()):
        yield Line(period, keys, amount)


def _result(
    organization: Organization, period: Period, lines: list[Line], grouping: list[str], metrics: list[str]
) -> dict[str, Any]:
    def amounts(amount: Decimal) -> dict[str, dict[str, str]]:
        return {metric: {"Amount": f"{amount:f}", "Unit": "USD"} for metric in metrics}

    first_estimated = organization.now.date() - dt.timedelta(days=ESTIMATED_DAYS)
    return {
        "TimePeriod": {"Start": period.start.isoformat(), "End": period.end.isoformat()},
        "Total": {} if grouping else amounts(lines[0].amount),
        "Groups": [
            {"Keys": list(line.keys), "Metrics": amounts(line.amount)} for line in lines if grouping and line.keys
        ],
        "Estimated": period.end > first_estimated,
    }


def _account_names(organization: Organization, page: list[Line], place: int) -> list[dict[str, Any]]:
    seen = sorted({line.keys[place] for line in page if line.keys})
    return [{"Value": one, "Attributes": {"description": organization.by_id[one].name}} for one in seen]


def _periods(asked: Mapping[str, str], granularity: str) -> Iterator[Period]:
    if granularity == "HOURLY":
        raise invalid("ce", "Hourly granularity is not enabled for this organization.")
    try:
        start, end = (dt.date.fromisoformat(asked[name]) for name in ("Start", "End"))
    except ValueError:
        raise invalid("ce", "Start and End of TimePeriod are dates like 2026-01-31.") from None
    if start >= end:
        raise invalid("ce", "Start date (and hour) should be before end date (and hour).")
    while start < end:
        following = start + dt.timedelta(days=1) if granularity == "DAILY" else _next_month(start)
        yield Period(start, min(following, end))
        start = following


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def _grouping(asked: list[dict[str, str]]) -> list[str]:
    for group in asked:
        _one_of(group.get("Type", ""), ("DIMENSION",), "GroupBy types")
    keys = [_one_of(group.get("Key", ""), DIMENSIONS, "GroupBy keys") for group in asked]
    if len(set(keys)) != len(keys):
        raise invalid("ce", "GroupBy names a dimension twice.")
    return keys


def _one_of(value: str, served: tuple[str, ...], what: str) -> str:
    if value not in served:
        raise invalid("ce", f"{value!r} is none of the {what} that the sandbox serves: {', '.join(served)}.")
    return value


def _chosen(expression: Mapping[str, Any] | None, organization: Organization) -> Chosen:
    """The accounts and services that a filter leaves."""
    everything: Chosen = {"LINKED_ACCOUNT": tuple(sorted(organization.by_id)), "SERVICE": SERVICES}
    for part in [] if expression is None else expression.get("And", [expression]):
        dimension = part.get("Dimensions", {})
        if set(part) != {"Dimensions"} or dimension.get("MatchOptions", ["EQUALS"]) != ["EQUALS"]:
            raise invalid("ce", "The sandbox filters by Dimensions that are equal to values, and by And of those.")
        key = _one_of(dimension.get("Key", ""), DIMENSIONS, "Filter dimensions")
        everything[key] = tuple(value for value in everything[key] if value in dimension.get("Values", ()))
    return everything


ANSWERS = {("ce", "GetCostAndUsage"): get_cost_and_usage}
