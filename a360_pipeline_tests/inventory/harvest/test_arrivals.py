"""Deliveries that wait: told of by the queue, found by a listing, and whose they are."""

from __future__ import annotations

import datetime as dt

import pytest

from a360_pipeline.aws.accounts import Account
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.states import DeliveryState, HarvestState, Way
from a360_pipeline.inventory.means import Means
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline_tests.inventory.harvest.ground import DAY, Ground, calls_of, enveloped, event_of

NEXT_DAY = DAY + dt.timedelta(days=1)


@pytest.fixture
def ground(means: Means, registry: Registry) -> Ground:
    return Ground(means, registry)


def spots(found) -> list[tuple[str, str]]:
    return [(arrival.bucket.bucket, arrival.manifest_key) for arrival in found.arrivals]


def test_the_queue_and_the_listing_tell_of_the_same_deliveries_once(ground):
    films, logs = ground.harvest(ground.bucket("100000000001", "films"), ground.bucket("100000000001", "logs"))
    told, untold = ground.deliver(films), ground.deliver(logs)
    ground.tell(told)
    ground.tell(told)
    found = ground.found()
    assert spots(found) == [("films", told), ("logs", untold)]
    assert [len(arrival.messages) for arrival in found.arrivals] == [2, 0]
    assert not found.unknown and not found.problems


def test_account_and_region_come_from_the_harvest_and_not_from_the_name_of_a_bucket(ground):
    """I21. Two accounts with a row for one name of a bucket: each has the delivery under its own prefix."""
    first, second = ground.harvest(ground.bucket("100000000001", "films"), ground.bucket("200000000002", "films"))
    key = ground.deliver(second)
    (arrival,) = ground.found().arrivals
    assert (arrival.bucket.account_id, arrival.manifest_key) == ("200000000002", key)
    assert ground.take_all()[0].account_id == "200000000002"
    assert [ground.state(row).state for row in (first, second)] == ["in_progress", "done"]


def test_a_delivery_that_belongs_to_nobody_is_told_and_set_apart(ground):
    ground.harvest(ground.bucket("100000000001", "films"))
    ground.send(enveloped(event_of(ground.destination, "spring/100000000001/others/x/2026/manifest.checksum")))
    ground.place.write("spring/100000000001/others/x/2026/manifest.checksum", b"x")
    found = ground.found()
    assert found.arrivals == []
    assert found.unknown == (f"s3://{ground.destination}/spring/100000000001/others/x/2026/manifest.json",)
    assert "belongs to no bucket of a harvest" in ground.reasons()[0]


def test_a_harvest_that_takes_nothing_just_now_keeps_its_messages(ground):
    (films,) = ground.harvest(ground.bucket("100000000001", "films"))
    ground.tell(ground.deliver(films))
    ground.registry.move("spring", HarvestState.CONSOLIDATING)
    ground.registry.move("spring", HarvestState.ANALYSING)
    found = ground.found()
    assert not found.arrivals and not found.unknown
    assert (ground.messages(ground.queue), ground.messages(ground.dead_letters)) == (1, 0)


def test_an_empty_prefix_costs_one_request(ground, stand_in: StandIn):
    ground.harvest(*(ground.bucket("100000000001", f"films-{number}") for number in range(30)))
    ground.found()
    before = calls_of(stand_in)
    assert ground.found().arrivals == []
    assert calls_of(stand_in) - before == {"s3:ListObjectsV2": 1, "sqs:GetQueueUrl": 2, "sqs:ReceiveMessage": 1}


def test_a_long_prefix_is_listed_in_slices_that_remember_nothing_and_leave_nothing_out(ground):
    """The first bucket's data would fill every slice, and is passed over; the rest has its turn as time goes on."""
    rows = ground.harvest(*(ground.bucket("100000000001", f"films-{number:02}") for number in range(24)))
    keys = {ground.deliver(row) for row in rows}
    for number in range(40):
        ground.place.write(f"{rows[0].destination_prefix}data/{number:03}.orc", b"x")
    seen: set[str] = set()
    for turn in range(60):
        now = DAY + dt.timedelta(seconds=30 * turn)
        found = {arrival.manifest_key for arrival in ground.found(limit=12, now=now).arrivals}
        assert len(found) <= 12
        seen |= found
    assert seen == keys


