"""Reserved instances of all services: how far each was used in a period, and what it saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.cost.usage import USD_PER_REQUEST
from a360_pipeline.sections.model import Operation, Row, Window
from a360_pipeline.sections.ri_sp_savings.answers import exact, seconds_between, unless_unavailable

SERVICES = (
    "Amazon Elastic Compute Cloud - Compute",
    "Amazon Relational Database Service",
    "Amazon ElastiCache",
    "Amazon Redshift",
    "Amazon Elasticsearch Service",
)
"""Those that Cost Explorer tells reservations of: one to a request, and unasked only of EC2."""
OPERATIONS = (Operation("ce", "GetReservationUtilization", usd_per_request=USD_PER_REQUEST, at_least=len(SERVICES)),)


def ask(hub: AccountSession, window: Window) -> Iterator[tuple[str, Row]]:
    """Cost Explorer GetReservationUtilization by subscription: of each its owner and its row."""
    for service in SERVICES:
        periods = unless_unavailable(
            hub.pages(
                "ce",
                "get_reservation_utilization",
                "UtilizationsByTime",
                TimePeriod={"Start": window.start.isoformat(), "End": window.end.isoformat()},
                GroupBy=[{"Type": "DIMENSION", "Key": "SUBSCRIPTION_ID"}],
                Filter={"Dimensions": {"Key": "SERVICE", "Values": [service]}},
            )
        )
        for period in periods:
            for group in period["Groups"]:
                yield group["Attributes"]["accountId"], row(group, service, window)


def row(group: Mapping[str, Any], service: str, window: Window) -> Row:
    """The row of one subscription. An All Upfront one has no recurring fee and is a row like any other (S17)."""
    has, used = group["Attributes"], group.get("Utilization", {})
    count, instance_type, platform = has.get("numberOfInstances"), has.get("instanceType"), has.get("platform")
    recurring = exact(has.get("hourlyRecurringFee"))
    return {
        "date_from": window.start.isoformat(),
        "date_to": window.end.isoformat(),
        "reservation_type": "Reserved Instance",
        # What the service that was reserved calls it, where Cost Explorer tells.
        "subscription_id": has.get("leaseId") or group["Value"],
        "offering_id": None,
        "service": has.get("service") or service,
        "instance_type": instance_type,
        "instance_count": None if count is None else int(count),
        "instance_family": instance_type.rpartition(".")[0] if instance_type else None,
        "instance_tenancy": has.get("tenancy"),
        "offering_class": has.get("offeringType"),
        "product_types": platform,
        "region": has.get("region"),
        "utilization_percentage": exact(used.get("UtilizationPercentage")),
        "on_demand_cost": exact(used.get("OnDemandCostOfRIHoursUsed")),
        "reservation_cost": exact(used.get("TotalAmortizedFee")),
        "net_savings": exact(used.get("NetRISavings")),
        "commitment": None,
        "upfront_cost": exact(has.get("upfrontFee")),
        "recurring_cost": recurring,
        "recurring_frequency": None if recurring is None else "Hourly",
        "usage_price": None,
        "currency": "USD",
        "start_date": has.get("startDateTime"),
        "end_date": has.get("endDateTime"),
        "duration_seconds": seconds_between(has.get("startDateTime"), has.get("endDateTime")),
        "offering_type": has.get("subscriptionType"),
        "state": _lower(has.get("subscriptionStatus")),
        "description": " ".join(part for part in (_times(count), instance_type, platform) if part) or None,
        "date": window.day,
    }


def _times(count: str | None) -> str | None:
    return None if count is None else f"{count}x"


def _lower(status: str | None) -> str | None:
    return None if status is None else status.lower()
