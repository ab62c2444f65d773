"""History: what came, changed and went, told of in order and out of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import psycopg
import pytest

from a360_pipeline.coverage import SectionCoverage, Status
from a360_pipeline.snapshot.key import SnapshotKey
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import Snapshot, write_snapshot
from a360_pipeline.warehouse.load import LoadResult, load

ACCOUNT = "856763896160"
REGION = "us-east-1"

Tell = Callable[..., LoadResult]


def day(number: int) -> dt.date:
    return dt.date(2026, 3, number)


def key(name: str, **facts: Any) -> dict[str, Any]:
    return {"arn": f"arn:{name}", "key_id": name, "key_state": "Enabled", **facts}


@pytest.fixture
def tell(store: SnapshotStore, warehouse_url: str) -> Tell:
    """Loads a snapshot of ours, or of the field, that lists these KMS keys on a day."""

    seconds = count()

    def run(
        number: int, *keys: Any, ours: bool = True, status: Status = Status.OK, interval: str = "DAILY"
    ) -> LoadResult:
        name = SnapshotKey(ACCOUNT, REGION, day(number), interval)
        content: dict[str, Any] = {"account": {"account_id": ACCOUNT, "account_name": "a", "region": REGION}}
        content["security"] = {"kms": list(keys)}
        if ours:
            body = write_snapshot(Snapshot(name, content, {"kms": SectionCoverage(status, len(keys))}, is_ours=True))
        else:
            body = json.dumps({**content, "logs": {"security_status": "Pass"}}).encode()
        store.put(f"data/{name.path}", body)
        # S3 tells times by the second, and tests are quicker than that.
        later = dt.timedelta(seconds=next(seconds))
        waiting = [replace(each, last_modified=each.last_modified + later) for each in store.waiting()]
        return load(store, warehouse_url, waiting, batch_files=50, batch_bytes=10**9)

    return run


def seen(connection: psycopg.Connection[Any]) -> dict[str, tuple[int | None, int | None, int | None]]:
    """First seen, last seen and retired, as days of the month, by key."""
    rows = connection.execute("SELECT key_id, first_seen, last_seen, retired_at FROM kms_keys").fetchall()
    return {name: tuple(each and each.day for each in dates) for name, *dates in rows}


def changes(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT date, change, before ->> 'key_state', after ->> 'key_state' FROM resource_changes "
        "WHERE table_name = 'kms_keys' ORDER BY date, id"
    ).fetchall()


def test_what_a_complete_listing_of_ours_leaves_out_is_retired(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    """R16."""
    tell(1, key("a"), key("b"))
    result = tell(3, key("a"), key("c"))
    assert seen(connection) == {"a": (1, None, None), "b": (1, 1, 3), "c": (3, None, None)}
    assert changes(connection) == [(day(3), "retired", "Enabled", None)]
    assert (result.tables["kms_keys"].created, result.tables["kms_keys"].retired) == (1, 1)


def test_what_comes_back_is_no_longer_retired(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    tell(1, key("a"), key("b"))
    tell(2, key("a"))
    tell(3, key("a"), key("b"))
    assert seen(connection) == {"a": (1, None, None), "b": (1, None, None)}


def test_an_empty_complete_listing_retires_all(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    tell(1, key("a"))
    tell(2, status=Status.EMPTY)
    assert seen(connection) == {"a": (1, 1, 2)}


@pytest.mark.parametrize("status", [Status.PARTIAL, Status.DENIED, Status.FAILED, Status.THROTTLED])
def test_a_listing_that_did_not_come_whole_retires_nothing(
    status: Status, tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    tell(1, key("a"), key("b"))
    tell(2, key("a"), status=status)
    assert seen(connection)["b"][2] is None
    assert changes(connection) == []


def test_a_listing_with_a_refused_row_retires_nothing(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    tell(1, key("a"), key("b"))
    tell(2, key("a"), key("c", enabled="perhaps"))
    assert seen(connection)["b"] == (1, 1, None)


def test_the_field_retires_nothing_but_what_it_no_longer_mentions_shows_its_age(
    tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    tell(1, key("a"), key("b"), ours=False)
    tell(2, key("a"), ours=False)
    tell(3, key("a"), ours=False)
    assert seen(connection) == {"a": (1, None, None), "b": (1, 1, None)}


def test_a_change_is_remembered_with_before_and_after_and_an_unchanged_row_is_not_touched(
    tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    tell(1, key("a"), key("b"))
    before = connection.execute("SELECT xmin FROM kms_keys WHERE key_id = 'b'").fetchone()
    tell(2, key("a", key_state="Disabled"), key("b"))
    assert changes(connection) == [(day(2), "changed", "Enabled", "Disabled")]
    assert connection.execute("SELECT xmin FROM kms_keys WHERE key_id = 'b'").fetchone() == before


def test_an_older_day_fills_history_and_touches_nothing_newer(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    """R18."""
    tell(5, key("a", key_state="Disabled"))
    tell(2, key("a"), key("old"))
    assert seen(connection) == {"a": (2, None, None), "old": (2, 2, 5)}
    states = dict(connection.execute("SELECT key_id, key_state FROM kms_keys").fetchall())
    assert states["a"] == "Disabled"


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1), (2, 1, 3), (1, 3, 2), (3, 1, 2)])
def test_in_whatever_order_days_come_the_rows_end_alike(
    order: tuple[int, ...], tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    days = {
        1: [key("a"), key("b"), key("x")],
        2: [key("a", key_state="Disabled"), key("b")],
        3: [key("a", key_state="PendingDeletion"), key("c")],
    }
    for number in order:
        tell(number, *days[number])
    assert seen(connection) == {"a": (1, None, None), "b": (1, 2, 3), "c": (3, None, None), "x": (1, 1, 2)}
    states = dict(connection.execute("SELECT key_id, key_state FROM kms_keys").fetchall())
    assert states["a"] == "PendingDeletion"


def test_a_corrected_snapshot_of_the_day_replaces_what_only_the_first_one_held(
    tell: Tell, store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    """R20."""
    tell(1, key("a"))
    tell(2, key("a"), key("wrong"))
    tell(2, key("a", key_state="Disabled"), key("right"))
    assert seen(connection) == {"a": (1, None, None), "right": (2, None, None)}
    assert changes(connection) == [(day(2), "changed", "Enabled", "Disabled")]
    loaded = [each.key for each in store.waiting("loaded/")]
    assert len([name for name in loaded if "2026-03-02" in name]) == 2, "both versions are kept"


@pytest.mark.parametrize("first", [Status.OK, Status.PARTIAL])
def test_a_shorter_listing_of_the_day_takes_nothing_back(
    first: Status, tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    tell(2, key("a"), key("b"), status=first)
    tell(2, key("a"), status=Status.PARTIAL)
    assert seen(connection) == {"a": (2, None, None), "b": (2, None, None)}


def test_a_monthly_snapshot_of_the_day_is_another_report(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    """R19."""
    tell(1, key("a"))
    tell(1, key("a"), interval="MONTHLY")
    assert connection.execute("SELECT interval FROM coverage ORDER BY 1").fetchall() == [("DAILY",), ("MONTHLY",)]


def test_what_came_changed_and_went_since_yesterday_is_told_per_account(
    tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    tell(1, key("a"), key("b"))
    tell(2, key("a", key_state="Disabled"), key("c"))
    told = connection.execute(
        "SELECT account, account_region, change, coalesce(after, before) ->> 'key_id' "
        "FROM view_changes_since_yesterday WHERE table_name = 'kms_keys' ORDER BY 3"
    ).fetchall()
    assert told == [
        (ACCOUNT, REGION, "came", None),
        (ACCOUNT, REGION, "changed", "a"),
        (ACCOUNT, REGION, "retired", "b"),
    ]


def test_fields_that_nothing_is_made_of_are_counted_by_name(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    result = tell(1, key("a", alias="alias/a"), key("b", alias="alias/b", policy={}))
    assert result.not_taken == {"security.kms[].alias": 2}
    assert connection.execute("SELECT not_taken FROM load_ledger").fetchone() == ({"security.kms[].alias": 2},)


def test_an_element_that_is_no_object_is_refused_alone(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    """R42."""
    tell(1, key("a"), None, "text", ours=False)
    assert set(seen(connection)) == {"a"}
    reasons = connection.execute("SELECT reason FROM rejected_rows ORDER BY 1").fetchall()
    assert reasons == [("it is NoneType, where an object is expected",), ("it is str, where an object is expected",)]
    assert connection.execute("SELECT status FROM coverage WHERE section = 'kms'").fetchone() == ("partial",)
