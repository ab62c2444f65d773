"""What a listing no longer mentions: its age shows, and if the listing is complete it is retired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from psycopg import sql

from a360_pipeline.sections.model import Table
from a360_pipeline.warehouse.connection import Connection
from a360_pipeline.warehouse.merge import Changes, resolved, row_json, same_key
from a360_pipeline.warehouse.stage import FRAME, FRAMES

Unlisted = Mapping[str, Sequence[int]]
"""By table: the frames of the listings that leave rows out."""


def mark_incomplete(connection: Connection, frames: Sequence[int]) -> None:
    """Notes in the frames of which listings rows were refused: they retire nothing."""
    statement = sql.SQL(
        "UPDATE {} SET is_complete = false, lists_all_open = false WHERE {} = ANY(%s::bigint[])"
    ).format(FRAMES, sql.Identifier(FRAME))
    connection.execute(statement, [list(frames)])


def find_unlisted(connection: Connection, told: Mapping[Table, Mapping[int, int]]) -> Unlisted:
    """The listings of the batch that mention fewer rows than there are, once they are merged.

    `told` has how many rows each listing's frame has, by table. Almost every listing mentions all there is, so that
    this one look is all it costs.
    """
    if not told:
        return {}
    rows = [(table.name, frame, count) for table, counts in told.items() for frame, count in counts.items()]
    statement = sql.SQL("WITH told AS (SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) ").format()
    statement += sql.SQL("AS t (table_name, {}, rows)) ").format(sql.Identifier(FRAME))
    statement += sql.SQL(" UNION ALL ").join(_more_than_told(table) for table in told)
    found: dict[str, list[int]] = {}
    for name, frame in connection.execute(statement, [list(column) for column in zip(*rows, strict=True)]):
        found.setdefault(name, []).append(frame)
    return found


@cache
def _more_than_told(table: Table) -> sql.Composed:
    return sql.SQL(
        "SELECT n.table_name, n.{frame} FROM told n JOIN {frames} f USING ({frame}) "
        "JOIN accounts a ON a.account_id = f.account AND a.region = f.region "
        "WHERE n.table_name = {name} AND (SELECT count(*) FROM {table} t WHERE t.account_id = a.id "
        "AND t.retired_at IS NULL AND (t.last_seen IS NULL OR f.is_complete)) > n.rows"
    ).format(frame=sql.Identifier(FRAME), frames=FRAMES, name=sql.Literal(table.name), table=sql.Identifier(table.name))


def retire(connection: Connection, table: Table, frames: Sequence[int]) -> Changes:
    """Ages or retires the rows that these listings leave out, by frame.

    What a corrected snapshot of the same day no longer holds, and no other day ever held, is removed.
    """
    row = connection.execute(_retire_statement(table), {"frames": list(frames)}).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives a row
    return Changes(retired=int(row[0]), removed=int(row[1]))


@cache
def _retire_statement(table: Table) -> sql.Composed:
    return sql.SQL(
        "{resolved}, listings AS (SELECT a.id AS account_id, f.* FROM {frames} f "
        "JOIN accounts a ON a.account_id = f.account AND a.region = f.region "
        "WHERE f.{frame} = ANY(%(frames)s::bigint[])), "
        "gone AS (SELECT t.id, u.date, u.previous, u.is_complete, u.is_retold AND t.first_seen = u.date AS was_wrong "
        "FROM listings u JOIN {table} t ON t.account_id = u.account_id "
        "WHERE t.retired_at IS NULL AND (t.last_seen IS NULL OR u.is_complete) "
        "AND NOT EXISTS (SELECT FROM resolved r WHERE r.account_id = t.account_id AND {same})), "
        "removed AS (DELETE FROM {table} t USING gone g WHERE t.id = g.id AND g.was_wrong RETURNING t.id), "
        "aged AS (UPDATE {table} t SET last_seen = coalesce(t.last_seen, g.previous, t.first_seen), "
        "retired_at = CASE WHEN g.is_complete THEN g.date END FROM gone g WHERE t.id = g.id AND NOT g.was_wrong "
        "RETURNING t.id, t.account_id, t.retired_at, {before} AS before), "
        "remembered AS (INSERT INTO resource_changes (table_name, row_id, account_id, date, change, before) "
        "SELECT {name}, id, account_id, retired_at, 'retired', before FROM aged WHERE retired_at IS NOT NULL "
        "ON CONFLICT ON CONSTRAINT resource_changes_key DO NOTHING) "
        "SELECT (SELECT count(*) FROM aged WHERE retired_at IS NOT NULL), (SELECT count(*) FROM removed)"
    ).format(
        resolved=resolved(table),
        frames=FRAMES,
        frame=sql.Identifier(FRAME),
        table=sql.Identifier(table.name),
        same=same_key(table, "r", "t"),
        before=row_json(table, "t"),
        name=sql.Literal(table.name),
    )


def retire_absent(connection: Connection, section: str, table: Table) -> Changes:
    """Retires what a listing of ours with all that is open leaves out, of a table whose rows else close by their word.

    What is closed already stays as it is: a listing of what is open says nothing of it.
    """
    row = connection.execute(_absent_statement(table), {"section": section}).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives a row
    return Changes(retired=int(row[0]))


@cache
def _absent_statement(table: Table) -> sql.Composed:
    return sql.SQL(
        "{resolved}, aged AS (UPDATE {table} t SET retired_at = f.date FROM {frames} f "
        "JOIN accounts a ON a.account_id = f.account AND a.region = f.region "
        "WHERE f.section = %(section)s AND f.is_listing AND f.lists_all_open AND NOT f.is_late AND t.account_id = a.id "
        "AND t.retired_at IS NULL AND t.{closes} IS DISTINCT FROM 'RESOLVED' AND t.last_seen < f.date "
        "AND NOT EXISTS (SELECT FROM resolved r WHERE r.account_id = t.account_id AND {same}) "
        "RETURNING t.id, t.account_id, t.retired_at, {before} AS before), "
        "remembered AS (INSERT INTO resource_changes (table_name, row_id, account_id, date, change, before) "
        "SELECT {name}, id, account_id, retired_at, 'retired', before FROM aged "
        "ON CONFLICT ON CONSTRAINT resource_changes_key DO NOTHING) SELECT count(*) FROM aged"
    ).format(
        resolved=resolved(table),
        table=sql.Identifier(table.name),
        frames=FRAMES,
        closes=sql.Identifier(table.closes or ""),
        same=same_key(table, "r", "t"),
        before=row_json(table, "t"),
        name=sql.Literal(table.name),
    )


def backdate(connection: Connection, section: str, table: Table) -> Changes:
    """What late listings say of rows that they leave out: when they were gone, and, corrected, that they never were."""
    removed = connection.execute(_take_back_statement(table), {"section": section}).rowcount
    connection.execute(_backdate_statement(table), {"section": section})
    return Changes(removed=removed)


def _late_listings(condition: str) -> sql.Composed:
    return sql.SQL(
        "listings AS (SELECT a.id AS account_id, f.* FROM {frames} f JOIN accounts a "
        "ON a.account_id = f.account AND a.region = f.region "
        "WHERE f.section = %(section)s AND f.is_listing AND f.is_late AND {condition})"
    ).format(frames=FRAMES, condition=sql.SQL(condition))


@cache
def _take_back_statement(table: Table) -> sql.Composed:
    """A late correction takes back the day from what only the snapshot that it corrects held."""
    return sql.SQL(
        "{resolved}, {listings}, wrong AS (SELECT t.id, l.date, l.previous, l.following, "
        "t.first_seen = l.date AND t.last_seen = l.date AS is_all FROM listings l "
        "JOIN {table} t ON t.account_id = l.account_id AND (t.first_seen = l.date OR t.last_seen = l.date) "
        "WHERE NOT EXISTS (SELECT FROM resolved r WHERE r.account_id = t.account_id AND {same})), "
        "shortened AS (UPDATE {table} t SET "
        "first_seen = CASE WHEN t.first_seen = w.date THEN w.following ELSE t.first_seen END, "
        "last_seen = CASE WHEN t.last_seen = w.date THEN w.previous ELSE t.last_seen END "
        "FROM wrong w WHERE t.id = w.id AND NOT w.is_all), "
        "forgotten AS (DELETE FROM resource_changes c USING wrong w "
        "WHERE c.table_name = {name} AND c.row_id = w.id AND w.is_all) "
        "DELETE FROM {table} t USING wrong w WHERE t.id = w.id AND w.is_all"
    ).format(
        resolved=resolved(table),
        listings=_late_listings("f.is_retold"),
        table=sql.Identifier(table.name),
        same=same_key(table, "r", "t"),
        name=sql.Literal(table.name),
    )


@cache
def _backdate_statement(table: Table) -> sql.Composed:
    """A late complete listing shows that what a newer one retired was gone by then."""
    return sql.SQL(
        "{resolved}, {listings}, backdated AS (UPDATE {table} t SET retired_at = l.date FROM listings l, {table} old "
        "WHERE old.id = t.id AND t.account_id = l.account_id AND t.retired_at > l.date AND t.last_seen < l.date "
        "AND NOT EXISTS (SELECT FROM resolved r WHERE r.account_id = t.account_id AND {same}) "
        "RETURNING t.id, old.retired_at AS was, t.retired_at) "
        "UPDATE resource_changes c SET date = b.retired_at FROM backdated b "
        "WHERE c.table_name = {name} AND c.row_id = b.id AND c.change = 'retired' AND c.date = b.was"
    ).format(
        resolved=resolved(table),
        listings=_late_listings("f.is_complete"),
        table=sql.Identifier(table.name),
        same=same_key(table, "r", "t"),
        name=sql.Literal(table.name),
    )


def remove_untold(connection: Connection, section: str, table: Table) -> Changes:
    """Removes what a dated table was told by an earlier snapshot of the day and a corrected one leaves out."""
    return Changes(removed=connection.execute(_untold_statement(table), {"section": section}).rowcount)


@cache
def _untold_statement(table: Table) -> sql.Composed:
    owner: sql.Composable = sql.SQL("t.account_id")
    if not any(reference.table == "accounts" for reference in table.references):
        (parent,) = table.references
        owner = sql.SQL("(SELECT p.account_id FROM {} p WHERE p.id = t.{})").format(
            sql.Identifier(parent.table), sql.Identifier(parent.name)
        )
    return sql.SQL(
        "{resolved} DELETE FROM {table} t "
        "USING {frames} f JOIN accounts a ON a.account_id = f.account AND a.region = f.region "
        "WHERE f.section = %(section)s AND f.has_facts AND f.is_corrected AND t.told_on = f.date "
        "AND t.told_by = f.interval AND {owner} = a.id "
        "AND NOT EXISTS (SELECT FROM resolved r WHERE {same})"
    ).format(
        resolved=resolved(table),
        table=sql.Identifier(table.name),
        frames=FRAMES,
        owner=owner,
        same=same_key(table, "r", "t"),
    )
