"""The warehouse through the RDS Data API: the same statements, the same rows, the same errors as by psycopg."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from psycopg import sql

from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.settings import load_settings
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse import data_api, data_api_values
from a360_pipeline.warehouse.connection import Connection, WarehouseUnavailable, connect
from a360_pipeline.warehouse.data_api import Cluster, DataApiConnection
from a360_pipeline.warehouse.data_api_errors import TooLarge, translated
from a360_pipeline.warehouse.load import LoadResult, load
from a360_pipeline.warehouse.patience import Patience
from a360_pipeline.warehouse.reach import warehouse_of
from a360_pipeline.warehouse.stage import copy_columns, make_stages
from a360_pipeline.warehouse.tables import LOADED_TABLES
from a360_pipeline_tests.conftest import FIELD_SNAPSHOTS
from a360_pipeline_tests.warehouse.test_undisturbed import Shelf, differences, history, left_behind

ACCOUNT = "856763896160"
MEBIBYTE = 1024**2


@dataclass
class Clock:
    """Time that passes only where somebody sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def patience(self) -> Patience:
        return Patience(seconds=20, clock=lambda: self.now, sleep=self.sleep)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cluster_of(environment: StandIn, clock: Clock) -> Callable[[str], Cluster]:
    """The way through the Data API to the database of a URL."""

    def reach(url: str) -> Cluster:
        api = environment.data_api
        found = warehouse_of(
            load_settings(
                cluster_arn=api.cluster_arn,
                database_secret_arn=api.secret_arn,
                database_name=url.rpartition("/")[2],
            )
        )
        assert isinstance(found, Cluster)
        return replace(found, patience=clock.patience)

    return reach


@pytest.fixture
def cluster(cluster_of: Callable[[str], Cluster], warehouse_url: str) -> Cluster:
    return cluster_of(warehouse_url)


@pytest.fixture
def by_api(cluster: Cluster) -> Iterator[DataApiConnection]:
    with DataApiConnection(cluster) as connection:
        yield connection


@dataclass
class Watched:
    """A client whose calls are noted, and of which any may be disturbed."""

    client: Any
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    disturb: Callable[[int], None] = lambda _number: None

    def __getattr__(self, operation: str) -> Any:
        call = getattr(self.client, operation)
        if operation == "close":
            return call

        def noted(**parameters: Any) -> Any:
            self.calls.append((operation, parameters))
            self.disturb(len(self.calls))
            return call(**parameters)

        return noted

    def sizes(self) -> list[int]:
        """The bodies of the calls in bytes."""
        return [len(json.dumps(parameters)) for _, parameters in self.calls]


def watched(cluster: Cluster, disturb: Callable[[int], None] = lambda _number: None) -> tuple[Cluster, Watched]:
    watch = Watched(None, disturb=disturb)

    def make() -> Watched:
        watch.client = cluster.client()
        return watch

    return replace(cluster, client=make), watch


def snapshot(region: str = "us-east-1", **content: Any) -> bytes:
    account = {"account_id": ACCOUNT, "account_name": "a", "region": region}
    return json.dumps({"account": account, **content}).encode()


def shelf_of(**security: Any) -> Shelf:
    """Snapshots by region, with _ for -, and what each says of security."""
    shelf = Shelf()
    for number, (name, said) in enumerate(security.items()):
        region = name.replace("_", "-")
        shelf.add(f"{ACCOUNT}/{region}/2026-03-02_DAILY.json", snapshot(region, security=said), number)
    return shelf


def keys_named(*names: str) -> dict[str, Any]:
    return {"kms": [{"arn": f"arn:{name}", "key_id": name, "description": name} for name in names]}


def put(shelf: Shelf, warehouse: str | Cluster, files: int = 50) -> LoadResult:
    return load(shelf, warehouse, sorted(shelf.objects), batch_files=files, batch_bytes=10**9)


def look(url: str) -> dict[str, list[str]]:
    """Every table and view, row by row, whatever ids and times of loading they were given."""
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        return left_behind(connection)


def counts(url: str) -> dict[str, int]:
    """Rows by table."""
    return {table.name: one(url, f'SELECT count(*) FROM "{table.name}"') for table in LOADED_TABLES}


