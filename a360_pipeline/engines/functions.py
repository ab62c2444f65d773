"""Trino's functions: what they take and return, and how DuckDB is brought to give the same answers."""

from __future__ import annotations

from dataclasses import dataclass

UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")
"""Of date_diff, date_add and date_trunc."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    `takes` has a letter for each argument: s text, n number, t date or timestamp, a array, y varbinary, l lambda,
    u unit of time, * anything. Those after a slash may be left out; a plus says that the last may be repeated.
    `returns` is a type, or `=N` for the type of argument N, `[N]` for an array of it, `@N` for what array N holds.
    `duck` is the name under which DuckDB has it, where that is not its own.
    """

    takes: str
    returns: str
    duck: str = ""


FUNCTIONS = {
    # Text
    "chr": Function("n", "varchar"),
    "codepoint": Function("s", "integer", "unicode"),
    "ends_with": Function("ss", "boolean"),
    "length": Function("s", "bigint"),
    "levenshtein_distance": Function("ss", "bigint", "levenshtein"),
    "lower": Function("s", "varchar"),
    "lpad": Function("sns", "varchar"),
    "ltrim": Function("s", "varchar"),
    "replace": Function("ss/s", "varchar", "trino_replace"),
    "reverse": Function("s", "varchar"),
    "rpad": Function("sns", "varchar"),
    "rtrim": Function("s", "varchar"),
    "split": Function("ss/n", "array(varchar)", "trino_split"),
    "split_part": Function("ssn", "varchar", "trino_split_part"),
    "starts_with": Function("ss", "boolean"),
    "strpos": Function("ss", "bigint"),
    "substr": Function("sn/n", "varchar", "trino_substr"),
    "upper": Function("s", "varchar"),
    "url_decode": Function("s", "varchar", "trino_url_decode"),
    "url_encode": Function("s", "varchar", "trino_url_encode"),
    "regexp_count": Function("ss", "bigint", "trino_regexp_count"),
    "regexp_extract": Function("ss/n", "varchar", "trino_regexp_extract"),
    "regexp_extract_all": Function("ss/n", "array(varchar)"),
    "regexp_like": Function("ss", "boolean", "regexp_matches"),
    "regexp_replace": Function("ss/s", "varchar", "trino_regexp_replace"),
    "regexp_split": Function("ss", "array(varchar)", "string_split_regex"),
    "format": Function("s/*+", "varchar"),
    "json_extract_scalar": Function("ss", "varchar", "trino_json_extract_scalar"),
    # Bytes
    "from_base64": Function("s", "varbinary"),
    "from_utf8": Function("y", "varchar", "decode"),
    "md5": Function("y", "varbinary", "trino_md5"),
    "sha256": Function("y", "varbinary", "trino_sha256"),
    "to_base64": Function("y", "varchar"),
    "to_hex": Function("y", "varchar", "hex"),
    "to_utf8": Function("s", "varbinary", "encode"),
    # Numbers
    "abs": Function("n", "=1"),
    "ceil": Function("n", "=1"),
    "ceiling": Function("n", "=1", "ceil"),
    "exp": Function("n", "double"),
    "floor": Function("n", "=1"),
    "infinity": Function("", "double", "trino_infinity"),
    "is_nan": Function("n", "boolean", "isnan"),
    "ln": Function("n", "double"),
    "log10": Function("n", "double"),
    "log2": Function("n", "double"),
    "mod": Function("nn", "=1"),
    "pow": Function("nn", "double"),
    "power": Function("nn", "double"),
    "round": Function("n/n", "=1"),
    "sign": Function("n", "=1"),
    "sqrt": Function("n", "double"),
    "truncate": Function("n", "=1", "trunc"),
    # Dates and times
    "at_timezone": Function("ts", "timestamp(3) with time zone", "trino_at_timezone"),
    "date_add": Function("unt", "=3", "trino_date_add"),
    "date_diff": Function("utt", "bigint", "trino_date_diff"),
    "date_format": Function("ts", "varchar", "strftime"),
    "date_parse": Function("ss", "timestamp(3)", "strptime"),
    "date_trunc": Function("ut", "=2"),
    "day": Function("t", "bigint"),
    "day_of_month": Function("t", "bigint", "day"),
    "day_of_week": Function("t", "bigint", "isodow"),
    "day_of_year": Function("t", "bigint", "dayofyear"),
    "dow": Function("t", "bigint", "isodow"),
    "doy": Function("t", "bigint", "dayofyear"),
    "from_iso8601_date": Function("s", "date", "trino_from_iso8601_date"),
    "from_iso8601_timestamp": Function("s", "timestamp(3) with time zone", "trino_from_iso8601_timestamp"),
    "from_unixtime": Function("n", "timestamp(3) with time zone", "to_timestamp"),
    "hour": Function("t", "bigint"),
    "last_day_of_month": Function("t", "date", "last_day"),
    "minute": Function("t", "bigint"),
    "month": Function("t", "bigint"),
    "now": Function("", "timestamp(3) with time zone"),
    "quarter": Function("t", "bigint"),
    "second": Function("t", "bigint"),
    "to_unixtime": Function("t", "double", "epoch"),
    "week": Function("t", "bigint"),
    "year": Function("t", "bigint"),
    # Arrays
    "all_match": Function("al", "boolean", "trino_all_match"),
    "any_match": Function("al", "boolean", "trino_any_match"),
    "array_distinct": Function("a", "=1", "list_distinct"),
    "array_join": Function("as/s", "varchar", "trino_array_join"),
    "array_max": Function("a", "@1", "list_max"),
    "array_min": Function("a", "@1", "list_min"),
    "array_position": Function("a*", "bigint", "trino_array_position"),
    "array_sort": Function("a", "=1", "trino_array_sort"),
    "cardinality": Function("a", "bigint", "len"),
    "contains": Function("a*", "boolean", "list_contains"),
    "element_at": Function("an", "@1", "trino_element_at"),
    "filter": Function("al", "=1", "list_filter"),
    "none_match": Function("al", "boolean", "trino_none_match"),
    "sequence": Function("nn/n", "[1]", "generate_series"),
    "slice": Function("ann", "=1", "trino_slice"),
    "transform": Function("al", "unknown", "list_transform"),
    # Aggregates; macros would not take FILTER and OVER, so DuckDB's own stand here
    "approx_percentile": Function("nn", "=1", "approx_quantile"),
}

