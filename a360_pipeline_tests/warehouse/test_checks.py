"""What the checks object to: rows that do not add up, rows that are gone, rows whose parent is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from a360_pipeline.coverage import SectionCoverage, Status
from a360_pipeline.snapshot.key import SnapshotKey
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import Snapshot, write_snapshot
from a360_pipeline.warehouse.checks import unreconciled
from a360_pipeline.warehouse.load import load

ACCOUNT, REGION = "856763896160", "us-east-1"

Tell = Callable[..., None]


@pytest.fixture
def tell(store: SnapshotStore, warehouse_url: str) -> Tell:
    """Loads a snapshot with these KMS keys: of ours, or of a sender in the field with this account."""

    def run(day: int, *keys: str, interval: str = "DAILY", account: dict[str, Any] | None = None) -> None:
        name = SnapshotKey.parse(f"{ACCOUNT}/{REGION}/2026-03-{day:02}_{interval}.json")
        content: dict[str, Any] = {"account": {"account_id": ACCOUNT, **(account or {})}}
        content["security"] = {"kms": [{"arn": f"arn:{each}", "key_id": each} for each in keys]}
        if account is None:
            covered = {"kms": SectionCoverage(Status.OK, len(keys))}
            body = write_snapshot(Snapshot(name, content, covered, is_ours=True))
        else:
            body = json.dumps({**content, "logs": {"security_status": "Pass", "account_status": "Pass"}}).encode()
        store.put(f"data/{name.path}", body)
        load(store, warehouse_url, sorted(store.waiting()), batch_files=50, batch_bytes=10**9)

    return run


def test_what_a_load_did_adds_up(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    tell(2, "a", "b")
    tell(3, "a")
    assert unreconciled(connection).rows == ()


def test_rows_that_are_gone_are_named_with_section_account_and_difference(
    tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    tell(2, "a", "b", "c")
    connection.execute("DELETE FROM kms_keys WHERE key_id <> 'a'")
    (row,) = unreconciled(connection).rows
    assert row == {
        "account_id": ACCOUNT,
        "region": REGION,
        "section": "kms",
        "table_name": "kms_keys",
        "date": "2026-03-02",
        "in_snapshot": 3,
        "in_tables": 1,
        "difference": 2,
    }


def test_rows_whose_account_was_removed_are_found(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    tell(2, "a", "b")
    connection.execute("DELETE FROM accounts WHERE region = %s", [REGION])
    assert {"section": "kms", "table_name": "kms_keys", "without_parent": 2} in unreconciled(connection).rows


def test_an_account_with_a_refused_attribute_adds_up(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    tell(2, "a", account={"joined_timestamp": "long ago", "alternate_contacts": {"billing": {"name": "Jo"}}})
    assert connection.execute("SELECT table_name FROM rejected_rows").fetchall() == [("accounts",)] * 2
    assert connection.execute(
        "SELECT status, rows, rows_loaded, rows_rejected FROM coverage WHERE section = 'account'"
    ).fetchall() == [("partial", 1, 1, 0)]
    assert unreconciled(connection).rows == ()


@pytest.mark.parametrize("first", ["DAILY", "MONTHLY"])
def test_a_month_and_a_day_that_list_alike_add_up_and_are_counted_once(
    first: str, tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    second = ({"DAILY", "MONTHLY"} - {first}).pop()
    tell(2, "a", "b", interval=first)
    tell(2, "a", "b", interval=second)
    assert sorted(connection.execute("SELECT rows, rows_loaded, rows_superseded FROM coverage").fetchall()) == [
        (2, 0, 2),
        (2, 2, 0),
    ]
    assert unreconciled(connection).rows == ()
