"""The sandbox's Athena: queries take their course, files are as Athena writes them, and nothing else is reached."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from moto.athena.models import athena_backends

from a360_pipeline.sandbox.athena.values import Told, csv_line, text, texts
from a360_pipeline_tests.inventory.cataloguing import DATABASE, DAY, INVENTORIES, Inventories, asked, parquet
from a360_pipeline_tests.sandbox.clients import Clients

NUMBERS = count(1)
OUTPUT = {"OutputLocation": f"s3://{INVENTORIES}/results"}


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with asked() as clients:
        yield clients


@pytest.fixture
def inventories(clients: Clients) -> Inventories:
    made = Inventories(clients, f"objects_{next(NUMBERS)}")
    made.catalog.ensure()
    return made


@pytest.fixture(scope="module")
def shared(clients: Clients) -> Inventories:
    """A table of one object, `a`, for tests that leave it as it is."""
    made = Inventories(clients, "shared")
    made.catalog.ensure()
    made.put("alpha", "a")
    return made


def start(athena: Any, sql: str, **options: Any) -> str:
    given = {"QueryExecutionContext": {"Database": DATABASE}, "ResultConfiguration": OUTPUT} | options
    number: str = athena.start_query_execution(QueryString=sql, **given)["QueryExecutionId"]
    return number


def look(athena: Any, number: str) -> Any:
    return athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]


def ended(inventories: Inventories, number: str, athena: Any = None) -> Any:
    """The status of a query that has taken its course."""
    inventories.running.athena.settle()
    return [look(athena or inventories.athena, number)["Status"] for _ in range(3)][-1]


def refused(call: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **options)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"
    return str(caught.value.response["Error"]["Message"])


def read(inventories: Inventories, location: str) -> str:
    key = location.removeprefix(f"s3://{INVENTORIES}/")
    body: bytes = inventories.s3.get_object(Bucket=INVENTORIES, Key=key)["Body"].read()
    return body.decode()


def test_a_query_takes_its_course(shared: Inventories) -> None:
    number = start(shared.athena, "SELECT 1 AS one")
    states = [look(shared.athena, number)["Status"]["State"] for _ in range(2)]
    assert states == ["QUEUED", "RUNNING"]
    assert "has not yet finished" in refused(shared.athena.get_query_results, QueryExecutionId=number)
    shared.running.athena.settle()
    found = look(shared.athena, number)
    assert found["Status"]["State"] == "SUCCEEDED"
    assert found["Status"]["CompletionDateTime"] >= found["Status"]["SubmissionDateTime"]
    assert (found["StatementType"], found["WorkGroup"]) == ("DML", "primary")
    assert found["ResultConfiguration"] == {"OutputLocation": f"s3://{INVENTORIES}/results/{number}.csv"}


def test_a_result_file_has_quotes_around_all_but_null(shared: Inventories) -> None:
    sql = """SELECT * FROM (VALUES (1, 'a "b"', 1.5e0, true), (NULL, '', NULL, false)) AS t(n, s, d, b) ORDER BY n"""
    execution = shared.ended(sql)
    assert execution.location is not None, execution.reason
    assert read(shared, execution.location) == '"n","s","d","b"\n"1","a ""b""","1.5","true"\n,"",,"false"\n'
    told = json.loads(read(shared, f"{execution.location}.metadata"))
    assert [(one["Name"], one["Type"]) for one in told] == [
        ("n", "integer"),
        ("s", "varchar"),
        ("d", "double"),
        ("b", "boolean"),
    ]


def test_results_come_in_pages_with_the_names_first(shared: Inventories) -> None:
    execution = shared.ended("SELECT n FROM UNNEST(sequence(1, 1500)) AS s(n) ORDER BY n")
    pages = shared.athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution.id)
    rows = [[row["Data"][0].get("VarCharValue") for row in page["ResultSet"]["Rows"]] for page in pages]
    assert [len(page) for page in rows] == [1000, 501]
    assert [one for page in rows for one in page] == ["n", *map(str, range(1, 1501))]


def test_null_is_no_value_in_an_answer(shared: Inventories) -> None:
    execution = shared.ended("SELECT CAST(NULL AS varchar) AS a, '' AS b")
    rows = shared.athena.get_query_results(QueryExecutionId=execution.id)["ResultSet"]["Rows"]
    assert rows[1]["Data"] == [{}, {"VarCharValue": ""}]


