"""Faults while collecting: what could be had is had, and the ledger says exactly what could not, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from a360_pipeline.aws.accounts import Account, discover_accounts
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.collection.collect import Collected, collect_accounts
from a360_pipeline.collection.order import Order
from a360_pipeline.coverage import SectionCoverage, Status
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sections.model import Window
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.settings import Settings
from a360_pipeline.snapshot.store import SnapshotStore

TODAY = dt.datetime.now(dt.UTC).date()
PLACE = "us-east-1"
Collect = Callable[..., Collected]


@pytest.fixture(autouse=True)
def nobody_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("botocore.endpoint", "a360_pipeline.aws.clients"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(sleep=lambda _seconds: None))


@pytest.fixture
def accounts(sessions: Sessions) -> list[Account]:
    return discover_accounts(sessions.hub())


@pytest.fixture
def account(accounts: list[Account], stand_in: StandIn) -> Account:
    """An account from which nothing is withheld."""
    organization = stand_in.organization
    return next(
        one
        for one in accounts
        if one.id != organization.management.id
        and one.regions["eu-central-2"]
        and not organization.by_id[one.id].denied
    )


@pytest.fixture
def collect(
    sessions: Sessions, store: SnapshotStore, settings: Settings, accounts: list[Account], account: Account
) -> Collect:
    """Collects keys and inventory of that account; returns what came of one region."""

    def run(account: Account = account, region: str = PLACE) -> Collected:
        order = Order.of(settings, [account], accounts, TODAY, TODAY, ("kms", "inventory"))
        found = {each.snapshot.key.region: each for each in collect_accounts(sessions, store, order)}
        return found[region]

    return run


def told(collected: Collected) -> dict[str, tuple[str, int]]:
    covered = collected.snapshot.coverage
    return {name: (str(covered[name].status), covered[name].rows) for name in ("kms", "inventory")}


def kms(collected: Collected) -> SectionCoverage:
    return collected.snapshot.coverage["kms"]


def rows_of(stand_in: StandIn, account: Account, region: str = PLACE) -> dict[str, tuple[str, int]]:
    truth = stand_in.organization.region(account.id, region)
    inventory = len(truth.instances) + len(truth.applications) + len(truth.patches)
    return {"kms": ("ok", len(truth.kms_keys)), "inventory": ("ok", inventory)}


def test_with_every_third_call_throttled_every_row_is_there(
    collect: Collect, stand_in: StandIn, account: Account
) -> None:
    stand_in.faults.set(throttle_rate=0.3)
    found = collect()
    assert told(found) == rows_of(stand_in, account)
    assert sum(one.effort.throttles for one in found.snapshot.coverage.values()) > 0


def test_credentials_that_expire_again_and_again_cost_no_row(
    collect: Collect, stand_in: StandIn, account: Account
) -> None:
    stand_in.faults.set(expire_after={account.id: 7})
    assert told(collect()) == rows_of(stand_in, account)


def test_lines_that_are_cut_cost_no_row(collect: Collect, stand_in: StandIn, account: Account) -> None:
    stand_in.faults.set(cut={"kms:*": 3, "ssm:*": 3, "sts:*": 1})
    found = collect()
    assert told(found) == rows_of(stand_in, account)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", "denied"),
        ("SubscriptionRequiredException", "not_subscribed"),
        ("OptInRequired", "not_enabled"),
        ("ThrottlingException", "throttled"),
        ("InternalFailure", "failed"),
    ],
)
def test_one_service_that_refuses_is_told_exactly_and_stops_nothing_else(
    collect: Collect, stand_in: StandIn, account: Account, code: str, status: str
) -> None:
    """S6."""
    stand_in.faults.set(errors={"kms:ListKeys": code})
    found = collect()
    assert told(found) == rows_of(stand_in, account) | {"kms": (status, 0)}
    assert code in str(kms(found).message)
    assert "security" not in found.snapshot.content, "no listing is no empty listing: nothing is retired"


def test_a_code_means_what_its_section_says_it_means(
    collect: Collect, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S6."""
    section = replace(SECTIONS["kms"], errors={"InvalidAccessException": Status.NOT_ENABLED})
    monkeypatch.setitem(SECTIONS, "kms", section)
    stand_in.faults.set(errors={"kms:*": "InvalidAccessException"})
    assert kms(collect()).status == "not_enabled"


@pytest.mark.parametrize("code", ["UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"])
def test_a_region_that_was_turned_off_since_is_found_out_by_its_error(
    collect: Collect, accounts: list[Account], stand_in: StandIn, code: str
) -> None:
    (without,) = [account for account in accounts if not account.regions["eu-central-2"]]
    stale = replace(without, regions={**without.regions, "eu-central-2": True})
    stand_in.faults.set(errors={} if code == "UnrecognizedClientException" else {"kms:*": code})
    gap = kms(collect(stale, "eu-central-2"))
    assert (gap.status, gap.message) == ("region_disabled", f"eu-central-2 is not enabled in account {without.id}")


def test_the_same_error_from_a_region_that_is_enabled_is_a_failure(collect: Collect, stand_in: StandIn) -> None:
    stand_in.faults.set(errors={"kms:*": "UnrecognizedClientException"})
    assert kms(collect()).status == "failed"


def test_an_answer_of_another_shape_is_a_changed_api_and_no_bug(
    collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = AccountSession.call

    def call(aws: AccountSession, service: str, method: str, **parameters: Any) -> dict[str, Any]:
        answer = whole(aws, service, method, **parameters)
        return {"KeyMetadata": {"KeyId": "k"}} if method == "describe_key" else answer

    monkeypatch.setattr(AccountSession, "call", call)
    gap = kms(collect())
    assert gap.status == "failed"
    assert gap.message == ("changed API: the answer has another shape than the section expects: KeyError: 'Arn'")


def test_a_section_that_stumbles_over_itself_is_a_bug(collect: Collect, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_aws: AccountSession, _window: Window) -> Any:
        raise KeyError("Arn")

    monkeypatch.setitem(SECTIONS, "kms", replace(SECTIONS["kms"], collect=stumble))
    assert kms(collect()).message == "bug: KeyError: 'Arn'"
