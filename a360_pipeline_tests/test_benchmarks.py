"""The load benchmark's snapshots are what they claim to be, and runs, made tiny, write what they should."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.coverage import Status
from a360_pipeline.sandbox import postgres
from a360_pipeline.sections import registry
from a360_pipeline.sections.model import Kept
from a360_pipeline.snapshot.wire import facts, read_snapshot
from a360_pipeline_tests.sections.test_declarations import TABLES_OF_OURS
from benchmarks import collect, frame, load
from benchmarks.generate import REGIONS, Snapshot, snapshots

SECTIONS = {name: section for name, section in registry.SECTIONS.items() if not section.is_only_ours}
"""What the generator, which writes as senders in the field do, tells of."""
TINY = load.Size(
    accounts=1, rival_rows=50, slow_rows=5, round_trip=0.0, history_rows=960, files=3, large_bytes=2_000_000
)
# Times of a last contact: they change every day by themselves.
CONTACTS = {"last_ping", "last_ping_date_time", "association_execution_date", "association_success_date"}
CONTACTS |= {"latest_delivery_time", "last_accessed_date", "timestamp", "date_from", "date_to"}


def _rows(snapshot: Snapshot, *, standing: bool = False) -> dict[str, list[Mapping[str, Any]]]:
    """Rows by table; `standing` for those that are not of their day alone."""
    read = read_snapshot(snapshot.path, snapshot.body())
    return {
        table.name: list(facts(table, read.payload(section)))
        for section in SECTIONS.values()
        for table in section.tables
        if not standing or table.kept in (Kept.CURRENT, Kept.DELTA)
    }


def _lasting(snapshot: Snapshot) -> set[str]:
    return {
        name + json.dumps({k: v for k, v in row.items() if k not in CONTACTS | {"report", "findings"}}, default=str)
        for name, rows in _rows(snapshot, standing=True).items()
        for row in rows
    }


def test_the_same_seed_makes_the_same_bytes_and_another_makes_others() -> None:
    one = Snapshot(3, "eu-west-1", 5, seed=1)
    assert one.body() == Snapshot(3, "eu-west-1", 5, seed=1).body()
    assert one.body() != Snapshot(3, "eu-west-1", 5, seed=2).body()


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("day", [1, 100])
def test_every_section_reads_as_whole(region: str, day: int) -> None:
    made = Snapshot(0, region, day)
    read = read_snapshot(made.path, made.body())
    assert {name: one.status for name, one in read.coverage.items()} == dict.fromkeys(SECTIONS, Status.OK)
    assert not read.not_taken


def test_a_snapshot_is_as_large_as_it_claims_and_fills_every_table() -> None:
    rows = _rows(Snapshot(0, "us-east-1", 1))
    assert 2250 <= sum(map(len, rows.values())) <= 2350
    assert {name for name, found in rows.items() if not found} == TABLES_OF_OURS & set(rows)


def test_scale_multiplies_what_a_region_holds() -> None:
    rows, more = _rows(Snapshot(0, "us-east-1", 1)), _rows(Snapshot(0, "us-east-1", 1, scale=3))
    assert len(more["findings"]) == 3 * len(rows["findings"])
    assert len(more["inventory_applications"]) == 3 * len(rows["inventory_applications"])


def test_some_two_in_a_hundred_rows_change_from_day_to_day() -> None:
    before = after = both = 0
    for each in snapshots(4, day=7):
        old, new = _lasting(each), _lasting(Snapshot(each.number, each.region, 8))
        before, after, both = before + len(old), after + len(new), both + len(old & new)
    assert before == after
    assert 0.01 < 1 - both / before < 0.035


def test_some_are_new_and_some_are_gone_in_a_month() -> None:
    ids = [{row["finding_id"] for row in _rows(Snapshot(0, "us-east-1", day))["findings"]} for day in (1, 31)]
    assert 0.05 < len(ids[0] - ids[1]) / len(ids[0]) < 0.2


@pytest.mark.slow
def test_a_tiny_run_writes_its_metrics(
    postgres_server: postgres.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame, "RESULTS", tmp_path)
    metrics: load.Metrics = {}
    for part in load.PARTS:
        metrics |= load.measure(part, postgres_server, TINY)
    load.write(metrics)
    written = json.loads((tmp_path / "load.json").read_text())
    wanted = {"cpu_ratio_vs_row_by_row", "cpu_ratio_vs_bare_merge", "statements_per_row", "wall_ratio_15ms"}
    wanted |= {"day100_vs_day2", "peak_mb", "peak_mb_200mb_snapshot", "rows", "seconds", "cpu_seconds"}
    assert wanted <= written["metrics"].keys()
    assert all(written["metrics"][name] > 0 for name in wanted)
    assert written["name"] == "load"


@pytest.mark.slow
def test_a_tiny_run_of_collecting_yields_its_metrics() -> None:
    size = collect.Size(
        accounts=3,
        keys=6,
        instances=4,
        latency=0.005,
        sample=1,
        throttled=1,
        calls_per_second=50,
        organization=4,
        accounts_per_run=2,
    )
    metrics = collect.measure(size)
    wanted = {"wall_vs_bound", "cpu_ms_per_call", "peak_mb", "wall_vs_plain_boto3"}
    wanted |= {"calls_vs_succeeded_when_throttled", "cost_explorer_requests_300_accounts"}
    assert wanted <= metrics.keys()
    assert all(metrics[name] > 0 for name in wanted)