def test_a_stopped_query_is_cancelled_for_good_and_makes_no_file(shared: Inventories) -> None:
    number = start(shared.athena, "SELECT 1")
    shared.athena.stop_query_execution(QueryExecutionId=number)
    for _ in range(4):
        status = look(shared.athena, number)["Status"]
        assert (status["State"], status["StateChangeReason"]) == ("CANCELLED", "Query cancelled by user")
    said = refused(shared.athena.get_query_results, QueryExecutionId=number)
    assert said == "Query did not finish successfully. Final query state: CANCELLED"


def test_a_query_that_would_run_for_hours_is_stopped(shared: Inventories) -> None:
    """The next one is answered: nothing is held up."""
    endless = (
        "SELECT count(*) FROM UNNEST(sequence(1, 100000)) AS a(x), UNNEST(sequence(1, 100000)) AS b(y) WHERE x * y < 7"
    )
    numbers = [start(shared.athena, endless) for _ in range(2)]
    for _ in range(3):
        assert look(shared.athena, numbers[0])["Status"]["State"] in ("QUEUED", "RUNNING")
    for number in numbers:
        shared.athena.stop_query_execution(QueryExecutionId=number)
    assert shared.rows("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT kee FROM {t}", "COLUMN_NOT_FOUND: line 1:8: Column 'kee' cannot be resolved or requester is not "),
        ("SELECT 1\nFROM nowhere", "TABLE_NOT_FOUND: line 2:6: Table 'awsdatacatalog.a360_inventory.nowhere' does not"),
        ("SELECT 1 FROM other.{t}", "TABLE_NOT_FOUND: "),
        ("SELECT key FROM {t} WHERE size = '7'", "TYPE_MISMATCH: "),
        ("SELECT CAST(key AS bigint) FROM {t}", "INVALID_CAST_ARGUMENT: "),
        ("CREATE VIEW {t} AS SELECT 1 AS one", "TABLE_ALREADY_EXISTS: "),
        ("CREATE VIEW nowhere.v AS SELECT 1 AS one", "SCHEMA_NOT_FOUND: "),
        ("DROP VIEW nothing", "TABLE_NOT_FOUND: "),
        ("DROP VIEW {t}", "TABLE_NOT_FOUND: "),
    ],
)
def test_a_query_that_fails_says_why_in_athenas_words(shared: Inventories, sql: str, reason: str) -> None:
    execution = shared.ended(sql.format(t=shared.table))
    assert (execution.state, execution.reason[: len(reason)]) == ("FAILED", reason)
    assert execution.bytes_scanned == 0


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{here}')",
        "SELECT * FROM '{here}'",
        'SELECT * FROM "{here}"',
        "SELECT read_text('{here}')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM information_schema.tables",
        "COPY (SELECT 1) TO '{here}.copy'",
        "ATTACH '{here}.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT getvariable('x')",
        "SELECT current_setting('temp_directory')",
        "CREATE VIEW v AS SELECT * FROM read_csv('{here}')",
        "CREATE TABLE x AS SELECT 1",
        "SELECT 1 -- \n; COPY (SELECT 1) TO '{here}.copy'",
    ],
)
def test_sql_reaches_nothing_but_tables(shared: Inventories, sql: str, tmp_path: Any) -> None:
    here = tmp_path / "secret.csv"
    here.write_text("a\nsecret\n")
    try:
        number = start(shared.athena, sql.format(here=here))
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidRequestException"
    else:
        status = ended(shared, number)
        assert status["State"] == "FAILED", status
        assert "secret\n" not in status["StateChangeReason"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["secret.csv"]


def chunks(body: bytes, column: str) -> int:
    """Compressed bytes of the column in a Parquet file."""
    told = pq.read_metadata(io.BytesIO(body))
    groups = [told.row_group(number) for number in range(told.num_row_groups)]
    return sum(
        group.column(place).total_compressed_size
        for group in groups
        for place in range(group.num_columns)
        if group.column(place).path_in_schema == column
    )


def test_just_the_columns_and_partitions_that_a_query_needs_count_as_scanned(inventories: Inventories) -> None:
    rows = [{"key": f"{number * 7919 % 4000}", "size": number * 7919} for number in range(4000)]
    body = parquet(rows, row_group_size=1000)
    for bucket in ("alpha", "beta", "gamma"):
        inventories.publish(bucket, inventories.deliver(bucket, "first", body))
    table = inventories.table
    scanned = {
        sql: inventories.ended(sql).bytes_scanned
        for sql in (
            f"SELECT sum(size) FROM {table}",
            f"SELECT max(key) FROM {table} WHERE bucketname = 'beta'",
            f"SELECT max(key) FROM {table} WHERE snapshot_date < DATE '2026-03-03' AND bucketname <> 'beta'",
            f"SELECT max(key) FROM {table} WHERE snapshot_date > DATE '2026-03-02'",
            f"SELECT count(*) FROM {table}",
        )
    }
    assert list(scanned.values()) == [
        3 * chunks(body, "size"),
        chunks(body, "key"),
        2 * chunks(body, "key"),
        0,
        0,
    ]


def test_row_groups_that_cannot_hold_what_is_asked_are_not_scanned(inventories: Inventories) -> None:
    body = parquet([{"key": "a", "size": number} for number in range(4000)], row_group_size=1000)
    inventories.publish("alpha", inventories.deliver("alpha", "first", body))
    execution = inventories.ended(f"SELECT sum(size) FROM {inventories.table} WHERE size >= 3000")
    assert execution.bytes_scanned * 4 == pytest.approx(chunks(body, "size"), rel=0.1)


def test_a_view_prunes_as_its_query_would(inventories: Inventories) -> None:
    body = parquet([{"key": f"{number}", "size": number} for number in range(3000)])
    for bucket in ("alpha", "beta", "gamma"):
        inventories.publish(bucket, inventories.deliver(bucket, "first", body))
    counted = [one for one in inventories.catalog.partitions() if one.bucket != "beta"]
    view = inventories.catalog.harvest_view(inventories.engine, "run", counted)
    execution = inventories.ended(f"SELECT bucketname, sum(size) FROM {view} GROUP BY bucketname ORDER BY 1")
    assert execution.bytes_scanned == 2 * chunks(body, "size")
    assert inventories.engine.result(execution).to_pydict() == {
        "bucketname": ["alpha", "gamma"],
        "_col1": [4_498_500, 4_498_500],
    }


def test_a_view_is_kept_in_the_catalogue_as_athena_keeps_it(inventories: Inventories) -> None:
    inventories.put("alpha", "a", "bcd")
    table = inventories.table
    assert inventories.ended(f"CREATE VIEW long AS SELECT key AS name, size FROM {table} WHERE size > 1").reason == ""
    found = inventories.glue.get_table(DatabaseName=DATABASE, Name="long")["Table"]
    assert found["TableType"] == "VIRTUAL_VIEW"
    assert found["StorageDescriptor"]["Columns"] == [
        {"Name": "name", "Type": "string"},
        {"Name": "size", "Type": "bigint"},
    ]
    inventories.glue.create_database(DatabaseInput={"Name": "elsewhere"})
    assert inventories.ended(f"CREATE VIEW elsewhere.longer AS SELECT l.name FROM {DATABASE}.long AS l").reason == ""
    assert inventories.rows("SELECT name FROM elsewhere.longer") == [("bcd",)]
    assert inventories.ended("DROP VIEW elsewhere.longer").reason == ""
    assert inventories.ended("DROP VIEW IF EXISTS elsewhere.longer").reason == ""
    assert inventories.ended("DROP VIEW long").reason == ""
    assert inventories.ended("SELECT * FROM long").reason.startswith("TABLE_NOT_FOUND")


def test_a_view_of_another_database_reads_its_own_tables(inventories: Inventories, clients: Clients) -> None:
    """Names without a database are the view's, not the asker's."""
    inventories.put("alpha", "here")
    inventories.glue.create_database(DatabaseInput={"Name": f"own_{inventories.table}"})
    made = inventories.ended(f"CREATE VIEW own_{inventories.table}.{inventories.table} AS SELECT 'there' AS key")
    assert made.reason == ""
    assert (
        inventories.ended(f"CREATE VIEW seen_{inventories.table} AS SELECT key FROM {inventories.table}").reason == ""
    )
    number = start(
        inventories.athena,
        f"SELECT a.key, b.key FROM {DATABASE}.seen_{inventories.table} AS a, {inventories.table} AS b",
        QueryExecutionContext={"Database": f"own_{inventories.table}"},
    )
    assert ended(inventories, number)["State"] == "SUCCEEDED"
    rows = inventories.athena.get_query_results(QueryExecutionId=number)["ResultSet"]["Rows"]
    assert [one["VarCharValue"] for one in rows[1]["Data"]] == ["here", "there"]


def test_a_view_that_names_itself_fails(shared: Inventories) -> None:
    view = f"loop_{shared.table}"
    assert shared.ended(f"CREATE VIEW {view} AS SELECT 1 AS x").reason == ""
    assert shared.ended(f"CREATE OR REPLACE VIEW {view} AS SELECT x FROM {view}").reason == ""
    assert shared.ended(f"SELECT x FROM {view}").reason.startswith("VIEW_IS_RECURSIVE")


def test_names_that_begin_with_a_line_or_a_dot_are_no_data(inventories: Inventories) -> None:
    location = inventories.deliver("alpha", "first", parquet([{"key": "a"}]))
    prefix = location.removeprefix(f"s3://{INVENTORIES}/")
    for name in (".hidden.parquet", "_temporary/x.parquet"):
        inventories.s3.put_object(Bucket=INVENTORIES, Key=f"{prefix}/{name}", Body=parquet([{"key": "no"}]))
    inventories.s3.put_object(Bucket=INVENTORIES, Key=f"{prefix}-2/part.parquet", Body=parquet([{"key": "no"}]))
    inventories.publish("alpha", location)
    assert inventories.rows(f"SELECT key FROM {inventories.table}") == [("a",)]


def test_an_object_that_is_replaced_is_read_anew(inventories: Inventories) -> None:
    """Files are kept by their ETag."""
    inventories.put("alpha", "a")
    assert inventories.rows(f"SELECT key FROM {inventories.table}") == [("a",)]
    inventories.put("alpha", "b")
    assert inventories.rows(f"SELECT key FROM {inventories.table}") == [("b",)]


def test_instants_are_timestamps_in_utc(inventories: Inventories) -> None:
    at = dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-2)))
    body = parquet([{"key": "a", "last_modified_date": at}])
    inventories.publish("alpha", inventories.deliver("alpha", "first", body))
    execution = inventories.ended(f"SELECT last_modified_date AS at, date(last_modified_date) FROM {inventories.table}")
    assert execution.location is not None
    assert read(inventories, execution.location).splitlines()[1] == '"2026-03-02 01:30:00.000","2026-03-02"'


