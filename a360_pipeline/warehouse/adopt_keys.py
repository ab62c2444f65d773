"""One row for each of our keys: what says the same again gives way to the newest, and its children follow it."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from a360_pipeline.sections.model import Table
from a360_pipeline.warehouse.adopt_rows import names_of, reject
from a360_pipeline.warehouse.adopt_shape import columns_found
from a360_pipeline.warehouse.connection import Connection
from a360_pipeline.warehouse.merge import ids
from a360_pipeline.warehouse.stage import MAX_KEY_BYTES
from a360_pipeline.warehouse.tables import ALL_TABLES

KEYLESS = "adopted without a key: it has nothing of what tells it from others"
TOO_LONG = f"adopted with a key longer than {MAX_KEY_BYTES} bytes"


def reject_keyless(driver: Connection, table: Table) -> int:
    """As a load does: a row with nothing in its key would be one with every other such row, and an index has limits."""
    references = {reference.name for reference in table.references}
    own = [name for name in table.key if name not in references]
    if not own:
        return 0
    key = sql.SQL("octet_length(concat({}))").format(ids(own, "t"))
    too_long = sql.SQL("{} > {}").format(key, sql.Literal(MAX_KEY_BYTES))
    return reject(driver, table, sql.SQL("{} = 0").format(key), KEYLESS) + reject(driver, table, too_long, TOO_LONG)


def merge_duplicates(driver: Connection, table: Table) -> int:
    """Leaves of each key the newest row, first seen when the first of them was. Nulls are equal, as in our keys."""
    if not table.key:
        return 0
    stamps = [name for name in ("updated_at", "created_at") if name in names_of(table)]
    seen = ["first_seen", "last_seen"] if table.has_history else []
    repeated, name = sql.Identifier(f"repeated@{table.name}"), sql.Identifier(table.name)
    found = driver.execute(
        sql.SQL(
            "CREATE TEMP TABLE {repeated} ON COMMIT DROP AS SELECT * FROM (SELECT {columns} FROM {name} "
            "WINDOW same AS (PARTITION BY {key}), newest AS (same ORDER BY {order})) ranked WHERE id <> stands"
        ).format(
            repeated=repeated,
            columns=sql.SQL(", ").join(
                [
                    sql.SQL("id, first_value(id) OVER newest AS stands"),
                    *(
                        sql.SQL("{}({column}) OVER same AS {column}").format(sql.SQL(which), column=sql.Identifier(one))
                        for which, one in zip(("min", "max"), seen, strict=False)
                    ),
                ]
            ),
            name=name,
            key=ids(table.key),
            order=sql.SQL(", ").join(
                [*(sql.SQL("{} DESC NULLS LAST").format(sql.Identifier(one)) for one in stamps), sql.SQL("id DESC")]
            ),
        )
    ).rowcount
    if found:
        if seen:
            driver.execute(
                sql.SQL(
                    "UPDATE {name} t SET first_seen = r.first_seen, last_seen = r.last_seen "
                    "FROM (SELECT DISTINCT stands, first_seen, last_seen FROM {repeated}) r WHERE t.id = r.stands"
                ).format(name=name, repeated=repeated)
            )
        for child, column in _children(driver, table):
            driver.execute(
                sql.SQL("UPDATE {child} c SET {column} = r.stands FROM {repeated} r WHERE c.{column} = r.id").format(
                    child=child, column=column, repeated=repeated
                )
            )
        driver.execute(
            sql.SQL("DELETE FROM {name} t USING {repeated} r WHERE t.id = r.id").format(name=name, repeated=repeated)
        )
    driver.execute(sql.SQL("DROP TABLE {}").format(repeated))
    return found


def _children(driver: Connection, table: Table) -> Iterator[tuple[sql.Identifier, sql.Identifier]]:
    """The columns that hold ids of the table: those we declare, and those of the tables of others."""
    found = columns_found(driver)
    for child in ALL_TABLES:
        for reference in child.references:
            if reference.table == table.name and reference.name in found.get(child.name, {}):
                yield sql.Identifier(child.name), sql.Identifier(reference.name)
    yield from (
        (sql.Identifier(schema, child), sql.Identifier(column))
        for schema, child, column in driver.execute(
            """
            SELECT n.nspname, t.relname, a.attname
            FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1]
            WHERE c.contype = 'f' AND cardinality(c.conkey) = 1 AND c.confrelid = quote_ident(%s)::regclass
            """,
            [table.name],
        ).fetchall()
    )


def add_key(driver: Connection, table: Table) -> None:
    """Our key, and NOT NULL on what refers to a parent."""
    clauses: list[sql.Composable] = [
        sql.SQL("ALTER COLUMN {} SET NOT NULL").format(sql.Identifier(reference.name)) for reference in table.references
    ]
    if table.key:
        constraint = sql.Identifier(f"{table.name}_key")
        clauses.append(sql.SQL("ADD CONSTRAINT {} UNIQUE NULLS NOT DISTINCT ({})").format(constraint, ids(table.key)))
    if clauses:
        driver.execute(sql.SQL("ALTER TABLE {} {}").format(sql.Identifier(table.name), sql.SQL(", ").join(clauses)))
