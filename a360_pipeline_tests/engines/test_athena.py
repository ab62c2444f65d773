"""Athena as an engine, over the sandbox's: what is started, how it ends, and results with their types."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.engines.athena import Athena
from a360_pipeline.engines.athena_results import read_csv
from a360_pipeline.engines.engine import Engine, QueryRefused, QueryState
from a360_pipeline.inventory.means import unpaid
from a360_pipeline.settings import load_settings
from a360_pipeline_tests.inventory.cataloguing import DATABASE, INVENTORIES, Inventories, asked, parquet
from a360_pipeline_tests.sandbox.clients import Clients

AT = dt.datetime(2026, 3, 1, 12, 30, 15, 250_000, dt.UTC)


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with asked() as clients:
        yield clients


@pytest.fixture(scope="module")
def inventories(clients: Clients) -> Inventories:
    """One bucket's inventory, of three objects."""
    made = Inventories(clients)
    made.catalog.ensure()
    body = parquet(
        [
            {"bucket": "alpha", "key": 'a "b", c', "size": 5, "is_latest": True, "last_modified_date": AT, "e_tag": ""},
            {"bucket": "alpha", "key": "line\nbreak", "size": 2**40, "is_latest": False},
            {"bucket": "alpha", "key": "ключ"},
        ]
    )
    made.publish("alpha", made.deliver("alpha", "first", body))
    return made


@pytest.fixture
def engine(inventories: Inventories) -> Athena:
    return inventories.engine


def test_rows_come_with_the_types_of_the_table(inventories: Inventories) -> None:
    table = inventories.ask(
        "SELECT key, size, is_latest, last_modified_date, snapshot_date, account FROM objects ORDER BY size"
    )
    assert table.schema == pa.schema(
        [
            ("key", pa.string()),
            ("size", pa.int64()),
            ("is_latest", pa.bool_()),
            ("last_modified_date", pa.timestamp("us")),
            ("snapshot_date", pa.date32()),
            ("account", pa.string()),
        ]
    )
    day, account = dt.date(2026, 3, 2), "000000000012"
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ('a "b", c', 5, True, AT.replace(tzinfo=None), day, account),
        ("line\nbreak", 2**40, False, None, day, account),
        ("ключ", None, None, None, day, account),
    ]


def test_null_and_an_empty_text_stay_apart(inventories: Inventories) -> None:
    assert inventories.rows("SELECT e_tag FROM objects ORDER BY size") == [("",), (None,), (None,)]


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("1", pa.int32(), 1),
        ("count(*)", pa.int64(), 3),
        ("sum(size)", pa.int64(), 2**40 + 5),
        ("7 / 2", pa.int32(), 3),
        ("CAST(1.5 AS double)", pa.float64(), 1.5),
        ("1e10", pa.float64(), 1e10),
        ("CAST(12.30 AS decimal(6, 2))", pa.decimal128(6, 2), Decimal("12.30")),
        ("max(last_modified_date)", pa.timestamp("us"), AT.replace(tzinfo=None)),
        ("split('a/b', '/')", pa.string(), "[a, b]"),
        ("true", pa.bool_(), True),
    ],
)
def test_a_value_has_the_type_that_athena_tells(
    inventories: Inventories, expression: str, kind: pa.DataType, value: Any
) -> None:
    table = inventories.ask(f"SELECT {expression} AS it FROM objects" + (" LIMIT 1" if "(" not in expression else ""))
    assert table.schema.field("it").type == kind
    assert table["it"][0].as_py() == value


def test_columns_of_one_name_are_told_by_their_place(inventories: Inventories) -> None:
    table = inventories.ask("SELECT size, key AS size FROM objects WHERE size = 5")
    assert table.column_names == ["size", "size"]
    assert [column.to_pylist() for column in table.columns] == [[5], ['a "b", c']]


def test_a_result_without_rows_has_its_columns(inventories: Inventories) -> None:
    table = inventories.ask("SELECT key, size FROM objects WHERE size < 0")
    assert (table.num_rows, table.schema) == (0, pa.schema([("key", pa.string()), ("size", pa.int64())]))


def test_a_result_is_read_whole_though_answers_come_by_the_thousand(inventories: Inventories) -> None:
    """The service gives at most a thousand rows an answer; the file has all."""
    numbers = "SELECT n FROM UNNEST(sequence(1, 2500)) AS s(n) ORDER BY n"
    assert [n for (n,) in inventories.rows(numbers)] == list(range(1, 2501))


def test_a_statement_answers_no_rows(inventories: Inventories) -> None:
    table = inventories.ask('CREATE OR REPLACE VIEW "sizes" AS SELECT size FROM objects WHERE size IS NOT NULL')
    assert (table.num_columns, table.num_rows) == (0, 0)
    assert inventories.rows("SELECT size FROM sizes ORDER BY size") == [(5,), (2**40,)]


def test_what_was_scanned_and_where_the_result_lies_are_told(inventories: Inventories) -> None:
    execution = inventories.ended("SELECT sum(size) FROM objects")
    assert execution.bytes_scanned > 0
    assert execution.location == f"s3://{INVENTORIES}/results/{execution.id}.csv"
    assert (execution.state, execution.reason) == (QueryState.SUCCEEDED, "")


