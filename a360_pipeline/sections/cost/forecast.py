"""Forecasts: what AWS expects this month and the next to cost, for the organization and for chosen accounts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.cost.usage import USD_PER_REQUEST
from a360_pipeline.sections.model import Operation, Row, Window, month_after

GET_COST_FORECAST = Operation("ce", "GetCostForecast", usd_per_request=USD_PER_REQUEST, at_least=0)
CONFIDENCE_PER_CENT = 80
"""How sure AWS is that the cost will lie between the bounds."""


def ask_forecast(hub: AccountSession, window: Window, account_id: str | None = None) -> list[Row]:
    """Cost Explorer GetCostForecast from the run date to the end of the next month, by month: one paid request.

    Without an account of the whole organization. Empty where AWS has not seen enough to expect anything.
    """
    end = month_after(month_after(window.run_date))
    try:
        answer = hub.call(
            "ce",
            "get_cost_forecast",
            TimePeriod={"Start": window.run_date.isoformat(), "End": end.isoformat()},
            Metric="UNBLENDED_COST",
            Granularity="MONTHLY",
            PredictionIntervalLevel=CONFIDENCE_PER_CENT,
            **_filter(account_id),
        )
    except ClientError as error:
        if error_code(error) != "DataUnavailableException":
            raise
        return []
    return [_row(period) for period in answer["ForecastResultsByTime"]]


def _filter(account_id: str | None) -> dict[str, Any]:
    if account_id is None:
        return {}
    return {"Filter": {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": [account_id]}}}


def _row(period: Mapping[str, Any]) -> Row:
    return {
        "period": {"start": period["TimePeriod"]["Start"], "end": period["TimePeriod"]["End"]},
        "amount": _exact(period.get("MeanValue")),
        "prediction_interval_lower_bound": _exact(period.get("PredictionIntervalLowerBound")),
        "prediction_interval_upper_bound": _exact(period.get("PredictionIntervalUpperBound")),
    }


def _exact(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
