"""Spending: what AWS bills by request stops at the day's dollars, over all runs, before it is spent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from a360_pipeline.aws.accounts import Account, discover_accounts
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.collection.collect import collect_accounts
from a360_pipeline.collection.order import Order
from a360_pipeline.collection.shelf import Folder
from a360_pipeline.collection.spending import Purse
from a360_pipeline.coverage import SectionCoverage, Unavailable
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sections.model import AccountRows, Window
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.settings import Settings
from a360_pipeline_tests.collection.test_shared import ce_calls

TODAY = dt.date(2026, 11, 24)
CENT = Decimal("0.01")
LEAST = SECTIONS["cost"].usd_at_least


@pytest.fixture
def shelf(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "shelf")


def test_what_runs_spend_is_known_to_the_next_one(shelf: Folder) -> None:
    day = LEAST + 3 * CENT
    for _ in range(3):
        Purse(shelf, TODAY, day).spend("ce", "GetCostAndUsage")
    last = Purse(shelf, TODAY, day)
    last.afford(SECTIONS["cost"])
    for _ in range(int(LEAST / CENT)):
        last.spend("ce", "GetCostAndUsage")
    with pytest.raises(Unavailable) as refused:
        last.spend("ce", "GetCostAndUsage")
    assert refused.value.status == "skipped_budget"
    assert str(refused.value) == (
        f"ce GetCostAndUsage costs $0.01 a request; ${day} of the ${day} a day are spent (A360_DAILY_PAID_USD)"
    )
    with pytest.raises(Unavailable, match=rf"cost costs at least \${LEAST}; \${day} of the \${day}"):
        Purse(shelf, TODAY, day).afford(SECTIONS["cost"])


def test_another_day_has_its_own_dollars(shelf: Folder) -> None:
    Purse(shelf, TODAY, LEAST).spend("ce", "GetCostAndUsage")
    with pytest.raises(Unavailable):
        Purse(shelf, TODAY, LEAST).afford(SECTIONS["cost"])
    Purse(shelf, TODAY + dt.timedelta(days=1), LEAST).afford(SECTIONS["cost"])


def test_what_costs_nothing_is_always_affordable(shelf: Folder) -> None:
    Purse(shelf, TODAY, Decimal(0)).afford(SECTIONS["kms"])


@pytest.fixture
def accounts(sessions: Sessions) -> list[Account]:
    return discover_accounts(sessions.hub())


def statuses(
    sessions: Sessions, shelf: Folder, settings: Settings, accounts: list[Account], usd: Decimal
) -> dict[str, SectionCoverage]:
    today = dt.datetime.now(dt.UTC).date()
    order = replace(Order.of(settings, accounts[:1], accounts, today, today, ("cost", "account")), daily_paid_usd=usd)
    return {n: one for each in collect_accounts(sessions, shelf, order) for n, one in each.snapshot.coverage.items()}


def test_without_a_dollar_no_paid_call_is_made_and_the_rest_is_collected(
    sessions: Sessions, shelf: Folder, settings: Settings, accounts: list[Account], stand_in: StandIn
) -> None:
    """S28."""
    found = statuses(sessions, shelf, settings, accounts, Decimal(0))
    assert (str(found["account"].status), str(found["cost"].status)) == ("ok", "skipped_budget")
    assert "A360_DAILY_PAID_USD" in str(found["cost"].message)
    assert ce_calls(stand_in) == 0


def test_a_section_that_grows_dearer_than_the_day_allows_stops_in_the_middle(
    sessions: Sessions,
    shelf: Folder,
    settings: Settings,
    accounts: list[Account],
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S28."""

    def many_pages(hub: AccountSession, _window: Window, _accounts: Sequence[Account]) -> AccountRows:
        week = {"Start": "2026-01-01", "End": "2026-01-08"}
        for _ in range(9):
            hub.call("ce", "get_cost_and_usage", TimePeriod=week, Granularity="DAILY", Metrics=["UnblendedCost"])
        return {}

    monkeypatch.setitem(SECTIONS, "cost", replace(SECTIONS["cost"], collect_all=many_pages))
    found = statuses(sessions, shelf, settings, accounts, LEAST + CENT)
    assert found["cost"].status == "skipped_budget"
    assert ce_calls(stand_in) * CENT == found["cost"].effort.paid_calls * CENT == LEAST + CENT
