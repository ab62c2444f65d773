"""A section whose rows have two scopes: a region's listing and the account's, neither of which speaks for the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from a360_pipeline.coverage import GLOBAL, SectionCoverage, Status
from a360_pipeline.snapshot.key import SnapshotKey
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import Snapshot, write_snapshot
from a360_pipeline.warehouse.load import load
from a360_pipeline_tests.warehouse.test_history import ACCOUNT, day

HERE, THERE = "us-east-1", "eu-west-1"

Tell = Callable[..., None]


def volume(name: str, region: str = HERE) -> dict[str, Any]:
    return {"service_name": "EBS", "resource_type": "Volume", "resource_id": name, "region": region}


def bucket(name: str, region: str = HERE) -> dict[str, Any]:
    return {"service_name": "S3", "resource_type": "Bucket", "resource_id": name, "region": region}


@pytest.fixture
def tell(store: SnapshotStore, warehouse_url: str) -> Tell:
    """Loads a day's snapshot of ours, or of the field, that lists these resources."""

    def run(number: int, region: str, *rows: Any, ours: bool = True, status: Status = Status.OK) -> None:
        name = SnapshotKey(ACCOUNT, region, day(number))
        account = {"account_id": ACCOUNT, "account_name": "a", "region": region}
        content: dict[str, Any] = {"account": account, "service_resources": list(rows)}
        coverage = {"service_resources": SectionCoverage(status, len(rows))}
        body = json.dumps({**content, "logs": {"service_resources_status": "Pass"}}).encode()
        if ours:
            body = write_snapshot(Snapshot(name, content, coverage, is_ours=True))
        store.put(f"data/{name.path}", body)
        assert load(store, warehouse_url, list(store.waiting()), batch_files=50, batch_bytes=10**9).rejected == 0

    return run


def held(connection: psycopg.Connection[Any]) -> dict[str, tuple[str, str, int | None]]:
    """Filed under, lies in, and the day of the month it was retired, by id."""
    found = connection.execute(
        "SELECT r.resource_id, a.region, r.region, r.retired_at FROM service_resources r "
        "JOIN accounts a ON a.id = r.account_id"
    )
    return {name: (filed, lies, retired and retired.day) for name, filed, lies, retired in found}


def test_the_accounts_listing_and_a_regions_retire_each_their_own(
    tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    """R16, R10."""
    tell(1, HERE, volume("vol-a"), volume("vol-b"))
    tell(1, GLOBAL, bucket("bucket-a"), bucket("bucket-b", THERE))
    tell(2, HERE, volume("vol-a"))
    assert held(connection) == {
        "vol-a": (HERE, HERE, None),
        "vol-b": (HERE, HERE, 2),
        "bucket-a": (GLOBAL, HERE, None),
        "bucket-b": (GLOBAL, THERE, None),
    }
    tell(2, GLOBAL, bucket("bucket-b", THERE))
    assert {name: retired for name, (_, _, retired) in held(connection).items()} == {
        "vol-a": None,
        "vol-b": 2,
        "bucket-a": 2,
        "bucket-b": None,
    }


@pytest.mark.parametrize(("region", "left"), [(HERE, "bucket-a"), (GLOBAL, "vol-a")])
def test_a_complete_listing_of_nothing_leaves_the_other_scope_alone(
    region: str, left: str, tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    tell(1, HERE, volume("vol-a"))
    tell(1, GLOBAL, bucket("bucket-a"))
    tell(2, region, status=Status.EMPTY)
    assert [name for name, (_, _, retired) in held(connection).items() if retired is None] == [left]


def test_two_regions_of_ours_say_nothing_of_each_other(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    tell(1, HERE, volume("vol-a"))
    tell(1, THERE, volume("vol-b", THERE))
    tell(2, HERE, volume("vol-c"))
    assert {name: retired for name, (_, _, retired) in held(connection).items()} == {
        "vol-a": 2,
        "vol-b": None,
        "vol-c": None,
    }


def test_the_ledger_has_a_cell_for_each_scope_with_what_came_to_it(
    tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    tell(1, HERE, volume("vol-a"))
    tell(1, GLOBAL, bucket("bucket-a"), bucket("bucket-b"))
    cells = "SELECT region, status, rows, rows_loaded, is_complete FROM coverage ORDER BY region"
    assert connection.execute(cells).fetchall() == [(GLOBAL, "ok", 2, 2, True), (HERE, "ok", 1, 1, True)]


def test_what_a_sender_says_of_buckets_gives_way_to_our_listing_and_retires_none(
    tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    """S18: a sender labels every bucket with its own region."""
    tell(1, GLOBAL, bucket("bucket-a", THERE))
    tell(1, HERE, bucket("bucket-a"), bucket("bucket-x"), volume("vol-a"), ours=False)
    assert held(connection) == {"bucket-a": (GLOBAL, THERE, None), "vol-a": (HERE, HERE, None)}
    tell(2, HERE, bucket("bucket-b"), volume("vol-b"), ours=False)
    assert {name: (filed, retired) for name, (filed, _, retired) in held(connection).items()} == {
        "bucket-a": (GLOBAL, None),
        "bucket-b": (GLOBAL, None),
        "vol-a": (HERE, None),
        "vol-b": (HERE, None),
    }
    tell(3, GLOBAL, bucket("bucket-a", THERE))
    assert held(connection)["bucket-b"] == (GLOBAL, HERE, 3)
