"""What License Manager answers about the licenses that the management account received, and what is true of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.facts import licenses as facts
from a360_pipeline.sandbox.facts.assembly import SETTLED
from a360_pipeline.sandbox.facts.costs import MARKETPLACE
from a360_pipeline.sandbox.facts.licenses import License
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

LICENSES = Paging(default=10, most=100, invalid="InvalidParameterValueException")
ISSUER = "AWS/Marketplace"


def list_received_licenses(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    found = received(organization) if caller.account_id == organization.management.id else ()
    for wanted in params.get("Filters", []):
        if wanted["Name"] != "IssuerName":
            raise AwsError("InvalidParameterValueException", f"The sandbox does not filter by {wanted['Name']}.")
        found = found if ISSUER in wanted["Values"] else ()
    page, more = LICENSES.page(caller, params, found)
    return {"Licenses": [_described(each) for each in page]} | more


def received(organization: Organization) -> tuple[License, ...]:
    """The licenses of the management account, as many as its size says."""
    accounts, settled = tuple(organization.by_id), min(organization.now, SETTLED)
    return facts.licenses(organization.seed, accounts, organization.sizes.others, settled)


def _described(each: License) -> dict[str, Any]:
    described: dict[str, Any] = {
        "LicenseArn": each.arn,
        "LicenseName": f"{each.product_name} license",
        "ProductName": each.product_name,
        "ProductSKU": each.product_sku,
        "Issuer": {"Name": ISSUER},
        "HomeRegion": "us-east-1",
        "Status": each.status,
        "Validity": {"Begin": _instant(each.begin)},
        "Entitlements": [
            {"Name": name, "Unit": "None", "Value": "Enabled"}
            if amount is None
            else {"Name": name, "Unit": "Count", "MaxCount": amount}
            for name, amount in each.entitlements
        ],
        "ReceivedMetadata": {"ReceivedStatus": "ACTIVE"},
    }
    if each.end is not None:
        described["Validity"]["End"] = _instant(each.end)
    if each.beneficiary is not None:
        described["Beneficiary"] = f"arn:aws:iam::{each.beneficiary}:root"
    return described


def _instant(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def products_truth(organization: Organization, account_id: str, region: str) -> Iterator[dict[str, Any]]:
    """Rows of `marketplace_usage`."""
    if region != GLOBAL:
        return
    today = organization.now.date()
    yesterday = today - dt.timedelta(days=1)
    period = {"period_start": yesterday, "period_end": today, "customer_identifier": None}
    period |= {"customer_aws_account_id": None}
    payer = organization.management.id
    own = [each for each in received(organization) if (each.beneficiary or payer) == account_id]
    for each in own:
        for name, amount in each.entitlements:
            yield period | {
                "product_code": each.product_sku,
                "product_name": each.product_name,
                "dimension": name,
                "license_arn": each.arn,
                "cost_consumed": None,
                "currency": None,
                "status": each.status,
                "value": "Enabled" if amount is None else amount,
                "expiration_date": each.end,
                "daily_costs": None,
            }
    for product in MARKETPLACE:
        cost = organization.cost(account_id, product, yesterday)
        if cost:
            of_it = sorted((each for each in own if each.product_name == product), key=lambda each: each.begin)
            last = of_it[-1] if of_it else None
            yield period | {
                "product_code": last.product_sku if last else None,
                "product_name": product,
                "dimension": None,
                "license_arn": None,
                "cost_consumed": cost,
                "currency": "USD",
                "status": last.status if last else None,
                "value": None,
                "expiration_date": last.end if last else None,
                "daily_costs": [{"date": yesterday.isoformat(), "cost": cost}],
            }


ANSWERS = {("license-manager", "ListReceivedLicenses"): list_received_licenses}

TRUTH = {"marketplace_usage": products_truth}
