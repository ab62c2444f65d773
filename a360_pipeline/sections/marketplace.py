"""Section `marketplace`: what accounts use of AWS Marketplace, what it costs, what is licensed and what is sold."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a360_pipeline.aws.accounts import Account, payer_of
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.cost.usage import GET_COST_AND_USAGE, Usage, ask_usage, has_history
from a360_pipeline.sections.model import (
    AccountRows,
    Column,
    History,
    Kept,
    Operation,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
)
from a360_pipeline.sections.shapes import ACCOUNT

SOLD_THROUGH_MARKETPLACE = {"Dimensions": {"Key": "BILLING_ENTITY", "Values": ["AWS Marketplace"]}}
GRANTED_BY_MARKETPLACE = {"Name": "IssuerName", "Values": ["AWS/Marketplace"]}
ACCOUNT_ID = re.compile(r"(?<!\d)\d{12}(?!\d)")

MARKETPLACE_USAGE = Table(
    "marketplace_usage",
    "Products of AWS Marketplace that an account used or was entitled to in a period.",
    columns=(
        ACCOUNT,
        Column("product_code", Type.TEXT, "Of a license its product's SKU."),
        Column("product_name", Type.TEXT),
        Column("cost_consumed", Type.NUMERIC),
        Column("currency", Type.TEXT),
        Column("period_start", Type.DATE),
        Column("period_end", Type.DATE, "Exclusive."),
        Column("status", Type.TEXT),
        Column("dimension", Type.TEXT, "What the entitlement is for."),
        Column("customer_identifier", Type.TEXT),
        Column("value", Type.JSONB, "The entitlement's: a number, a truth or a text, as the product has it."),
        Column("expiration_date", Type.TIMESTAMPTZ),
        Column("daily_costs", Type.JSONB, "Date and cost, day by day."),
        Column("license_arn", Type.TEXT, "The license that grants it."),
        Column("customer_aws_account_id", Type.TEXT, "Of what the account sells, whose entitlement it is."),
    ),
    # Costs know a product by its name, entitlements by its code and dimension; what is sold has many customers.
    key=(
        "account_id",
        "period_start",
        "period_end",
        "product_code",
        "product_name",
        "dimension",
        "license_arn",
        "customer_identifier",
        "customer_aws_account_id",
    ),
    kept=Kept.DATED,
    set_of=("account_id", "period_start", "period_end"),
    stamps=("created_at",),
)


def collect(hub: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
    """Products by account: what they cost, the licenses that the hub's account received, and who bought what it sells.

    Each product's cost is that of the one account (S21). Licenses and sales are known only of now.
    """
    payer = payer_of(accounts)
    usage = ask_usage(hub, window, window.start, Filter=SOLD_THROUGH_MARKETPLACE)
    licenses: list[Mapping[str, Any]] = []
    if window.is_now:
        with hub.part("received licenses"):
            licenses = list(
                hub.pages("license-manager", "list_received_licenses", "Licenses", Filters=[GRANTED_BY_MARKETPLACE])
            )
    rows: dict[str, list[Row]] = defaultdict(list)
    granted = _by_account(licenses, payer)
    for account in accounts:
        own = granted[account.id]
        rows[account.id] += _costs(usage, account.id, window, {each.get("ProductName"): each for each in own})
        rows[account.id] += [row for each in own for row in license_rows(each, window)]
    if window.is_now and payer in rows:
        rows[payer] += _sales(hub, window)
    return dict(rows)


def _by_account(licenses: Sequence[Mapping[str, Any]], payer: str | None) -> dict[str | None, list[Mapping[str, Any]]]:
    """Licenses by the account that they benefit; one that names none is the account's that received it."""
    found: dict[str | None, list[Mapping[str, Any]]] = defaultdict(list)
    for each in sorted(licenses, key=lambda each: str(each.get("Validity", {}).get("Begin", ""))):
        named = ACCOUNT_ID.search(each.get("Beneficiary", ""))
        found[named[0] if named else payer].append(each)
    return found


def _costs(
    usage: Usage, account_id: str, window: Window, licenses: Mapping[str | None, Mapping[str, Any]]
) -> Iterator[Row]:
    """A row per product that cost something, with what its license says: of several the last to begin."""
    for product, cost in sorted(usage.services(account_id, window.start, window.end).items()):
        by_day = usage.costs[account_id]
        known = licenses.get(product, {})
        yield {
            **_of(window),
            "product_code": known.get("ProductSKU"),
            "product_name": product,
            "cost_consumed": cost,
            "currency": usage.currency,
            "status": known.get("Status"),
            "expiration_date": known.get("Validity", {}).get("End"),
            "daily_costs": [
                {"date": day.isoformat(), "cost": by_day[day][product]}
                for day in sorted(by_day)
                if by_day[day].get(product)
            ]
            if has_history(window)
            else None,
        }


def license_rows(license_: Mapping[str, Any], window: Window) -> Iterator[Row]:
    """A row per entitlement of a license, without a cost: what was bought, whether or not it cost anything yet."""
    for entitlement in license_.get("Entitlements") or [{}]:
        yield {
            **_of(window),
            "product_code": license_.get("ProductSKU"),
            "product_name": license_.get("ProductName"),
            "status": license_.get("Status"),
            "dimension": entitlement.get("Name"),
            "value": entitlement.get("Value", entitlement.get("MaxCount")),
            "expiration_date": license_.get("Validity", {}).get("End"),
            "license_arn": license_["LicenseArn"],
        }


def _sales(hub: AccountSession, window: Window) -> Iterator[Row]:
    """marketplace-entitlement GetEntitlements of each product code that the settings name: it answers sellers alone."""
    for code in hub.choices.seller_product_codes:
        with hub.part(f"entitlements to {code}"):
            for each in hub.pages("marketplace-entitlement", "get_entitlements", "Entitlements", ProductCode=code):
                yield entitlement_row(each, window)


def entitlement_row(entitlement: Mapping[str, Any], window: Window) -> Row:
    """The row of what a customer is entitled to."""
    expires = entitlement.get("ExpirationDate")
    return {
        **_of(window),
        "product_code": entitlement["ProductCode"],
        "dimension": entitlement.get("Dimension"),
        "customer_identifier": entitlement.get("CustomerIdentifier"),
        "customer_aws_account_id": entitlement.get("CustomerAWSAccountId"),
        # A number, a truth or a text, each in a member of its own.
        "value": next(iter(entitlement.get("Value", {}).values()), None),
        "expiration_date": expires.isoformat() if expires else None,
        "license_arn": entitlement.get("LicenseArn"),
    }


def _of(window: Window) -> dict[str, Any]:
    return {"period_start": window.start.isoformat(), "period_end": window.end.isoformat()}


SECTION = Section(
    name="marketplace",
    title="Marketplace usage",
    wire="marketplace",
    scope=Scope.ORGANIZATION,
    history=History.TRAILING,
    operations=(
        GET_COST_AND_USAGE,
        Operation("license-manager", "ListReceivedLicenses"),
        Operation("marketplace-entitlement", "GetEntitlements", iam_action="aws-marketplace:GetEntitlements"),
    ),
    tables=(MARKETPLACE_USAGE,),
    collect_all=collect,
    status_field="marketplace",
)
