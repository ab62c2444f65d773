"""Queries of a harvest: all run to their real ends, within a budget, and none takes the others with it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from a360_pipeline.engines.duck import Duck
from a360_pipeline.engines.engine import Execution, QueryState
from a360_pipeline.inventory.analysis import LEAST_USD, Chosen, Finding, analyse, cost_of, everything
from a360_pipeline.inventory.library import QUERIES
from a360_pipeline.inventory.places import Folder
from a360_pipeline_tests.inventory.consolidated import deliver

OWN = Chosen("own", {}, "SELECT key, size FROM {ATHENA_TABLE} ORDER BY key")
COUNT = Chosen("count", {}, "SELECT count(*) AS n FROM {ATHENA_TABLE}")
BROKEN = Chosen("broken", {}, "SELECT CAST(key AS bigint) AS n FROM {ATHENA_TABLE}")
ENDLESS = Chosen(
    "endless",
    {},
    "SELECT count(*) FROM {ATHENA_TABLE} AS a, {ATHENA_TABLE} AS b, {ATHENA_TABLE} AS c, {ATHENA_TABLE} AS d "
    "WHERE a.key || b.key || c.key || d.key = 'x'",
)
NO_COST = Decimal(1000)


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[Duck]:
    deliver(tmp_path, "one", [{"key": f"k{number}", "size": number} for number in range(500)])
    with Duck({"objects": tmp_path}) as engine:
        yield engine


def named(findings: list[Finding]) -> dict[str, QueryState]:
    return {finding.name: finding.execution.state for finding in findings}


def test_a_library_query_and_ones_own_run_side_by_side_and_their_rows_are_kept(duck: Duck, tmp_path: Path) -> None:
    recorded: list[Finding] = []
    large = Chosen("large_objects", {"min_bytes": 498})
    place = Folder(tmp_path / "kept")
    findings = analyse(
        duck, "any", "objects", [large, OWN], cap_usd=NO_COST, record=recorded.append, place=place, folder="h1/findings"
    )
    assert [(each.name, each.rows, each.message) for each in findings] == [("large_objects", 2, ""), ("own", 500, "")]
    assert findings[0].purpose == QUERIES["large_objects"].purpose
    assert '"objects"."size" >= 498' in findings[0].sql
    assert all(each.bytes_scanned > 0 and each.cost_usd == LEAST_USD for each in findings)
    assert [(each.name, each.execution.state) for each in recorded] == [
        ("large_objects", QueryState.QUEUED),
        ("own", QueryState.QUEUED),
        ("large_objects", QueryState.SUCCEEDED),
        ("own", QueryState.SUCCEEDED),
    ]
    assert recorded[2:] == findings
    rows = pq.read_table(tmp_path / "kept/h1/findings/large_objects.parquet")
    assert rows.column("key").to_pylist() == ["k499", "k498"]
    assert rows.schema.field("size").type == pa.int64()
    assert findings[0].parquet == place.uri("h1/findings/large_objects.parquet")


def test_one_that_fails_takes_no_other_with_it(duck: Duck, tmp_path: Path) -> None:
    """I10. FAILED is told as FAILED, with what the engine said."""
    wrong = [
        Chosen("no_such_query", {}),
        Chosen("large_objects", {"colour": "red"}),
        Chosen("refused", {}, "SELECT colour FROM {ATHENA_TABLE}"),
        Chosen("other_table", {}, "SELECT 1 FROM {ATHENA_TABLE} JOIN elsewhere ON TRUE"),
    ]
    findings = analyse(
        duck, "", "objects", [*wrong, BROKEN, COUNT], cap_usd=NO_COST, record=lambda _: None, place=Folder(tmp_path)
    )
    assert named(findings) == {
        "no_such_query": QueryState.FAILED,
        "large_objects": QueryState.FAILED,
        "refused": QueryState.FAILED,
        "other_table": QueryState.FAILED,
        "broken": QueryState.FAILED,
        "count": QueryState.SUCCEEDED,
    }
    said = [finding.message for finding in findings]
    for message, part in zip(
        said, ("the library has", "no parameter colour", "colour", "elsewhere", "INT64"), strict=False
    ):
        assert part in message
    assert said[-1] == ""
    assert [finding.parquet for finding in findings[:-1]] == [None] * 5


def test_one_that_takes_too_long_is_cancelled_and_never_counts_as_finished(duck: Duck, tmp_path: Path) -> None:
    """I10. Giving up on a query is not its end: it is cancelled, and CANCELLED it is."""
    times = iter(range(0, 10_000, 100))
    findings = analyse(
        duck,
        "",
        "objects",
        [ENDLESS, COUNT],
        cap_usd=NO_COST,
        record=lambda _: None,
        place=Folder(tmp_path),
        side_by_side=1,
        patience=150,
        clock=lambda: next(times),
    )
    assert findings[0].execution.state is QueryState.CANCELLED
    assert "not over after 150 seconds" in findings[0].message
    assert findings[0].rows is None


def test_no_query_is_started_once_the_budget_is_spent_and_each_says_so(duck: Duck, tmp_path: Path) -> None:
    recorded: list[Finding] = []
    chosen = [Chosen(f"own{number}", {}, OWN.sql) for number in range(4)]
    cap = LEAST_USD * 2
    findings = analyse(duck, "", "objects", chosen, cap_usd=cap, record=recorded.append, place=Folder(tmp_path))
    assert [finding.execution.state for finding in findings] == [
        QueryState.SUCCEEDED,
        QueryState.SUCCEEDED,
        QueryState.CANCELLED,
        QueryState.CANCELLED,
    ]
    assert "It was not started: $0.0001 of the $" in findings[-1].message
    assert sum(finding.cost_usd for finding in findings) == cap
    assert [each.name for each in recorded if each.execution.state is QueryState.CANCELLED] == ["own2", "own3"]


@pytest.mark.parametrize(
    ("state", "scanned", "dollars"),
    [
        (QueryState.SUCCEEDED, 2**40, Decimal(5)),
        (QueryState.SUCCEEDED, 1, Decimal(5) * 10 * 2**20 / 2**40),
        (QueryState.SUCCEEDED, 0, Decimal(0)),
        (QueryState.CANCELLED, 2**39, Decimal("2.5")),
        (QueryState.FAILED, 2**40, Decimal(0)),
    ],
)
def test_a_query_costs_what_it_scanned_and_ten_mb_at_least(state: QueryState, scanned: int, dollars: Decimal) -> None:
    assert cost_of(Execution("x", state, bytes_scanned=scanned)) == dollars


def test_the_whole_library_runs_that_need_not_be_told_anything(duck: Duck, tmp_path: Path) -> None:
    findings = analyse(
        duck, "", "objects", everything(), cap_usd=NO_COST, record=lambda _: None, place=Folder(tmp_path / "kept")
    )
    assert len(findings) == len(QUERIES) - 2
    assert {finding.message for finding in findings} == {""}
    assert set(named(findings).values()) == {QueryState.SUCCEEDED}
    assert len(list((tmp_path / "kept").rglob("*.parquet"))) == len(findings)
