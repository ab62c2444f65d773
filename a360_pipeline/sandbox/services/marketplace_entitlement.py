"""What AWS Marketplace answers sellers about who bought their products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError, invalid
from a360_pipeline.sandbox.facts import licenses as facts
from a360_pipeline.sandbox.facts.assembly import SETTLED
from a360_pipeline.sandbox.facts.licenses import SOLD, Sale
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

ENTITLEMENTS = Paging(default=10, most=25, invalid="InvalidParameterException")
MEMBERS = {int: "IntegerValue", bool: "BooleanValue", str: "StringValue"}


def get_entitlements(organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    code = params["ProductCode"]
    if caller.account_id != organization.management.id or code not in SOLD:
        raise AwsError("InvalidParameterException", f"The product code {code} is not one of yours.")
    if "Filter" in params:
        raise invalid("marketplace-entitlement", "The sandbox does not filter entitlements.")
    page, more = ENTITLEMENTS.page(caller, params, sold(organization, code))
    return {"Entitlements": [_described(each) for each in page]} | more


def sold(organization: Organization, code: str) -> tuple[Sale, ...]:
    """Who bought a product that the management account sells."""
    return facts.sales(organization.seed, code, organization.sizes.others, min(organization.now, SETTLED))


def _described(each: Sale) -> dict[str, Any]:
    described = {
        "ProductCode": each.product_code,
        "Dimension": each.dimension,
        "CustomerIdentifier": each.customer_identifier,
        "Value": {MEMBERS[type(each.value)]: each.value},
        "ExpirationDate": each.expires,
    }
    if each.customer_account_id is not None:
        described["CustomerAWSAccountId"] = each.customer_account_id
    return described


ANSWERS = {("marketplace-entitlement", "GetEntitlements"): get_entitlements}