def test_a_harvest_of_more_than_a_page_of_keys_is_seen_whole(ground):
    """I1. Whatever a look can list it lists to the end: keys beyond the first page count."""
    rows = ground.harvest(*(ground.bucket("100000000001", f"films-{number:02}") for number in range(3)))
    for number in range(1100):
        ground.place.s3.put_object(
            Bucket=ground.destination, Key=f"{rows[0].destination_prefix}data/{number:04}.orc", Body=b""
        )
    key = ground.deliver(rows[2])
    assert spots(ground.found()) == [("films-02", key)]


def test_what_is_taken_waits_no_more_and_a_repeated_message_is_deleted(ground):
    (films,) = ground.harvest(ground.bucket("100000000001", "films"))
    key = ground.deliver(films)
    ground.tell(key)
    ground.take_all()
    assert ground.messages(ground.queue) == 0
    ground.tell(key)
    assert ground.found().arrivals == []
    assert (ground.messages(ground.queue), ground.messages(ground.dead_letters)) == (0, 0)


def test_of_an_inventory_that_was_there_before_the_newest_delivery_counts(ground):
    (films,) = ground.harvest(ground.bucket("100000000001", "films", way=Way.REUSED))
    for days in range(5, 0, -1):
        newest = ground.deliver(films, DAY - dt.timedelta(days=days))
    assert spots(ground.found()) == [("films", newest)]
    assert [row.manifest_key for row in ground.take_all()] == [newest]
    assert ground.found().arrivals == []


def test_harvests_side_by_side_count_one_delivery_of_an_inventory_both_go_by(ground):
    (first,) = ground.harvest(ground.bucket("100000000001", "films", way=Way.REUSED))
    (second,) = ground.harvest(ground.bucket("100000000001", "films", "autumn", way=Way.REUSED), run_id="autumn")
    key = ground.deliver(first)
    assert {row.state for row in ground.take_all()} == {DeliveryState.PUBLISHED}
    assert [ground.state(row).manifest_key for row in (first, second)] == [key, key]
    assert [len(ground.registry.deliveries(name)) for name in ("spring", "autumn")] == [1, 1]


def test_a_queue_that_is_not_there_is_a_problem_and_the_listing_goes_on(ground):
    (films,) = ground.harvest(ground.bucket("100000000001", "films"))
    key = ground.deliver(films)
    ground.sqs.delete_queue(QueueUrl=ground.queue)
    found = ground.found()
    assert spots(found) == [("films", key)]
    assert "the queue of notices cannot be read" in found.problems[0]


def test_a_destination_that_is_denied_is_a_problem_and_not_an_empty_one(ground, stand_in: StandIn, means: Means):
    (films,) = ground.harvest(ground.bucket("100000000001", "films"))
    ground.deliver(films)
    stand_in.faults.set(denied={means.hub_account: ["s3:ListObjectsV2"]})
    found = ground.found()
    assert found.arrivals == []
    assert "cannot be listed" in found.problems[0] and "AccessDenied" in found.problems[0]


def test_one_session_of_an_account_serves_all_its_deliveries(ground, accounts: list[Account], stand_in: StandIn):
    """I11. There were 15 STS calls a file: what is taken here of ten buckets costs one session of their account."""
    member = accounts[1].id
    rows = ground.harvest(*(ground.bucket(member, f"films-{number}") for number in range(10)))
    for row in rows:
        ground.tell(ground.deliver(row, count=2))
    before = calls_of(stand_in)
    assert len(ground.take_all()) == 10
    asked = calls_of(stand_in) - before
    assert asked["sts:AssumeRole"] <= 1 and asked["sts:GetCallerIdentity"] <= 1
