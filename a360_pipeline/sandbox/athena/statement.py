"""What Athena makes of a text before anything runs: one statement of a kind that it knows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from a360_pipeline.engines.dialect import TableName, tables_named
from a360_pipeline.sandbox.athena.refusals import NotTaken

BEFORE = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
NAME = r'(?P<{0}>"[^"]+"|\w+)'
NAMED = rf"(?:{NAME.format('database')}\s*\.\s*)?{NAME.format('name')}"
OPTIONS = re.IGNORECASE | re.DOTALL
QUERY = re.compile(rf"{BEFORE}\(*{BEFORE}(?:SELECT|WITH|VALUES)\b.*", OPTIONS)
CREATE_VIEW = re.compile(rf"{BEFORE}CREATE\s+(?P<lenient>OR\s+REPLACE\s+)?VIEW\s+{NAMED}\s+AS\b(?P<query>.*)", OPTIONS)
DROP_VIEW = re.compile(rf"{BEFORE}DROP\s+VIEW\s+(?P<lenient>IF\s+EXISTS\s+)?{NAMED}\s*;?\s*", OPTIONS)
SERVED = "SELECT, CREATE [OR REPLACE] VIEW and DROP VIEW"


class Kind(StrEnum):
    SELECT = "SELECT"
    CREATE_VIEW = "CREATE_VIEW"
    DROP_VIEW = "DROP_VIEW"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of Athena's; `database` and `name` are of the view that it makes or drops."""

    kind: Kind
    query: str
    """What is asked, as it was written; empty where a view is dropped."""
    tables: tuple[TableName, ...] = ()
    database: str = ""
    name: str = ""
    is_lenient: bool = False
    """OR REPLACE, or IF EXISTS."""


def parse(sql: str, database: str) -> Statement:
    """Raises NotTaken for what is no SQL, or not of a kind that is served."""
    if QUERY.fullmatch(sql):
        return Statement(Kind.SELECT, sql, _tables(sql))
    if found := CREATE_VIEW.fullmatch(sql):
        query = found["query"].strip().removesuffix(";")
        return Statement(Kind.CREATE_VIEW, query, _tables(query), *_named(found, database))
    if found := DROP_VIEW.fullmatch(sql):
        return Statement(Kind.DROP_VIEW, "", (), *_named(found, database))
    raise NotTaken(f"line 1:1: Queries of this type are not supported: the sandbox's Athena takes {SERVED}.")


def _tables(query: str) -> tuple[TableName, ...]:
    try:
        return tables_named(query)
    except ValueError as error:
        raise NotTaken(f"line 1:1: {error}") from None


def _named(found: re.Match[str], database: str) -> tuple[str, str, bool]:
    where, name = (found[part] or database for part in ("database", "name"))
    return where.strip('"').lower(), name.strip('"').lower(), found["lenient"] is not None
