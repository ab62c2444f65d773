"""Trino's SQL on DuckDB: the answers are Trino's, written out by hand, and what Athena refuses is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from a360_pipeline.engines.dialect import (
    PREPARE,
    QueryRefused,
    TableName,
    columns_used,
    partition_filters,
    qualified,
    tables_named,
    translate,
)

SCHEMA = {
    "t": {
        "key": "string",
        "size": "bigint",
        "changed": "timestamp",
        "day": "date",
        "is_latest": "boolean",
        "share": "double",
        "tags": "array(varchar)",
        "price": "decimal(5,2)",
    },
    "lake.objects": {"key": "string", "size": "bigint", "account": "string"},
}
ROWS = """
    INSERT INTO t VALUES
    ('logs/a.txt', 7, TIMESTAMP '2024-01-31 23:00:00.120', DATE '2024-01-31', TRUE, 2.5, ['x', 'y'], 1.25),
    ('README', 2, TIMESTAMP '2024-02-01 01:00:00', DATE '2024-02-29', FALSE, 0.1, ['x'], 10.00),
    ('b.gz', NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""
FIRST = "FROM t WHERE key = 'logs/a.txt'"


@pytest.fixture(scope="module")
def duck() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for statement in PREPARE:
        connection.execute(statement)
    connection.execute(
        "CREATE TABLE t (key VARCHAR, size BIGINT, changed TIMESTAMP, day DATE, is_latest BOOLEAN, share DOUBLE, "
        "tags VARCHAR[], price DECIMAL(5, 2))"
    )
    connection.execute(ROWS)
    return connection


def answer(duck: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return duck.execute(translate(sql, SCHEMA)).fetchall()


def naive(text: str) -> dt.datetime:
    """As DuckDB gives a TIMESTAMP."""
    return dt.datetime.fromisoformat(text)


TRAPS: list[tuple[str, Any]] = [
    # Integer division truncates towards zero, and each kind of number divides in its own way.
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("size / 2", 3),
    ("size / 2e0", 3.5),
    ("size / 2.0", Decimal("3.5")),
    ("10 / 3.0", Decimal("3.3")),
    ("price / 3", Decimal("0.42")),
    ("share / 2", 1.25),
    ("CAST(size AS double) / 2", 3.5),
    ("sum(size) / 2", 3),
    ("100 * size / 3", 233),
    ("-7 % 3", -1),
    ("1e0 / 0", float("inf")),
    ("TRY(size / 0)", None),
    ("avg(size)", 7.0),
    ("avg(price)", Decimal("1.25")),
    # Whole units between two instants, not boundaries that were crossed.
    ("date_diff('day', TIMESTAMP '2024-01-01 23:00:00', TIMESTAMP '2024-01-02 01:00:00')", 0),
    ("date_diff('day', TIMESTAMP '2024-01-01 23:00:00', TIMESTAMP '2024-01-03 22:59:59')", 1),
    ("date_diff('DAY', DATE '2024-01-31', DATE '2024-02-29')", 29),
    ("date_diff('day', DATE '2024-02-29', DATE '2024-01-31')", -29),
    ("date_diff('month', DATE '2024-01-15', DATE '2024-02-14')", 0),
    ("date_diff('year', DATE '2023-06-01', DATE '2024-05-31')", 0),
    ("date_diff('hour', changed, from_iso8601_timestamp('2024-02-01T01:00:00Z'))", 1),
    ("date_diff('day', changed, day)", 0),
    # Dates stay dates.
    ("date_add('day', -30, day)", dt.date(2024, 1, 1)),
    ("date_add('month', 1, day)", dt.date(2024, 2, 29)),
    ("date_add('hour', 2, changed)", naive("2024-02-01 01:00:00.120")),
    ("day - INTERVAL '1' DAY", dt.date(2024, 1, 30)),
    ("day + INTERVAL '1' MONTH", dt.date(2024, 2, 29)),
    ("date_trunc('month', day)", dt.date(2024, 1, 1)),
    ("date_trunc('hour', changed)", naive("2024-01-31 23:00:00")),
    ("CAST(date_trunc('month', changed) AS date)", dt.date(2024, 1, 1)),
    ("date(changed)", dt.date(2024, 1, 31)),
    ("from_iso8601_date('2024-03-01')", dt.date(2024, 3, 1)),
    ("date_diff('day', current_date, CAST(current_timestamp AS date))", 0),
    ("changed < current_timestamp", True),
    ("changed >= DATE '2024-01-31'", True),
    ("year(day)", 2024),
    ("extract(month FROM changed)", 1),
    ("day_of_week(DATE '2024-01-07')", 7),
    ("date_format(changed, '%Y-%m-%d %H:%i:%s')", "2024-01-31 23:00:00"),
    ("date_parse('2024-01-31 05', '%Y-%m-%d %H')", naive("2024-01-31 05:00:00")),
    ("to_unixtime(TIMESTAMP '1970-01-02 00:00:00')", 86400.0),
    ("CAST(changed AT TIME ZONE 'UTC' AS varchar)", "2024-01-31 23:00:00.120 UTC"),
    ("CAST(at_timezone(changed, 'UTC') AS date)", dt.date(2024, 1, 31)),
    # Text of numbers and instants, and numbers of text.
    ("CAST(changed AS varchar)", "2024-01-31 23:00:00.120"),
    ("CAST(TIMESTAMP '2024-01-01 00:00:00' AS varchar)", "2024-01-01 00:00:00"),
    ("CAST(from_iso8601_timestamp('2024-01-01T02:00:00+02:00') AS varchar)", "2024-01-01 00:00:00.000 UTC"),
    ("CAST(day AS varchar)", "2024-01-31"),
    ("CAST(share AS varchar)", "2.5E0"),
    ("CAST(1234.5e0 AS varchar)", "1.2345E3"),
    ("CAST(1e0 / 8 AS varchar)", "1.25E-1"),
    ("CAST(0e0 AS varchar)", "0E0"),
    ("CAST(-1e10 AS varchar)", "-1.0E10"),
    ("CAST(price AS varchar)", "1.25"),
    ("CAST(is_latest AS varchar)", "true"),
    ("CAST(key AS varchar(4))", "logs"),
    ("CAST(2.5e0 AS bigint)", 3),
    ("CAST(3.5e0 AS bigint)", 4),
    ("CAST(2.5 AS bigint)", 3),
    ("CAST('-12' AS bigint)", -12),
    ("TRY_CAST('2.5' AS bigint)", None),
    ("TRY_CAST(' 2' AS bigint)", None),
    ("TRY_CAST('yes' AS boolean)", None),
    ("TRY_CAST(key AS bigint)", None),
    ("TRY(CAST('2.5' AS bigint))", None),
    ("TRY_CAST('2024-02-30' AS date)", None),
    # Text.
    ("regexp_extract(key, '[0-9]+')", None),
    ("regexp_extract(key, '\\.([^.]+)$', 1)", "txt"),
    ("regexp_extract(key, '^[^.]+$', 0)", None),
    ("regexp_like(key, 'A')", False),
    ("regexp_replace('a-b-c', '-', '+')", "a+b+c"),
    ("regexp_replace('ab', '(a)(b)', '$2$1')", "ba"),
    ("regexp_replace('a1b2', '[0-9]')", "ab"),
    ("regexp_count('a1b2', '[0-9]')", 2),
    ("regexp_split('a1b2c', '[0-9]')", ["a", "b", "c"]),
    ("format('%d of %s', size, key)", "7 of logs/a.txt"),
    ("format('%,d {%05d} %.1f%%', 1234567, size, share)", "1,234,567 {00007} 2.5%"),
    ("format('%s %s', share, CAST(NULL AS varchar))", "2.5E0 null"),
    ("split(key, '/')", ["logs", "a.txt"]),
    ("split('a/b/c', '/', 2)", ["a", "b/c"]),
    ("split_part(key, '/', 1)", "logs"),
    ("split_part(key, '/', 3)", None),
    ("split(key, '/')[2]", "a.txt"),
    ("TRY(split(key, '/')[3])", None),
    ("element_at(split(key, '/'), -1)", "a.txt"),
    ("element_at(split(key, '/'), 3)", None),
    ("reverse('abc')", "cba"),
    ("substr('abc', 0)", ""),
    ("substr('abc', -2, 1)", "b"),
    ("substr('abc', -5)", ""),
    ("substring('abc' FROM 2 FOR 1)", "b"),
    ("strpos('abc', 'd')", 0),
    ("position('c' IN 'abc')", 3),
    ("replace('a-b', '-')", "ab"),
    ("concat('a', NULL)", None),
    ("'a' || key", "alogs/a.txt"),
    ("url_decode('a%20b+c%2F%C3%A9')", "a b c/é"),
    ("url_encode('a b/*~')", "a+b%2F*%7E"),
    ("to_hex(md5(to_utf8('a')))", "0CC175B9C0F1B6A831C399E269772661"),
    ("from_utf8(from_base64('eyJhIjoxfQ=='))", '{"a":1}'),
    ('json_extract_scalar(\'{"a": {"b": "c"}}\', \'$.a.b\')', "c"),
    ('json_extract_scalar(\'{"a": {"b": "c"}}\', \'$.a\')', None),
    ("json_extract_scalar('no JSON', '$.a')", None),
    ("key LIKE '%s/_.txt'", True),
    ("'a_b' LIKE 'a#_b' ESCAPE '#'", True),
    ("'axb' LIKE 'a#_b' ESCAPE '#'", False),
    ("'A' = 'a'", False),
    # Arrays.
    ("cardinality(tags)", 2),
    ("contains(tags, 'y')", True),
    ("array_join(tags, '+')", "x+y"),
    ("array_join(ARRAY['a', NULL], ',', '?')", "a,?"),
    ("slice(ARRAY[1, 2, 3, 4], 2, 2)", [2, 3]),
    ("slice(ARRAY[1, 2, 3, 4], -2, 2)", [3, 4]),
    ("array_position(tags, 'z')", 0),
    ("transform(tags, x -> x || '!')", ["x!", "y!"]),
    ("filter(tags, x -> x <> 'x')", ["y"]),
    ("any_match(tags, x -> x = 'y')", True),
    ("sequence(1, 3)", [1, 2, 3]),
    # The rest.
    ("greatest(size, NULL)", None),
    ("if(is_latest, 'yes', 'no')", "yes"),
    ("coalesce(CAST(NULL AS bigint), size)", 7),
    ("nullif(size, 7)", None),
    ("round(2.5e0)", 3.0),
    ("count_if(is_latest)", 1),
    ("approx_distinct(key)", 1),
    ("approx_percentile(size, 0.5)", 7),
]


@pytest.mark.parametrize(("expression", "expected"), TRAPS, ids=[each[0] for each in TRAPS])
def test_an_expression_has_trinos_answer(duck: duckdb.DuckDBPyConnection, expression: str, expected: Any) -> None:
    sql = f"SELECT {expression} {FIRST}"
    [[got]] = answer(duck, sql)
    assert got == expected
    assert type(got) is type(expected)
    assert translate(qualified(sql, SCHEMA), SCHEMA) == translate(sql, SCHEMA), "Athena's text means something else."


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT max_by(a, b) FROM (VALUES (1, 2), (CAST(NULL AS integer), 3)) AS v(a, b)", [(None,)]),
        ("SELECT min_by(key, size) FROM t", [("README",)]),
        ("SELECT size FROM t ORDER BY size", [(2,), (7,), (None,)]),
        ("SELECT size FROM t ORDER BY size DESC", [(7,), (2,), (None,)]),
        ("SELECT size AS s FROM t ORDER BY s / 2 DESC, s LIMIT 1", [(7,)]),
        (
            "SELECT p, n FROM t CROSS JOIN UNNEST(split(key, '/')) WITH ORDINALITY AS u(p, n) WHERE n = 2",
            [("a.txt", 2)],
        ),
        ("SELECT x FROM UNNEST(ARRAY['a', 'b']) AS u(x) ORDER BY x", [("a",), ("b",)]),
        (
            "SELECT key, row_number() OVER (ORDER BY size) AS n, sum(size) OVER () / 2 AS half FROM t ORDER BY n",
            [("README", 1, 4), ("logs/a.txt", 2, 4), ("b.gz", 3, 4)],
        ),
        ("SELECT count(*) FILTER (WHERE is_latest), sum(size) FILTER (WHERE NOT is_latest) FROM t", [(1, 2)]),
        ("SELECT count(*), count(size), count(DISTINCT size), sum(size) FROM t", [(3, 2, 2, 9)]),
        ("SELECT is_latest, count(*) FROM t GROUP BY 1 HAVING max(size) > 2", [(True, 1)]),
        (
            "WITH a(k, s) AS (SELECT key, size FROM t) SELECT a.k FROM a JOIN t ON t.key = a.k AND a.s = t.size "
            "ORDER BY 1",
            [("README",), ("logs/a.txt",)],
        ),
        ("SELECT key FROM t WHERE size IN (SELECT max(size) FROM t)", [("logs/a.txt",)]),
        ("SELECT key FROM t WHERE is_latest IS DISTINCT FROM FALSE ORDER BY key", [("b.gz",), ("logs/a.txt",)]),
        ("SELECT key FROM t EXCEPT SELECT key FROM t WHERE size > 2 ORDER BY 1", [("README",), ("b.gz",)]),
        ("SELECT listagg(key, ',') WITHIN GROUP (ORDER BY key) FROM t", [("README,b.gz,logs/a.txt",)]),
        ("SELECT array_agg(size ORDER BY size) FROM t WHERE size > 0", [([2, 7],)]),
    ],
)
def test_a_query_has_trinos_rows(duck: duckdb.DuckDBPyConnection, sql: str, expected: Any) -> None:
    assert answer(duck, sql) == expected
    assert answer(duck, qualified(sql, SCHEMA)) == expected, "Athena's text means something else."


