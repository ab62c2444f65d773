"""The library of analysis queries: one .sql file each, in Trino's dialect, with a purpose and typed parameters.

A file begins with its purpose, then a line a parameter (`-- parameter NAME TYPE DEFAULT MEANING`), then the SQL, which
names the table by `{ATHENA_TABLE}` and parameters by `{NAME}`. `{PRICES}` are the rows of prices.py.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from a360_pipeline.inventory.prices import PRICES, STANDARD

FOLDER = Path(__file__).parent / "queries"
TABLE = "{ATHENA_TABLE}"
REQUIRED = "required"
NONE = "none"
PARAMETER = re.compile(r'-- parameter (?P<name>\w+) (?P<type>\w+) (?P<default>"[^"]*"|\S+) (?P<meaning>.+)')
NAMED = re.compile(r"\{([A-Za-z_]\w*)\}")
LARGEST = 2**63 - 1


class WrongQuery(ValueError):
    """No such query, or arguments that it does not take. The message says what is allowed."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    if "\0" in value:
        raise ValueError
    return "'" + value.replace("'", "''") + "'"


def _bigint(value: Any) -> str:
    number = int(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) > LARGEST:
        raise TypeError
    return str(number)


def _double(value: Any) -> str:
    if isinstance(value, bool):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return f"{number:.17e}"


def _date(value: Any) -> str:
    if value is None or value == NONE:
        return "CAST(NULL AS date)"
    day = dt.date.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(day, dt.date) or isinstance(day, dt.datetime):
        raise TypeError
    return f"DATE '{day.isoformat()}'"


def _texts(value: Any) -> str:
    texts = value.split(",") if isinstance(value, str) else list(value)
    return ", ".join(_text(each) for each in texts) or "CAST(NULL AS varchar)"


TYPES: Mapping[str, tuple[Callable[[Any], str], str]] = {
    "text": (_text, "a text"),
    "bigint": (_bigint, "a whole number"),
    "double": (_double, "a number"),
    "date": (_date, "a date such as 2026-01-31"),
    "texts": (_texts, "a list of texts, or texts with commas between"),
}
"""How values are written into SQL, and what each type allows."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a query can be told; `default` as the file writes it, None where a value has to be given."""

    name: str
    type: str
    default: str | None
    meaning: str

    def literal(self, value: Any) -> str:
        """The value as SQL. Raises WrongQuery."""
        write, allowed = TYPES[self.type]
        try:
            return write(value)
        except (TypeError, ValueError) as error:
            raise WrongQuery(f"{self.name} is {value!r}: {allowed} is expected. {self.meaning}") from error


@dataclass(frozen=True, slots=True)
class LibraryQuery:
    """A query of the library; its SQL has the table and the parameters still to be filled in."""

    name: str
    purpose: str
    parameters: tuple[Parameter, ...]
    sql: str

    @property
    def is_ready(self) -> bool:
        """Whether it runs without being told anything."""
        return all(parameter.default is not None for parameter in self.parameters)


def _read(path: Path) -> LibraryQuery:
    lines = path.read_text(encoding="utf-8").splitlines()
    parameters = []
    for line in lines[1:]:
        found = PARAMETER.fullmatch(line)
        if not found:
            break
        default = None if found["default"] == REQUIRED else found["default"].strip('"')
        parameters.append(Parameter(found["name"], found["type"], default, found["meaning"]))
    sql = "\n".join(lines[1 + len(parameters) :])
    return LibraryQuery(path.stem, lines[0].removeprefix("-- "), tuple(parameters), sql)


QUERIES: Mapping[str, LibraryQuery] = {path.stem: _read(path) for path in sorted(FOLDER.glob("*.sql"))}


def render(name_or_sql: str, table: str, arguments: Mapping[str, Any] | None = None) -> str:
    """The SQL of a library query, or one's own, over a table (`t` or `database.t`), with arguments filled in.

    One's own SQL has `{ATHENA_TABLE}`, and `{NAME}` for each argument; any other braces stay as they are.
    Raises WrongQuery.
    """
    given = dict(arguments or {})
    query = QUERIES.get(name_or_sql)
    if query is None:
        return _rendered_own(name_or_sql, table, given)
    unknown = sorted(set(given) - {parameter.name for parameter in query.parameters})
    if unknown:
        allowed = ", ".join(parameter.name for parameter in query.parameters) or "none"
        raise WrongQuery(f"{query.name} has no parameter {', '.join(unknown)}; it has {allowed}")
    values = {}
    for parameter in query.parameters:
        value = given.get(parameter.name, parameter.default)
        if value is None and parameter.type != "date":
            raise WrongQuery(f"{query.name} has to be told {parameter.name}: {parameter.meaning}")
        values[parameter.name] = parameter.literal(value)
    return _filled(query.sql, {**values, "ATHENA_TABLE": _identifier(table), **_prices()})


def _rendered_own(sql: str, table: str, given: Mapping[str, Any]) -> str:
    if TABLE not in sql:
        raise WrongQuery(
            f"{sql[:60]!r} is neither a query of the library nor SQL that names {TABLE}; the library has "
            f"{', '.join(QUERIES)}"
        )
    lost = sorted(name for name in given if f"{{{name}}}" not in sql)
    if lost:
        raise WrongQuery(f"the SQL does not name {', '.join(f'{{{name}}}' for name in lost)}")
    values = {name: Parameter(name, _type_of(value), None, "").literal(value) for name, value in given.items()}
    return _filled(sql, {**values, "ATHENA_TABLE": _identifier(table)})


def _type_of(value: Any) -> str:
    kinds = {str: "text", int: "bigint", float: "double", Decimal: "double", dt.date: "date"}
    return kinds.get(type(value), "texts" if isinstance(value, Sequence) else "text")


def _filled(sql: str, values: Mapping[str, str]) -> str:
    # In one pass: what is filled in is not looked at again.
    return NAMED.sub(lambda found: values.get(found[1], found[0]), sql)


def _identifier(table: str) -> str:
    parts = table.split(".")
    if not all(re.fullmatch(r"\w[\w-]*", part) for part in parts):
        raise WrongQuery(f"{table!r} is no name of a table")
    return ".".join(f'"{part}"' for part in parts)


def _prices() -> dict[str, str]:
    rows = (
        f"('{name}', {_double(price.usd_per_gb)}, {price.smallest}, {price.overhead}, {price.standard_overhead})"
        for name, price in PRICES.items()
    )
    return {"PRICES": ", ".join(rows), "STANDARD_USD": _double(STANDARD)}


def library_page() -> str:
    """The sections of docs/queries.md: each query, what it is for, its parameters and its SQL."""
    return "\n".join(line for query in QUERIES.values() for line in _section(query))


def _section(query: LibraryQuery) -> list[str]:
    lines = [f"## {query.name}", "", query.purpose, ""]
    if query.parameters:
        lines += ["| parameter | type | default | meaning |", "|---|---|---|---|"]
        lines += [_row(parameter) for parameter in query.parameters] + [""]
    return [*lines, "```sql", query.sql.strip(), "```", ""]


def _row(parameter: Parameter) -> str:
    default = "" if parameter.default is None else f"`{parameter.default}`".replace("|", "\\|")
    shown = "has to be given" if parameter.default is None else default
    return f"| `{parameter.name}` | {parameter.type} | {shown} | {parameter.meaning} |"
