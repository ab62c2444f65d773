"""Trino's SQL, which the queries are written in: made exact for Athena, and translated for DuckDB.

Both refuse what Athena refuses, so that a query that runs on the embedded engine runs on Athena too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.parsers.trino import TrinoParser
from sqlglot.schema import MappingSchema

from a360_pipeline.engines.engine import QueryRefused
from a360_pipeline.engines.functions import AS_WRITTEN, macro_statements
from a360_pipeline.engines.rewrites import rewritten
from a360_pipeline.engines.trino_types import METADATA, refuse_mismatches, refuse_unknown_functions, trino_type, type_of

__all__ = [
    "PREPARE",
    "QueryRefused",
    "Schema",
    "TableName",
    "columns_used",
    "partition_filters",
    "qualified",
    "tables_named",
    "translate",
]

Schema = Mapping[str, Mapping[str, str]]
"""Types of columns by table: tables as queries name them (`t` or `database.t`), types as Glue or Trino does."""

PREPARE: tuple[str, ...] = (
    "SET GLOBAL TimeZone = 'UTC'",
    "SET GLOBAL integer_division = true",
    *macro_statements(),
)
"""What a DuckDB database has to be told before it runs what `translate` gives; connections made after that know it.

Timestamps of tables are to be
TIMESTAMP, not TIMESTAMPTZ, as Athena reads them."""

MOST_CHARACTERS = 262_144
"""Of a query: a quota of Athena."""

UNNAMED = "__unnamed_"
WRITTEN_OTHERWISE: dict[type[exp.Expr], str] = {
    exp.ILike: "ILIKE",
    exp.Qualify: "QUALIFY",
    exp.IntDiv: "//",
    exp.Pivot: "PIVOT",
    exp.Placeholder: "?",
    exp.Parameter: "a parameter",
    exp.SimilarTo: "SIMILAR TO",
    exp.Glob: "GLOB",
    exp.Command: "a command",
    exp.Into: "SELECT INTO",
    exp.Lock: "FOR UPDATE",
}
"""What the parser takes, for other dialects' sake, and Athena does not."""


class _Dialect(Trino):
    """Trino's dialect, in which a function that other dialects alone have stays unknown, and subscripts as written."""

    INDEX_OFFSET = 0

    class Parser(TrinoParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {
            name: build for name, build in TrinoParser.FUNCTIONS.items() if name.lower() in AS_WRITTEN
        }


@dataclass(frozen=True, slots=True)
class TableName:
    """A table as a query names it."""

    name: str
    database: str = ""
    catalog: str = ""

    def __str__(self) -> str:
        return ".".join(filter(None, (self.catalog, self.database, self.name)))


def translate(sql: str, schema: Schema) -> str:
    """The query for DuckDB, with Trino's answers. Raises QueryRefused for what Athena would refuse."""
    tree = _checked(sql, schema)
    refuse_unknown_functions(tree)
    return str(rewritten(tree).sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE))


def qualified(sql: str, schema: Schema) -> str:
    """The query for Athena, with every column and table named in full. Raises QueryRefused as `translate` does.

    Functions are Athena's to know: it has more of them than DuckDB is taught here.
    """
    return str(_checked(sql, schema).sql("trino"))


def tables_named(sql: str) -> tuple[TableName, ...]:
    """The tables that a query reads, those that it defines itself left out. Raises QueryRefused."""
    tree = _parsed(sql)
    found = {
        TableName(source.name, source.db, source.catalog): None
        for scope in traverse_scope(tree)
        for source in scope.sources.values()
        if isinstance(source, exp.Table)
    }
    return tuple(found)


def columns_used(sql: str, schema: Schema) -> dict[str, frozenset[str]]:
    """By table, the columns that have to be read to answer the query. Raises QueryRefused."""
    tree = pushdown_projections(_checked(sql, schema))
    used: dict[str, set[str]] = {}
    for scope in traverse_scope(tree):
        for alias, source in scope.sources.items():
            if isinstance(source, exp.Table):
                name = str(TableName(source.name, source.db, source.catalog))
                used.setdefault(name, set()).update(each.name for each in scope.source_columns(alias))
    return {name: frozenset(columns) for name, columns in used.items()}