def one(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


@pytest.fixture
def field_shelf() -> Shelf:
    """The field's snapshots, the same versions of them however often they are loaded."""
    if not FIELD_SNAPSHOTS.is_dir():
        pytest.skip("the field's snapshots are not at hand")
    shelf = Shelf()
    for number, path in enumerate(sorted(FIELD_SNAPSHOTS.glob("*/*/*.json"))):
        shelf.add(str(path.relative_to(FIELD_SNAPSHOTS)), path.read_bytes(), number)
    return shelf


# --- The same as by psycopg


def test_the_fields_snapshots_leave_the_same_rows_whichever_way_they_went(
    field_shelf: Shelf,
    warehouse_url: str,
    new_database: Callable[[str], str],
    cluster_of: Callable[[str], Cluster],
) -> None:
    other_url = new_database("template_warehouse")
    directly, by_api = put(field_shelf, warehouse_url), put(field_shelf, cluster_of(other_url))
    assert len(by_api.loaded) == 4
    assert (by_api.tables, by_api.rejected, by_api.not_taken) == (
        directly.tables,
        directly.rejected,
        directly.not_taken,
    )
    assert differences(look(other_url), look(warehouse_url)) == {}
    assert counts(other_url) == counts(warehouse_url)
    assert counts(other_url)["service_resources"] > 0


def test_loading_twice_changes_nothing(field_shelf: Shelf, warehouse_url: str, cluster: Cluster) -> None:
    put(field_shelf, cluster)
    before, counted = look(warehouse_url), counts(warehouse_url)
    again = put(field_shelf, cluster)
    assert (again.loaded, sorted(again.known)) == ([], sorted(each.key for each in field_shelf.objects))
    assert differences(look(warehouse_url), before) == {}
    assert counts(warehouse_url) == counted


@pytest.mark.slow
def test_a_history_with_corrections_and_failed_sections_ends_the_same(
    warehouse_url: str, new_database: Callable[[str], str], cluster_of: Callable[[str], Cluster]
) -> None:
    other_url = new_database("template_warehouse")
    for shelf in history(0):
        put(shelf, warehouse_url)
        put(shelf, cluster_of(other_url))
    assert differences(look(other_url), look(warehouse_url)) == {}


VALUES = [
    "plain",
    'it\'s a "quote", a \\ and é 🦊, :p0 %s',
    "",
    7,
    70_000,
    2**40,
    -1,
    True,
    False,
    0.1,
    Decimal("1.50"),
    dt.date(2026, 3, 2),
    dt.datetime(2026, 3, 2, 1, 2, 3, 456789, dt.UTC),
    dt.datetime(2026, 3, 2, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=-3))),
    [1, 2, 2**40],
    [dt.date(2026, 3, 2)],
    [Decimal("1.5"), Decimal(2)],
    [True, False],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_there_and_back_as_by_psycopg(
    value: Any, by_api: DataApiConnection, connection: psycopg.Connection[Any]
) -> None:
    query = "SELECT %s" if not isinstance(value, str) else "SELECT %s::text"
    (told,) = by_api.execute(query, [value]).fetchone() or ()
    (direct,) = connection.execute(query.encode(), [value]).fetchone()
    assert (told, type(told)) == (direct, type(direct))
    assert told == value


def test_nothing_and_texts_in_lists_get_their_type_from_the_statement(
    by_api: DataApiConnection, connection: psycopg.Connection[Any]
) -> None:
    query = "SELECT %(none)s::date, %(texts)s::text[], %(empty)s::bigint[], cardinality(%(texts)s::text[]), '%%'"
    given = {"none": None, "texts": ['a, "b"', "", "NULL"], "empty": []}
    assert by_api.execute(query, given).fetchall() == connection.execute(query, given).fetchall()


