"""Why Athena refuses or fails a query, in its own words as far as they are worth something to a reader."""

from __future__ import annotations

import re
from collections.abc import Mapping

import duckdb

COLUMN = re.compile(r"COLUMN_NOT_FOUND: Column '(.+?)'")
CODE = re.compile(r"[A-Z_]+: ")
CODES: Mapping[type[Exception], str] = {
    duckdb.ConversionException: "INVALID_CAST_ARGUMENT",
    duckdb.OutOfRangeException: "NUMERIC_VALUE_OUT_OF_RANGE",
    duckdb.OutOfMemoryException: "EXCEEDED_LOCAL_MEMORY_LIMIT",
    duckdb.ParserException: "SYNTAX_ERROR",
    duckdb.BinderException: "SYNTAX_ERROR",
    duckdb.CatalogException: "SYNTAX_ERROR",
    duckdb.PermissionException: "PERMISSION_DENIED",
    duckdb.InvalidInputException: "INVALID_FUNCTION_ARGUMENT",
}
"""By what DuckDB raises."""


class NotTaken(Exception):
    """A text that StartQueryExecution does not take at all."""


class Failed(Exception):
    """A query that was taken and fails; the message is its StateChangeReason."""


def place(sql: str, word: str) -> str:
    """`line 1:8`: where a word first stands in a query."""
    found = re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", sql, re.IGNORECASE)
    before = sql[: found.start()] if found else ""
    return f"line {before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def table_not_found(sql: str, database: str, name: str) -> Failed:
    said = f"{place(sql, name)}: Table 'awsdatacatalog.{database}.{name}' does not exist"
    return Failed(f"TABLE_NOT_FOUND: {said}")


def refused(sql: str, error: ValueError) -> Failed:
    """What the dialect does not take, such as a column that no table has."""
    said = str(error)
    if column := COLUMN.match(said):
        return Failed(
            f"COLUMN_NOT_FOUND: {place(sql, column[1])}: Column '{column[1]}' cannot be resolved "
            "or requester is not authorized to access requested resources"
        )
    return Failed(said if CODE.match(said) else f"SYNTAX_ERROR: {said}")


def failed(error: duckdb.Error) -> Failed:
    """What DuckDB says of a query, its first line, under Athena's code."""
    code = next((code for kind, code in CODES.items() if isinstance(error, kind)), "GENERIC_INTERNAL_ERROR")
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return Failed(f"{code}: {first}")