@pytest.mark.parametrize("expression", ["sum(size)", "count(*)", "count_if(is_latest)", "approx_percentile(size, 0.5)"])
def test_totals_of_integers_are_bigint(duck: duckdb.DuckDBPyConnection, expression: str) -> None:
    assert duck.sql(translate(f"SELECT {expression} FROM t", SCHEMA)).to_arrow_table().schema[0].type == "int64"


@pytest.mark.parametrize(
    "expression", ["size / 0", "CAST('2.5' AS bigint)", "split(key, '/')[9]", "split_part(key, '/', 0)"]
)
def test_what_fails_in_trino_fails(duck: duckdb.DuckDBPyConnection, expression: str) -> None:
    with pytest.raises(duckdb.Error):
        answer(duck, f"SELECT {expression} {FIRST}")


REFUSED = [
    ("SELECT key FROM t WHERE size = '7'", "TYPE_MISMATCH"),
    ("SELECT key FROM t WHERE size IN ('7')", "TYPE_MISMATCH"),
    ("SELECT key FROM t WHERE size BETWEEN '1' AND '2'", "TYPE_MISMATCH"),
    ("SELECT key FROM t WHERE changed > '2024-01-01'", "TYPE_MISMATCH"),
    ("SELECT key FROM t WHERE is_latest = 'true'", "TYPE_MISMATCH"),
    ("SELECT key FROM t WHERE is_latest = 1", "TYPE_MISMATCH"),
    ("SELECT key FROM t WHERE size", "TYPE_MISMATCH"),
    ("SELECT key FROM t WHERE size LIKE '7%'", "TYPE_MISMATCH"),
    ("SELECT size || key FROM t", "TYPE_MISMATCH"),
    ("SELECT concat(key, size) FROM t", "TYPE_MISMATCH"),
    ("SELECT key + 1 FROM t", "TYPE_MISMATCH"),
    ("SELECT day + 1 FROM t", "TYPE_MISMATCH"),
    ("SELECT lower(size) FROM t", "TYPE_MISMATCH"),
    ("SELECT sum(key) FROM t", "TYPE_MISMATCH"),
    ("SELECT coalesce(size, 'none') FROM t", "TYPE_MISMATCH"),
    ("SELECT CASE WHEN is_latest THEN 1 ELSE 'no' END FROM t", "TYPE_MISMATCH"),
    ("SELECT if(is_latest, 1, 'no') FROM t", "TYPE_MISMATCH"),
    ("SELECT key FROM t UNION ALL SELECT size FROM t", "TYPE_MISMATCH"),
    ("SELECT key FROM t WHERE size IN (SELECT key FROM t)", "TYPE_MISMATCH"),
    ("SELECT date_diff('fortnight', day, day) FROM t", "INVALID_FUNCTION_ARGUMENT"),
    ("SELECT colour FROM t", "COLUMN_NOT_FOUND"),
    ("SELECT t.colour FROM t", "COLUMN_NOT_FOUND"),
    ("SELECT upper(key) AS k, count(*) FROM t GROUP BY k", "COLUMN_NOT_FOUND"),
    ("SELECT size AS s FROM t WHERE s > 1", "COLUMN_NOT_FOUND"),
    ("SELECT is_latest, sum(size) AS s FROM t GROUP BY is_latest HAVING s > 1", "COLUMN_NOT_FOUND"),
    ("SELECT size AS s, s + 1 FROM t", "COLUMN_NOT_FOUND"),
    ("SELECT key FROM t AS a CROSS JOIN t AS b", "COLUMN_NOT_FOUND"),
    ("SELECT 1 FROM nowhere", "TABLE_NOT_FOUND"),
    ("SELECT key FROM lake.t", "TABLE_NOT_FOUND"),
    ("SELECT name FROM duckdb_settings()", "SYNTAX_ERROR"),
    ("SELECT content FROM read_text('/etc/hostname')", "SYNTAX_ERROR"),
    ("SELECT * FROM '/etc/hostname'", "TABLE_NOT_FOUND"),
    ("SELECT getenv('HOME')", "FUNCTION_NOT_FOUND"),
    ("SELECT list_transform(tags, x -> x) FROM t", "FUNCTION_NOT_FOUND"),
    ("SELECT datediff('day', day, day) FROM t", "FUNCTION_NOT_FOUND"),
    ("SELECT split_part(key, '/') FROM t", "FUNCTION_NOT_FOUND"),
    ("SELECT key FROM t WHERE key ILIKE 'a%'", "SYNTAX_ERROR"),
    ("SELECT size::varchar FROM t", "SYNTAX_ERROR"),
    ("SELECT key FROM t WHERE is_latest IS NOT FALSE", "SYNTAX_ERROR"),
    ("SELECT * EXCLUDE (key) FROM t", "SYNTAX_ERROR"),
    ("SELECT DISTINCT ON (key) key FROM t", "SYNTAX_ERROR"),
    ("SELECT key FROM t QUALIFY row_number() OVER () = 1", "SYNTAX_ERROR"),
    ("SELECT key, count(*) FROM t GROUP BY ALL", "SYNTAX_ERROR"),
    ("SELECT key FROM t WHERE size = ?", "SYNTAX_ERROR"),
    ("SELECT 1; SELECT 2", "SYNTAX_ERROR"),
    ("DROP TABLE t", "SYNTAX_ERROR"),
    ("COPY t TO '/tmp/x'", "SYNTAX_ERROR"),
    ("SELEC key FROM t", "SYNTAX_ERROR"),
    ("", "SYNTAX_ERROR"),
    ("SELECT (" * 3000, "SYNTAX_ERROR"),
]