def test_more_than_one_look_can_be_had_at_a_time(shared: Inventories) -> None:
    numbers = [start(shared.athena, f"SELECT {number}", WorkGroup="a360") for number in (1, 2)]
    answer = shared.athena.batch_get_query_execution(QueryExecutionIds=[*numbers, "unknown"])
    assert [one["QueryExecutionId"] for one in answer["QueryExecutions"]] == numbers
    assert [one["QueryExecutionId"] for one in answer["UnprocessedQueryExecutionIds"]] == ["unknown"]
    listed = shared.athena.list_query_executions(WorkGroup="a360", MaxResults=2)
    assert listed["QueryExecutionIds"] == numbers[::-1]
    assert "not found" in refused(shared.athena.get_query_execution, QueryExecutionId="unknown")


def test_a_token_starts_one_query_and_no_other(shared: Inventories) -> None:
    token = "t" * 32
    first = start(shared.athena, "SELECT 1", ClientRequestToken=token)
    assert start(shared.athena, "SELECT 1", ClientRequestToken=token) == first
    said = refused(start, shared.athena, "SELECT 2", ClientRequestToken=token)
    assert said == "Idempotent parameters do not match"


def test_a_workgroup_says_where_results_go_and_how_much_may_be_scanned(shared: Inventories) -> None:
    athena = shared.athena
    athena.create_work_group(
        Name="small",
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": f"s3://{INVENTORIES}/small/"},
            "BytesScannedCutoffPerQuery": 10_000_000,
        },
    )
    number = start(athena, "SELECT 1", WorkGroup="small")
    assert look(athena, number)["ResultConfiguration"]["OutputLocation"] == f"s3://{INVENTORIES}/small/{number}.csv"
    assert athena.get_work_group(WorkGroup="small")["WorkGroup"]["Name"] == "small"
    assert refused(athena.get_work_group, WorkGroup="none") == "WorkGroup none is not found."
    assert refused(start, athena, "SELECT 1", WorkGroup="none") == "WorkGroup none is not found."


