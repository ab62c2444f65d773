"""The RDS Data API of the sandbox: types, transactions, limits and errors as the service has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from psycopg.conninfo import conninfo_to_dict

from a360_pipeline.sandbox import postgres
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.rds_data import DataApi
from a360_pipeline_tests.sandbox.clients import BUCKET, ROLE, Clients

TINY = Sizes(keys=1, instances=1, applications=1, patches=1, others=1)
DATABASE = "by_data_api"


@pytest.fixture(scope="module")
def running(postgres_server: postgres.Server) -> Iterator[StandIn]:
    postgres.ensure_database(postgres_server, DATABASE)
    url = postgres_server.url(DATABASE)
    with serve(Organization.seeded(sizes=TINY), bucket=BUCKET, member_role=ROLE, database_url=url) as running:
        yield running


@pytest.fixture
def clients(running: StandIn) -> Iterator[Clients]:
    built = Clients(running)
    yield built
    built.close()
    running.data_api.close()


class Asked:
    """The cluster of the stand-in, asked by its hub."""

    def __init__(self, clients: Clients) -> None:
        self.api = clients.stand_in.data_api
        self.client = clients.hub("rds-data")
        self.where = {"resourceArn": self.api.cluster_arn, "secretArn": self.api.secret_arn}

    def __call__(self, sql: str, *parameters: dict[str, Any], **options: Any) -> Any:
        return self.client.execute_statement(sql=sql, parameters=list(parameters), **{**self.where, **options})

    def records(self, sql: str, *parameters: dict[str, Any], **options: Any) -> Any:
        return self(sql, *parameters, **options)["records"]

    def begin(self) -> str:
        number: str = self.client.begin_transaction(**self.where)["transactionId"]
        return number

    def refused(self, sql: str, *parameters: dict[str, Any], **options: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            self(sql, *parameters, **options)
        said = caught.value.response["Error"]
        return said["Code"], said["Message"]


@pytest.fixture
def asked(clients: Clients) -> Asked:
    return Asked(clients)


def text(name: str, value: str, hint: str | None = None) -> dict[str, Any]:
    return {"name": name, "value": {"stringValue": value}} | ({"typeHint": hint} if hint else {})


@pytest.mark.parametrize(
    ("expression", "type_name", "told"),
    [
        ("true", "bool", {"booleanValue": True}),
        ("7::smallint", "int2", {"longValue": 7}),
        ("9007199254740993", "int8", {"longValue": 9007199254740993}),
        ("1.5::float8", "float8", {"doubleValue": 1.5}),
        ("1.50::numeric", "numeric", {"stringValue": "1.50"}),
        ("'é'::text", "text", {"stringValue": "é"}),
        ("DATE '2026-03-02'", "date", {"stringValue": "2026-03-02"}),
        (
            "TIMESTAMPTZ '2026-03-02 12:00:00.25+02'",
            "timestamptz",
            {"stringValue": "2026-03-02 10:00:00.25"},
        ),
        ("""'{"a": [1]}'::jsonb""", "jsonb", {"stringValue": '{"a": [1]}'}),
        ("'\\x00ff'::bytea", "bytea", {"blobValue": b"\x00\xff"}),
        ("NULL::text", "text", {"isNull": True}),
        ("ARRAY['a', 'b c']", "_text", {"arrayValue": {"stringValues": ["a", "b c"]}}),
        ("ARRAY[1, 2]::bigint[]", "_int8", {"arrayValue": {"longValues": [1, 2]}}),
        ("ARRAY[true]", "_bool", {"arrayValue": {"booleanValues": [True]}}),
    ],
)
def test_a_value_is_told_by_its_type(asked: Asked, expression: str, type_name: str, told: dict[str, Any]) -> None:
    answer = asked(f"SELECT {expression} AS it", includeResultMetadata=True)
    assert answer["records"] == [[told]]
    assert [(column["label"], column["typeName"]) for column in answer["columnMetadata"]] == [("it", type_name)]
    assert answer["numberOfRecordsUpdated"] == 0


def test_metadata_comes_only_when_asked_for_and_with_an_empty_result_too(asked: Asked) -> None:
    assert "columnMetadata" not in asked("SELECT 1")
    answer = asked("SELECT 1 AS a WHERE false", includeResultMetadata=True)
    assert (answer["records"], len(answer["columnMetadata"])) == ([], 1)


@pytest.mark.parametrize("expression", ["pg_advisory_xact_lock(1)", "'pg_class'::regclass", "ROW(1, 2)"])
def test_a_type_that_the_service_does_not_know_is_refused(asked: Asked, expression: str) -> None:
    code, said = asked.refused(f"SELECT {expression}")
    assert code == "UnsupportedResultException"
    assert said.startswith("The result contains the unsupported data type")


def test_parameters_go_by_name_wherever_it_stands_but_in_quotes_and_casts(asked: Asked) -> None:
    sql = """SELECT :a || ':a' || :b AS ":a", ':a', 1::text, :a -- and :c"""
    answer = asked(sql, text("a", "it's"), text("b", "?"), includeResultMetadata=True)
    assert answer["records"] == [[{"stringValue": told} for told in ("it's:a?", ":a", "1", "it's")]]
    assert answer["columnMetadata"][0]["label"] == ":a"


def test_a_text_is_a_text_unless_a_hint_or_a_cast_says_more(asked: Asked) -> None:
    day = "SELECT DATE '2026-03-02' = "
    code, said = asked.refused(f"{day} :day", text("day", "2026-03-02"))
    assert (code, said) == ("DatabaseErrorException", "ERROR: operator does not exist: date = text; SQLState: 42883")
    for told in (
        asked.records(f"{day} :day", text("day", "2026-03-02", "DATE")),
        asked.records(f"{day} :day::date", text("day", "2026-03-02")),
    ):
        assert told == [[{"booleanValue": True}]]


@pytest.mark.parametrize(
    ("value", "hint", "type_name"),
    [
        ({"longValue": 5}, None, "bigint"),
        ({"doubleValue": 0.5}, None, "double precision"),
        ({"booleanValue": False}, None, "boolean"),
        ({"blobValue": b"x"}, None, "bytea"),
        ({"stringValue": "1.5"}, "DECIMAL", "numeric"),
        ({"stringValue": "{}"}, "JSON", "json"),
        ({"stringValue": "2026-03-02 10:00:00"}, "TIMESTAMP", "timestamp without time zone"),
        ({"stringValue": "10:00:00"}, "TIME", "time without time zone"),
        ({"stringValue": "6f2b1c0e-4a58-4d7c-9a51-0d7f0f3f2b11"}, "UUID", "uuid"),
    ],
)
def test_a_parameter_has_the_type_of_its_member_or_hint(
    asked: Asked, value: dict[str, Any], hint: str | None, type_name: str
) -> None:
    given = {"name": "it", "value": value} | ({"typeHint": hint} if hint else {})
    assert asked.records("SELECT pg_typeof(:it)::text", given) == [[{"stringValue": type_name}]]


def test_null_fits_any_type(asked: Asked) -> None:
    given = {"name": "it", "value": {"isNull": True}}
    assert asked.records("SELECT coalesce(:it, 5)", given) == [[{"longValue": 5}]]


@pytest.mark.parametrize(
    ("sql", "parameter", "said"),
    [
        ("SELECT :it", text("that", "x"), "Cannot find parameter: it"),
        (
            "SELECT :it",
            {"name": "it", "value": {"arrayValue": {"longValues": [1]}}},
            "Array parameters are not supported.",
        ),
    ],
)
def test_what_no_parameter_can_be_is_refused(asked: Asked, sql: str, parameter: dict[str, Any], said: str) -> None:
    assert asked.refused(sql, parameter) == ("BadRequestException", said)


def test_two_statements_in_one_call_are_refused(asked: Asked) -> None:
    code, said = asked.refused("SELECT 1; SELECT 2")
    assert code == "DatabaseErrorException"
    assert said.endswith("SQLState: 42601")


def test_an_error_of_the_database_comes_with_its_state(asked: Asked) -> None:
    asked("CREATE TABLE once (n bigint CONSTRAINT once_key UNIQUE)")
    assert asked("INSERT INTO once VALUES (1), (2)")["numberOfRecordsUpdated"] == 2
    assert asked.refused("INSERT INTO once VALUES (2)") == (
        "DatabaseErrorException",
        'ERROR: duplicate key value violates unique constraint "once_key"; SQLState: 23505',
    )


def test_a_transaction_is_seen_by_others_once_it_is_committed(asked: Asked) -> None:
    asked("CREATE TABLE seen (n bigint)")
    held = asked.begin()
    asked("INSERT INTO seen VALUES (1)", transactionId=held)
    asked("CREATE TEMP TABLE mine ON COMMIT DROP AS SELECT 1", transactionId=held)
    count = "SELECT count(*) FROM seen"
    assert asked.records(count) == [[{"longValue": 0}]]
    assert asked.records(count, transactionId=held) == [[{"longValue": 1}]]
    done = asked.client.commit_transaction(transactionId=held, **asked.where)
    assert done["transactionStatus"] == "Transaction Committed"
    assert asked.records(count) == [[{"longValue": 1}]]
    assert asked.refused(count, transactionId=held)[0] == "TransactionNotFoundException"


def test_what_is_rolled_back_never_was(asked: Asked) -> None:
    asked("CREATE TABLE undone (n bigint)")
    held = asked.begin()
    asked("INSERT INTO undone VALUES (1)", transactionId=held)
    done = asked.client.rollback_transaction(transactionId=held, **asked.where)
    assert done["transactionStatus"] == "Rollback Complete"
    assert asked.records("SELECT count(*) FROM undone") == [[{"longValue": 0}]]


def test_after_an_error_a_transaction_can_only_be_rolled_back(asked: Asked) -> None:
    held = asked.begin()
    asked.refused("SELECT 1 / 0", transactionId=held)
    assert asked.refused("SELECT 1", transactionId=held)[1].endswith("SQLState: 25P02")
    with pytest.raises(ClientError, match="25P02"):
        asked.client.commit_transaction(transactionId=held, **asked.where)


def test_postgresql_ends_what_takes_45_seconds_and_who_is_idle_for_3_minutes(asked: Asked) -> None:
    held = asked.begin()
    for name, limit in (("statement_timeout", "45s"), ("idle_in_transaction_session_timeout", "3min")):
        assert asked.records(f"SHOW {name}", transactionId=held) == [[{"stringValue": limit}]]


def test_a_statement_that_takes_too_long_is_told_as_such(asked: Asked) -> None:
    held = asked.begin()
    asked("SET LOCAL statement_timeout = 1", transactionId=held)
    assert asked.refused("SELECT pg_sleep(9)::text", transactionId=held)[0] == "StatementTimeoutException"


def test_a_transaction_whose_session_has_ended_is_gone(asked: Asked) -> None:
    """As after three idle minutes."""
    held = asked.begin()
    ((pid,),) = asked.records("SELECT pg_backend_pid()", transactionId=held)
    asked("SELECT pg_terminate_backend(:pid::int, 5000)", {"name": "pid", "value": pid})
    for _ in range(2):
        assert asked.refused("SELECT 1", transactionId=held)[0] == "TransactionNotFoundException"


def test_a_request_may_have_4_mib(asked: Asked) -> None:
    assert asked.records("SELECT length(:it)", text("it", "x" * (4 * 1024**2 - 2000)))
    code, said = asked.refused("SELECT length(:it)", text("it", "x" * 4 * 1024**2))
    assert (code, said) == ("BadRequestException", "Request entity too large: the limit is 4 MiB.")


def test_an_answer_may_have_1_mib_and_a_row_64_kib(asked: Asked) -> None:
    rows = "SELECT repeat('x', 1024) FROM generate_series(1, {})"
    assert len(asked.records(rows.format(1024))) == 1024
    assert asked.refused(rows.format(1025)) == (
        "BadRequestException",
        "Database returned more than the allowed response size limit",
    )
    assert asked.refused("SELECT repeat('x', 65537)")[0] == "UnsupportedResultException"


def test_sets_of_parameters_go_one_by_one_and_in_a_transaction_together(asked: Asked) -> None:
    asked("CREATE TABLE batch (n bigint CHECK (n < 3))")
    sql = "INSERT INTO batch VALUES (:n)"
    sets = [[{"name": "n", "value": {"longValue": n}}] for n in (1, 2, 3)]
    done = asked.client.batch_execute_statement(sql=sql, parameterSets=sets[:2], **asked.where)
    assert len(done["updateResults"]) == 2
    assert asked.records("SELECT count(*) FROM batch") == [[{"longValue": 2}]]
    held = asked.begin()
    with pytest.raises(ClientError, match="SQLState: 23514"):
        asked.client.batch_execute_statement(sql=sql, parameterSets=sets, transactionId=held, **asked.where)
    asked.client.rollback_transaction(transactionId=held, **asked.where)
    assert asked.records("SELECT count(*) FROM batch") == [[{"longValue": 2}]]


def test_a_database_that_resumes_refuses_calls_until_it_is_awake(asked: Asked) -> None:
    asked.api.resuming = 2
    assert [asked.refused("SELECT 1")[0] for _ in range(2)] == ["DatabaseResumingException"] * 2
    assert asked.records("SELECT 1") == [[{"longValue": 1}]]


def test_a_call_names_the_database_else_it_is_the_clusters_own(asked: Asked) -> None:
    for options, name in (({}, DATABASE), ({"database": "postgres"}, "postgres")):
        assert asked.records("SELECT current_database()::text", **options) == [[{"stringValue": name}]]
    assert asked.refused("SELECT 1", database="nowhere") == (
        "DatabaseErrorException",
        'database "nowhere" does not exist',
    )


def test_only_the_hub_enters_and_only_with_the_clusters_secret(asked: Asked, clients: Clients) -> None:
    assert asked.refused("SELECT 1", resourceArn=f"{asked.api.cluster_arn}-b")[0] == "DatabaseNotFoundException"
    assert asked.refused("SELECT 1", secretArn=f"{asked.api.secret_arn}-b")[0] == "SecretsErrorException"
    wrong = clients.hub("secretsmanager").create_secret(Name="wrong", SecretString='{"username": "a360"}')["ARN"]
    assert asked.refused("SELECT 1", secretArn=wrong)[0] == "InvalidSecretException"
    member = clients.stand_in.organization.accounts[1].id
    with pytest.raises(ClientError, match="AccessDenied"):
        clients.member(member, "rds-data").execute_statement(sql="SELECT 1", **asked.where)


def test_without_a_database_the_endpoint_is_not_enabled(running: StandIn) -> None:
    """And not answered by moto, which would say that all went well."""
    api = DataApi(running.organization)
    hub = Caller(running.organization.management.id, "arn:aws:iam::1:user/hub", "us-east-1")
    assert ("rds-data", "ExecuteStatement") in api.answers
    with pytest.raises(AwsError) as caught:
        api.execute_statement(running.organization, hub, {"resourceArn": api.cluster_arn, "sql": "SELECT 1"})
    assert caught.value.code == "HttpEndpointNotEnabledException"


def test_the_password_is_shown_by_nothing(running: StandIn, postgres_server: postgres.Server) -> None:
    password = conninfo_to_dict(postgres_server.url())["password"]
    assert password
    assert str(password) not in f"{running!r} {running.data_api!r} {vars(running)!r}"
