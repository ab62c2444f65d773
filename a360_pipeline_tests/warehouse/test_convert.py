"""Converters: what JSON can hold becomes text that PostgreSQL takes, and means the same there, or a BadValue."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from a360_pipeline.sections.model import Type
from a360_pipeline.snapshot.wire import MAX_DEPTH
from a360_pipeline.warehouse.convert import (
    CONVERTERS,
    MAX_BIGINT,
    MAX_MAGNITUDE,
    BadValue,
    Text,
    bigint,
    boolean,
    clean_text,
    date,
    jsonb,
    numeric,
    text,
    timestamptz,
)
from a360_pipeline.warehouse.stage import copy_columns

Connection = psycopg.Connection[Any]

# Many values an example and few examples: each one is a statement on the server.
on_the_server = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

characters = st.characters() | st.sampled_from("\x00\ud800\udfff\r\n\t\\\"',.{}\u2028\U0001f600")
texts = st.text(characters, max_size=40)
decimals = st.decimals(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [
        Decimal(number)
        for number in ("1E+400000", "-1E-400000", "0E+5000", "0E-5000", "-0", "0.5", "1E+5", "1." + "3" * 5000)
    ]
)
integers = st.integers() | st.sampled_from([0, -1, MAX_BIGINT, -MAX_BIGINT, MAX_BIGINT - 1, 10**4299, -(10**400)])
offsets = st.integers(-86_399, 86_399).map(lambda seconds: dt.timedelta(seconds=seconds))
# Hypothesis puts the zone to them, and a day is room for the widest of offsets.
FIRST = dt.datetime.min + dt.timedelta(days=1)  # noqa: DTZ901
LAST = dt.datetime.max - dt.timedelta(days=1)  # noqa: DTZ901
instants = st.datetimes(FIRST, LAST, timezones=offsets.map(dt.timezone))
lookalikes = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "NaN",
            "-NaN",
            "Infinity",
            "-inf",
            "sNaN1",
            "1_000",
            "1e400000",
            "0x10",
            "\u0661",
            "t",
            "true",
            "null",
        ]
    ),
    st.sampled_from(["now", "today", "epoch", "infinity", "-infinity", "\\.", "\\N", "2026-02-30", "0000-01-01"]),
    st.from_regex(r"-?[0-9_]{1,30}([.,][0-9]{0,30})?([eE][-+]?[0-9]{1,7})?", fullmatch=True),
    st.from_regex(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", fullmatch=True),
    st.from_regex(
        r"20[0-9]{2}-[01][0-9]-[0-3][0-9].[0-2][0-9]:[0-5][0-9](:[0-6][0-9])?([.,][0-9]{1,9})?"
        r"(Z|[-+][0-2][0-9]:?[0-5][0-9](:[0-5][0-9])?)?",
        fullmatch=True,
    ),
    st.dates().map(dt.date.isoformat),
    st.datetimes().map(dt.datetime.isoformat),
    instants.map(dt.datetime.isoformat),
)
leaves = st.none() | st.booleans() | integers | decimals | texts | lookalikes
json_values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=8
)


def stored(connection: Connection, column_type: Type, values: Sequence[Text], shown: str = "value") -> list[Any]:
    """What the server has of values that are copied into a column as a load copies them."""
    with connection.transaction():
        connection.execute(
            sql.SQL("CREATE TEMP TABLE stored (n bigint, value {}) ON COMMIT DROP").format(sql.SQL(column_type.value))
        )
        rows = [[str(n), value] for n, value in enumerate(values)]
        copy_columns(connection, sql.Identifier("stored"), ("n", "value"), list(zip(*rows, strict=True)))
        query = sql.SQL("SELECT {} FROM stored ORDER BY n").format(sql.SQL(shown))
        return [value for (value,) in connection.execute(query)]


def converted(column_type: Type, value: Any) -> Text:
    """None where the converter refuses; whatever else it raises breaks the test."""
    try:
        return CONVERTERS[column_type](value)
    except BadValue as error:
        assert str(error)
        return None


def refused(column_type: Type, value: Any) -> bool:
    return converted(column_type, value) is None


# --- Whatever the type


def test_every_type_has_a_converter() -> None:
    assert set(CONVERTERS) == set(Type)


@pytest.mark.parametrize("column_type", Type)
@on_the_server
@given(values=st.lists(json_values, min_size=1, max_size=40))
def test_whatever_json_holds_is_taken_by_the_server_or_refused_by_the_converter(
    column_type: Type, connection: Connection, values: list[Any]
) -> None:
    """R14, R15: no row vanishes and none breaks its batch: what cannot be stored has a reason."""
    good = [one for value in values if (one := converted(column_type, value)) is not None]
    assert not any(stored(connection, column_type, good, "value IS NULL"))


@pytest.mark.parametrize("column_type", sorted(set(Type) - {Type.JSONB}))
@pytest.mark.parametrize("value", [[], ["a"], {}, {"a": 1}])
def test_lists_and_objects_are_refused_but_by_jsonb(column_type: Type, value: Any) -> None:
    assert refused(column_type, value)


@pytest.mark.parametrize("column_type", Type)
def test_the_deepest_value_that_a_snapshot_may_hold_breaks_no_converter(column_type: Type) -> None:
    value: Any = "inmost"
    for _ in range(MAX_DEPTH):
        value = {"statement": [value]}
    assert refused(column_type, value) is (column_type is not Type.JSONB)


@pytest.mark.parametrize("column_type", sorted(set(Type) - {Type.JSONB, Type.TEXT}))
def test_a_long_value_is_cut_short_where_it_is_refused(column_type: Type) -> None:
    with pytest.raises(BadValue) as caught:
        CONVERTERS[column_type]("x" * 100_000)
    assert "'xxx" in str(caught.value)
    assert len(str(caught.value)) < 200


# --- Text


@on_the_server
@given(values=st.lists(texts | lookalikes, min_size=1, max_size=60))
def test_text_is_stored_as_it_was_but_for_nul_and_halves_of_characters(
    connection: Connection, values: list[str]
) -> None:
    """R15: a NUL costs itself, not the row."""
    expected = [
        "".join("?" if "\ud800" <= one <= "\udfff" else one for one in value if one != "\x00") for value in values
    ]
    assert stored(connection, Type.TEXT, [text(value) for value in values]) == expected


def test_a_nul_is_removed_and_all_else_kept() -> None:
    """R15."""
    assert text("Micro\x00soft\x00") == "Microsoft"
    assert text("\x00") == ""
    assert text("caf\u00e9\x00") == "caf\u00e9"


def test_half_of_a_character_becomes_a_question_mark() -> None:
    assert text(json.loads(r'"a\ud83d"')) == "a?"
    assert text(json.loads(r'"\ud83d\ude00"')) == "\U0001f600"


@given(texts)
def test_clean_text_stays_as_it_is_when_cleaned_again(value: str) -> None:
    assert clean_text(clean_text(value)) == clean_text(value)


def test_text_of_any_length_is_kept(connection: Connection) -> None:
    """R14: there are no limits of 50 or 255 characters for what AWS names."""
    long = "subnet-" * 40_000
    assert stored(connection, Type.TEXT, [text(long)]) == [long]


def test_empty_text_is_not_null(connection: Connection) -> None:
    assert stored(connection, Type.TEXT, [text(""), None]) == ["", None]


@pytest.mark.parametrize(("value", "expected"), [(17, "17"), (Decimal("1.50"), "1.50"), (-3, "-3")])
def test_a_number_where_text_belongs_is_its_digits(value: Any, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize("value", [True, False, None])
def test_a_boolean_is_no_text(value: Any) -> None:
    """R23: no column says "None" or "True" because Python does."""
    assert refused(Type.TEXT, value)


# --- Booleans


def test_false_is_false_and_not_null(connection: Connection) -> None:
    """R31."""
    assert stored(connection, Type.BOOLEAN, [boolean(True), boolean(False), None]) == [True, False, None]


@given(json_values.filter(lambda value: not isinstance(value, bool)))
def test_nothing_but_true_and_false_is_a_boolean(value: Any) -> None:
    """R31: what is unknown is refused by name, neither taken for false nor for true."""
    assert refused(Type.BOOLEAN, value)


@pytest.mark.parametrize("value", [0, 1, "true", "false", "t", "f", "", Decimal(1), [], None])
def test_what_looks_like_a_boolean_is_none(value: Any) -> None:
    """R31."""
    assert refused(Type.BOOLEAN, value)


# --- Numbers


@pytest.mark.parametrize("column_type", [Type.BIGINT, Type.NUMERIC])
@pytest.mark.parametrize(
    "value",
    [True, False, None, "", " ", "abc", "NaN", "sNaN", "Infinity", "-Infinity", "0x10", "1,5", "1e400000", "\ud800"],
)
def test_what_is_no_number_is_refused(column_type: Type, value: Any) -> None:
    assert refused(column_type, value)


@pytest.mark.parametrize("column_type", [Type.BIGINT, Type.NUMERIC])
@pytest.mark.parametrize(
    "value", [Decimal("1e400000"), Decimal("-1e400000"), Decimal("1e-400000"), 10**4000, float("inf"), float("nan")]
)
def test_a_number_beyond_all_measure_is_refused(column_type: Type, value: Any) -> None:
    with pytest.raises(BadValue):
        CONVERTERS[column_type](value)


@on_the_server
@given(values=st.lists(st.integers(-MAX_BIGINT, MAX_BIGINT - 1), min_size=1, max_size=60))
def test_a_whole_number_of_64_bits_is_stored_as_it_is(connection: Connection, values: list[int]) -> None:
    for forms in (values, [Decimal(value) for value in values], [str(value) for value in values]):
        assert stored(connection, Type.BIGINT, [bigint(value) for value in forms]) == values


@pytest.mark.parametrize("value", [MAX_BIGINT, -MAX_BIGINT - 1, 10**30])
def test_a_whole_number_of_more_than_64_bits_is_refused(value: int) -> None:
    for form in (value, Decimal(value), str(value)):
        assert refused(Type.BIGINT, form)


@pytest.mark.parametrize("value", [MAX_BIGINT - 1, -MAX_BIGINT])
def test_the_bounds_of_64_bits_are_inside(connection: Connection, value: int) -> None:
    assert stored(connection, Type.BIGINT, [bigint(value)]) == [value]


@pytest.mark.parametrize("value", [Decimal("0.5"), Decimal("-1.000001"), "0.5", 2.5, Decimal("1E-30")])
def test_a_fraction_is_refused_where_a_whole_number_belongs_and_not_rounded(value: Any) -> None:
    """R32: 0.5 GB is not 0 GB."""
    assert refused(Type.BIGINT, value)


@pytest.mark.parametrize("value", [Decimal("3.000"), "3.0", 3.0, Decimal("3E+0")])
def test_a_whole_number_may_be_written_with_a_point(value: Any) -> None:
    assert bigint(value) == "3"


@on_the_server
@given(
    values=st.lists(
        st.decimals(-(10**15), 10**15, allow_nan=False, places=10) | decimals.filter(lambda d: abs(d.adjusted()) < 900),
        min_size=1,
        max_size=60,
    )
)
def test_a_number_keeps_its_fraction_to_the_last_digit(connection: Connection, values: list[Decimal]) -> None:
    """R32: nothing is rounded."""
    kept = [value for value in values if len(value.as_tuple().digits) <= MAX_MAGNITUDE]
    assert stored(connection, Type.NUMERIC, [numeric(value) for value in kept]) == kept


@given(st.floats(-1e300, 1e300).filter(lambda f: f == 0 or abs(f) > 1e-300))
def test_a_float_is_the_number_that_it_shows(value: float) -> None:
    assert float(numeric(value) or "") == value
    assert Decimal(numeric(value) or "") == Decimal(repr(value))


# --- Dates and times


@on_the_server
@given(values=st.lists(st.dates(), min_size=1, max_size=60))
def test_a_date_is_stored_as_it_is(connection: Connection, values: list[dt.date]) -> None:
    assert stored(connection, Type.DATE, [date(value.isoformat()) for value in values]) == values


@pytest.mark.parametrize(
    "value",
    ["", "today", "epoch", "infinity", "2026-02-30", "2026-1-1", "01/02/2026", "2026-03-01T00:00:00Z", 20260301, True],
)
def test_what_is_no_date_is_refused_with_what_is_expected(value: Any) -> None:
    """R24: no date is made up."""
    with pytest.raises(BadValue, match="YYYY-MM-DD"):
        date(value)


@on_the_server
@given(values=st.lists(instants, min_size=1, max_size=60))
def test_an_instant_keeps_its_offset(connection: Connection, values: list[dt.datetime]) -> None:
    """R13: 18:50+08:00 is 10:50 UTC and not 18:50 UTC."""
    assert stored(connection, Type.TIMESTAMPTZ, [timestamptz(value.isoformat()) for value in values]) == values


@on_the_server
@given(values=st.lists(st.datetimes(), min_size=1, max_size=60))
def test_an_instant_without_an_offset_is_utc_whatever_the_servers_zone(
    connection: Connection, values: list[dt.datetime]
) -> None:
    """R13."""
    connection.execute("SET timezone TO 'Asia/Singapore'")
    sent = [timestamptz(value.isoformat()) for value in values]
    shown = "value AT TIME ZONE 'UTC'"
    assert stored(connection, Type.TIMESTAMPTZ, sent, shown) == values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-01T18:50:00+08:00", "2026-03-01T10:50:00+00:00"),
        ("2026-03-01T18:50:00.123456-03:30", "2026-03-01T22:20:00.123456+00:00"),
        ("2026-03-01T18:50:00Z", "2026-03-01T18:50:00+00:00"),
        ("2026-03-01 18:50:00", "2026-03-01T18:50:00+00:00"),
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00+00:00"),
    ],
)
def test_an_instant_is_told_in_utc(value: str, expected: str) -> None:
    """R13."""
    assert timestamptz(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "now",
        "infinity",
        "None",
        "2026-02-30T00:00:00Z",
        "2026-03-01T25:00:00Z",
        "Sun, 01 Mar 2026 18:50:00 GMT",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        1772391000,
        Decimal("1772391000.5"),
        True,
    ],
)
def test_what_is_no_instant_is_refused_with_what_is_expected(value: Any) -> None:
    """R24: nothing becomes 1970-01-01."""
    with pytest.raises(BadValue, match="ISO 8601"):
        timestamptz(value)


# --- JSON


def as_stored(value: Any) -> Any:
    """What is to be found in a jsonb column: cleaned, a number of too many digits as text."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(name): as_stored(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_stored(inner) for inner in value]
    if isinstance(value, Decimal):
        number = float(value)
        return number if math.isfinite(number) and Decimal(repr(number)) == value else str(value)
    return value


@on_the_server
@given(values=st.lists(json_values, min_size=1, max_size=40))
def test_json_is_stored_as_it_was(connection: Connection, values: list[Any]) -> None:
    found = stored(connection, Type.JSONB, [jsonb(value) for value in values], "value::text")
    assert [json.loads(one) for one in found] == [as_stored(value) for value in values]


def test_money_in_json_stays_a_number_and_more_digits_than_a_double_holds_stay_whole() -> None:
    """R32."""
    row = {"cost": Decimal("67.2929495254"), "exact": Decimal("0.12345678901234567890123"), "size": 10**20}
    assert jsonb(row) == '{"cost": 67.2929495254, "exact": "0.12345678901234567890123", "size": 100000000000000000000}'


def test_names_in_json_are_cleaned_as_texts_are() -> None:
    """R15."""
    assert jsonb({"pub\x00lisher": "Micro\x00soft", "\ud800": None}) == '{"publisher": "Microsoft", "?": null}'
