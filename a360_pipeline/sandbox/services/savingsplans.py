"""What the Savings Plans service answers about the plans that the caller's account bought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging
from a360_pipeline.sandbox.services.ce.commitments import plans_of

PLANS = Paging(
    default=10,
    most=1000,
    invalid="ValidationException",
    cursor="nextToken",
    next_cursor="nextToken",
    size="maxResults",
)
PRODUCTS = {"Compute": ["EC2", "Fargate", "Lambda"], "EC2Instance": ["EC2"]}


def describe_savings_plans(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    page, more = PLANS.page(caller, params, plans_of(organization, caller.account_id))
    plans = []
    for each in page:
        plan: dict[str, Any] = {
            "offeringId": each.offering_id,
            "savingsPlanId": each.id,
            "savingsPlanArn": each.arn,
            "description": f"{each.payment} {each.kind} Savings Plan",
            "start": each.start.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "end": each.end.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "state": "active" if each.end > organization.now else "retired",
            "savingsPlanType": each.kind,
            "paymentOption": each.payment,
            "productTypes": PRODUCTS[each.kind],
            "currency": "USD",
            "commitment": str(each.hourly_cost),
            "upfrontPaymentAmount": str(each.upfront_fee),
            "recurringPaymentAmount": str(each.hourly_fee),
            "termDurationInSeconds": round((each.end - each.start).total_seconds()),
        }
        if each.region is not None and each.family is not None:
            plan |= {"region": each.region, "ec2InstanceFamily": each.family}
        plans.append(plan)
    return {"savingsPlans": plans} | more


ANSWERS = {("savingsplans", "DescribeSavingsPlans"): describe_savings_plans}