def test_a_query_that_scans_more_than_its_workgroup_allows_is_cancelled(shared: Inventories, clients: Clients) -> None:
    shared.athena.create_work_group(Name="tight", Configuration={"BytesScannedCutoffPerQuery": 10_000_000})
    account = clients.stand_in.organization.management.id
    # Ten million is the least that the API takes, and more than a test should read.
    athena_backends[account]["us-east-1"].work_groups["tight"].configuration["BytesScannedCutoffPerQuery"] = 1
    number = start(shared.athena, f"SELECT key FROM {shared.table}", WorkGroup="tight")
    status = ended(shared, number)
    assert (status["State"], status["StateChangeReason"]) == ("CANCELLED", "Bytes scanned limit was exceeded")


def test_results_need_a_place_that_is_the_callers(shared: Inventories, clients: Clients) -> None:
    assert "No output location" in refused(shared.athena.start_query_execution, QueryString="SELECT 1")
    nowhere = {"OutputLocation": "s3://not-there/x"}
    said = refused(start, shared.athena, "SELECT 1", ResultConfiguration=nowhere)
    assert said == "Unable to verify/create output bucket not-there"


def test_another_account_sees_neither_queries_nor_tables(inventories: Inventories, clients: Clients) -> None:
    inventories.put("alpha", "a")
    other = clients.stand_in.organization.accounts[1].id
    athena, s3 = clients.member(other, "athena"), clients.member(other, "s3")
    mine = start(inventories.athena, "SELECT 1")
    assert "was not found" in refused(athena.get_query_execution, QueryExecutionId=mine)
    bucket = f"results-{inventories.table.replace('_', '-')}"
    s3.create_bucket(Bucket=bucket)
    number = start(
        athena, f"SELECT * FROM {inventories.table}", ResultConfiguration={"OutputLocation": f"s3://{bucket}"}
    )
    status = ended(inventories, number, athena)
    assert status["StateChangeReason"].startswith("TABLE_NOT_FOUND")