EXPRESSIONS = [
    "now() - now()::date::timestamptz = '1 day'::interval",
    "TIMESTAMPTZ '2026-03-02 23:30:00+05:30'",
    "TIMESTAMPTZ '2026-03-02 23:30:00.000001'",
    """'{"a": [1.5, null, "é"]}'::jsonb""",
    "12345678901234567890.5",
    "NULL::numeric",
    "sum(n) FROM (VALUES (1::bigint)) v (n)",
    "DATE '0001-01-01'",
    "1::float8 / 3",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_answer_has_the_values_that_psycopg_gives(
    expression: str, by_api: DataApiConnection, connection: psycopg.Connection[Any]
) -> None:
    query = f"SELECT {expression}"
    assert by_api.execute(query).fetchall() == connection.execute(query.encode()).fetchall()


def test_an_answer_is_told_like_a_cursor_tells_it(
    by_api: DataApiConnection, connection: psycopg.Connection[Any]
) -> None:
    told = []
    for way in (by_api, connection):
        with way.transaction():
            way.execute("CREATE TEMP TABLE t ON COMMIT DROP AS SELECT generate_series(1, 3) AS n")
            returned = way.execute("INSERT INTO t SELECT n FROM t RETURNING n")
            updated = way.execute("UPDATE t SET n = n + %s WHERE n > %s", [1, 1])
            read = way.execute("SELECT n, n AS n, count(*) FROM t GROUP BY 1, 2 ORDER BY 1")
            merged = way.execute("WITH gone AS (DELETE FROM t RETURNING n) SELECT count(*) FROM gone")
            told.append(
                (
                    (returned.rowcount, sorted(returned)),
                    (updated.rowcount, updated.description),
                    (read.rowcount, [column.name for column in read.description or ()], read.fetchone(), list(read)),
                    (merged.fetchone(), merged.fetchone()),
                )
            )
    assert told[0] == told[1]
    assert told[0][1] == (4, None)


def test_an_answer_longer_than_the_limit_comes_whole(
    by_api: DataApiConnection, connection: psycopg.Connection[Any]
) -> None:
    query = "SELECT n, repeat('x', (n / 20)::int) AS x FROM generate_series(1, %(most)s::bigint) n"
    (size,) = connection.execute(f"SELECT sum(length(x)) FROM ({query}) q", {"most": 12_000}).fetchone() or (0,)
    assert size > 3 * MEBIBYTE
    expected = connection.execute(query, {"most": 12_000}).fetchall()
    assert by_api.execute(query, {"most": 12_000}).fetchall() == expected
    with by_api.transaction():
        assert len(by_api.execute(query, {"most": 12_000}).fetchall()) == 12_000


def test_rows_are_copied_with_empty_texts_nulls_and_what_needs_escaping(
    by_api: DataApiConnection, connection: psycopg.Connection[Any], warehouse_url: str
) -> None:
    rows = [["1", 'a "b" \\ \n \t é 🦊 \'', "", None, "t", "1.50"], ["2", None, "\\N", '{"a": [1]}', "f", None]]
    names = ["n", "text", "other text", "j", "b", "d"]
    connection.execute('CREATE TABLE of_all (n bigint, text text, "other text" text, j jsonb, b boolean, d numeric)')
    table = sql.Identifier("of_all")
    columns = list(zip(*rows, strict=True))
    for way in (by_api, connection):
        copy_columns(way, table, names, columns)
        copy_columns(way, table, names, [])
        copy_columns(way, table, names, [[] for _ in names])
    found = connection.execute("SELECT * FROM of_all ORDER BY n").fetchall()
    assert found[:2] == [(1, rows[0][1], "", None, True, Decimal("1.50"))] * 2
    assert found[2:] == [(2, None, "\\N", {"a": [1]}, False, None)] * 2


def test_nobody_else_can_be_sent_rows() -> None:
    with pytest.raises(TypeError, match="cannot be sent over"):
        copy_columns(object(), sql.Identifier("t"), ["n"], [["1"]])


# --- Limits


def test_rows_of_more_than_4_mib_are_split_and_no_request_is_larger(cluster: Cluster, warehouse_url: str) -> None:
    noted, watch = watched(cluster)
    # Quotes and what is not ASCII take most room in JSON within JSON.
    names = [f"{number}-" + '"é🦊' * 300 for number in range(900)]
    shelf = shelf_of(us_east_1={"kms": [{"arn": f"arn:{n}", "description": name} for n, name in enumerate(names)]})
    result = put(shelf, noted)
    assert (len(result.loaded), result.rejected) == (1, 0)
    assert one(warehouse_url, "SELECT count(*) FROM kms_keys") == 900
    assert one(warehouse_url, "SELECT sum(length(description)) FROM kms_keys") == sum(map(len, names))
    copied = [
        size
        for size, (_, call) in zip(watch.sizes(), watch.calls, strict=True)
        if call.get("sql", "").startswith('INSERT INTO "stage@kms_keys"')
    ]
    assert len(copied) > 1
    assert sum(copied) > 4 * MEBIBYTE
    assert max(watch.sizes()) < 4 * MEBIBYTE


def test_a_split_is_as_full_as_it_may_be_and_loses_no_row() -> None:
    rows = [[str(number), "x" * (number % 50), None] for number in range(500)]
    parts = list(data_api_values.arrays(rows, 1_000))
    weights = [sum(len(json.dumps(json.dumps(row))) for row in json.loads(part)) for part in parts]
    assert max(len(json.dumps(part)) for part in parts) < 1_100
    assert [row.get("0") for part in parts for row in json.loads(part)] == [row[0] for row in rows]
    assert min(weights[:-1]) > 800
    assert list(data_api_values.arrays([], 1_000)) == []


def test_a_row_that_no_request_can_hold_sets_its_own_snapshot_apart(cluster: Cluster, warehouse_url: str) -> None:
    shelf = shelf_of(
        us_east_1=keys_named("good"),
        us_east_2={"kms": [{"arn": "arn:large", "key_id": "large", "description": "x" * 4 * MEBIBYTE}]},
    )
    result = put(shelf, cluster)
    assert list(result.quarantined) == [f"data/{ACCOUNT}/us-east-2/2026-03-02_DAILY.json"]
    (reason,) = result.quarantined.values()
    assert reason.startswith("the database refuses it: a row takes ")
    assert one(warehouse_url, "SELECT string_agg(key_id, ',') FROM kms_keys") == "good"


def test_a_statement_that_no_request_can_hold_is_not_sent(by_api: DataApiConnection) -> None:
    with pytest.raises(TooLarge, match="a statement takes"):
        by_api.execute("SELECT length(%s)", ["é" * MEBIBYTE])


def test_no_statement_is_longer_than_64_kib(cluster: Cluster) -> None:
    """The longest makes the temporary tables of a batch that tells of everything."""
    noted, watch = watched(cluster)
    with DataApiConnection(noted) as connection, connection.transaction():
        make_stages(connection, LOADED_TABLES)
    assert max(len(call.get("sql", "")) for _, call in watch.calls) < 60_000


# --- Nothing is lost, nothing is there twice


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("number", [3, 9, 40, pytest.param(90, marks=pytest.mark.slow)])
def test_killed_before_the_commit_nothing_is_there_and_the_next_run_loads_all(
    number: int, field_shelf: Shelf, cluster: Cluster, warehouse_url: str, environment: StandIn
) -> None:
    """R1."""

    def die(called: int) -> None:
        if called >= number:
            raise Killed

    empty = counts(warehouse_url)
    with pytest.raises(Killed):
        put(field_shelf, watched(cluster, die)[0])
    assert counts(warehouse_url) == empty
    # What nobody ends is ended after three idle minutes.
    environment.data_api.close()
    assert len(put(field_shelf, cluster).loaded) == 4


@pytest.mark.parametrize("operation", ["execute_statement", "commit_transaction"])
def test_a_transaction_that_is_gone_leaves_the_batch_where_it_is(
    operation: str, cluster: Cluster, warehouse_url: str, environment: StandIn, store: SnapshotStore
) -> None:
    """R1."""
    key = f"data/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json"
    store.put(key, snapshot(security=keys_named("one")))
    noted, watch = watched(cluster)

    def forget(number: int) -> None:
        if watch.calls[-1][0] == operation and (number == 20 or operation != "execute_statement"):
            environment.data_api.close()

    watch.disturb = forget
    with pytest.raises(WarehouseUnavailable, match=r"this batch stays where it is: .*TransactionNotFoundException"):
        load(store, noted, sorted(store.waiting()), batch_files=50, batch_bytes=10**9)
    assert [each.key for each in store.waiting()] == [key]
    assert one(warehouse_url, "SELECT count(*) FROM load_ledger") == 0
    assert load(store, cluster, sorted(store.waiting()), batch_files=50, batch_bytes=10**9).loaded == [key]


def test_a_commit_whose_answer_is_lost_loads_nothing_twice(cluster: Cluster, warehouse_url: str) -> None:
    shelf = shelf_of(us_east_1=keys_named("one"))
    noted, watch = watched(cluster)

    def lose(_number: int) -> None:
        operation, parameters = watch.calls[-1]
        if operation == "commit_transaction":
            watch.client.commit_transaction(**parameters)
            raise EndpointConnectionError(endpoint_url="https://rds-data")

    watch.disturb = lose
    with pytest.raises(WarehouseUnavailable):
        put(shelf, noted)
    again = put(shelf, cluster)
    assert (again.loaded, len(again.known)) == ([], 1)
    assert one(warehouse_url, "SELECT count(*) FROM kms_keys") == 1


def test_a_statement_is_asked_once_whatever_the_settings_say_of_attempts(
    cluster: Cluster, environment: StandIn
) -> None:
    """Sent again after a lost answer, it would do its work twice."""
    client = cluster.client()
    assert client.meta.config.retries["total_max_attempts"] == 1
    client.close()


POISON = {
    "a constraint": "ALTER TABLE kms_keys ADD CHECK (key_id <> 'poison')",
    "a value": "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.key_id = 'poison' THEN "
    "RAISE 'it is out of range' USING ERRCODE = '22003'; END IF; RETURN NEW; END $$; "
    "CREATE TRIGGER refuse BEFORE INSERT ON kms_keys FOR EACH ROW EXECUTE FUNCTION refuse()",
}


@pytest.mark.parametrize("by", POISON)
def test_what_slips_through_the_checks_poisons_its_own_snapshot_alone(
    by: str, cluster: Cluster, connection: psycopg.Connection[Any], warehouse_url: str
) -> None:
    connection.execute(POISON[by].encode())
    shelf = shelf_of(
        us_east_1=keys_named("good"),
        us_east_2=keys_named("poison"),
        us_west_2=keys_named("better"),
    )
    result = put(shelf, cluster)
    assert list(result.quarantined) == [f"data/{ACCOUNT}/us-east-2/2026-03-02_DAILY.json"]
    (reason,) = result.quarantined.values()
    assert reason.startswith("the database refuses it: ")
    assert "SQLState" not in reason
    assert len(result.loaded) == 2
    assert one(warehouse_url, "SELECT string_agg(key_id, ',' ORDER BY key_id) FROM kms_keys") == "better,good"


def test_transactions_do_not_nest_and_an_error_undoes_all(by_api: DataApiConnection) -> None:
    by_api.execute("CREATE TABLE t (n bigint UNIQUE)")
    with by_api.transaction():
        by_api.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(psycopg.ProgrammingError, match="do not nest"), by_api.transaction():
            pass
    with pytest.raises(psycopg.errors.UniqueViolation), by_api.transaction():
        by_api.execute("INSERT INTO t VALUES (2)")
        by_api.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(KeyboardInterrupt), by_api.transaction():
        by_api.execute("INSERT INTO t VALUES (3)")
        raise KeyboardInterrupt
    assert by_api.execute("SELECT n FROM t").fetchall() == [(1,)]


def test_days_and_times_are_those_of_utc_whatever_the_databases_own_zone(
    by_api: DataApiConnection, connection: psycopg.Connection[Any], warehouse_url: str
) -> None:
    connection.execute(f"ALTER DATABASE \"{warehouse_url.rpartition('/')[2]}\" SET timezone = 'Asia/Tokyo'".encode())
    query = "SELECT TIMESTAMPTZ '2026-03-02 23:30:00+00', (TIMESTAMPTZ '2026-03-02 23:30:00+00')::date"
    assert by_api.execute(query).fetchone() == (dt.datetime(2026, 3, 2, 23, 30, tzinfo=dt.UTC), dt.date(2026, 3, 2))


# --- Errors, and waiting


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "ExecuteStatement")


