"""The embedded engine: what stands for a table, what a query costs, and what SQL does not reach."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from a360_pipeline.engines.duck import Duck, NothingToAsk
from a360_pipeline.engines.engine import Engine, Execution, QueryRefused, QueryState
from a360_pipeline.engines.waiting import finish
from a360_pipeline_tests.inventory.consolidated import ACCOUNT, DAY, deliver

OLDER = DAY - dt.timedelta(days=1)
ENDLESS = "SELECT count(*) FROM t AS a, t AS b, t AS c, t AS d WHERE a.key || b.key || c.key || d.key = 'x'"


def run(engine: Engine, sql: str) -> Execution:
    return finish(engine, engine.start(sql, "any"), patience=60)


def ask(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    execution = run(engine, sql)
    assert execution.state is QueryState.SUCCEEDED, execution.reason
    return [tuple(row.values()) for row in engine.result(execution).to_pylist()]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    deliver(tmp_path, "one", [{"key": f"a/{number}", "size": number} for number in range(1000)])
    deliver(tmp_path, "two", [{"key": "b", "size": 5}])
    deliver(tmp_path, "two", [{"key": "old", "size": 7}], day=OLDER)
    return tmp_path


def test_partition_columns_come_from_the_folders_with_their_types(root: Path) -> None:
    with Duck({"t": root}) as duck:
        sql = "SELECT snapshot_date, account, region, bucketname, sum(size) FROM t GROUP BY 1, 2, 3, 4 ORDER BY 1, 4"
        assert ask(duck, sql) == [
            (OLDER, ACCOUNT, "eu-west-1", "two", 7),
            (DAY, ACCOUNT, "eu-west-1", "one", 499500),
            (DAY, ACCOUNT, "eu-west-1", "two", 5),
        ]  # fmt: skip


def test_timestamps_have_no_zone_as_athenas_have_none(tmp_path: Path) -> None:
    at = dt.datetime(2026, 1, 2, 3, 4, 5, 678000, dt.UTC)
    deliver(tmp_path, "one", [{"key": "a", "last_modified_date": at}])
    with Duck({"t": tmp_path}) as duck:
        assert ask(duck, "SELECT last_modified_date, CAST(last_modified_date AS varchar) FROM t") == [
            (at.replace(tzinfo=None), "2026-01-02 03:04:05.678")
        ]


def test_the_newest_delivery_of_a_day_stands_and_unfinished_ones_do_not(tmp_path: Path) -> None:
    """I4. Two deliveries on one day do not count objects twice."""
    deliver(tmp_path, "one", [{"key": "first"}], name="20260131T010000Z-ffffffff")
    deliver(tmp_path, "one", [{"key": "second"}, {"key": "third"}], name="20260131T020000Z-00000000")
    deliver(tmp_path, "one", [{"key": "half"}], name="20260131T030000Z-00000000", is_finished=False)
    with Duck({"t": tmp_path}) as duck:
        assert ask(duck, "SELECT key FROM t ORDER BY key") == [("second",), ("third",)]


def test_files_are_a_table_too(root: Path) -> None:
    files = root.rglob("two/*/*/*.parquet")
    with Duck({"t": files}) as duck:
        assert ask(duck, "SELECT key FROM t ORDER BY key") == [("b",), ("old",)]


@pytest.mark.parametrize("where", ["nothing", "elsewhere/part.parquet"])
def test_what_holds_no_delivery_is_no_table(tmp_path: Path, where: str) -> None:
    with pytest.raises(NothingToAsk):
        Duck({"t": tmp_path / where if "." not in where else [tmp_path / where]})


def test_bytes_are_those_of_the_columns_and_partitions_that_are_needed(root: Path) -> None:
    def sizes(bucket: str, *columns: str) -> int:
        total = 0
        for path in root.rglob(f"{bucket}/{DAY}/*/*.parquet"):
            group = pq.read_metadata(path).row_group(0)
            chunks = [group.column(index) for index in range(group.num_columns)]
            total += sum(each.total_compressed_size for each in chunks if each.path_in_schema in columns)
        assert total > 0
        return total

    with Duck({"t": root}) as duck:
        assert run(duck, "SELECT count(*) FROM t").bytes_scanned == 0
        asked = f"FROM t WHERE snapshot_date = DATE '{DAY}' AND bucketname = 'one'"
        assert run(duck, f"SELECT key {asked}").bytes_scanned == sizes("one", "key")
        assert run(duck, f"SELECT key {asked} AND size > 10").bytes_scanned == sizes("one", "key", "size")
        both = run(duck, f"SELECT max(size) FROM t WHERE snapshot_date > DATE '{OLDER}'").bytes_scanned
        assert both == sizes("one", "size") + sizes("two", "size")


def test_a_query_that_fails_says_why(root: Path) -> None:
    with Duck({"t": root}) as duck:
        execution = run(duck, "SELECT CAST(key AS bigint) FROM t")
        assert execution.state is QueryState.FAILED
        assert "INT64" in execution.reason


def test_a_query_that_is_cancelled_is_cancelled_and_the_next_runs(root: Path) -> None:
    """I10. A query that was ended is told apart from one that finished."""
    with Duck({"t": root}) as duck:
        endless, queued, last = (duck.start(sql, "") for sql in (ENDLESS, "SELECT 1", "SELECT 2 AS n"))
        assert duck.look(queued).state is QueryState.QUEUED
        for execution_id in (endless, queued):
            duck.cancel(execution_id)
        assert finish(duck, last, patience=60).state is QueryState.SUCCEEDED
        assert [duck.look(each).state for each in (endless, queued)] == [QueryState.CANCELLED] * 2
        duck.cancel(last)
        assert duck.look(last).state is QueryState.SUCCEEDED


def test_what_athena_would_refuse_is_not_started(root: Path) -> None:
    with Duck({"t": root}) as duck, pytest.raises(QueryRefused, match="TYPE_MISMATCH"):
        duck.start("SELECT key FROM t WHERE size = '7'", "")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{outside}')",
        "COPY (SELECT 1) TO '{outside}'",
        "ATTACH '{outside}'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ],
)
def test_even_untranslated_sql_reaches_no_other_file(
    root: Path, tmp_path_factory: pytest.TempPathFactory, sql: str
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.csv"
    outside.write_text("secret\n")
    with Duck({"t": root}) as duck, pytest.raises(duckdb.Error):
        duck._connection.execute(sql.format(outside=outside))
    assert outside.read_text() == "secret\n"


def test_what_it_wrote_is_gone_when_it_is_closed(root: Path) -> None:
    duck = Duck({"t": root})
    scratch = Path(duck._scratch.name)
    assert list(scratch.iterdir())
    duck.close()
    assert not scratch.exists()
    assert len(list(root.rglob("*.parquet"))) == 3


def test_a_column_named_to_break_out_of_its_quotes_is_a_column(tmp_path: Path) -> None:
    """What lies in a folder is hostile: this runs before the engine is locked to its files."""
    folder = tmp_path / ACCOUNT / "us-east-1" / "films" / "2026-03-01" / "one"
    folder.mkdir(parents=True)
    secret = tmp_path / "secret.csv"
    secret.write_text("told\n")
    hostile = f"""x", (SELECT column0 FROM read_csv('{secret}', header = false)) AS "key"""
    path = folder / "part.parquet"
    pq.write_table(pa.table({"bucket": ["films"], hostile: ["mine"]}), path)
    with Duck({"inventory": [path]}) as duck:
        assert ask(duck, "SELECT bucket FROM inventory") == [("films",)]
        with pytest.raises(QueryRefused):
            duck.start("SELECT key FROM inventory", "")
