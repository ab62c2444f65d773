"""What a user could have used instead of the loader: the way of the system in the field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

Row = tuple[str, tuple[str, ...], dict[str, Any]]
"""Table, key columns, and values by column."""


def row_by_row(connection: psycopg.Connection[Any], rows: Iterable[Row]) -> int:
    """A SELECT by key, then an INSERT or an UPDATE, each row its own transaction; returns the rows."""
    count = 0
    for table, key, values in rows:
        where = sql.SQL(" AND ").join(sql.SQL("{} IS NOT DISTINCT FROM %s").format(sql.Identifier(k)) for k in key)
        name = sql.Identifier(table)
        with connection.transaction():
            found = connection.execute(
                sql.SQL("SELECT id FROM {} WHERE {}").format(name, where), [values[k] for k in key]
            ).fetchone()
            if found is None:
                statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    name,
                    sql.SQL(", ").join(map(sql.Identifier, values)),
                    sql.SQL(", ").join([sql.Placeholder()] * len(values)),
                )
                connection.execute(statement, list(values.values()))
            else:
                sets = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(k)) for k in values)
                connection.execute(
                    sql.SQL("UPDATE {} SET {} WHERE id = %s").format(name, sets), [*values.values(), found[0]]
                )
        count += 1
    return count
