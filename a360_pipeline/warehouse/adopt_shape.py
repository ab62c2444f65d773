"""How tables of our names differ from our declarations, and the DDL that brings them to our shape in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql

from a360_pipeline.warehouse.connection import Connection

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Found:
    """A column as the database has it."""

    type: str
    is_required: bool
    has_default: bool


def columns_found(driver: Connection) -> dict[str, dict[str, Found]]:
    """The columns of every table of the schema, by name."""
    tables: dict[str, dict[str, Found]] = {}
    for table, column, *found in driver.execute(
        """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
        AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY c.relname, a.attnum
        """
    ):
        tables.setdefault(table, {})[column] = Found(*found)
    return tables


def in_another_shape(driver: Connection, declared: sa.MetaData) -> tuple[str, ...]:
    """The tables of our names that have other types than ours or lack our key, parents before their children."""
    found = columns_found(driver)
    keyed = {
        name
        for (name,) in driver.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'u' AND connamespace = current_schema()::regnamespace"
        )
    }
    return tuple(
        table.name
        for table in declared.tables.values()
        if table.name in found and (_keys(table) - keyed or _other_types(table, found[table.name]))
    )


def _keys(table: sa.Table) -> set[str]:
    return {str(each.name) for each in table.constraints if isinstance(each, sa.UniqueConstraint)}


def _type(column: sa.Column[object]) -> str:
    return column.type.compile(dialect=DIALECT).lower()


def _other_types(table: sa.Table, found: Mapping[str, Found]) -> list[str]:
    return [c.name for c in table.columns.values() if c.name in found and found[c.name].type != _type(c)]


def free(driver: Connection, names: Sequence[str]) -> None:
    """Drops what binds the tables by another's rules: foreign keys, unique keys, checks. Ours come after.

    A unique key of an id alone stays, for the tables of others that may refer to it.
    """
    bindings = driver.execute(
        """
        SELECT t.relname, c.conname
        FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
        WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(%s)
        AND (c.contype IN ('f', 'c') OR c.contype = 'u' AND c.conkey <> ARRAY(
            SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'id'))
        ORDER BY c.contype <> 'f', t.relname, c.conname
        """,
        [list(names)],
    ).fetchall()
    for table, constraint in bindings:
        driver.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(constraint))
        )
    indexes = driver.execute(
        """
        SELECT i.relname
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
        WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(%s) AND x.indisunique
        AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.oid AND c.contype IN ('p', 'u'))
        """,
        [list(names)],
    ).fetchall()
    for (index,) in indexes:
        driver.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))


def silence(driver: Connection, names: Sequence[str]) -> list[tuple[str, str]]:
    """Disables the tables' own triggers, which would stamp rows as changed today; returns them, to be awakened."""
    triggers = driver.execute(
        """
        SELECT t.relname, g.tgname FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
        WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(%s)
        AND NOT g.tgisinternal AND g.tgenabled = 'O'
        """,
        [list(names)],
    ).fetchall()
    _switch(driver, "DISABLE", triggers)
    return triggers


def awaken(driver: Connection, triggers: Sequence[tuple[str, str]]) -> None:
    """Enables what was silenced."""
    _switch(driver, "ENABLE", triggers)


def _switch(driver: Connection, how: LiteralString, triggers: Sequence[tuple[str, str]]) -> None:
    for table, trigger in triggers:
        statement = sql.SQL("ALTER TABLE {} {} TRIGGER {}")
        driver.execute(statement.format(sql.Identifier(table), sql.SQL(how), sql.Identifier(trigger)))


def reshape(connection: sa.Connection, driver: Connection, table: sa.Table, found: Mapping[str, Found]) -> list[str]:
    """Our types, defaults and columns, in one pass over the table; returns the columns whose type changed.

    Whether a reference may be null is settled with the rows.
    """
    clauses: list[sql.Composable] = []
    for name, theirs in found.items():
        clauses += _loosened(sql.Identifier(name), theirs, table.columns.get(name))
    others = _other_types(table, found)
    for name in others:
        kind = sql.SQL(_type(table.columns[name]))
        clauses.append(sql.SQL("ALTER COLUMN {0} TYPE {1} USING {0}::{1}").format(sql.Identifier(name), kind))
    for column in table.columns.values():
        if column.name not in found:
            clauses.append(sql.SQL("ADD COLUMN {} {}").format(sql.Identifier(column.name), sql.SQL(_type(column))))
        # Set apart from adding, so that rows that are there are not given a time of this day.
        if column.server_default is not None and not column.primary_key:
            clauses.append(sql.SQL("ALTER COLUMN {} SET DEFAULT now()").format(sql.Identifier(column.name)))
    if clauses:
        driver.execute(sql.SQL("ALTER TABLE {} {}").format(sql.Identifier(table.name), sql.SQL(", ").join(clauses)))
    if table.comment:
        connection.execute(sa.schema.SetTableComment(table))
    for column in table.columns.values():
        if column.comment:
            connection.execute(sa.schema.SetColumnComment(column))
    return [f"{table.name}.{name}" for name in others]


def _loosened(name: sql.Identifier, found: Found, ours: sa.Column[object] | None) -> list[sql.Composable]:
    """Drops a default that is not ours, which would invent a fact, and a NOT NULL that would refuse our rows."""
    if ours is None:
        refuses = found.is_required and not found.has_default
        return [sql.SQL("ALTER COLUMN {} DROP NOT NULL").format(name)] if refuses else []
    clauses: list[sql.Composable] = []
    if found.has_default:
        clauses.append(sql.SQL("ALTER COLUMN {} DROP DEFAULT").format(name))
    if found.is_required and not ours.primary_key:
        clauses.append(sql.SQL("ALTER COLUMN {} DROP NOT NULL").format(name))
    return clauses


def number_onwards(driver: Connection, name: str) -> None:
    """Makes the id an identity, and the primary key, that goes on after the greatest number ever given."""
    table = sql.Identifier(name)
    row = driver.execute(
        "SELECT attidentity <> '', pg_get_serial_sequence(quote_ident(%s), 'id'), EXISTS "
        "(SELECT FROM pg_index x WHERE x.indrelid = attrelid AND x.indisprimary) FROM pg_attribute "
        "WHERE attrelid = quote_ident(%s)::regclass AND attname = 'id'",
        [name, name],
    ).fetchone()
    assert row is not None  # noqa: S101 - every table has an id
    is_identity, sequence, is_keyed = row
    if not is_keyed:
        driver.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(table))
    if is_identity:
        return
    greatest = sql.SQL("SELECT coalesce(max(id), 0) FROM {}").format(table)
    if sequence:
        # What it gave to a row that is gone must not come again. The name comes quoted from the catalogue.
        greatest += sql.SQL(" UNION ALL SELECT last_value FROM ") + sql.SQL(sequence)
    last = max(int(value) for (value,) in driver.execute(greatest))
    if sequence:
        driver.execute(sql.SQL("DROP SEQUENCE ") + sql.SQL(sequence))
    driver.execute(
        sql.SQL("ALTER TABLE {} ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (START WITH {})").format(
            table, sql.Literal(last + 1)
        )
    )