@pytest.mark.parametrize(
    ("code", "message", "kind", "told"),
    [
        ("DatabaseErrorException", "ERROR: no such\n  Position: 8; SQLState: 42P01", "UndefinedTable", "no such"),
        ("BadRequestException", "ERROR: bad; SQLState: 22P02", "InvalidTextRepresentation", "bad"),
        ("DatabaseErrorException", "ERROR: full; SQLState: 53100", "DiskFull", "full"),
        ("DatabaseErrorException", "ERROR: x; SQLState: ZZ999", "DatabaseError", "ZZ999"),
        ("DatabaseResumingException", "resuming", "CannotConnectNow", "DatabaseResumingException"),
        ("StatementTimeoutException", "timed out", "QueryCanceled", "StatementTimeoutException"),
        ("TransactionNotFoundException", "gone", "IdleSessionTimeout", "gone"),
        ("BadRequestException", "Transaction A is not found", "OperationalError", "is not found"),
        ("ServiceUnavailableError", "", "ConnectionFailure", "ServiceUnavailableError"),
        ("DatabaseUnavailableException", "", "ConnectionFailure", "DatabaseUnavailableException"),
        ("ThrottlingException", "Rate exceeded", "TooManyConnections", "Rate exceeded"),
        ("InternalServerErrorException", "", "OperationalError", "InternalServerErrorException"),
        ("AccessDeniedException", "no", "OperationalError", "AccessDeniedException"),
        ("BadRequestException", "Database returned more than the allowed response size limit", "TooLarge", "allowed"),
        ("UnsupportedResultException", "The size was too large.", "TooLarge", "size"),
        ("UnsupportedResultException", "the unsupported data type void", "NotSupportedError", "void"),
    ],
)
def test_an_error_of_the_data_api_is_one_of_psycopg(code: str, message: str, kind: str, told: str) -> None:
    error = translated(refusal(code, message))
    assert type(error).__name__ == kind
    assert told in str(error)
    assert "SQLState" not in str(error)


