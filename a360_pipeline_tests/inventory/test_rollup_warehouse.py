"""The larger prefixes of a roll-up in the warehouse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from a360_pipeline.inventory import rollup_warehouse
from a360_pipeline.inventory.rollup import roll_up
from a360_pipeline.inventory.rollup_warehouse import to_warehouse
from a360_pipeline.inventory.snapshots import Snapshot
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.settings import load_settings
from a360_pipeline.warehouse.connection import connect
from a360_pipeline.warehouse.reach import warehouse_of
from a360_pipeline_tests.inventory.rolling import DAY, LOGS, Row, stored, write

FILES = [stored("a/x/y/1", 100), stored("a/z/1", 10), stored("b/1", 1), stored("c\0/1", 500), stored("'; --/é/1", 50)]


def roll(folder: Path, rows: list[Row], snapshot: Snapshot = LOGS) -> Path:
    roll_up(write(folder, snapshot, rows), folder / "rollup")
    return folder / "rollup"


def held(connection: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connection.execute(
        "SELECT account_id, bucket, prefix, depth, objects, bytes FROM inventory_prefixes"
        " ORDER BY account_id, bucket, bytes DESC, depth"
    ).fetchall()
    return found


def test_buckets_their_first_level_and_what_is_large_are_put(
    tmp_path: Path, connection: psycopg.Connection[Any]
) -> None:
    """A prefix with a NUL, which no text can hold, is counted in its bucket alone."""
    assert to_warehouse(roll(tmp_path, FILES), connection, top=4) == 5
    assert held(connection) == [
        (LOGS.account, "logs", "", 0, 5, 661),
        (LOGS.account, "logs", "a/", 1, 2, 110),
        (LOGS.account, "logs", "a/x/", 2, 1, 100),
        (LOGS.account, "logs", "'; --/", 1, 1, 50),
        (LOGS.account, "logs", "b/", 1, 1, 1),
    ]
    row = connection.execute(
        "SELECT snapshot_date, region, versions, monthly_usd > 0 FROM inventory_prefixes WHERE prefix = 'b/'"
    ).fetchone()
    assert row == (DAY, "eu-west-1", 0, True)


def test_putting_again_replaces_that_day_of_those_buckets(tmp_path: Path, connection: psycopg.Connection[Any]) -> None:
    theirs = replace(LOGS, account="999999999999")
    to_warehouse(roll(tmp_path / "theirs", [stored("a/1", 7)], theirs), connection)
    to_warehouse(roll(tmp_path / "1", FILES), connection)
    to_warehouse(roll(tmp_path / "2", [stored("n/1", 3)]), connection)
    assert held(connection) == [
        (LOGS.account, "logs", "", 0, 1, 3),
        (LOGS.account, "logs", "n/", 1, 1, 3),
        (theirs.account, "logs", "", 0, 1, 7),
        (theirs.account, "logs", "a/", 1, 1, 7),
    ]


def test_a_bucket_of_many_prefixes_has_its_largest(
    tmp_path: Path, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup_warehouse, "FIRST_LEVEL", 30)
    monkeypatch.setattr(rollup_warehouse, "BATCH", 7)
    parts = [
        path
        for name in ("one", "two")
        for path in write(tmp_path, replace(LOGS, bucket=name), [stored(f"{n:03}/1", n) for n in range(100)])
    ]
    roll_up(parts, tmp_path / "rollup")
    assert to_warehouse(tmp_path / "rollup", connection, top=5) == 62
    found = held(connection)
    assert [row[5] for row in found if row[1] == "two"] == [4950, *range(99, 69, -1)]


def test_the_data_api_takes_them_too(tmp_path: Path, environment: StandIn, warehouse_url: str) -> None:
    """Also a column of which nothing is known."""
    api = environment.data_api
    given = {"cluster_arn": api.cluster_arn, "database_secret_arn": api.secret_arn}
    cluster = warehouse_of(load_settings(**given, database_name=warehouse_url.rpartition("/")[2]))
    with connect(cluster) as connection:
        assert to_warehouse(roll(tmp_path, [stored("é/1", None, storage_class=None)]), connection) == 2
    with psycopg.connect(warehouse_url) as direct:
        assert direct.execute("SELECT prefix, bytes, monthly_usd FROM inventory_prefixes ORDER BY 1").fetchall() == [
            ("", None, None),
            ("é/", None, None),
        ]


def test_no_roll_up_is_an_error(tmp_path: Path, connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(FileNotFoundError, match="there is no roll-up"):
        to_warehouse(tmp_path, connection)