@pytest.mark.parametrize(("sql", "word"), REFUSED, ids=[each[0][:70] for each in REFUSED])
def test_what_athena_refuses_is_refused_for_both(sql: str, word: str) -> None:
    for give in (translate, qualified)[: 1 if word == "FUNCTION_NOT_FOUND" else 2]:
        with pytest.raises(QueryRefused) as caught:
            give(sql, SCHEMA)
        assert str(caught.value).startswith(word), caught.value
        assert "\x1b" not in str(caught.value)


def test_a_query_longer_than_athena_takes_is_refused() -> None:
    with pytest.raises(QueryRefused, match="262144"):
        translate(f"SELECT '{'x' * 262_144}'", SCHEMA)


def test_athenas_text_names_everything_in_full_and_is_still_trinos() -> None:
    assert qualified("SELECT key, size / 2, date_diff('day', day, current_date) FROM t AS o", SCHEMA) == (
        'SELECT "o"."key" AS "key", "o"."size" / 2 AS "_col1", DATE_DIFF(\'day\', "o"."day", CURRENT_DATE) AS "_col2" '
        'FROM "t" AS "o"'
    )


def test_a_function_that_only_athena_has_is_left_to_it() -> None:
    assert qualified("SELECT soundex(key) AS s FROM t", SCHEMA) == 'SELECT SOUNDEX("t"."key") AS "s" FROM "t" AS "t"'