def test_no_answer_at_all_is_an_operational_error() -> None:
    error = translated(EndpointConnectionError(endpoint_url="https://rds-data"))
    assert type(error) is psycopg.OperationalError
    assert "https://rds-data" in str(error)


def test_what_the_loader_catches_is_what_the_data_api_raises() -> None:
    assert issubclass(TooLarge, psycopg.DataError)
    for code in ("TransactionNotFoundException", "StatementTimeoutException", "DatabaseResumingException"):
        assert isinstance(translated(refusal(code, "")), psycopg.OperationalError)


def test_a_database_that_resumes_is_waited_for_and_then_loaded_into(
    field_shelf: Shelf, cluster: Cluster, environment: StandIn, clock: Clock, warehouse_url: str
) -> None:
    """R3."""
    environment.data_api.resuming = 4
    assert len(put(field_shelf, cluster).loaded) == 4
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]
    assert counts(warehouse_url)["load_ledger"] == 4


def test_one_that_falls_asleep_between_two_batches_is_waited_for_too(
    field_shelf: Shelf, cluster: Cluster, environment: StandIn, clock: Clock
) -> None:
    """R3."""
    noted, watch = watched(cluster)

    def pause(_number: int) -> None:
        if [operation for operation, _ in watch.calls].count("commit_transaction") == 1 and not clock.slept:
            environment.data_api.resuming = 2

    watch.disturb = pause
    assert len(put(field_shelf, noted, files=2).loaded) == 4
    assert clock.slept == [0.5, 1.0]


