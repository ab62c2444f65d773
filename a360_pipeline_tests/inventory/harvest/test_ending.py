"""A harvest ends with nothing left of it, which is looked up and not assumed."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from a360_pipeline.aws.accounts import Account
from a360_pipeline.inventory.harvest import removal, starting
from a360_pipeline.inventory.harvest.ending import cancel, clean_up
from a360_pipeline.inventory.harvest.keeping import inventory_place
from a360_pipeline.inventory.harvest.planned import Plan, destination_bucket
from a360_pipeline.inventory.harvest.registry import Registry, WrongState
from a360_pipeline.inventory.harvest.rows import BucketRow, QueryRow
from a360_pipeline.inventory.harvest.smoke import KEYS, place_smoke
from a360_pipeline.inventory.harvest.stack import Pace
from a360_pipeline.inventory.harvest.stacks import delete_region, deploy_region
from a360_pipeline.inventory.harvest.starting import start
from a360_pipeline.inventory.harvest.states import BucketState, HarvestState, RegionState
from a360_pipeline.inventory.harvest.sweep import sweep
from a360_pipeline.inventory.harvest.template import TAG
from a360_pipeline.inventory.means import Means
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline_tests.inventory.harvest.conftest import HOME, Store, asked_for, configured, planned
from a360_pipeline_tests.inventory.harvest.ground import Ground

# moto makes no policies and no subscriptions of a stack, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..S")

REGIONS = ("eu-central-2", HOME)
AT_ONCE = Pace(pause=1, seconds=3, sleep=lambda _: None)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "deploy_region", lambda *given: deploy_region(*given, AT_ONCE))
    monkeypatch.setattr(removal, "delete_region", lambda *given: delete_region(*given, AT_ONCE))


def plan_of(means: Means, accounts: list[Account], store: Store, run_id: str = "spring") -> Plan:
    """Two regions, and in each of them a bucket of each of two accounts."""
    buckets = []
    for account in accounts[:2]:
        for region in REGIONS:
            name = f"{run_id}-films-{region}-{account.id}"
            store.make(account.id, name, region)
            place = destination_bucket(run_id, means.hub_account, region)
            buckets.append(replace(configured(run_id, account.id, name), region=region, destination_bucket=place))
    plan = planned(run_id, *buckets, regions=REGIONS)
    regions = tuple(
        replace(one, destination_bucket=destination_bucket(run_id, means.hub_account, one.region))
        for one in plan.regions
    )
    return replace(plan, hub_account=means.hub_account, regions=regions)


@pytest.fixture
def started(means: Means, registry: Registry, accounts: list[Account], store_of_buckets: Store) -> Registry:
    """A harvest with stacks in two regions, configurations in two accounts, and something delivered."""
    registry.create(asked_for(), plan_of(means, accounts, store_of_buckets))
    start(means, registry, registry.harvest("spring"))
    for row in registry.regions("spring"):
        s3 = means.hub("s3", row.region)
        s3.put_bucket_versioning(Bucket=row.destination_bucket, VersioningConfiguration={"Status": "Enabled"})
        for _ in range(2):
            s3.put_object(Bucket=row.destination_bucket, Key="spring/x", Body=b"x")
    return registry


def configurations(means: Means, row: BucketRow) -> list[str]:
    s3 = means.member("s3", row.account_id, str(row.region))
    found = s3.list_bucket_inventory_configurations(Bucket=row.bucket).get("InventoryConfigurationList", [])
    return [one["Id"] for one in found]


def is_there(means: Means, region: str) -> bool:
    names = {row["Name"] for row in means.hub("s3", region).list_buckets()["Buckets"]}
    return destination_bucket("spring", means.hub_account, region) in names


def test_everything_is_removed_in_every_account_and_region(means: Means, started: Registry):
    rows = started.buckets("spring")
    assert [configurations(means, row) for row in rows] == [["a360-spring"]] * 4
    assert [is_there(means, region) for region in REGIONS] == [True, True]
    cancel(means, "spring", "enough")
    receipt = clean_up(means, "spring")
    assert (receipt.left, receipt.errors) == ((), ())
    assert len([line for line in receipt.removed if line.startswith("configuration")]) == 4
    assert len([line for line in receipt.removed if line.startswith("stack")]) == 2
    assert [configurations(means, row) for row in rows] == [[]] * 4
    assert [is_there(means, region) for region in REGIONS] == [False, False]
    harvest = started.harvest("spring")
    assert (harvest.state, harvest.outcome, harvest.message) == ("done", "cancelled", "enough")
    assert harvest.receipt["removed"] == list(receipt.removed)
    assert clean_up(means, "spring").is_clean, "it may be run again"


@pytest.mark.parametrize("broken", REGIONS)
def test_a_worker_that_dies_in_one_region_is_no_region_that_is_gone(
    means: Means, started: Registry, monkeypatch: pytest.MonkeyPatch, broken: str
):
    """I19. A dead worker's region counted as deleted, and after some tries the other regions were skipped."""

    def dies(means: Means, harvest_id: str, region: str) -> Any:
        if region == broken:
            raise SystemError("the worker died")
        return delete_region(means, harvest_id, region, AT_ONCE)

    monkeypatch.setattr(removal, "delete_region", dies)
    cancel(means, "spring")
    receipt = clean_up(means, "spring")
    assert [is_there(means, region) for region in REGIONS] == [region == broken for region in REGIONS]
    assert any("the worker died" in line for line in receipt.errors)
    place = destination_bucket("spring", means.hub_account, broken)
    assert all(broken in line or place in line for line in receipt.left) and len(receipt.left) >= 2
    harvest = started.harvest("spring")
    assert harvest.state is HarvestState.CLEANING
    assert broken in str(harvest.message)
    monkeypatch.setattr(removal, "delete_region", lambda *given: delete_region(*given, AT_ONCE))
    assert clean_up(means, "spring").is_clean
    assert started.harvest("spring").state is HarvestState.DONE


