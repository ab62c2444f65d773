"""Staged rows into their tables: set by set, by natural key, with SQL derived from the declaration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from psycopg import sql

from a360_pipeline.sections.model import Column, Kept, Reference, Table
from a360_pipeline.warehouse.stage import (
    FRAME,
    FRAMES,
    Connection,
    Rejected,
    Staged,
    fields_of,
    stage_name,
)
from a360_pipeline.warehouse.tables import BY_NAME


@dataclass(frozen=True, slots=True)
class Changes:
    """What a merge did to a table, in rows."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.created + other.created,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.removed + other.removed,
        )


def merge(connection: Connection, table: Table) -> Changes:
    """Inserts what is new, updates what differs, leaves what is the same untouched."""
    row = connection.execute(_merge_statement(table)).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives a row
    staged, created, updated = row
    removed = 0
    if table.set_of:
        removed = connection.execute(_replace_statement(table)).rowcount
    return Changes(created, updated, staged - created - updated, removed)


def orphans(connection: Connection, staged: Staged) -> list[Rejected]:
    """The staged rows whose parent is neither in the snapshots nor in the warehouse."""
    table = staged.table
    found: list[Rejected] = []
    for reference in table.references:
        if reference.table == "accounts":
            continue
        names = [field.name for field in fields_of(table)]
        query = sql.SQL("SELECT s.{frame}, {columns} FROM {joined} WHERE {parent}.id IS NULL").format(
            frame=sql.Identifier(FRAME),
            columns=sql.SQL(", ").join(sql.Identifier("s", name) for name in names),
            joined=_joined(table, outer=reference),
            parent=sql.Identifier(f"@{reference.name}"),
        )
        for frame, *values in connection.execute(query):
            row = dict(zip(names, values, strict=True))
            wanted = ", ".join(str(row.get(f"{reference.name}.{column}")) for column, _ in reference.on)
            reason = f"no row of {reference.table} in this account and region is {wanted}"
            found.append(Rejected(frame, table.name, row, reason))
    return found


def accountless_frames(connection: Connection) -> int:
    """How many frames have no row of accounts to file their rows under; their rows would be lost."""
    query = sql.SQL(
        "SELECT count(*) FROM {} f WHERE f.account <> '' AND NOT EXISTS "
        "(SELECT FROM accounts a WHERE a.account_id = f.account AND a.region = f.region)"
    ).format(FRAMES)
    row = connection.execute(query).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives a row
    return int(row[0])


def _ids(names: tuple[str, ...] | list[str], *qualifier: str) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*qualifier, name) for name in names)


def _alias(reference: Reference) -> str:
    return f"@{reference.name}"


def _joined(table: Table, outer: Reference | None = None) -> sql.Composed:
    """The staging table joined with its frames and with every parent."""
    parts: list[sql.Composable] = [
        sql.SQL("{} s JOIN {} f USING ({})").format(stage_name(table), FRAMES, sql.Identifier(FRAME))
    ]
    if table.references:
        parts.append(sql.SQL("JOIN accounts a ON a.account_id = f.account AND a.region = f.region"))
    for reference in table.references:
        if reference.table == "accounts":
            continue
        parent, alias = BY_NAME[reference.table], sql.Identifier(_alias(reference))
        conditions = [
            sql.SQL("{}.{} = s.{}").format(alias, sql.Identifier(column), sql.Identifier(f"{reference.name}.{column}"))
            for column, _ in reference.on
        ]
        if any(up.table == "accounts" for up in parent.references):
            conditions.append(sql.SQL("{}.account_id = a.id").format(alias))
        parts.append(
            sql.SQL("{} JOIN {} {} ON {}").format(
                sql.SQL("LEFT" if reference is outer else "INNER"),
                sql.Identifier(reference.table),
                alias,
                sql.SQL(" AND ").join(conditions),
            )
        )
    return sql.SQL(" ").join(parts)


def _expression(column: Column | Reference) -> sql.Composable:
    if isinstance(column, Reference):
        return sql.SQL("a.id") if column.table == "accounts" else sql.Identifier(_alias(column), "id")
    if column.source.startswith("@"):
        return sql.Identifier("f", column.source.removeprefix("@"))
    return sql.Identifier("s", column.name)


def _written(table: Table) -> tuple[Column | Reference, ...]:
    return (*table.references, *table.values)


@cache
def _resolved(table: Table) -> sql.Composed:
    """The staged rows as the table has them: parents by id, one row a key, of the snapshot that ranks first."""
    written = {column.name: _expression(column) for column in _written(table)}
    keys = sql.SQL(", ").join(written[name] for name in table.key)
    return sql.SQL(
        "SELECT DISTINCT ON ({keys}) {columns} FROM {joined} ORDER BY {keys}, f.rank COLLATE {c} DESC"
    ).format(
        keys=keys,
        columns=sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(expression, sql.Identifier(name)) for name, expression in written.items()
        ),
        joined=_joined(table),
        c=sql.Identifier("C"),
    )


@cache
def _merge_statement(table: Table) -> sql.Composed:
    names = [column.name for column in _written(table)]
    return sql.SQL(
        "WITH resolved AS MATERIALIZED ({resolved}), merged AS ("
        "INSERT INTO {table} AS t ({names}) SELECT {names} FROM resolved "
        "ON CONFLICT ON CONSTRAINT {key} {conflict} RETURNING (xmax = 0) AS created) "
        "SELECT (SELECT count(*) FROM resolved), count(*) FILTER (WHERE created), "
        "count(*) FILTER (WHERE NOT created) FROM merged"
    ).format(
        resolved=_resolved(table),
        table=sql.Identifier(table.name),
        names=_ids(names),
        key=sql.Identifier(f"{table.name}_key"),
        conflict=_on_conflict(table, [name for name in names if name not in table.key]),
    )


def _on_conflict(table: Table, names: list[str]) -> sql.Composable:
    if table.kept is Kept.ADDED or not names:
        return sql.SQL("DO NOTHING")
    sets: list[sql.Composable] = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names]
    if "updated_at" in table.stamps:
        sets.append(sql.SQL("updated_at = now()"))
    return sql.SQL("DO UPDATE SET {} WHERE ({}) IS DISTINCT FROM ({})").format(
        sql.SQL(", ").join(sets), _ids(names, "t"), _ids(names, "excluded")
    )


@cache
def _replace_statement(table: Table) -> sql.Composed:
    """Removes what a set held before and holds no longer."""

    def same(names: tuple[str, ...], other: str) -> sql.Composed:
        pairs = [
            sql.SQL("t.{0} IS NOT DISTINCT FROM {1}.{0}").format(sql.Identifier(name), sql.Identifier(other))
            for name in names
        ]
        return sql.SQL(" AND ").join(pairs)

    return sql.SQL(
        "WITH resolved AS MATERIALIZED ({resolved}), sets AS (SELECT DISTINCT {set_of} FROM resolved) "
        "DELETE FROM {table} t USING sets WHERE {in_set} "
        "AND NOT EXISTS (SELECT FROM resolved r WHERE {same_key})"
    ).format(
        resolved=_resolved(table),
        set_of=_ids(table.set_of),
        table=sql.Identifier(table.name),
        in_set=sql.SQL(" AND ").join(sql.SQL("t.{0} = sets.{0}").format(sql.Identifier(name)) for name in table.set_of),
        same_key=same(table.key, "r"),
    )