def test_one_that_does_not_wake_up_in_time_is_an_error_and_nothing_moves(
    cluster: Cluster, environment: StandIn, clock: Clock, store: SnapshotStore, field_snapshots: list[str]
) -> None:
    """R3."""
    environment.data_api.resuming = 1_000
    with pytest.raises(WarehouseUnavailable, match=r"through the Data API: .*DatabaseResumingException"):
        load(store, cluster, sorted(store.waiting()), batch_files=50, batch_bytes=10**9)
    assert sum(clock.slept) <= 20
    assert sorted(each.key for each in store.waiting()) == sorted(field_snapshots)


def test_within_a_transaction_a_lost_answer_is_not_asked_for_again(cluster: Cluster, clock: Clock) -> None:
    def lose(number: int) -> None:
        if number == 3:
            raise refusal("ServiceUnavailableError", "")

    noted, watch = watched(cluster, lose)
    with (
        DataApiConnection(noted) as connection,
        pytest.raises(psycopg.OperationalError),
        connection.transaction(),
    ):
        connection.execute("CREATE TABLE t (n bigint)")
    assert [operation for operation, _ in watch.calls][2:] == ["execute_statement", "rollback_transaction"]
    assert clock.slept == []


def test_a_cluster_that_is_not_there_is_told_in_one_sentence(cluster: Cluster) -> None:
    with pytest.raises(WarehouseUnavailable, match=r"the warehouse test_\d+ of arn:aws:rds:.*-b does not answer"):
        connect(replace(cluster, arn=f"{cluster.arn}-b"))


def test_a_reader_sees_what_a_loader_committed(cluster: Cluster) -> None:
    """What only executes and fetches works through both."""
    put(shelf_of(us_east_1=keys_named("one")), cluster)
    with connect(cluster) as connection:
        taken: Connection = connection
        assert taken.execute("SELECT key_id FROM kms_keys").fetchall() == [("one",)]
    assert data_api.MOST_ROWS_SENT < data_api.MOST_SENT < 4 * MEBIBYTE
