"""The definitions: short, quick to load, without network or warnings, and told in words a newcomer understands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from a360_pipeline import definitions
from a360_pipeline.definitions import defs
from a360_pipeline.defs.collection import ORGANIZATION_POOL, POOL, account_snapshot, daily, organization
from a360_pipeline.defs.daily import POOL_LIMITS, open_instance
from a360_pipeline.defs.partitions import range_tags, ranges
from a360_pipeline.defs.warehouse import CHECKS, SPECS
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.warehouse.tables import LOADED_TABLES

NO_NETWORK = """
import socket, sys
def refuse(*_):
    raise OSError("the definitions must load without network")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import a360_pipeline.definitions
print(*sorted({"alembic", "moto", "pandas", "pyarrow", "sqlalchemy"} & set(sys.modules)))
"""


def test_definitions_load_without_network_and_without_what_only_runs_need() -> None:
    """Each of these packages would add a quarter of a second or more to every start of a code server."""
    loaded = subprocess.run([sys.executable, "-c", NO_NETWORK], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""


def test_the_table_of_contents_is_under_a_hundred_lines() -> None:
    assert len(Path(definitions.__file__).read_text().splitlines()) < 100


def test_dagster_finds_the_definitions_valid() -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_daily_schedule_runs_at_one_in_the_morning_utc() -> None:
    assert (daily.cron_schedule, daily.execution_timezone) == ("0 1 * * *", "UTC")
    assert daily.default_status is dg.DefaultScheduleStatus.RUNNING


def test_each_family_of_apis_has_a_pool_of_its_own_and_every_pool_has_a_limit() -> None:
    """What is asked once for all accounts, some of it billed, waits for its like and not for the accounts' runs."""
    assert (organization.op.pool, account_snapshot.op.pool) == (ORGANIZATION_POOL, POOL)
    assert ORGANIZATION_POOL != POOL
    assert POOL_LIMITS[ORGANIZATION_POOL] == 1
    graph = [node for job in defs.resolve_all_job_defs() for node in job.all_node_defs]
    assert {node.pool for node in graph if isinstance(node, dg.OpDefinition) and node.pool} == set(POOL_LIMITS)


def test_an_instance_has_the_limits_and_gives_back_the_slots_of_a_run_that_was_killed(
    tmp_path: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DAGSTER_HOME", "A360_DAGSTER_DATABASE_URL"):
        monkeypatch.setenv(name, "")
    with open_instance(tmp_path / "dagster", new_database()) as instance:
        limits = {one.name: one.limit for one in instance.event_log_storage.get_pool_limits()}
        assert limits == POOL_LIMITS
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] > 0


def test_every_warehouse_table_is_an_asset_that_says_what_it_holds() -> None:
    assert {spec.key.path[-1] for spec in SPECS} == {table.name for table in LOADED_TABLES}
    for spec in SPECS:
        assert spec.description
        assert spec.owners
        assert spec.kinds == {"postgres"}
        assert spec.metadata["dagster/column_schema"].columns
        assert {dep.asset_key for dep in spec.deps} == {account_snapshot.key}


def test_each_section_has_a_check_of_its_own() -> None:
    assert {spec.name for spec in account_snapshot.check_specs} == {
        f"{name}_complete" for name, section in SECTIONS.items() if section.is_collected
    }
    assert set(CHECKS) == {"no_open_gaps", "reconciled", "quarantine_empty"}
    assert organization.specs_by_key[organization.key].description


@pytest.mark.parametrize(
    ("known", "wanted", "size", "expected"),
    [
        ("abcd", "abcd", 50, ["ad"]),
        ("abcd", "abcd", 3, ["ac", "dd"]),
        ("dbca", "abcd", 2, ["db", "ca"]),
        ("axbyc", "abc", 50, ["aa", "bb", "cc"]),
        ("abxcd", "abcd", 50, ["ab", "cd"]),
        ("abc", "", 50, []),
        ("", "abc", 50, []),
    ],
)
def test_ranges_hold_the_wanted_accounts_and_nothing_else(
    known: str, wanted: str, size: int, expected: list[str]
) -> None:
    assert ["".join(pair) for pair in ranges(list(known), list(wanted), size)] == expected


def test_a_range_names_its_partitions_by_account_and_then_day() -> None:
    assert range_tags("1", "9", "2026-01-02") == {
        "dagster/asset_partition_range_start": "1|2026-01-02",
        "dagster/asset_partition_range_end": "9|2026-01-02",
    }
