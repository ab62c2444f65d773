"""Savings Plans: how far each was used in a period, and what it saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.cost.usage import USD_PER_REQUEST
from a360_pipeline.sections.model import Operation, Row, Window
from a360_pipeline.sections.ri_sp_savings.answers import exact, seconds_between, unless_unavailable

OPERATIONS = (
    Operation("ce", "GetSavingsPlansUtilizationDetails", usd_per_request=USD_PER_REQUEST),
    Operation("savingsplans", "DescribeSavingsPlans"),
)
PAGE = 100
"""Cost Explorer's own page has 20 plans, and every page is a paid request."""


def ask(hub: AccountSession, window: Window) -> Iterator[tuple[str, Row]]:
    """Cost Explorer GetSavingsPlansUtilizationDetails: of each plan its owner and its row.

    What Cost Explorer leaves out is added from savingsplans DescribeSavingsPlans for the plans that the
    hub's account bought; of those that members bought it stays unknown.
    """
    details = list(
        unless_unavailable(
            hub.pages(
                "ce",
                "get_savings_plans_utilization_details",
                "SavingsPlansUtilizationDetails",
                TimePeriod={"Start": window.start.isoformat(), "End": window.end.isoformat()},
                DataType=["ATTRIBUTES", "UTILIZATION", "AMORTIZED_COMMITMENT", "SAVINGS"],
                MaxResults=PAGE,
            )
        )
    )
    bought: dict[str, Mapping[str, Any]] = {}
    if details:
        with hub.part("descriptions of Savings Plans"):
            plans = hub.pages("savingsplans", "describe_savings_plans", "savingsPlans")
            bought = {plan["savingsPlanArn"]: plan for plan in plans}
    for detail in details:
        described = bought.get(detail["SavingsPlanArn"], {})
        yield detail["Attributes"]["AccountId"], row(detail, described, window)


def row(detail: Mapping[str, Any], described: Mapping[str, Any], window: Window) -> Row:
    """The row of one plan: its figures, and its description where that is known."""
    arn, has = detail["SavingsPlanArn"], detail["Attributes"]
    used, saved = detail.get("Utilization", {}), detail.get("Savings", {})
    kind, status = has.get("SavingsPlansType"), has.get("Status")
    region = has.get("Region")
    recurring = exact(has.get("RecurringHourlyFee"))
    return {
        "date_from": window.start.isoformat(),
        "date_to": window.end.isoformat(),
        "reservation_type": "Savings Plan",
        "subscription_id": arn.rpartition("/")[2],
        "offering_id": described.get("offeringId"),
        "savings_plan_arn": arn,
        "service": "AWS Savings Plans",
        "instance_type": kind.removesuffix("SavingsPlans") if kind else None,
        "instance_count": None,
        "instance_family": has.get("InstanceFamily") or None,
        "instance_tenancy": None,
        "offering_class": None,
        "product_types": ",".join(described["productTypes"]) if "productTypes" in described else None,
        # A plan for all regions has none.
        "region": None if region in ("", "Any") else region,
        "utilization_percentage": exact(used.get("UtilizationPercentage")),
        "on_demand_cost": exact(saved.get("OnDemandCostEquivalent")),
        "reservation_cost": exact(detail.get("AmortizedCommitment", {}).get("TotalAmortizedCommitment")),
        "net_savings": exact(saved.get("NetSavings")),
        "commitment": exact(has.get("HourlyCommitment")),
        "upfront_cost": exact(has.get("UpfrontFee")),
        "recurring_cost": recurring,
        "recurring_frequency": None if recurring is None else "Hourly",
        "usage_price": None,
        "currency": described.get("currency", "USD"),
        "start_date": has.get("StartDateTime"),
        "end_date": has.get("EndDateTime"),
        "returnable_until": described.get("returnableUntil"),
        "duration_seconds": described.get("termDurationInSeconds")
        or seconds_between(has.get("StartDateTime"), has.get("EndDateTime")),
        "offering_type": has.get("PaymentOption"),
        "state": status.lower() if status else None,
        "description": described.get("description"),
        "date": window.day,
    }
