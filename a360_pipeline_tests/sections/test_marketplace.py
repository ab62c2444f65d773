"""Section `marketplace`: products and what they cost by account, licenses received, entitlements sold."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.facts.costs import MARKETPLACE
from a360_pipeline.sandbox.facts.licenses import SOLD
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.license_manager import received
from a360_pipeline.sandbox.services.marketplace_entitlement import sold
from a360_pipeline.sections.marketplace import entitlement_row, license_rows
from a360_pipeline.sections.model import Window
from a360_pipeline.warehouse.tables import BY_NAME
from a360_pipeline_tests.sections.organizations import Asked, accounts_of, ask, sessions_in, watch

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
DAY = Window.daily(NOW.date())
WEEK = Window.weekly(NOW.date())
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def small_organization() -> Organization:
    """With many licenses and customers."""
    return Organization.seeded(sizes=Sizes(4, 2, 3, 3, others=120), now=NOW)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the stand-in of a test is asked."""
    return watch(monkeypatch)


def rows_of(stand_in: StandIn, window: Window = DAY, **settings: Any) -> Rows:
    hub = sessions_in(stand_in, **settings).hub()
    return dict(ask("marketplace", hub, window, accounts_of(stand_in.organization)))


def costs_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row.get("cost_consumed") is not None]


def test_a_product_costs_each_account_what_that_account_used(stand_in: StandIn) -> None:
    """S3, S21: not what the organization used, and nothing of what AWS itself bills for."""
    organization = stand_in.organization
    day = DAY.start
    for account_id, rows in rows_of(stand_in).items():
        true = {product: organization.cost(account_id, product, day) for product in MARKETPLACE}
        found = costs_of(rows)
        assert {row["product_name"]: row["cost_consumed"] for row in found} == {k: v for k, v in true.items() if v}
        assert all(row["daily_costs"] == [{"date": str(day), "cost": row["cost_consumed"]}] for row in found)


def test_what_products_cost_is_part_of_what_the_account_cost(stand_in: StandIn) -> None:
    hub = sessions_in(stand_in).hub()
    accounts = accounts_of(stand_in.organization)
    products, services = (ask(name, hub, DAY, accounts) for name in ("marketplace", "service"))
    for account in accounts:
        by_service = {row["service"]: row["cost"] for row in services[account.id]}
        for row in costs_of(products[account.id]):
            assert by_service[row["product_name"]] == row["cost_consumed"]


def test_the_days_of_a_week_add_up_to_it(asked: Asked, stand_in: StandIn) -> None:
    """S22."""
    hub = sessions_in(stand_in).hub()
    for rows in ask("marketplace", hub, WEEK, accounts_of(stand_in.organization)).values():
        for row in costs_of(rows):
            assert (row["period_start"], row["period_end"]) == ("2026-11-16", "2026-11-23")
            assert [each["date"] for each in row["daily_costs"]] == [f"2026-11-{day}" for day in range(16, 23)]
            assert sum(each["cost"] for each in row["daily_costs"]) == row["cost_consumed"]
    assert asked.counts("ce") == {"GetCostAndUsage": 1}
    assert asked.parameters("ce")[0]["TimePeriod"] == {"Start": "2026-11-16", "End": "2026-11-23"}


def test_a_year_has_no_days(stand_in: StandIn) -> None:
    rows = rows_of(stand_in, Window.yearly(NOW.date()))[stand_in.organization.management.id]
    assert {row["daily_costs"] for row in costs_of(rows)} == {None}


def test_no_license_is_cut_and_each_is_told_under_the_account_that_it_benefits(stand_in: StandIn) -> None:
    organization = stand_in.organization
    payer = organization.management.id
    licenses = received(organization)
    assert len(licenses) == 120
    for account_id, rows in rows_of(stand_in).items():
        own = [each for each in licenses if (each.beneficiary or payer) == account_id]
        told = Counter((row["license_arn"], row["dimension"]) for row in rows if "license_arn" in row)
        assert told == {(each.arn, name): 1 for each in own for name, _ in each.entitlements}


