"""The registry of harvests: what is kept, what is refused, and that two writers do not undo each other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest

from a360_pipeline.inventory.harvest.planned import PlannedBucket
from a360_pipeline.inventory.harvest.registry import HarvestExists, NoSuchHarvest, Registry, WrongState
from a360_pipeline.inventory.harvest.rows import DeliveryRow, QueryRow
from a360_pipeline.inventory.harvest.states import (
    BucketState,
    DeliveryState,
    HarvestState,
    RegionState,
    Way,
    ways_on,
)
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.settings import load_settings
from a360_pipeline.warehouse.connection import Connection, connect
from a360_pipeline.warehouse.reach import warehouse_of
from a360_pipeline_tests.inventory.harvest.conftest import HUB, MEMBER, asked_for, configured, planned

CHAIN = ("deploying", "waiting", "consolidating", "analysing", "reported", "cleaning", "done")
DELIVERED = dt.datetime(2026, 11, 24, 1, 0, tzinfo=dt.UTC)


def delivery(harvest_id: str = "spring", key: str = "m/manifest.json", **fields: object) -> DeliveryRow:
    row = DeliveryRow(
        destination_bucket="a360-spring-eu-west-1",
        manifest_key=key,
        harvest_id=harvest_id,
        account_id=MEMBER,
        region="eu-west-1",
        bucket="logs",
        state=DeliveryState.PUBLISHED,
        snapshot_date=DELIVERED.date(),
        delivered_at=DELIVERED,
        fields=["bucket", "key"],
        rows=10,
    )
    return replace(row, **fields)  # type: ignore[arg-type]


def test_a_harvest_is_written_with_its_regions_and_buckets(registry: Registry) -> None:
    made = registry.create(asked_for(time_limit_hours=5), planned(regions=("eu-west-1", "us-east-1")))
    assert (made.state, made.lifetime, made.outcome, made.message) == (HarvestState.PLANNED, "once", None, None)
    assert made.deadline is not None
    assert made.created_at is not None
    assert made.deadline - made.created_at == dt.timedelta(hours=5)
    assert made.request["run_id"] == "spring"
    assert made.plan["counts"] == {"configured": 2}
    assert registry.harvest("spring") == made
    assert [(one.region, one.state) for one in registry.regions("spring")] == [
        ("eu-west-1", RegionState.PLANNED),
        ("us-east-1", RegionState.PLANNED),
    ]
    assert [(one.account_id, one.way) for one in registry.buckets("spring")] == [
        (HUB, Way.CONFIGURED),
        (MEMBER, Way.CONFIGURED),
    ]


def test_every_bucket_is_told_however_many_there_are(registry: Registry) -> None:
    """I1. "Finished" is said of all rows, not of the first page of them."""
    many = tuple(
        PlannedBucket(MEMBER, f"bucket-{number:04}", "eu-west-1", Way.CONFIGURED, BucketState.PLANNED)
        for number in range(4_500)
    )
    registry.create(asked_for(), planned("spring", *many))
    registry.set_bucket("spring", MEMBER, "bucket-4499", BucketState.IN_PROGRESS)
    found = registry.buckets("spring")
    assert [one.bucket for one in found] == [one.bucket for one in many]
    assert [one.bucket for one in found if one.state is BucketState.IN_PROGRESS] == ["bucket-4499"]


def test_a_harvest_of_a_name_that_is_taken_changes_nothing(registry: Registry) -> None:
    """I2. Invalid input leaves the harvest that runs as it is."""
    registry.create(asked_for(), planned())
    registry.move("spring", "deploying")
    registry.set_bucket("spring", MEMBER, "logs", BucketState.IN_PROGRESS)
    before = (registry.harvest("spring"), registry.buckets("spring"), registry.regions("spring"))
    with pytest.raises(HarvestExists, match="spring is there already"):
        registry.create(asked_for(lifetime="recurring"), planned("spring", configured("spring", HUB, "other")))
    assert (registry.harvest("spring"), registry.buckets("spring"), registry.regions("spring")) == before


def test_a_harvest_whose_rows_cannot_be_written_is_not_there_at_all(registry: Registry, connection: Connection) -> None:
    """I2."""
    connection.execute("ALTER TABLE harvest_buckets ADD CHECK (bucket <> 'logs')")
    with pytest.raises(psycopg.errors.CheckViolation):
        registry.create(asked_for(), planned())
    assert registry.harvests() == []
    assert registry.regions("spring") == []


def test_harvests_stand_side_by_side(registry: Registry) -> None:
    """I2. One at a time was the rule of others."""
    for run_id in ("spring", "autumn"):
        registry.create(asked_for(run_id), planned(run_id))
    registry.move("spring", "deploying")
    registry.set_bucket("spring", MEMBER, "logs", BucketState.DONE)
    registry.set_region("spring", "eu-west-1", RegionState.READY)
    assert registry.harvest("autumn").state is HarvestState.PLANNED
    assert {one.state for one in registry.buckets("autumn")} == {BucketState.PLANNED}
    assert [one.state for one in registry.regions("autumn")] == [RegionState.PLANNED]
    assert [one.harvest_id for one in registry.open_harvests()] == ["spring", "autumn"]


def test_buckets_of_one_name_in_two_accounts_are_two(registry: Registry) -> None:
    """I21. The rows of one account are not those of another."""
    registry.create(asked_for(), planned())
    registry.set_bucket("spring", MEMBER, "logs", BucketState.ACCESS_LOST, "no more")
    assert [(one.account_id, one.state, one.message) for one in registry.buckets("spring")] == [
        (HUB, BucketState.PLANNED, None),
        (MEMBER, BucketState.ACCESS_LOST, "no more"),
    ]


def test_a_harvest_goes_its_way_and_keeps_how_it_ended(registry: Registry) -> None:
    registry.create(asked_for(), planned())
    assert [str(registry.move("spring", state).state) for state in CHAIN] == list(CHAIN)
    assert registry.harvest("spring").outcome is HarvestState.REPORTED
    assert registry.open_harvests() == []


@pytest.mark.parametrize("state", list(HarvestState))
@pytest.mark.parametrize("lifetime", ["once", "recurring"])
def test_no_other_way_is_taken(registry: Registry, connection: Connection, state: HarvestState, lifetime: str) -> None:
    registry.create(asked_for(lifetime=lifetime), planned())
    for wanted in HarvestState:
        connection.execute("UPDATE harvests SET state = %s", [str(state)])
        if wanted in ways_on(state, is_recurring=lifetime == "recurring"):
            assert registry.move("spring", wanted).state is wanted
        else:
            with pytest.raises(WrongState, match=f"spring is {state}, from which .* may follow, and not {wanted}"):
                registry.move("spring", wanted)
            assert registry.harvest("spring").state is state


def test_the_ways_are_those_of_the_design() -> None:
    once = {str(state): sorted(ways_on(state, is_recurring=False)) for state in HarvestState}
    assert once == {
        "planned": ["cancelled", "deploying", "failed"],
        "deploying": ["cancelled", "failed", "waiting"],
        "waiting": ["cancelled", "consolidating", "failed"],
        "consolidating": ["analysing", "cancelled", "failed"],
        "analysing": ["cancelled", "failed", "reported"],
        "reported": ["cancelled", "cleaning"],
        "failed": ["cleaning"],
        "cancelled": ["cleaning"],
        "cleaning": ["done"],
        "done": [],
    }
    again = ways_on(HarvestState.REPORTED, is_recurring=True)
    assert sorted(again) == ["cancelled", "cleaning", "waiting"]


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_harvest_that_fails_is_cleaned_up_and_its_outcome_stays(registry: Registry, end: str) -> None:
    registry.create(asked_for(), planned())
    assert registry.move("spring", end, "the stack of eu-west-1 failed").message == "the stack of eu-west-1 failed"
    registry.move("spring", "cleaning")
    assert registry.move("spring", "done").outcome == end


def test_a_recurring_harvest_waits_anew_with_its_whole_time(registry: Registry) -> None:
    registry.create(asked_for(lifetime="recurring", time_limit_hours=7), planned())
    for state in CHAIN[:5]:
        registry.move("spring", state)
    again = registry.move("spring", "waiting")
    assert again.deadline is not None
    assert again.updated_at is not None
    assert again.deadline - again.updated_at == dt.timedelta(hours=7)
    assert again.outcome is HarvestState.REPORTED


def test_of_two_who_move_a_harvest_at_once_one_is_refused(warehouse_url: str) -> None:
    def move(_: int) -> bool:
        with connect(warehouse_url) as own:
            try:
                Registry(own).move("spring", "deploying")
            except WrongState:
                return False
            return True

    with connect(warehouse_url) as first:
        Registry(first).create(asked_for(), planned())
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(move, range(4))) == [False, False, False, True]


def test_what_nobody_knows_is_said_to_be_unknown(registry: Registry) -> None:
    registry.create(asked_for(), planned())
    for ask in (
        lambda: registry.harvest("none"),
        lambda: registry.move("none", "deploying"),
        lambda: registry.note("none", "x"),
        lambda: registry.set_region("spring", "nowhere-1", "ready"),
        lambda: registry.set_bucket("spring", MEMBER, "other", "done"),
    ):
        with pytest.raises(NoSuchHarvest, match=r"none|nowhere-1|other"):
            ask()


def test_a_late_word_does_not_undo_a_bucket_that_is_done(registry: Registry) -> None:
    registry.create(asked_for(), planned())
    registry.set_bucket("spring", MEMBER, "logs", BucketState.DONE, manifest_key="m/1")
    told = registry.set_bucket("spring", MEMBER, "logs", BucketState.IN_PROGRESS, unless=[BucketState.DONE])
    assert (told.state, told.manifest_key) == (BucketState.DONE, "m/1")
    told = registry.set_bucket("spring", MEMBER, "logs", BucketState.VERIFICATION_FAILED, "MD5 differs")
    assert (told.state, told.message, told.manifest_key) == (BucketState.VERIFICATION_FAILED, "MD5 differs", "m/1")


def test_a_delivery_belongs_to_the_longest_prefix_that_fits(registry: Registry) -> None:
    registry.create(
        asked_for(),
        planned(
            "spring",
            configured("spring", HUB, "logs", "logs/a360/"),
            configured("spring", MEMBER, "logs", "logs/a360/logs/a360/"),
            configured("spring", MEMBER, "like_s", "like_s/%/"),
        ),
    )
    place = "a360-spring-eu-west-1"
    found = registry.owner_of(place, "logs/a360/logs/a360/2026-11-24T01-00Z/manifest.checksum")
    assert found is not None
    assert found.account_id == MEMBER
    found = registry.owner_of(place, "logs/a360/2026-11-24T01-00Z/manifest.checksum")
    assert found is not None
    assert found.account_id == HUB
    assert registry.owner_of(place, "likeus/x/manifest.checksum") is None
    assert registry.owner_of(place, "logs/a36") is None
    assert registry.owner_of("elsewhere", "logs/a360/x") is None


def test_a_configuration_that_two_harvests_use_delivers_to_both(registry: Registry) -> None:
    for run_id in ("spring", "autumn", "winter"):
        reused = replace(configured(run_id, MEMBER, "logs", "inv/logs/daily/"), destination_bucket="theirs")
        registry.create(asked_for(run_id), planned(run_id, reused))
    registry.move("winter", "cancelled")
    key = "inv/logs/daily/2026-11-24T01-00Z/manifest.checksum"
    assert [one.harvest_id for one in registry.owners_of("theirs", key)] == ["autumn", "spring"]
    owner = registry.owner_of("theirs", key)
    assert owner is not None
    assert owner.harvest_id == "autumn"


def test_a_delivery_is_kept_once_and_by_its_last_word(registry: Registry) -> None:
    registry.create(asked_for(), planned())
    failed = registry.record_delivery(delivery(state=DeliveryState.VERIFICATION_FAILED, message="MD5", rows=None))
    assert (failed.state, failed.rows) == (DeliveryState.VERIFICATION_FAILED, None)
    kept = registry.record_delivery(delivery())
    assert kept == replace(delivery(), updated_at=kept.updated_at)
    assert registry.deliveries("spring") == [kept]
    assert registry.delivery("a360-spring-eu-west-1", "m/manifest.json") == kept
    assert registry.delivery("a360-spring-eu-west-1", "other") is None
    assert registry.known_deliveries("a360-spring-eu-west-1", ["other", "m/manifest.json"]) == [kept]


def test_a_delivery_that_another_harvest_took_counts_where_it_stands(registry: Registry) -> None:
    for run_id in ("spring", "autumn"):
        reused = replace(configured(run_id, MEMBER), destination_bucket="theirs", destination_prefix="inv/")
        registry.create(asked_for(run_id), planned(run_id, reused))
    registry.record_delivery(delivery("spring", "inv/1", destination_bucket="theirs"))
    registry.record_delivery(delivery("spring", "inv/2", destination_bucket="theirs"))
    assert registry.deliveries("autumn") == []
    registry.set_bucket("autumn", MEMBER, "logs", BucketState.DONE, manifest_key="inv/2")
    assert [one.manifest_key for one in registry.deliveries("autumn")] == ["inv/2"]


def test_queries_reports_and_receipts_are_kept(registry: Registry) -> None:
    registry.create(asked_for(), planned())
    row = QueryRow("spring", "large-objects", "RUNNING", execution_id="e-1", sql="SELECT '\0'", cost_usd=Decimal("0.1"))
    registry.record_query(row)
    registry.record_query(replace(row, state="SUCCEEDED", rows=3, cost_usd=Decimal("0.000012")))
    (kept,) = registry.queries("spring")
    assert (kept.state, kept.rows, kept.cost_usd, kept.sql) == ("SUCCEEDED", 3, Decimal("0.000012"), "SELECT ''")
    assert registry.set_report("spring", {"mail": "not sent", "at": DELIVERED}).report == {
        "mail": "not sent",
        "at": str(DELIVERED),
    }
    assert registry.set_receipt("spring", {"left": []}).receipt == {"left": []}
    assert registry.note("spring", "still waited for").message == "still waited for"


@pytest.fixture
def by_api(environment: StandIn, warehouse_url: str) -> Iterator[Connection]:
    """The same warehouse through the RDS Data API."""
    api = environment.data_api
    database = warehouse_url.rpartition("/")[2]
    settings = load_settings(cluster_arn=api.cluster_arn, database_secret_arn=api.secret_arn, database_name=database)
    with connect(warehouse_of(settings)) as opened:
        yield opened


def test_the_registry_is_the_same_through_the_data_api(by_api: Connection, registry: Registry) -> None:
    other = Registry(by_api)
    made = other.create(asked_for(), planned())
    assert made == registry.harvest("spring") == other.harvest("spring")
    with pytest.raises(HarvestExists):
        other.create(asked_for(), planned())
    assert other.move("spring", "deploying", "on its way") == registry.harvest("spring")
    with pytest.raises(WrongState):
        other.move("spring", "analysing")
    other.set_bucket("spring", MEMBER, "logs", BucketState.IN_PROGRESS, unless=[BucketState.DONE])
    other.set_region("spring", "eu-west-1", RegionState.READY)
    other.record_delivery(delivery())
    other.record_query(QueryRow("spring", "large-objects", "RUNNING", cost_usd=Decimal("0.1")))
    other.set_report("spring", {"mail": "sent"})
    assert other.buckets("spring") == registry.buckets("spring")
    assert other.regions("spring") == registry.regions("spring")
    assert other.deliveries("spring") == registry.deliveries("spring")
    assert other.queries("spring") == registry.queries("spring")
    assert other.open_harvests() == registry.open_harvests()
    key = f"spring/{MEMBER}/logs/a360-spring/x/manifest.checksum"
    assert other.owner_of("a360-spring-eu-west-1", key) == registry.owner_of("a360-spring-eu-west-1", key)
    assert other.owner_of("a360-spring-eu-west-1", key) is not None
