"""What a user could have used instead of the loader: the way of the system in the field, and the bare limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from a360_pipeline.warehouse.stage import copy_columns

Row = tuple[str, tuple[str, ...], dict[str, Any]]
"""Table, key columns, and values by column."""


def row_by_row(connection: psycopg.Connection[Any], rows: Iterable[Row]) -> int:
    """A SELECT by key, then an INSERT or an UPDATE, each its own transaction; returns the rows."""
    count = 0
    for table, key, values in rows:
        given = [Jsonb(value) if isinstance(value, dict | list) else value for value in values.values()]
        wanted = {name: values[name] for name in key}
        is_null = tuple(value is None for value in wanted.values())
        found = connection.execute(
            _select(table, key, is_null), [value for value in wanted.values() if value is not None]
        ).fetchone()
        if found is None:
            connection.execute(_insert(table, tuple(values)), given)
        else:
            connection.execute(_update(table, tuple(values)), [*given, found[0]])
        count += 1
    return count


@cache
def _select(table: str, key: tuple[str, ...], is_null: tuple[bool, ...]) -> str:
    # Not IS NOT DISTINCT FROM, for which no index serves.
    conditions = [
        sql.SQL("{} IS NULL" if null else "{} = %s").format(sql.Identifier(name))
        for name, null in zip(key, is_null, strict=True)
    ]
    where = sql.SQL(" AND ").join(conditions)
    return sql.SQL("SELECT id FROM {} WHERE {}").format(sql.Identifier(table), where).as_string()


@cache
def _insert(table: str, names: tuple[str, ...]) -> str:
    values = sql.SQL(", ").join([sql.Placeholder()] * len(names))
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), columns, values).as_string()


@cache
def _update(table: str, names: tuple[str, ...]) -> str:
    sets = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in names)
    return sql.SQL("UPDATE {} SET {} WHERE id = %s").format(sql.Identifier(table), sets).as_string()


def bare_merge(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]]
) -> int:
    """The least that a merge can do with text values: COPY, then one INSERT … ON CONFLICT; returns the rows."""
    target, names = sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    temporary = sql.Identifier(f"bare@{table}")
    sets = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in columns)
    with connection.transaction():
        connection.execute(sql.SQL("CREATE TEMP TABLE {} (LIKE {}) ON COMMIT DROP").format(temporary, target))
        copy_columns(connection, temporary, columns, list(zip(*rows, strict=True)))
        merged = connection.execute(
            sql.SQL(
                "INSERT INTO {target} AS t ({names}) SELECT {names} FROM {temporary} ON CONFLICT ON CONSTRAINT {key} "
                "DO UPDATE SET {sets} WHERE (t.*) IS DISTINCT FROM (excluded.*)"
            ).format(target=target, names=names, temporary=temporary, key=sql.Identifier(f"{table}_key"), sets=sets)
        )
    return merged.rowcount