def test_no_two_rows_have_one_key(stand_in: StandIn) -> None:
    key = BY_NAME["marketplace_usage"].key[1:]
    for rows in rows_of(stand_in, seller_product_codes=",".join(SOLD)).values():
        assert set(Counter(tuple(str(row.get(name)) for name in key) for row in rows).values()) <= {1}


def test_the_cost_of_a_licensed_product_has_its_code_and_stands_once(stand_in: StandIn) -> None:
    rows = rows_of(stand_in)[stand_in.organization.management.id]
    codes = {row["product_name"]: row["product_code"] for row in rows if "license_arn" in row}
    found = costs_of(rows)
    assert found
    assert all(row["product_code"] == codes[row["product_name"]] for row in found)
    assert set(Counter(row["product_name"] for row in found).values()) == {1}


def test_sellers_are_asked_for_the_product_codes_that_the_settings_name_and_no_others(stand_in: StandIn) -> None:
    """S21: GetEntitlements requires a product code."""
    organization = stand_in.organization
    payer = organization.management.id
    rows = rows_of(stand_in, seller_product_codes=SOLD[0])
    found = [row for row in rows[payer] if row["product_code"] == SOLD[0]]
    true = sold(organization, SOLD[0])
    assert len(true) == 120
    assert [(row["customer_identifier"], row["customer_aws_account_id"], row["value"]) for row in found] == [
        (each.customer_identifier, each.customer_account_id, each.value) for each in true
    ]
    assert [dt.datetime.fromisoformat(row["expiration_date"]) for row in found] == [each.expires for each in true]
    assert not [row for account_id in rows for row in rows[account_id] if row["product_code"] == SOLD[1]]


def test_without_product_codes_nobody_asks_as_a_seller(asked: Asked, stand_in: StandIn) -> None:
    """S21."""
    hub = sessions_in(stand_in).hub()
    ask("marketplace", hub, DAY, accounts_of(stand_in.organization))
    assert asked.counts("marketplace-entitlement") == {}


def test_a_product_code_of_somebody_else_and_denied_licenses_leave_the_costs(stand_in: StandIn) -> None:
    organization = stand_in.organization
    stand_in.faults.set(denied={organization.management.id: ["license-manager:*"]})
    hub = sessions_in(stand_in, seller_product_codes="notours").hub()
    rows = ask("marketplace", hub, DAY, accounts_of(organization))
    assert [part.partition(":")[0] for part in hub.failed_parts] == ["received licenses", "entitlements to notours"]
    assert costs_of(rows[organization.management.id])


def test_a_license_with_a_value_instead_of_a_count_and_one_without_entitlements() -> None:
    bare = {"LicenseArn": "arn:l", "ProductName": "p", "ProductSKU": "s"}
    (row,) = license_rows(bare, DAY)
    assert (row["dimension"], row["value"], row["expiration_date"], row["status"]) == (None, None, None, None)
    (row,) = license_rows({**bare, "Entitlements": [{"Name": "Support", "Unit": "None", "Value": "Gold"}]}, DAY)
    assert (row["dimension"], row["value"]) == ("Support", "Gold")


@pytest.mark.parametrize(
    ("value", "told"),
    [({"IntegerValue": 0}, 0), ({"BooleanValue": False}, False), ({"DoubleValue": 1.5}, 1.5), ({}, None)],
)
def test_the_value_of_an_entitlement_is_what_its_product_has(value: dict[str, Any], told: object) -> None:
    row = entitlement_row({"ProductCode": "p", "Value": value}, DAY)
    assert row["value"] == told
    assert type(row["value"]) is type(told)


def test_costs_are_exact(stand_in: StandIn) -> None:
    rows = rows_of(stand_in)[stand_in.organization.management.id]
    assert {type(row["cost_consumed"]) for row in costs_of(rows)} == {Decimal}