@pytest.mark.parametrize(
    ("sql", "condition"),
    [
        ("SELECT count(*) FROM t WHERE day = DATE '2024-01-31' AND size > 1", "day = CAST('2024-01-31' AS DATE)"),
        ("SELECT 1 FROM t AS a, t AS b WHERE a.day > DATE '2024-01-01' AND b.key = 'x'", None),
        ("SELECT 1 FROM t WHERE day > current_date OR key = 'x'", None),
        ("SELECT 1 FROM t WHERE key = 'x'", None),
        ("SELECT 1 FROM t WHERE day = (SELECT max(day) FROM t)", None),
        ("SELECT b.key FROM lake.objects AS a LEFT JOIN t AS b ON a.key = b.key WHERE b.day IS NULL", None),
    ],
)
def test_what_is_asked_of_partitions_says_which_need_not_be_read(sql: str, condition: str | None) -> None:
    got = partition_filters(sql, SCHEMA, {"day", "account"}).get("t")
    assert (got and got.replace('"', "")) == condition


def test_tables_may_be_named_with_their_database(duck: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT a.key FROM lake.objects AS a JOIN t ON t.key = a.key"
    assert tables_named(sql) == (TableName("objects", "lake"), TableName("t"))
    assert 'FROM "lake"."objects" AS "a"' in translate(sql, SCHEMA)
    assert 'FROM "lake"."objects" AS "objects"' in qualified("SELECT key FROM LAKE.Objects", SCHEMA)


def test_a_table_that_a_query_defines_itself_is_not_one_that_it_names() -> None:
    assert tables_named("WITH a AS (SELECT key FROM t) SELECT key FROM a, a AS b WHERE TRUE") == (TableName("t"),)


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT count(*) FROM t", set()),
        ("SELECT key FROM t WHERE size > 1", {"key", "size"}),
        ("SELECT * FROM t", set(SCHEMA["t"])),
        ("SELECT key FROM (SELECT * FROM t)", {"key"}),
        ("SELECT a.key FROM t AS a JOIN t AS b ON a.size = b.size", {"key", "size"}),
        ("SELECT is_latest, max(share) FROM t GROUP BY is_latest HAVING max(size) > 2", {"is_latest", "share", "size"}),
    ],
)
def test_only_the_columns_that_a_query_needs_count_as_read(sql: str, columns: set[str]) -> None:
    assert columns_used(sql, SCHEMA) == {"t": columns}
