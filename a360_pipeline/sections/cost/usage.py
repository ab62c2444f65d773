"""The questions about usage that the cost sections share: by account and service, and by account day by day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import Interval, Operation, Window, month_before

USD_PER_REQUEST = Decimal("0.01")
GET_COST_AND_USAGE = Operation("ce", "GetCostAndUsage", usd_per_request=USD_PER_REQUEST)
METRIC = "UnblendedCost"
INVOICE_CLOSED_BY = 10
"""The day of a month by which AWS has closed the invoice of the month before and restates it no more."""
GRANULARITY = {
    Interval.DAILY: "DAILY",
    Interval.WEEKLY: "DAILY",
    Interval.MONTHLY: "MONTHLY",
    Interval.YEARLY: "MONTHLY",
}
"""Cost Explorer knows days and months: weeks are summed from days, years from months (S22)."""

Costs = Mapping[str, Decimal]


@dataclass
class Usage:
    """Unblended cost by account id, first day of a day or month, and service: "" where services are not told apart."""

    costs: dict[str, dict[dt.date, dict[str, Decimal]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(Decimal)))
    )
    is_estimated: dict[dt.date, bool] = field(default_factory=dict)
    currency: str | None = None

    def add(self, periods: Iterable[Mapping[str, Any]]) -> Usage:
        """Takes in ResultsByTime by LINKED_ACCOUNT, and SERVICE or not; a period may come in several pages."""
        for period in periods:
            day = dt.date.fromisoformat(period["TimePeriod"]["Start"])
            self.is_estimated[day] = period.get("Estimated", False) or self.is_estimated.get(day, False)
            for group in period["Groups"]:
                account_id, *service = group["Keys"]
                amount = group["Metrics"][METRIC]
                self.costs[account_id][day]["".join(service)] += Decimal(amount["Amount"])
                self.currency = amount.get("Unit", self.currency)
        return self

    def services(self, account_id: str, start: dt.date, end: dt.date) -> Costs:
        """What each service cost the account in [start, end), without what cost nothing."""
        total: dict[str, Decimal] = defaultdict(Decimal)
        for day, services in self.costs.get(account_id, {}).items():
            if start <= day < end:
                for service, cost in services.items():
                    total[service] += cost
        return {service: cost for service, cost in total.items() if cost}

    def total(self, account_id: str, start: dt.date, end: dt.date) -> Decimal:
        """What the account cost in [start, end). One that Cost Explorer does not mention cost nothing."""
        return sum(self.services(account_id, start, end).values(), Decimal(0))

    def days(self, account_id: str, since: dt.date) -> Iterator[tuple[dt.date, Decimal, bool]]:
        """Each day from `since` that Cost Explorer told of: what it cost, and whether that is an estimate."""
        of_account = self.costs.get(account_id, {})
        for day, is_estimated in sorted(self.is_estimated.items()):
            if day >= since:
                yield day, sum(of_account.get(day, {}).values(), Decimal(0)), is_estimated


def read_again_from(window: Window) -> dt.date:
    """The first day of the invoices that are still open on the run date: their costs may yet be restated."""
    run_date = window.run_date
    return month_before(run_date) if run_date.day <= INVOICE_CLOSED_BY else run_date.replace(day=1)


BY_ACCOUNT = {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}
BY_SERVICE = {"Type": "DIMENSION", "Key": "SERVICE"}


def ask_usage(
    hub: AccountSession,
    window: Window,
    start: dt.date,
    group_by: Sequence[Mapping[str, str]] = (BY_ACCOUNT, BY_SERVICE),
    **parameters: Any,
) -> Usage:
    """Cost Explorer GetCostAndUsage of [start, the window's end) for all accounts, each page a paid request."""
    periods = hub.pages(
        "ce",
        "get_cost_and_usage",
        "ResultsByTime",
        TimePeriod={"Start": start.isoformat(), "End": window.end.isoformat()},
        Granularity=GRANULARITY[window.interval],
        Metrics=[METRIC],
        GroupBy=list(group_by),
        **parameters,
    )
    return Usage().add(periods)


def shared_usage(hub: AccountSession, window: Window) -> Usage:
    """The window and the period before it by service: one question in a run for all sections."""
    return hub.once(f"usage {window}", lambda: ask_usage(hub, window, window.previous_start))


def ask_history(hub: AccountSession, window: Window) -> Usage:
    """Each day that may still be restated. Not by service: pages are paid, and those would be ten times as many."""
    return ask_usage(hub, window, min(read_again_from(window), window.start), (BY_ACCOUNT,))


def has_history(window: Window) -> bool:
    """Whether the window is asked for day by day."""
    return GRANULARITY[window.interval] == "DAILY"
