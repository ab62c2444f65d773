"""Collecting: whatever happens to a section is in the coverage, and nothing else suffers from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from a360_pipeline.aws.accounts import Account, discover_accounts
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.collection.answers import in_short
from a360_pipeline.collection.collect import Collected, collect_accounts
from a360_pipeline.collection.order import Order
from a360_pipeline.coverage import Status
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sections.model import History, Scope
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.settings import Settings
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import read_snapshot
from a360_pipeline_tests.collection.test_shared import ce_calls

TODAY = dt.datetime.now(dt.UTC).date()

Collect = Callable[..., dict[str, Collected]]


@pytest.fixture
def accounts(sessions: Sessions) -> list[Account]:
    return discover_accounts(sessions.hub())


@pytest.fixture
def collect(sessions: Sessions, store: SnapshotStore, settings: Settings, accounts: list[Account]) -> Collect:
    """Collects the first account; returns what came, by region."""

    def run(run_date: dt.date = TODAY, store: SnapshotStore = store) -> dict[str, Collected]:
        order = Order.of(settings, accounts[:1], accounts, run_date, TODAY)
        found = collect_accounts(sessions, store, order)
        return {each.snapshot.key.region: each for each in found}

    return run


def statuses(collected: Collected) -> dict[str, str]:
    """How each section ended that AWS was asked for."""
    coverage = collected.snapshot.coverage
    return {name: str(covered.status) for name, covered in coverage.items() if SECTIONS[name].is_collected}


def test_discovery_knows_tags_and_which_regions_are_enabled(accounts: list[Account], stand_in: StandIn) -> None:
    truth = {account.id: account for account in stand_in.organization.accounts}
    assert [account.id for account in accounts] == sorted(truth)
    for account in accounts:
        assert account.name == truth[account.id].name
        assert account.tags == dict(truth[account.id].tags)
        assert account.joined_timestamp == truth[account.id].joined_timestamp
        enabled = {name for name, status in truth[account.id].opt_status if status.startswith("ENABLED")}
        assert {name for name, is_enabled in account.regions.items() if is_enabled} == enabled


def test_what_is_stored_is_what_was_collected(collect: Collect, store: SnapshotStore) -> None:
    for each in collect().values():
        assert each.stored_as is not None
        body = store.get(each.stored_as)
        assert body is not None
        stored = read_snapshot(store.path(each.stored_as), body)
        assert stored.is_ours
        assert {n: (c.status, c.rows) for n, c in stored.coverage.items()} == {
            n: (c.status, c.rows) for n, c in each.snapshot.coverage.items()
        }


def test_account_wide_facts_are_in_the_global_snapshot_alone(collect: Collect) -> None:
    found = collect()
    assert set(found) == {"Global", "us-east-1", "eu-central-2"}
    collected = [section for section in SECTIONS.values() if section.is_collected]
    of_regions = {section.name for section in collected if section.scope is Scope.REGION}
    of_the_account = {section.name for section in collected} - of_regions
    asked_apart = {section.name for section in collected if section.collect_account}
    assert set(statuses(found["Global"])) == of_the_account | asked_apart >= {"account", "cost", "service"}
    assert set(statuses(found["us-east-1"])) == of_regions >= {"kms", "inventory"}
    assert "cost" not in found["us-east-1"].snapshot.content
    assert "contact_info" not in found["us-east-1"].snapshot.content["account"]


def test_the_logs_of_a_snapshot_say_what_its_coverage_says(
    collect: Collect, stand_in: StandIn, accounts: list[Account]
) -> None:
    """S4."""
    stand_in.faults.set(denied={accounts[0].id: ["kms:ListKeys"]})
    snapshot = collect()["us-east-1"].snapshot
    logs = snapshot.content["logs"]
    assert logs["security_status"] == "Fail"
    assert logs["inventory_status"] == "Pass"
    assert ["AccessDeniedException" in told for each in logs["message"] for told in each.values()] == [True]
    assert (snapshot.coverage["logs"].status, snapshot.coverage["logs"].rows) == (Status.OK, 2)


def test_a_past_day_gets_what_aws_still_knows_and_no_relabelled_now(collect: Collect) -> None:
    """S23."""
    found = collect(run_date=TODAY - dt.timedelta(days=3))
    now_only = {name for name, one in SECTIONS.items() if one.history is History.SNAPSHOT and one.is_collected}
    for each in found.values():
        failed = {name for name, status in statuses(each).items() if status == "failed"}
        assert failed == now_only & set(statuses(each))
    assert statuses(found["Global"]).items() >= {"account": "failed", "cost": "ok", "service": "ok"}.items()
    assert "snapshot-only" in str(found["us-east-1"].snapshot.coverage["kms"].message)
    assert "security" not in found["us-east-1"].snapshot.content
    assert found["Global"].snapshot.content["cost"]["period"]["end"] == str(TODAY - dt.timedelta(days=3))


def test_one_denied_part_makes_its_section_partial_and_keeps_the_rest(
    collect: Collect, stand_in: StandIn, accounts: list[Account]
) -> None:
    """S4, S5."""
    stand_in.faults.set(denied={accounts[0].id: ["ssm:DescribeInstancePatches", "kms:GetKeyRotationStatus"]})
    found = collect()["us-east-1"]
    inventory, kms = found.snapshot.coverage["inventory"], found.snapshot.coverage["kms"]
    assert (inventory.status, kms.status) == (Status.PARTIAL, Status.PARTIAL)
    assert "patches of " in str(inventory.message)
    assert "AccessDenied" in str(inventory.message)
    content = found.snapshot.content
    truth = stand_in.organization.region(accounts[0].id, "us-east-1")
    assert len(content["inventory"]["instances"]) == len(truth.instances)
    assert content["inventory"]["patches"] == []
    assert {key["key_rotation_enabled"] for key in content["security"]["kms"]} == {None}, "S12: unknown is not TRUE"


def test_a_denied_listing_is_denied_and_its_neighbor_is_not(
    collect: Collect, stand_in: StandIn, accounts: list[Account]
) -> None:
    stand_in.faults.set(denied={accounts[0].id: ["kms:ListKeys"]})
    assert statuses(collect()["us-east-1"]).items() >= {"kms": "denied", "inventory": "ok"}.items()


def test_our_own_bug_is_a_failed_section_not_a_failed_run(collect: Collect, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_aws: AccountSession, _window: Any) -> Any:
        raise KeyError("Arn")

    monkeypatch.setitem(SECTIONS, "kms", replace(SECTIONS["kms"], collect=stumble))
    found = collect()["us-east-1"]
    assert statuses(found).items() >= {"kms": "failed", "inventory": "ok"}.items()
    assert found.snapshot.coverage["kms"].message == "bug: KeyError: 'Arn'"


def test_a_snapshot_that_cannot_be_written_says_so(
    collect: Collect, store: SnapshotStore, stand_in: StandIn, accounts: list[Account]
) -> None:
    """S7."""
    stand_in.faults.set(denied={stand_in.organization.management.id: ["s3:PutObject"]})
    for each in collect().values():
        assert each.stored_as is None
        assert "could not be written" in str(each.error)
        assert "AccessDenied" in str(each.error)


def test_where_the_bucket_cannot_be_read_nobody_is_asked_for_what_could_not_be_kept(
    collect: Collect, store: SnapshotStore
) -> None:
    """S7, S28."""
    with pytest.raises(ClientError, match="NoSuchBucket"):
        collect(store=replace(store, bucket="a360-elsewhere"))


def test_the_effort_of_an_organizations_question_is_counted_once(
    sessions: Sessions, store: SnapshotStore, settings: Settings, accounts: list[Account], stand_in: StandIn
) -> None:
    """S28: Cost Explorer bills by request, whatever the number of accounts and regions."""
    found = collect_accounts(sessions, store, Order.of(settings, accounts, accounts, TODAY, TODAY))
    paid = [covered.effort.paid_calls for each in found for covered in each.snapshot.coverage.values()]
    assert sum(paid) == ce_calls(stand_in) > 0


def test_a_part_that_fails_for_the_organization_makes_the_section_of_each_account_partial(
    sessions: Sessions, store: SnapshotStore, settings: Settings, accounts: list[Account], stand_in: StandIn
) -> None:
    """S4: a failed part of a question that is asked once is not lost."""
    stand_in.faults.set(denied={stand_in.organization.management.id: ["ce:GetAnomalies"]})
    found = collect_accounts(sessions, store, Order.of(settings, accounts, accounts, TODAY, TODAY))
    told = [each.snapshot for each in found if each.snapshot.key.region == "Global"]
    assert {snapshot.coverage["cost"].status for snapshot in told} == {Status.PARTIAL}
    assert {snapshot.coverage["service"].status for snapshot in told} == {Status.OK}
    assert all("cost anomalies: " in str(snapshot.coverage["cost"].message) for snapshot in told)
    assert {snapshot.content["cost"]["anomalies_detected"] for snapshot in told} == {None}


def test_snapshots_are_encrypted_with_the_key_of_the_settings(collect: Collect, store: SnapshotStore) -> None:
    key = "arn:aws:kms:us-east-1:111122223333:key/a"
    stored = collect(store=replace(store, kms_key_id=key))["Global"].stored_as
    head = store.s3.head_object(Bucket=store.bucket, Key=stored)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_long_lists_of_failed_parts_are_told_in_short() -> None:
    assert in_short([f"key {number}: denied" for number in range(5)]) == (
        "key 0: denied; key 1: denied; key 2: denied; and 2 more"
    )