def test_what_cannot_be_looked_for_is_not_proved_gone(
    means: Means, started: Registry, stand_in: StandIn, accounts: list[Account]
):
    """I19. Errors of the clean-up were only logged: here an account denies, and the harvest stays in clean-up."""
    cancel(means, "spring")
    stand_in.faults.set(denied={accounts[1].id: ["s3:*"]})
    receipt = clean_up(means, "spring")
    assert len(receipt.errors) == 2 and len(receipt.left) == 2
    assert all("cannot be looked for" in line and accounts[1].id in line for line in receipt.left)
    assert started.harvest("spring").state is HarvestState.CLEANING
    assert [is_there(means, region) for region in REGIONS] == [False, False]
    stand_in.faults.set()
    assert clean_up(means, "spring").is_clean


def test_a_harvest_at_work_is_cancelled_before_it_is_cleaned_up(means: Means, started: Registry):
    with pytest.raises(WrongState, match="waiting"):
        clean_up(means, "spring")
    assert [is_there(means, region) for region in REGIONS] == [True, True]


def test_cancelling_stops_the_queries_that_run(means: Means, registry: Registry):
    ground = Ground(means, registry)
    ground.harvest(ground.bucket(means.hub_account, "films"))
    registry.record_query(QueryRow("spring", "large_objects", "QUEUED"))
    registry.record_query(QueryRow("spring", "duplicates", "SUCCEEDED", rows=7))
    cancel(means, "spring", "enough")
    states = {row.name: (row.state, row.rows) for row in registry.queries("spring")}
    assert states == {"large_objects": ("CANCELLED", None), "duplicates": ("SUCCEEDED", 7)}


def test_a_start_that_is_killed_goes_on_where_it_stopped(
    means: Means, registry: Registry, accounts: list[Account], store_of_buckets: Store, monkeypatch: pytest.MonkeyPatch
):
    """I15. An account that took longer than one invocation was cut, and nobody resumed it."""
    registry.create(asked_for(), plan_of(means, accounts, store_of_buckets))
    configure, done = starting.configure, []

    class Killed(BaseException):
        pass

    def killed_at_the_third(means: Means, harvest_id: str, row: BucketRow) -> BucketRow:
        if len(done) == 2:
            raise Killed
        done.append(row.bucket)
        return configure(means, harvest_id, row)

    monkeypatch.setattr(starting, "THREADS", 1)
    monkeypatch.setattr(starting, "configure", killed_at_the_third)
    with pytest.raises(Killed):
        start(means, registry, registry.harvest("spring"))
    assert registry.harvest("spring").state is HarvestState.DEPLOYING
    monkeypatch.setattr(starting, "configure", lambda *given: done.append(given[2].bucket) or configure(*given))
    start(means, registry, registry.harvest("spring"))
    assert sorted(done) == sorted(row.bucket for row in registry.buckets("spring")), "each was configured once"
    assert {row.state for row in registry.buckets("spring")} == {BucketState.IN_PROGRESS}
    assert {row.state for row in registry.regions("spring")} == {RegionState.READY}
    assert registry.harvest("spring").state is HarvestState.WAITING


def test_a_sweep_ends_what_nobody_took_on_and_reports_what_it_does_not_know(means: Means, started: Registry):
    """I19. The second net: a harvest whose process died for good, and things of a harvest of nobody's."""
    s3 = means.hub("s3")
    s3.create_bucket(Bucket="a360-stranger")
    s3.put_bucket_tagging(Bucket="a360-stranger", Tagging={"TagSet": [{"Key": TAG, "Value": "stranger"}]})
    deadline = started.harvest("spring").deadline
    assert deadline is not None
    swept = sweep(means, deadline + dt.timedelta(hours=23))
    assert swept.receipts == {} and list(swept.unknown) == ["stranger"]
    swept = sweep(means, deadline + dt.timedelta(hours=25))
    assert swept.receipts["spring"].is_clean and not swept.problems
    assert "a360-stranger" in swept.unknown["stranger"][0]
    harvest = started.harvest("spring")
    assert (harvest.state, harvest.outcome) == ("done", "failed")
    assert [is_there(means, region) for region in REGIONS] == [False, False]
    s3.head_bucket(Bucket="a360-stranger")


def test_a_smoke_test_looks_at_every_account_and_leaves_nothing(
    means: Means, registry: Registry, accounts: list[Account]
):
    """I12. It looked at the first account only. What it counted is of no bucket, and goes with it."""
    ground = Ground(means, registry)
    rows = ground.harvest(*(ground.bucket(one.id, f"films-{one.id}") for one in accounts[:4]), smoke_test=True)
    assert place_smoke(means, rows) == []
    taken = ground.take_all()
    assert [(row.account_id, row.rows, row.state) for row in taken] == [
        (row.account_id, len(KEYS), "published") for row in rows
    ]
    assert {key[0] for key in ground.partitions()} == {"2000-01-01"}
    assert {row.state for row in registry.buckets("spring")} == {BucketState.DONE}
    cancel(means, "spring")
    assert clean_up(means, "spring").is_clean
    assert ground.partitions() == {}
    assert [entry.key for entry in inventory_place(means).list("inventory/")] == []