def partition_filters(sql: str, schema: Schema, partitions: Collection[str]) -> dict[str, str]:
    """By table, what the query asks of partition columns, as a condition for DuckDB: others need not be looked at.

    A table without a condition has to be read whole. Raises QueryRefused.
    """
    asked: dict[str, list[exp.Expr | None]] = {}
    tree = rewritten(_checked(sql, schema))
    for scope in traverse_scope(tree):
        for alias, source in scope.sources.items():
            if isinstance(source, exp.Table):
                name = str(TableName(source.name, source.db, source.catalog))
                asked.setdefault(name, []).append(_asked_of(scope, alias, partitions))
    return {
        name: exp.or_(*(each for each in conditions if each)).sql("duckdb")
        for name, conditions in asked.items()
        if all(conditions)
    }


def _asked_of(scope: Scope, alias: str, partitions: Collection[str]) -> exp.Expr | None:
    """The conditions of a WHERE that partition columns of one table alone can fail."""
    where = scope.expression.args.get("where")
    # A row that an outer join fills up is not left out by what was asked of it.
    if where is None or any(join.side for join in scope.expression.args.get("joins") or ()):
        return None
    parts = where.this.flatten() if isinstance(where.this, exp.And) else [where.this]
    kept = [part.copy() for part in parts if _is_of(part, alias, partitions)]
    for column in [found for part in kept for found in part.find_all(exp.Column)]:
        column.set("table", None)
    return exp.and_(*kept) if kept else None


def _is_of(part: exp.Expr, alias: str, partitions: Collection[str]) -> bool:
    columns = list(part.find_all(exp.Column))
    return (
        bool(columns)
        and all(column.table == alias and column.name in partitions for column in columns)
        and part.find(exp.Query, exp.AggFunc, exp.Window) is None
    )


# --- Reading


def _parsed(sql: str) -> exp.Query:
    if len(sql) > MOST_CHARACTERS:
        raise QueryRefused(f"The query has {len(sql)} characters; {MOST_CHARACTERS} are the most")
    try:
        if any(token.text == "::" for token in _Dialect().tokenize(sql)):
            raise QueryRefused("SYNTAX_ERROR: mismatched input '::': write CAST(x AS type)")
        statements = [each for each in _Dialect().parse(sql) if each is not None]
    except (SqlglotError, RecursionError) as error:
        raise QueryRefused(f"SYNTAX_ERROR: {_plain(error)}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise QueryRefused("SYNTAX_ERROR: exactly one query is expected: SELECT ..., or WITH ... SELECT ...")
    for subscript in statements[0].find_all(exp.Bracket):
        subscript.set("offset", Trino.INDEX_OFFSET)
    _refuse_foreign(statements[0])
    return statements[0]


def _refuse_foreign(tree: exp.Query) -> None:
    for node in tree.walk():
        if type(node) in WRITTEN_OTHERWISE:
            raise QueryRefused(
                f"SYNTAX_ERROR: {WRITTEN_OTHERWISE[type(node)]} is not Athena's SQL: {node.sql('trino')}"
            )
        if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
            raise QueryRefused(f"SYNTAX_ERROR: {node.sql('trino')} is no table")
        if isinstance(node, exp.Star) and any(node.args.values()):
            raise QueryRefused("SYNTAX_ERROR: * takes neither EXCEPT nor REPLACE")
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Boolean):
            raise QueryRefused("SYNTAX_ERROR: IS takes NULL or DISTINCT FROM: write IS NOT DISTINCT FROM TRUE")
        if isinstance(node, exp.Distinct) and node.args.get("on"):
            raise QueryRefused("SYNTAX_ERROR: DISTINCT ON is not Athena's SQL")
        if isinstance(node, exp.Group) and node.args.get("all") is not None and not node.expressions:
            raise QueryRefused("SYNTAX_ERROR: GROUP BY ALL is not Athena's SQL")


def _checked(sql: str, schema: Schema) -> exp.Query:
    """The query with all names resolved, and all types that can be."""
    tree = _parsed(sql)
    lowered = {name.lower(): columns for name, columns in schema.items()}
    originals = _flatten_tables(tree, lowered)
    _name_projections(tree)
    types = MappingSchema(
        {
            flat: {column.lower(): trino_type(kind).sql("trino") for column, kind in lowered[original].items()}
            for flat, original in originals.items()
        },
        dialect="trino",
    )
    try:
        tree = qualify(tree, dialect="trino", schema=types, expand_alias_refs=False, quote_identifiers=True)
        _resolve_having(tree, types)
        tree = annotate_types(tree, schema=types, dialect="trino", expression_metadata=METADATA)
    except (SqlglotError, RecursionError) as error:
        raise QueryRefused(_unresolved(error)) from error
    _type_aliases(tree)
    refuse_mismatches(tree)
    _unflatten_tables(tree, originals)
    _rename_projections(tree)
    return tree


