"""What Cost Explorer answers: the organization's costs by day or month, account and service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from itertools import groupby, product
from typing import Any, NamedTuple

from a360_pipeline.sandbox.errors import invalid
from a360_pipeline.sandbox.facts import costs
from a360_pipeline.sandbox.facts.costs import BILLING_ENTITY, SERVICES
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

GROUPS = Paging(
    default=500,
    most=500,
    invalid="InvalidNextTokenException",
    cursor="NextPageToken",
    next_cursor="NextPageToken",
)
DIMENSIONS = ("LINKED_ACCOUNT", "SERVICE", "BILLING_ENTITY")
METRICS = ("AmortizedCost", "BlendedCost", "NetAmortizedCost", "NetUnblendedCost", "UnblendedCost")
"""One organization, no reservations, no discounts: all of them are the same amount."""
ESTIMATED_DAYS = 2


class Period(NamedTuple):
    """From the first day to before the last, as Cost Explorer has its periods."""

    start: dt.date
    end: dt.date

    @property
    def days(self) -> list[dt.date]:
        return [self.start + dt.timedelta(days=day) for day in range((self.end - self.start).days)]

    @property
    def wire(self) -> dict[str, str]:
        return {"Start": self.start.isoformat(), "End": self.end.isoformat()}


class Line(NamedTuple):
    """One group of one period; None stands for a period that nothing was spent in."""

    period: Period
    keys: tuple[str, ...] | None
    amount: Decimal


def get_cost_and_usage(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    grouping = _grouping(params.get("GroupBy", []))
    metrics = [_one_of(metric, METRICS, "Metrics") for metric in params["Metrics"]]
    accounts, services = chosen(params.get("Filter"), organization)
    lines = [
        line
        for period in periods(params["TimePeriod"], params["Granularity"])
        for line in _lines(organization.seed, period, accounts, services, tuple(grouping))
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


# Every page of an answer is cut from the whole of it.
@lru_cache(maxsize=1024)
def _lines(
    seed: int, period: Period, accounts: tuple[str, ...], services: tuple[str, ...], grouping: tuple[str, ...]
) -> tuple[Line, ...]:
    sums: dict[tuple[str, ...], Decimal] = {}
    for account_id, service in product(accounts, services):
        amount = sum((costs.cost(seed, account_id, service, day) for day in period.days), Decimal(0))
        values = dict(zip(DIMENSIONS, (account_id, service, BILLING_ENTITY[service]), strict=True))
        keys = tuple(values[dimension] for dimension in grouping)
        if amount or not grouping:
            sums[keys] = sums.get(keys, Decimal(0)) + amount
    if not sums:
        return (Line(period, None, Decimal(0)),)
    return tuple(Line(period, keys, amount) for keys, amount in sorted(sums.items()))


def _result(
    organization: Organization, period: Period, lines: list[Line], grouping: list[str], metrics: list[str]
) -> dict[str, Any]:
    def amounts(amount: Decimal) -> dict[str, dict[str, str]]:
        return {metric: {"Amount": f"{amount:f}", "Unit": "USD"} for metric in metrics}

    first_estimated = organization.now.date() - dt.timedelta(days=ESTIMATED_DAYS)
    return {
        "TimePeriod": period.wire,
        "Total": {} if grouping else amounts(lines[0].amount),
        "Groups": [
            {"Keys": list(line.keys), "Metrics": amounts(line.amount)} for line in lines if grouping and line.keys
        ],
        "Estimated": period.end > first_estimated,
    }


def _account_names(organization: Organization, page: list[Line], place: int) -> list[dict[str, Any]]:
    seen = sorted({line.keys[place] for line in page if line.keys})
    return [{"Value": one, "Attributes": {"description": organization.by_id[one].name}} for one in seen]


def periods(asked: Mapping[str, str], granularity: str) -> Iterator[Period]:
    """The days or months that are asked for. Raises AwsError where they are none."""
    if granularity == "HOURLY":
        raise invalid("ce", "Hourly granularity is not enabled for this organization.")
    start, end = whole_period(asked)
    while start < end:
        following = start + dt.timedelta(days=1) if granularity == "DAILY" else _next_month(start)
        yield Period(start, min(following, end))
        start = following


def whole_period(asked: Mapping[str, str]) -> Period:
    """The period that is asked for. Raises AwsError where it has no day."""
    try:
        period = Period(*(dt.date.fromisoformat(asked[name]) for name in ("Start", "End")))
    except ValueError:
        raise invalid("ce", "Start and End of TimePeriod are dates like 2026-01-31.") from None
    if period.start >= period.end:
        raise invalid("ce", "Start date (and hour) should be before end date (and hour).")
    return period


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


def chosen(expression: Mapping[str, Any] | None, organization: Organization) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The accounts and services that a filter leaves. Raises AwsError for a filter that is not served."""
    accounts, services = tuple(sorted(organization.by_id)), SERVICES
    for part in [] if expression is None else expression.get("And", [expression]):
        dimension = part.get("Dimensions", {})
        if set(part) != {"Dimensions"} or dimension.get("MatchOptions", ["EQUALS"]) != ["EQUALS"]:
            raise invalid("ce", "The sandbox filters by Dimensions that are equal to values, and by And of those.")
        key = _one_of(dimension.get("Key", ""), DIMENSIONS, "Filter dimensions")
        values = dimension.get("Values", ())
        if key == "LINKED_ACCOUNT":
            accounts = tuple(account_id for account_id in accounts if account_id in values)
        else:
            of_service = {name: name for name in SERVICES} if key == "SERVICE" else BILLING_ENTITY
            services = tuple(name for name in services if of_service[name] in values)
    return accounts, services


ANSWERS = {("ce", "GetCostAndUsage"): get_cost_and_usage}
