"""What Cost Explorer answers about reserved instances and Savings Plans, and what is true of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.errors import AwsError, invalid
from a360_pipeline.sandbox.facts import commitments as facts
from a360_pipeline.sandbox.facts.assembly import SETTLED
from a360_pipeline.sandbox.facts.chance import draw
from a360_pipeline.sandbox.facts.commitments import EC2, Commitment, Figures, Reservation, SavingsPlan
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging
from a360_pipeline.sandbox.services.ce.usage import Period, whole_period

GROUPS = Paging(
    default=5,
    most=5,
    invalid="InvalidNextTokenException",
    cursor="NextPageToken",
    next_cursor="NextPageToken",
)
PLANS = Paging(default=5, most=10, invalid="InvalidNextTokenException")
SERVICES = (
    *(service for service, _, _ in facts.RESERVABLE),
    "Amazon Redshift",
    "Amazon Elasticsearch Service",
)
BY_SUBSCRIPTION = [{"Type": "DIMENSION", "Key": "SUBSCRIPTION_ID"}]


def get_reservation_utilization(
    organization: Organization, caller: Caller, params: Mapping[str, Any]
) -> dict[str, Any]:
    if params.get("GroupBy") != BY_SUBSCRIPTION or "Granularity" in params:
        raise invalid("ce", "The sandbox groups by SUBSCRIPTION_ID, which goes without Granularity.")
    period, service = whole_period(params["TimePeriod"]), _service(params.get("Filter"))
    found = [
        each
        for account_id in organization.by_id
        for each in reservations_of(organization, account_id)
        if each.service == service and each.is_active(*period)
    ]
    figures = [each.figures(organization.seed, period.days) for each in found]
    total = _total(figures)
    answer: dict[str, Any] = {"UtilizationsByTime": [], "Total": _utilization(total, None, period)}
    page, more = GROUPS.page(caller, params, list(zip(found, figures, strict=True)))
    if page:
        groups = [
            {
                "Key": "SUBSCRIPTION_ID",
                "Value": each.subscription,
                "Attributes": _attributes(organization, each),
                "Utilization": _utilization(used, each, period),
            }
            for each, used in page
        ]
        answer["UtilizationsByTime"] = [{"TimePeriod": period.wire, "Groups": groups, "Total": answer["Total"]}]
    return answer | more


def _total(figures: Sequence[Figures]) -> Figures:
    cost = sum((each.cost for each in figures), Decimal(0))
    on_demand = sum((each.on_demand_cost for each in figures), Decimal(0))
    return Figures(on_demand * 100 / (cost * facts.ON_DEMAND) if cost else Decimal(0), on_demand, cost)


def _service(expression: Mapping[str, Any] | None) -> str:
    """The one service that a filter names; Cost Explorer takes none for EC2."""
    if expression is None:
        return EC2
    dimension = expression.get("Dimensions", {})
    values = dimension.get("Values", [])
    if dimension.get("Key") != "SERVICE" or len(values) != 1 or values[0] not in SERVICES:
        raise invalid("ce", f"The sandbox filters reservations by one of the services {', '.join(SERVICES)}.")
    return str(values[0])


def _attributes(organization: Organization, each: Reservation) -> dict[str, str]:
    known = {
        "accountId": each.account_id,
        "accountName": organization.by_id[each.account_id].name,
        "subscriptionId": each.subscription,
        "subscriptionType": each.payment,
        "subscriptionStatus": _status(organization, each),
        "service": each.service,
        "platform": each.platform,
        "instanceType": each.instance_type,
        "numberOfInstances": str(each.count),
        "region": each.region,
        "startDateTime": _instant(each.start),
        "endDateTime": _instant(each.end),
        "upfrontFee": str(each.upfront_fee),
        "hourlyRecurringFee": _recurring(each),
        "leaseId": _lease(each),
        "offeringType": each.offering_class,
        "tenancy": "Shared" if each.service == EC2 else None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _recurring(each: Reservation) -> str | None:
    """What is paid at once has no recurring fee: of EC2 Cost Explorer says so, of the others nothing."""
    return None if each.payment == "All Upfront" and each.service != EC2 else str(each.hourly_fee)


def _lease(each: Reservation) -> str | None:
    return None if each.service == "Amazon ElastiCache" else each.id


def _utilization(figures: Figures, each: Reservation | None, period: Period) -> dict[str, str]:
    said = {
        "UtilizationPercentage": figures.utilization_percentage,
        "OnDemandCostOfRIHoursUsed": figures.on_demand_cost,
        "NetRISavings": figures.net_savings,
        "TotalAmortizedFee": figures.cost,
    }
    if each is not None:
        said["PurchasedHours"] = Decimal(len(period.days) * facts.HOURS_A_DAY * each.count)
    return {name: f"{value:f}" for name, value in said.items()}


def get_savings_plans_utilization_details(
    organization: Organization, caller: Caller, params: Mapping[str, Any]
) -> dict[str, Any]:
    period = whole_period(params["TimePeriod"])
    if period.end > organization.now.date():
        raise invalid("ce", "End date must not be in the future.")
    found = [
        each
        for account_id in organization.by_id
        for each in plans_of(organization, account_id)
        if each.is_active(*period)
    ]
    if not found:
        raise AwsError("DataUnavailableException", "The requested data is unavailable.")
    page, more = PLANS.page(caller, params, found)
    details = [_detail(organization, each, period) for each in page]
    return {"SavingsPlansUtilizationDetails": details, "TimePeriod": period.wire} | more


def _detail(organization: Organization, each: SavingsPlan, period: Period) -> dict[str, Any]:
    figures = each.figures(organization.seed, period.days)
    return {
        "SavingsPlanArn": each.arn,
        "Attributes": {
            "AccountId": each.account_id,
            "AccountName": organization.by_id[each.account_id].name,
            "SavingsPlanARN": each.arn,
            "SavingsPlansType": f"{each.kind}SavingsPlans",
            "Status": _status(organization, each),
            "PaymentOption": each.payment,
            "HourlyCommitment": str(each.hourly_cost),
            "UpfrontFee": str(each.upfront_fee),
            "RecurringHourlyFee": str(each.hourly_fee),
            "Region": each.region or "Any",
            "InstanceFamily": each.family or "",
            "StartDateTime": _instant(each.start),
            "EndDateTime": _instant(each.end),
        },
        "Utilization": {
            "TotalCommitment": f"{figures.cost:f}",
            "UtilizationPercentage": f"{figures.utilization_percentage:f}",
        },
        "Savings": {
            "NetSavings": f"{figures.net_savings:f}",
            "OnDemandCostEquivalent": f"{figures.on_demand_cost:f}",
        },
        "AmortizedCommitment": {"TotalAmortizedCommitment": f"{figures.cost:f}"},
    }


def reservations_of(organization: Organization, account_id: str) -> tuple[Reservation, ...]:
    """The reserved instances of an account: of the first as many as its size says, of the rest some."""
    return facts.reservations(organization.seed, account_id, *_size(organization, account_id))


def plans_of(organization: Organization, account_id: str) -> tuple[SavingsPlan, ...]:
    """The Savings Plans of an account: of the first as many as its size says, of the rest some."""
    return facts.savings_plans(organization.seed, account_id, *_size(organization, account_id))


def _size(organization: Organization, account_id: str) -> tuple[str, int, dt.datetime]:
    most = organization.sizes.others
    fewer = 1 + draw(organization.seed, account_id, "commitments") % max(1, most // 3)
    count = most if account_id == organization.management.id else fewer
    return organization.region_names[0], count, min(organization.now, SETTLED)


def _status(organization: Organization, each: Commitment) -> str:
    return "Active" if each.end > organization.now else "Expired"


def _instant(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def commitments_truth(organization: Organization, account_id: str, region: str) -> Iterator[dict[str, Any]]:
    """Rows of `ri_sp_daily_savings`."""
    today = organization.now.date()
    period = Period(today - dt.timedelta(days=1), today)
    if region != GLOBAL:
        return
    for reservation in reservations_of(organization, account_id):
        recurring = _recurring(reservation)
        yield _row(organization, reservation, period) | {
            "subscription_id": _lease(reservation) or reservation.subscription,
            "reservation_type": "Reserved Instance",
            "service": reservation.service,
            "instance_type": reservation.instance_type,
            "instance_count": reservation.count,
            "region": reservation.region,
            "recurring_cost": None if recurring is None else Decimal(recurring),
        }
    for plan in plans_of(organization, account_id):
        yield _row(organization, plan, period) | {
            "subscription_id": plan.id,
            "reservation_type": "Savings Plan",
            "service": "AWS Savings Plans",
            "instance_type": plan.kind,
            "instance_count": None,
            "region": plan.region,
            "recurring_cost": plan.hourly_fee,
            "savings_plan_arn": plan.arn,
            # The hub describes its own plans alone.
            "offering_id": plan.offering_id if account_id == organization.management.id else None,
        }


def _row(organization: Organization, each: Commitment, period: Period) -> dict[str, Any]:
    figures = each.figures(organization.seed, period.days)
    return {
        "date_from": period.start,
        "date_to": period.end,
        "utilization_percentage": figures.utilization_percentage,
        "on_demand_cost": figures.on_demand_cost,
        "reservation_cost": figures.cost,
        "net_savings": figures.net_savings,
        "upfront_cost": each.upfront_fee,
        "offering_type": each.payment,
        "start_date": each.start,
        "end_date": each.end,
        "duration_seconds": round((each.end - each.start).total_seconds()),
        "state": "active",
        "savings_plan_arn": None,
        "offering_id": None,
    }


ANSWERS = {
    ("ce", "GetReservationUtilization"): get_reservation_utilization,
    ("ce", "GetSavingsPlansUtilizationDetails"): get_savings_plans_utilization_details,
}

TRUTH = {"ri_sp_daily_savings": commitments_truth}
