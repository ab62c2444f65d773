"""A delivery is taken once and whole, whatever is killed on the way."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from a360_pipeline.aws.accounts import Account
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.states import BucketState, HarvestState
from a360_pipeline.inventory.harvest.take import NotTaken, take, take_all
from a360_pipeline.inventory.means import Means
from a360_pipeline_tests.inventory.harvest.conftest import HOME, Store
from a360_pipeline_tests.inventory.harvest.ground import DAY, Ground

LATER = DAY + dt.timedelta(hours=6)
NEXT_DAY = DAY + dt.timedelta(days=1)


@pytest.fixture
def ground(means: Means, registry: Registry) -> Ground:
    return Ground(means, registry)


def test_a_delivery_is_recorded_with_all_it_held_and_published(ground):
    """I3. It counts once every file was verified, with what was found in it, and not because a checksum was seen."""
    (films,) = ground.harvest(ground.bucket(ground.means.hub_account, "films"))
    key = ground.deliver(films, files=3)
    (row,) = ground.take_all()
    assert (row.state, row.rows, row.files, row.format) == ("published", 10, 3, "CSV")
    assert row.object_bytes == sum(number * 1000 for number in range(10))
    assert (row.snapshot_date, row.delivered_at) == (DAY.date(), DAY)
    assert row.fields == ["bucket", "key", "size", "last_modified_date", "e_tag", "storage_class"]
    assert ground.state(films).state is BucketState.DONE
    assert ground.state(films).manifest_key == key
    assert ground.partitions() == {("2026-11-24", ground.means.hub_account, HOME, "films"): row.location}


@pytest.mark.parametrize("newest_first", [False, True])
def test_of_two_deliveries_on_one_day_the_newest_stands_whichever_comes_first(ground, newest_first):
    """I4. Two deliveries of a day landed in one partition, and their objects counted twice."""
    (films,) = ground.harvest(ground.bucket(ground.means.hub_account, "films"), lifetime="recurring")
    for at, count in sorted({DAY: 10, LATER: 7}.items(), reverse=newest_first):
        ground.deliver(films, at, count)
        ground.take_all()
    old, new = ground.registry.deliveries("spring")
    assert [(row.state, row.rows) for row in (old, new)] == [("superseded", 10), ("published", 7)]
    assert "is newer" in old.message
    assert list(ground.partitions().values()) == [new.location]
    assert ground.state(films).manifest_key == new.manifest_key
    assert ground.found().arrivals == []


def test_older_days_stay_for_history(ground):
    (films,) = ground.harvest(ground.bucket(ground.means.hub_account, "films"), lifetime="recurring")
    for at in (NEXT_DAY, DAY):
        ground.deliver(films, at)
        ground.take_all()
    assert [key[0] for key in sorted(ground.partitions())] == ["2026-11-24", "2026-11-25"]
    assert ground.state(films).manifest_key.split("/")[-2] == "2026-11-25T01-00Z"


def test_what_does_not_verify_is_recorded_with_the_reason_and_counts_for_nothing(ground):
    """I3. A file that is not what the manifest says; the message is deleted, for the work is recorded."""
    (films,) = ground.harvest(ground.bucket(ground.means.hub_account, "films"))
    key = ground.deliver(films)
    ground.tell(key)
    data = next(entry.key for entry in ground.place.list(f"{films.destination_prefix}data/"))
    good = ground.place.read(data)
    ground.place.write(data, good[:-1] + b"x")
    (row,) = ground.take_all()
    assert row.state == "verification_failed" and "MD5" in row.message and data in row.message
    assert row.snapshot_date == DAY.date()
    assert ground.state(films).state is BucketState.VERIFICATION_FAILED
    assert "MD5" in ground.state(films).message
    assert ground.messages(ground.queue) == 0
    # What comes late makes it whole, though nobody tells of it.
    ground.place.write(data, good)
    (row,) = ground.take_all()
    assert (row.state, row.message) == ("published", None)
    assert (ground.state(films).state, ground.state(films).message) == (BucketState.DONE, None)


def test_a_new_delivery_replaces_one_that_failed(ground):
    (films,) = ground.harvest(ground.bucket(ground.means.hub_account, "films"))
    key = ground.deliver(films)
    ground.place.write(key, b"{}")
    ground.take_all()
    assert ground.state(films).state is BucketState.VERIFICATION_FAILED
    good = ground.deliver(films, NEXT_DAY)
    states = {row.manifest_key: row.state for row in ground.take_all()}
    assert states[good] == "published"
    assert ground.state(films).state is BucketState.DONE


def test_a_bad_delivery_after_a_good_one_takes_nothing_away(ground):
    (films,) = ground.harvest(ground.bucket(ground.means.hub_account, "films"), lifetime="recurring")
    good = ground.deliver(films)
    ground.take_all()
    ground.place.write(ground.deliver(films, NEXT_DAY), b"{}")
    assert [row.state for row in ground.take_all()] == ["verification_failed"]
    assert (ground.state(films).state, ground.state(films).manifest_key) == (BucketState.DONE, good)


def test_a_delivery_of_another_bucket_is_not_taken_for_this_one(ground):
    (films, logs) = ground.harvest(
        ground.bucket(ground.means.hub_account, "films"), ground.bucket(ground.means.hub_account, "logs")
    )
    ground.deliver(replace(logs, destination_prefix=films.destination_prefix))
    (row,) = ground.take_all()
    assert row.state == "verification_failed" and "is of the bucket logs" in row.message
    assert ground.registry.deliveries("spring") == [row]


def test_a_harvest_that_is_analysed_takes_nothing(ground):
    (films,) = ground.harvest(ground.bucket(ground.means.hub_account, "films"))
    ground.deliver(films)
    (arrival,) = ground.found().arrivals
    ground.registry.move("spring", HarvestState.CANCELLED)
    with pytest.raises(NotTaken, match="cancelled"):
        take(ground.means, ground.registry, arrival)


def test_one_that_cannot_be_taken_keeps_none_of_the_others(ground):
    films, logs = ground.harvest(
        ground.bucket(ground.means.hub_account, "films"), ground.bucket(ground.means.hub_account, "logs")
    )
    for row in (films, logs):
        ground.deliver(row)
    first, second = ground.found().arrivals
    stranger = replace(first, bucket=replace(first.bucket, account_id="no account"))
    taken = take_all(ground.means, ground.registry, [stranger, second])
    assert [row.bucket for row in taken.deliveries] == ["logs"]
    assert len(taken.problems) == 1 and "no account" in taken.problems[0]


@pytest.mark.parametrize(("lifetime", "left"), [("once", []), ("recurring", ["a360-spring"])])
def test_a_bucket_that_has_its_delivery_is_not_inventoried_again_unless_it_is_to_be(
    ground, accounts: list[Account], store_of_buckets: Store, lifetime, left
):
    member = accounts[1].id
    s3 = store_of_buckets.make(member, "films")
    (films,) = ground.harvest(ground.bucket(member, "films"), lifetime=lifetime)
    s3.put_bucket_inventory_configuration(
        Bucket="films",
        Id="a360-spring",
        InventoryConfiguration={
            "Id": "a360-spring",
            "IsEnabled": True,
            "IncludedObjectVersions": "All",
            "Schedule": {"Frequency": "Daily"},
            "Destination": {
                "S3BucketDestination": {
                    "AccountId": ground.means.hub_account,
                    "Bucket": f"arn:aws:s3:::{ground.destination}",
                    "Format": "CSV",
                    "Prefix": f"spring/{member}",
                }
            },
        },
    )
    ground.deliver(films)
    ground.take_all()
    found = s3.list_bucket_inventory_configurations(Bucket="films").get("InventoryConfigurationList", [])
    assert [one["Id"] for one in found] == left


class Killed(BaseException):
    """A process that ends at once: nothing catches it."""


class Fuse:
    """Kills at the n-th call of AWS or statement of the warehouse."""

    def __init__(self) -> None:
        self.calls, self.kill_at = 0, -1

    def burn(self) -> None:
        self.calls += 1
        if self.calls == self.kill_at:
            raise Killed

    def of_registry(self, registry: Registry) -> Registry:
        connection = registry._connection

        class Fused:
            def execute(_, *args: Any, **options: Any) -> Any:
                self.burn()
                return connection.execute(*args, **options)

            def transaction(_) -> Any:
                return connection.transaction()

        return Registry(Fused())  # type: ignore[arg-type]

    def of_means(self, means: Means) -> Means:
        fuse = self

        class Fused(Means):
            def hub(self, service: str, region: str | None = None) -> Any:
                client = super().hub(service, region)
                client.meta.events.register("before-call.*.*", lambda **_: fuse.burn())
                client.meta.events.register("after-call.*.*", lambda **_: fuse.burn())
                return client

        return Fused(means.settings, means.sessions, means.warehouse)


def test_killed_anywhere_and_run_again_it_ends_the_same(means: Means, registry: Registry):
    """I4. I15. Killed at calls of AWS (before and after) and statements of the warehouse, a bucket for every third."""
    ground = Ground(means, registry)
    rows = iter(
        ground.harvest(*(ground.bucket(ground.means.hub_account, f"films-{number:02}") for number in range(60)))
    )
    fuse = Fuse()
    fused, own = fuse.of_means(means), fuse.of_registry(registry)
    was_killed, kills = True, 0
    while was_killed:
        row = next(rows)
        ground.deliver(row, DAY, 3)
        ground.take_all()
        newest = ground.deliver(row, LATER, 2)
        (arrival,) = ground.found().arrivals
        fuse.calls, fuse.kill_at = 0, 3 * kills + 1
        try:
            take(fused, own, arrival)
            was_killed = False
        except Killed:
            kills += 1
            for again in ground.found().arrivals:
                take(means, registry, again)
        old, new = (each for each in registry.deliveries("spring") if each.bucket == row.bucket)
        assert [(each.state, each.rows) for each in (old, new)] == [("superseded", 3), ("published", 2)]
        assert ground.partitions()["2026-11-24", ground.means.hub_account, HOME, row.bucket] == new.location
        assert (ground.state(row).state, ground.state(row).manifest_key) == (BucketState.DONE, newest)
        assert ground.found().arrivals == []
    assert kills >= 8