def test_a_location_that_is_not_the_accounts_is_denied(inventories: Inventories) -> None:
    inventories.publish("alpha", "s3://somebody-elses/folder")
    assert inventories.ended(f"SELECT key FROM {inventories.table}").reason.startswith(
        "PERMISSION_DENIED: Access Denied"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.0, "1.0"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (-12345678.9, "-1.23456789E7"),
        (1e7, "1.0E7"),
        (9999999.0, "9999999.0"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (True, "true"),
        (12, "12"),
        (b"ab", "61 62"),
        ([1, None, "x"], "[1, null, x]"),
        ({"a": 1, "b": None}, "{a=1, b=null}"),
        (DAY, "2026-03-02"),
        (dt.datetime.fromisoformat("2026-03-02T01:02:03.045678"), "2026-03-02 01:02:03.045"),
        (dt.datetime(2026, 3, 2, 1, tzinfo=dt.UTC), "2026-03-02 01:00:00.000 UTC"),
    ],
)
def test_a_value_is_written_as_athena_writes_it(value: Any, written: str) -> None:
    assert text(value) == written


def test_a_line_of_one_null_is_empty() -> None:
    rows = pa.table({"a": pa.array([None, ""])})
    assert [csv_line(row) for row in texts(rows)] == ["\n", '""\n']


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("HUGEINT", ("bigint", 19, 0)),
        ("DECIMAL(12,3)", ("decimal", 12, 3)),
        ("VARCHAR[]", ("array", 0, 0)),
        ("TIMESTAMP WITH TIME ZONE", ("timestamp with time zone", 3, 0)),
        ("STRUCT(a INTEGER)", ("row", 0, 0)),
        ("UUID", ("varchar", 2_147_483_647, 0)),
    ],
)
def test_a_type_is_told_by_athenas_name(kind: str, told: tuple[str, int, int]) -> None:
    column = Told.of("it", kind)
    assert (column.type, column.precision, column.scale) == told
