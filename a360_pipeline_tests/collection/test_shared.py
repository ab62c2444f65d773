"""What is asked once for many accounts: once a day, whatever the number of runs, and of the right account."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.request import urlopen

import pytest

from a360_pipeline.aws.accounts import Account, discover_accounts
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.collection.collect import Collected, ask_organization, collect_accounts
from a360_pipeline.collection.order import Order
from a360_pipeline.coverage import GLOBAL, SectionCoverage
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sections.model import AccountRows, Scope, Window
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.settings import Settings, SettingsError
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import to_json

TODAY = dt.datetime.now(dt.UTC).date()
COST = ("cost", "service")

Run = Callable[..., dict[tuple[str, str], Collected]]


@pytest.fixture
def accounts(sessions: Sessions) -> list[Account]:
    return discover_accounts(sessions.hub())


@pytest.fixture
def run(sessions: Sessions, store: SnapshotStore, settings: Settings, accounts: list[Account]) -> Run:
    """A run that collects some accounts; returns what came, by account and region."""

    def collect(some: Sequence[Account], *sections: str, **changes: Any) -> dict[tuple[str, str], Collected]:
        order = replace(Order.of(settings, some, accounts, TODAY, TODAY, sections), **changes)
        return {
            (each.snapshot.key.account, each.snapshot.key.region): each
            for each in collect_accounts(sessions, store, order)
        }

    return collect


@pytest.fixture
def administered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str | None, str]]]:
    """Keys of all accounts are told by one: yields whom was asked, and where."""
    asked: list[tuple[str | None, str]] = []

    def collect_members(aws: AccountSession, _window: Window, accounts: Sequence[Account]) -> AccountRows:
        asked.append((aws.account_id, aws.region))
        aws.call("kms", "list_keys")
        return {
            account.id: [
                {"key_id": f"of-{account.id}", "arn": f"arn:aws:kms:{aws.region}:{account.id}:key/1", "enabled": True}
            ]
            for account in accounts[:-1]
        }

    monkeypatch.setitem(SECTIONS, "kms", replace(SECTIONS["kms"], collect_members=collect_members))
    yield asked


def ce_calls(stand_in: StandIn) -> int:
    with urlopen(f"{stand_in.endpoint_url}/_a360/calls") as response:
        return sum(n for action, n in json.load(response)["by_action"].items() if action.startswith("ce:"))


def covered(found: dict[tuple[str, str], Collected], section: str) -> dict[tuple[str, str], SectionCoverage]:
    return {
        place: each.snapshot.coverage[section] for place, each in found.items() if section in each.snapshot.coverage
    }


def test_many_runs_of_a_day_ask_cost_explorer_once(run: Run, accounts: list[Account], stand_in: StandIn) -> None:
    """S28."""
    first = run(accounts[:1], *COST)
    asked = ce_calls(stand_in)
    later = [run([account], *COST) for account in accounts[1:]]
    assert ce_calls(stand_in) == asked > 0
    everything = run(accounts, *COST)
    assert ce_calls(stand_in) == asked
    one_by_one = {place: each for found in (first, *later) for place, each in found.items()}
    written = {place: to_json(each.snapshot.content) for place, each in one_by_one.items()}
    assert written == {place: to_json(each.snapshot.content) for place, each in everything.items()}
    paid = [one.effort.paid_calls for section in COST for one in covered(one_by_one, section).values()]
    assert sum(paid) == asked, "the ledger has each request once"


def test_the_runs_of_a_day_find_what_was_asked_when_the_organization_was_discovered(
    run: Run, accounts: list[Account], sessions: Sessions, store: SnapshotStore, settings: Settings, stand_in: StandIn
) -> None:
    """S28."""
    ask_organization(sessions, store, Order.of(settings, accounts, accounts, TODAY, TODAY))
    asked = ce_calls(stand_in)
    found = run(accounts[2:], *COST)
    assert ce_calls(stand_in) == asked > 0
    assert {str(one.status) for one in covered(found, "cost").values()} == {"ok"}


def test_money_keeps_its_digits_when_answers_are_kept(run: Run, accounts: list[Account]) -> None:
    first = run(accounts[:1], "cost")[accounts[0].id, GLOBAL].snapshot.content["cost"]
    again = run(accounts[:1], "cost")[accounts[0].id, GLOBAL].snapshot.content["cost"]
    assert isinstance(again["current_period_cost"], Decimal)
    assert again["current_period_cost"] == first["current_period_cost"]


def test_an_account_that_joined_since_is_asked_for(
    run: Run, accounts: list[Account], sessions: Sessions, store: SnapshotStore, settings: Settings, stand_in: StandIn
) -> None:
    ask_organization(sessions, store, Order.of(settings, accounts[:-1], accounts[:-1], TODAY, TODAY))
    asked = ce_calls(stand_in)
    assert covered(run(accounts[-1:], "cost"), "cost")[accounts[-1].id, GLOBAL].status == "ok"
    assert ce_calls(stand_in) > asked


def test_what_could_not_be_had_is_asked_for_again(run: Run, accounts: list[Account], stand_in: StandIn) -> None:
    stand_in.faults.set(errors={"ce:*": "AccessDeniedException"})
    assert {one.status for one in covered(run(accounts, "cost"), "cost").values()} == {"denied"}
    stand_in.faults.set()
    assert {one.status for one in covered(run(accounts, "cost"), "cost").values()} == {"ok"}


def test_a_part_that_failed_for_all_makes_each_account_partial(
    run: Run, accounts: list[Account], monkeypatch: pytest.MonkeyPatch, stand_in: StandIn
) -> None:
    """S4."""
    whole = SECTIONS["cost"].collect_all
    assert whole is not None

    def with_a_part(hub: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
        with hub.part("forecast"):
            hub.call("kms", "list_keys")
        return whole(hub, window, accounts)

    monkeypatch.setitem(SECTIONS, "cost", replace(SECTIONS["cost"], collect_all=with_a_part))
    stand_in.faults.set(denied={stand_in.organization.management.id: ["kms:*"]})
    found = covered(run(accounts, "cost"), "cost")
    assert {one.status for one in found.values()} == {"partial"}
    assert all(str(one.message).startswith("forecast: ") for one in found.values())
    stand_in.faults.set()
    assert {one.status for one in covered(run(accounts, "cost"), "cost").values()} == {"ok"}


def test_an_administrator_is_asked_once_a_region_and_each_account_gets_its_own(
    run: Run, accounts: list[Account], administered: list[tuple[str | None, str]]
) -> None:
    administrator = accounts[1].id
    found = run(accounts, "kms", administrators={"kms": administrator})
    assert sorted(administered) == [(administrator, "eu-central-2"), (administrator, "us-east-1")]
    for account in accounts[:-1]:
        for region in ("eu-central-2", "us-east-1"):
            snapshot = found[account.id, region].snapshot
            if not account.regions[region]:
                assert snapshot.coverage["kms"].status == "region_disabled"
                assert "security" not in snapshot.content
                continue
            assert snapshot.coverage["kms"].status == "ok"
            assert [key["key_id"] for key in snapshot.content["security"]["kms"]] == [f"of-{account.id}"]
    calls = [one.effort.calls for one in covered(found, "kms").values()]
    assert sum(calls) == 2, "the ledger has the administrator's calls once"

    run(accounts[:1], "kms", administrators={"kms": administrator})
    assert len(administered) == 2, "later runs of the day find the answers"


def test_what_an_administrator_never_tells_is_said_and_no_reason_to_ask_again(
    run: Run,
    accounts: list[Account],
    administered: list[tuple[str | None, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SECTIONS, "kms", replace(SECTIONS["kms"], untold=lambda _payload: "it never tells of aliases"))
    order: dict[str, Any] = {"administrators": {"kms": accounts[1].id}, "regions": ("us-east-1",)}
    for _ in range(2):
        told = covered(run(accounts, "kms", **order), "kms")[accounts[0].id, "us-east-1"]
        assert (told.status, told.rows, told.message) == ("partial", 1, "it never tells of aliases")
    assert len(administered) == 1, "later runs of the day find the answers"


def test_an_account_that_the_administrator_does_not_know_is_a_gap_and_not_empty(
    run: Run, accounts: list[Account], administered: list[tuple[str | None, str]]
) -> None:
    stranger = accounts[-1].id
    found = covered(run(accounts, "kms", administrators={"kms": accounts[1].id}), "kms")
    gap = found[stranger, "us-east-1"]
    assert (gap.status, gap.rows) == ("failed", 0)
    assert gap.message == f"{accounts[1].id}, which administers kms, does not have it as a member"


def test_where_the_administrator_has_not_enabled_a_region_nobody_knows(
    run: Run, accounts: list[Account], administered: list[tuple[str | None, str]]
) -> None:
    (without,) = [account for account in accounts if not account.regions["eu-central-2"]]
    found = covered(run(accounts, "kms", administrators={"kms": without.id}), "kms")
    assert administered == [(without.id, "us-east-1")]
    gap = found[accounts[0].id, "eu-central-2"]
    assert (gap.status, gap.message) == ("region_disabled", f"eu-central-2 is not enabled in account {without.id}")


def test_an_administrator_that_may_not_ask_is_denied_for_all(
    run: Run, accounts: list[Account], administered: list[tuple[str | None, str]], stand_in: StandIn
) -> None:
    stand_in.faults.set(denied={accounts[1].id: ["kms:*"]})
    found = covered(run(accounts, "kms", administrators={"kms": accounts[1].id}), "kms")
    assert {one.status for place, one in found.items() if place[1] == "us-east-1"} == {"denied"}


def test_account_wide_facts_are_asked_of_an_administrator_once(
    run: Run, accounts: list[Account], administered: list[tuple[str | None, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SECTIONS, "kms", replace(SECTIONS["kms"], scope=Scope.ACCOUNT))
    found = covered(run(accounts, "kms", administrators={"kms": accounts[1].id}), "kms")
    assert administered == [(accounts[1].id, "us-east-1")]
    assert {region for _, region in found} == {GLOBAL}
    assert found[accounts[0].id, GLOBAL].status == "ok"


def test_an_administrator_of_a_section_that_each_account_answers_for_is_refused(
    settings: Settings, accounts: list[Account]
) -> None:
    wrong = settings.model_copy(update={"administrators": {"account": accounts[0].id}})
    with pytest.raises(SettingsError, match="A360_ADMINISTRATORS names account, for which no account answers"):
        Order.of(wrong, accounts, accounts, TODAY, TODAY)
