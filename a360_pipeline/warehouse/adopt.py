"""Takes over a database that the system in the field has filled: in place, every row kept, our shape and our keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from psycopg import sql

from a360_pipeline.warehouse.adopt_keys import add_key, merge_duplicates, reject_keyless
from a360_pipeline.warehouse.adopt_rows import (
    clean,
    correct,
    derive,
    file_by_scope,
    fill,
    link_to_products,
    make_global_rows,
    reject_never_open,
    reject_orphans,
)
from a360_pipeline.warehouse.adopt_shape import (
    awaken,
    columns_found,
    free,
    in_another_shape,
    number_onwards,
    reshape,
    silence,
)
from a360_pipeline.warehouse.adopt_views import LostView, View, set_aside
from a360_pipeline.warehouse.connection import Connection
from a360_pipeline.warehouse.tables import BY_NAME


@dataclass(frozen=True, slots=True)
class Adoption:
    """What an adoption did. Without tables there was nothing to adopt."""

    tables: tuple[str, ...] = ()
    kept: int = 0
    """Rows that stand in the adopted tables now."""
    merged: Mapping[str, int] = field(default_factory=dict)
    """Rows by table that said again what another row says, by our key; the newest stands."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Rows by table that our shape cannot hold; rejected_rows has them whole."""
    removed: Mapping[str, int] = field(default_factory=dict)
    """Rows by table that were no facts: products named 'None' and their links."""
    widened: tuple[str, ...] = ()
    """Columns of another type before, as table.column."""
    views: tuple[View, ...] = ()
    """Views that stood on the tables; they are put back when our own views stand."""
    lost: tuple[LostView, ...] = ()
    """Views of others that no longer work."""


def adopt(connection: sa.Connection, declared: sa.MetaData) -> Adoption:
    """Brings tables of our names but not our shape to it, with their rows, within the caller's transaction.

    What is already in our shape is left alone, so a second adoption finds nothing to do. Indexes, foreign keys
    and new tables are left to the migration that follows.
    """
    driver = driver_of(connection)
    names = in_another_shape(driver, declared)
    if not names:
        return Adoption()
    # Days are UTC's, whatever the server's own time zone is.
    driver.execute("SET LOCAL TIME ZONE 'UTC'")
    declared.tables["rejected_rows"].create(connection, checkfirst=True)
    views = set_aside(driver, names)
    before = columns_found(driver)
    triggers = silence(driver, names)
    free(driver, names)
    widened: list[str] = []
    for name in names:
        widened += reshape(connection, driver, declared.tables[name], before[name])
        number_onwards(driver, name)
    added = {name: frozenset(declared.tables[name].columns.keys()).difference(before[name]) for name in names}
    counts = _settle(driver, names, added)
    awaken(driver, triggers)
    kept = sum(_count(driver, name) for name in names)
    return Adoption(names, kept, *counts, tuple(widened), views)


def driver_of(connection: sa.Connection) -> Connection:
    """psycopg's own connection, in the same transaction."""
    driver: Connection | None = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - an open connection has one
    return driver


def _settle(
    driver: Connection, names: tuple[str, ...], added: Mapping[str, frozenset[str]]
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """The rows, parents before their children: cleaned, filed by scope, one a key. Counts by table."""
    merged: dict[str, int] = {}
    rejected: dict[str, int] = {}
    removed = clean(driver, names)
    made: list[int] | None = None
    for name in names:
        table, new = BY_NAME[name], added[name]
        if made is None and name != "accounts" and table.references:
            made = make_global_rows(driver)
        rejected[name] = reject_orphans(driver, table, new)
        file_by_scope(driver, table)
        fill(driver, table, new)
        derive(driver, table, new)
        rejected[name] += reject_keyless(driver, table)
        if name == "non_compliant_resources":
            rejected[name] += reject_never_open(driver, table)
        merged[name] = merge_duplicates(driver, table)
        correct(driver, table, new)
        if name == "product_accounts":
            link_to_products(driver, made or [])
        add_key(driver, table)
    return _some(merged), _some(rejected), removed


def _some(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _count(driver: Connection, name: str) -> int:

    row = driver.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives a row
    return int(row[0])
