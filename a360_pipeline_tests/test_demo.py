"""The demo as a user runs it: what it prints is what the database holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

A360 = [sys.executable, "-m", "a360_pipeline"]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def a360(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs the command with a home of its own, under a path with a space."""
    home = tmp_path_factory.mktemp("a home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("A360_", "AWS_", "DAGSTER_"))}

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**kept, "A360_HOME": str(home), "COLUMNS": "160", **more}
        return subprocess.run([*A360, *arguments], env=environment, capture_output=True, text=True, check=False)

    yield run
    run("sandbox", "down")


@pytest.fixture(scope="module")
def demo(a360: Run) -> dict[str, Any]:
    ended = a360("demo", "--json")
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    told["progress"] = ended.stderr
    return told


def ask(told: dict[str, Any], query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(told["database_url"]) as connection:
        return connection.execute(query.encode()).fetchall()


def test_the_printed_numbers_are_the_databases(demo: dict[str, Any]) -> None:
    for table, count in demo["rows"].items():
        assert ask(demo, f"SELECT count(*) FROM {table}") == [(count,)], table
    assert [(demo["accounts"], demo["regions"])] == ask(
        demo,
        "SELECT count(DISTINCT account_id), count(DISTINCT region) FROM accounts WHERE region <> 'Global'",
    )
    assert {each["account_id"]: Decimal(each["cost"]) for each in demo["costs"]} == dict(
        ask(demo, "SELECT account, sum(cost) FROM view_acct_serv GROUP BY 1")
    )
    assert (
        len(demo["keys_without_rotation"])
        == ask(demo, "SELECT count(*) FROM kms_keys WHERE enabled AND key_rotation_enabled = false")[0][0]
    )
    assert (
        len(demo["instances_offline"])
        == ask(demo, "SELECT count(*) FROM inventory_instances WHERE ping_status = 'ConnectionLost'")[0][0]
    )


def test_it_covers_four_accounts_and_two_regions_with_two_planned_gaps_accepted(demo: dict[str, Any]) -> None:
    assert (demo["accounts"], demo["regions"], demo["failures"]) == (4, 2, [])
    assert {gap["status"] for gap in demo["gaps"]} == {"scp_denied", "region_disabled"}
    assert {gap["accepted_by"] for gap in demo["gaps"]} == {"platform team"}
    assert demo["rows"]["inventory_applications"] > 1000


def test_it_harvests_every_bucket_and_leaves_nothing_but_the_report(demo: dict[str, Any]) -> None:
    harvest = demo["harvest"]
    (buckets,) = ask(demo, "SELECT count(*) FROM harvest_buckets")[0]
    assert (harvest["state"], f"complete: all of {buckets} buckets" in harvest["subject"]) == ("done", True)
    assert harvest["receipt"].endswith(", 0 left")
    assert harvest["findings"]["secrets_by_name"] > 0
    assert {None} & set(harvest["findings"].values()) == set()
    assert Path(harvest["report"]).read_text().count("secrets_by_name") > 0
    assert ask(
        demo,
        "SELECT sum(rows) = (SELECT sum(objects + versions) FROM inventory_prefixes WHERE depth = 0) "
        "FROM inventory_deliveries",
    ) == [(True,)]


def test_it_says_what_it_does_while_it_does_it(demo: dict[str, Any]) -> None:
    for word in ("PostgreSQL: starting", "4 accounts to collect", "collected", "12 of 12 snapshots loaded"):
        assert word in demo["progress"]


def test_a_second_demo_adds_no_duplicate_and_prints_for_people(a360: Run, demo: dict[str, Any]) -> None:
    before = demo["rows"]
    again = a360("demo")
    assert again.returncode == 0, again.stderr
    for table, count in before.items():
        if table != "load_ledger":
            assert ask(demo, f"SELECT count(*) FROM {table}") == [(count,)], table
    for expected in (
        "Rows per table",
        f"Gaps: {len(demo['gaps'])}, open: 0",
        "Cost per account",
        "Keys without rotation",
        "psql '",
    ):
        assert expected in again.stdout


def test_the_sandbox_tells_where_it_is_and_goes_down(a360: Run, demo: dict[str, Any]) -> None:
    state = json.loads(a360("sandbox", "status", "--json").stdout)
    assert state["state"] == "up"
    assert state["database_url"] == demo["database_url"]
    assert state["endpoint_url"].startswith("http://127.0.0.1:")


def test_other_parameters_on_a_running_sandbox_are_refused_in_one_sentence(a360: Run, demo: dict[str, Any]) -> None:
    refused = a360("sandbox", "up", "--accounts", "9")
    assert refused.returncode == 1
    assert "a360 sandbox down" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wrong_setting_is_one_sentence(a360: Run) -> None:
    refused = a360("migrate", A360_COLLECT_THREADS="many")
    assert refused.returncode == 1
    assert "A360_COLLECT_THREADS is 'many'" in refused.stderr
    assert "Traceback" not in refused.stderr