AS_WRITTEN = frozenset(
    {
        *("approx_distinct", "any_value", "arbitrary", "array_agg", "avg", "bool_and", "bool_or", "corr", "count"),
        *("count_if", "every", "grouping", "listagg", "max", "max_by", "min", "min_by", "sum"),
        *("stddev", "stddev_pop", "stddev_samp", "var_pop", "var_samp", "variance"),
        *("cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile"),
        *("percent_rank", "rank", "row_number"),
        *("coalesce", "concat", "date", "greatest", "if", "least", "nullif", "try"),
    }
)
"""Functions that have a syntax of their own, or mean the same to both."""

MACROS = {
    # Java's decoder takes + for a space, and its encoder writes it so.
    "trino_url_decode(x)": "url_decode(replace(x, '+', ' '))",
    "trino_url_encode(x)": "replace(replace(replace(url_encode(x), '%20', '+'), '%2A', '*'), '~', '%7E')",
    "trino_replace(x, a)": "replace(x, a, '')",
    "trino_replace(x, a, b)": "replace(x, a, b)",
    "trino_split(x, d)": "str_split(x, d)",
    "trino_split(x, d, n)": "CASE WHEN len(str_split(x, d)) <= n THEN str_split(x, d) "
    "ELSE list_append(str_split(x, d)[1:n - 1], array_to_string(str_split(x, d)[n:], d)) END",
    # Past the last field there is none, not an empty one.
    "trino_split_part(x, d, n)": "str_split(x, d)[CASE WHEN n > 0 THEN n "
    "ELSE CAST('Index must be greater than zero: ' || n AS BIGINT) END]",
    "trino_substr(x, i)": "CASE WHEN i = 0 OR -i > length(x) THEN '' ELSE substr(x, i) END",
    "trino_substr(x, i, n)": "CASE WHEN i = 0 OR -i > length(x) THEN '' ELSE substr(x, i, n) END",
    "trino_regexp_count(x, p)": "len(regexp_extract_all(x, p))",
    "trino_regexp_extract(x, p)": "CASE WHEN regexp_matches(x, p) THEN regexp_extract(x, p) END",
    "trino_regexp_extract(x, p, g)": "CASE WHEN regexp_matches(x, p) THEN regexp_extract(x, p, g) END",
    "trino_regexp_replace(x, p)": "regexp_replace(x, p, '', 'g')",
    "trino_regexp_replace(x, p, r)": "regexp_replace(x, p, r, 'g')",
    "trino_json_extract_scalar(x, p)": "CASE WHEN json_valid(x) AND json_type(x, p) NOT IN ('OBJECT', 'ARRAY') "
    "THEN json_extract_string(x, p) END",
    "trino_md5(x)": "unhex(md5(x))",
    "trino_sha256(x)": "unhex(sha256(x))",
    "trino_infinity()": "CAST('inf' AS DOUBLE)",
    "trino_date_diff(u, a, b)": "date_sub(u, CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP))",
    "trino_date_add(u, n, x)": "x + CASE u WHEN 'millisecond' THEN to_milliseconds(n) WHEN 'second' THEN to_seconds(n) "
    "WHEN 'minute' THEN to_minutes(n) WHEN 'hour' THEN to_hours(n) WHEN 'day' THEN to_days(CAST(n AS INTEGER)) "
    "WHEN 'week' THEN to_days(CAST(n * 7 AS INTEGER)) WHEN 'month' THEN to_months(CAST(n AS INTEGER)) "
    "WHEN 'quarter' THEN to_months(CAST(n * 3 AS INTEGER)) WHEN 'year' THEN to_years(CAST(n AS INTEGER)) END",
    "trino_at_timezone(x, z)": "CAST(x AS TIMESTAMPTZ)",
    "trino_from_iso8601_date(x)": "CAST(x AS DATE)",
    "trino_from_iso8601_timestamp(x)": "CAST(x AS TIMESTAMPTZ)",
    "trino_any_match(x, f)": "len(list_filter(x, f)) > 0",
    "trino_all_match(x, f)": "len(list_filter(x, f)) = len(x)",
    "trino_none_match(x, f)": "len(list_filter(x, f)) = 0",
    "trino_array_join(x, d)": "array_to_string(x, d)",
    "trino_array_join(x, d, n)": "array_to_string(list_transform(x, lambda e: coalesce(CAST(e AS VARCHAR), n)), d)",
    "trino_array_position(x, e)": "coalesce(list_position(x, e), CASE WHEN x IS NOT NULL AND e IS NOT NULL THEN 0 END)",
    "trino_array_sort(x)": "list_sort(x, 'ASC', 'NULLS LAST')",
    "trino_element_at(x, i)": "x[CASE WHEN i <> 0 THEN i ELSE CAST('SQL array indices start at ' || (i + 1) || ' !' "
    "AS BIGINT) END]",
    # An error that a query ends with, not error(): TRY() has to be able to catch it.
    "trino_subscript(x, i)": "x[CASE WHEN i BETWEEN 1 AND len(x) THEN i WHEN x IS NULL OR i IS NULL THEN NULL "
    "ELSE CAST('Array subscript out of bounds: ' || i AS BIGINT) END]",
    "trino_slice(x, i, n)": "CASE WHEN i > 0 THEN x[i:i + n - 1] ELSE x[len(x) + i + 1:len(x) + i + n] END",
    "trino_quotient(a, b)": "CASE WHEN b = 0 THEN a * CAST('inf' AS DOUBLE) ELSE CAST(a AS DOUBLE) / b END",
    # DuckDB rounds '2.5' and trims ' 2'; only digits are an integer to Trino.
    "trino_digits(x)": "CASE WHEN regexp_full_match(x, '[+-]?[0-9]+') THEN x ELSE '\"' || x || '\"' END",
    "trino_logical(x)": "CASE WHEN lower(x) IN ('true', 'false', 't', 'f', '1', '0') THEN x ELSE '\"' || x || '\"' END",
    "trino_mantissa(x)": "replace(split_part(CAST(abs(x) AS VARCHAR), 'e', 1), '.', '')",
    "trino_exponent(x)": "coalesce(TRY_CAST(split_part(CAST(abs(x) AS VARCHAR), 'e', 2) AS INTEGER), 0) "
    "+ length(split_part(split_part(CAST(abs(x) AS VARCHAR), 'e', 1), '.', 1)) - 1 "
    "- (length(trino_mantissa(x)) - length(ltrim(trino_mantissa(x), '0')))",
    # 1234.5 is '1.2345E3' to Trino.
    "trino_double_text(x)": "CASE WHEN isnan(x) THEN 'NaN' WHEN x = 0 THEN '0E0' "
    "ELSE CASE WHEN x < 0 THEN '-' ELSE '' END "
    "|| CASE WHEN isinf(x) THEN 'Infinity' ELSE left(trim(trino_mantissa(x), '0'), 1) || '.' "
    "|| coalesce(nullif(substr(trim(trino_mantissa(x), '0'), 2), ''), '0') || 'E' || trino_exponent(x) END END",
}
"""DuckDB macros by their heads, in an order in which each may call those before it."""


def macro_statements() -> tuple[str, ...]:
    """CREATE MACRO of each, with all forms of a name in one statement."""
    forms: dict[str, list[str]] = {}
    for head, body in MACROS.items():
        name, arguments = head.split("(", 1)
        forms.setdefault(name, []).append(f"({arguments} AS {body}")
    return tuple(f"CREATE OR REPLACE MACRO {name}{', '.join(each)}" for name, each in forms.items())