def test_a_query_that_fails_says_why_and_has_no_result(inventories: Inventories, engine: Athena) -> None:
    execution = inventories.ended("SELECT kee FROM objects")
    assert execution.state is QueryState.FAILED
    assert execution.reason.startswith("COLUMN_NOT_FOUND: line 1:8: Column 'kee' cannot be resolved")
    with pytest.raises(ValueError, match=r"has no result: it is FAILED. COLUMN_NOT_FOUND"):
        engine.result(execution)


def test_a_query_can_be_cancelled_and_one_that_is_over_stays_as_it_is(inventories: Inventories, engine: Athena) -> None:
    """I10. A cancelled query is no finished one."""
    cancelled = engine.start("SELECT key FROM objects", DATABASE)
    engine.cancel(cancelled)
    found = engine.look(cancelled)
    assert (found.state, found.reason, found.location) == (QueryState.CANCELLED, "Query cancelled by user", None)
    done = inventories.ended("SELECT key FROM objects")
    engine.cancel(done.id)
    assert engine.look(done.id).state is QueryState.SUCCEEDED


@pytest.mark.parametrize("sql", ["SELECT FROM WHERE", "COPY (SELECT 1) TO 'x'", "SELECT 1; SELECT 2", "SELEC 1"])
def test_what_athena_does_not_take_is_refused(engine: Athena, sql: str) -> None:
    with pytest.raises(QueryRefused, match="Athena refuses the query: line 1:1: "):
        engine.start(sql, DATABASE)


def test_a_query_too_long_is_refused_before_it_is_sent(engine: Athena) -> None:
    with pytest.raises(QueryRefused, match="has 262,145 bytes, and Athena takes 262,144"):
        engine.start("SELECT '" + "é" * 131_068 + "'", DATABASE)


def test_the_same_token_starts_a_query_once(engine: Athena) -> None:
    token = "harvest-2026-03-02/large_objects" + "0" * 8
    first = engine.start("SELECT key FROM objects", DATABASE, token)
    assert engine.start("SELECT key FROM objects", DATABASE, token) == first
    assert engine.start("SELECT key FROM objects", DATABASE) != first


def test_an_attempt_that_is_made_again_starts_nothing_twice(clients: Clients, inventories: Inventories) -> None:
    """The answer to the first attempt is lost on the line."""
    running = clients.stand_in
    settings = load_settings(
        endpoint_url=running.endpoint_url,
        access_key_id=running.access_key_id,
        secret_access_key=running.secret_access_key,
    )
    client = Sessions(settings, unpaid).client("athena", None, "us-east-1")
    engine = Athena(client, inventories.s3, "a360", f"s3://{INVENTORIES}/results/")
    before = inventories.athena.list_query_executions(WorkGroup="a360")["QueryExecutionIds"]
    running.faults.set(cut={"athena:StartQueryExecution": 1})
    number = engine.start("SELECT 1", DATABASE)
    after = inventories.athena.list_query_executions(WorkGroup="a360")["QueryExecutionIds"]
    assert [one for one in after if one not in before] == [number]


def test_other_errors_of_aws_are_not_taken_for_a_bad_query(clients: Clients, engine: Athena) -> None:
    account = clients.stand_in.organization.management.id
    clients.stand_in.faults.set(denied={account: ["athena:StartQueryExecution"]})
    try:
        with pytest.raises(ClientError, match="AccessDenied"):
            engine.start("SELECT 1", DATABASE)
    finally:
        clients.stand_in.faults.set()


def test_athena_is_an_engine(engine: Athena) -> None:
    as_engine: Engine = engine
    assert as_engine.name == "athena"


def column(name: str, kind: str, **sizes: int) -> dict[str, Any]:
    return {"Name": name, "Type": kind, **sizes}


@pytest.mark.parametrize(
    ("kind", "written", "read"),
    [
        ("bigint", '"1"\n\n"-3"\n', [1, None, -3]),
        ("varchar", '""\n\n"x"\n', ["", None, "x"]),
        ("double", '"1.0E10"\n"NaN"\n"-Infinity"\n', [1e10, "nan", float("-inf")]),
        ("date", '"2026-03-02"\n\n', [dt.date(2026, 3, 2), None]),
        ("varbinary", '"61 62"\n', ["61 62"]),
        (
            "timestamp with time zone",
            '"2026-03-02 10:00:00.000 UTC"\n\n'
            '"2026-03-02 10:00:00.000 Europe/Zurich"\n"2026-03-02 10:00:00.000 -02:00"\n',
            [dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC), None]
            + [dt.datetime(2026, 3, 2, hour, tzinfo=dt.UTC) for hour in (9, 12)],
        ),
    ],
)
def test_a_result_file_is_read_by_the_types_of_its_columns(
    tmp_path: Path, kind: str, written: str, read: list[Any]
) -> None:
    path = tmp_path / "result.csv"
    path.write_text('"it"\n' + written)
    values = read_csv(path, [column("it", kind)])["it"].to_pylist()
    assert ["nan" if str(value) == "nan" else value for value in values] == read
