"""What Cost Explorer answers about the costs to come: a forecast that comes true, with bounds around it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import product
from typing import Any

from a360_pipeline.sandbox.errors import invalid
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.ce.usage import Period, chosen, periods

METRICS = ("AMORTIZED_COST", "BLENDED_COST", "NET_AMORTIZED_COST", "NET_UNBLENDED_COST", "UNBLENDED_COST")


def get_cost_forecast(organization: Organization, _caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    if params["Metric"] not in METRICS:
        raise invalid("ce", f"{params['Metric']} cannot be forecast.")
    asked = list(periods(params["TimePeriod"], params["Granularity"]))
    if asked[0].start > organization.now.date():
        raise invalid("ce", "Start date should be equal to or no later than the current date.")
    accounts, services = chosen(params.get("Filter"), organization)
    level = params.get("PredictionIntervalLevel")
    means = [expected(organization, period, accounts, services) for period in asked]
    return {
        "Total": {"Amount": f"{sum(means):f}", "Unit": "USD"},
        "ForecastResultsByTime": [
            {"TimePeriod": period.wire, "MeanValue": f"{mean:f}"} | _bounds(mean, level)
            for period, mean in zip(asked, means, strict=True)
        ],
    }


def expected(
    organization: Organization, period: Period, accounts: tuple[str, ...], services: tuple[str, ...]
) -> Decimal:
    """What the accounts will pay for the services in the period."""
    each = (organization.cost(*which, day) for which in product(accounts, services) for day in period.days)
    return sum(each, Decimal(0))


def _bounds(mean: Decimal, level: int | None) -> dict[str, str]:
    """The surer one wants to be, the wider they are: a tenth of the mean either way at 80 per cent."""
    if level is None:
        return {}
    width = mean * level / 800
    return {"PredictionIntervalLowerBound": f"{mean - width:f}", "PredictionIntervalUpperBound": f"{mean + width:f}"}


ANSWERS = {("ce", "GetCostForecast"): get_cost_forecast}