def _flatten_tables(tree: exp.Query, schema: Schema) -> dict[str, str]:
    """Gives each table one plain name, whatever its qualifiers; returns what each was called."""
    flat: dict[str, str] = {}
    for scope in traverse_scope(tree):
        for source in scope.sources.values():
            if not isinstance(source, exp.Table) or source.name in flat:
                continue
            name = str(TableName(source.name, source.db, source.catalog)).lower()
            if name not in schema:
                raise QueryRefused(f"TABLE_NOT_FOUND: Table '{name}' does not exist")
            if not source.alias:
                source.set("alias", exp.TableAlias(this=exp.to_identifier(source.name)))
            plain = f"__table_{len(flat)}"
            flat[plain] = name
            source.set("this", exp.to_identifier(plain))
            source.set("db", None)
            source.set("catalog", None)
    return flat


def _unflatten_tables(tree: exp.Query, originals: Mapping[str, str]) -> None:
    for table in tree.find_all(exp.Table):
        if table.name in originals:
            *qualifiers, name = [exp.to_identifier(each, quoted=True) for each in originals[table.name].split(".")]
            table.set("this", name)
            for part, identifier in zip(("db", "catalog"), reversed(qualifiers), strict=False):
                table.set(part, identifier)


def _name_projections(tree: exp.Query) -> None:
    """Expressions without a name get one of ours, which is none that the parser would make up from their text."""
    numbers = count()
    for select in tree.find_all(exp.Select):
        for projection in select.expressions:
            if not isinstance(projection, exp.Alias | exp.Column | exp.Star):
                named = exp.alias_(projection.copy(), f"{UNNAMED}{next(numbers)}")
                projection.replace(named)


def _rename_projections(tree: exp.Query) -> None:
    """As Athena calls them, by where they stand."""
    names = {
        projection.alias: f"_col{position}"
        for select in tree.find_all(exp.Select)
        for position, projection in enumerate(select.expressions)
        if projection.alias.startswith(UNNAMED)
    }
    for identifier in tree.find_all(exp.Identifier):
        if identifier.name in names:
            identifier.set("this", names[identifier.name])


def _resolve_having(tree: exp.Query, schema: MappingSchema) -> None:
    """HAVING knows columns alone, not the names that the query gives to its results."""
    for scope in traverse_scope(tree):
        having = scope.expression.args.get("having")
        for column in having.find_all(exp.Column) if having else ():
            if not column.table and column.find_ancestor(exp.Select) is scope.expression:
                owners = [name for name in scope.selected_sources if column.name in _columns(scope, name, schema)]
                if len(owners) != 1:
                    raise SqlglotError(f"Column '{column.name}' could not be resolved")
                column.set("table", exp.to_identifier(owners[0], quoted=True))


def _columns(scope: Scope, name: str, schema: MappingSchema) -> list[str]:
    source = scope.sources[name]
    if isinstance(source, exp.Table):
        return list(schema.column_names(source))
    inner = source.expression
    return [each.alias_or_name for each in inner.selects] if isinstance(inner, exp.Query) else []


def _type_aliases(tree: exp.Query) -> None:
    """ORDER BY may name results; their types are those of what they stand for."""
    for order in tree.find_all(exp.Order):
        if isinstance(order.parent, exp.Select):
            kinds = {each.alias_or_name: type_of(each) for each in order.parent.selects}
            for column in order.find_all(exp.Column):
                if not column.table and column.name in kinds:
                    column.type = kinds[column.name]


def _unresolved(error: Exception) -> str:
    said = _plain(error)
    if found := re.search(r"Unknown column: (\S+)|Column '?(.+?)'? could not be resolved", said):
        name = found[1] or found[2]
        return f"COLUMN_NOT_FOUND: Column '{name}' cannot be resolved: no table here has it, or more than one"
    return f"SYNTAX_ERROR: {said}"


def _plain(error: Exception) -> str:
    """One line without the terminal's colours."""
    return " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).split()) or type(error).__name__
