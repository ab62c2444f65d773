"""What a listing no longer mentions: its age shows, and if the listing is complete it is retired."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from psycopg import sql

from a360_pipeline.sections.model import Table
from a360_pipeline.warehouse.merge import Changes, key_text, resolved_name, row_json
from a360_pipeline.warehouse.stage import FRAME, FRAMES, Connection

UNLISTED = sql.Identifier("stage@unlisted")


def mark_complete(connection: Connection, frames: Sequence[int]) -> None:
    """Notes in the frames which listings are complete, once it is known that no row was refused."""
    statement = sql.SQL("UPDATE {} SET is_complete = true WHERE {} = ANY(%s)").format(FRAMES, sql.Identifier(FRAME))
    connection.execute(statement, [list(frames)])


def remove_untold(connection: Connection, section: str, table: Table) -> int:
    """Removes what a dated table was told by an earlier snapshot of the day and a corrected one leaves out."""
    return connection.execute(_untold_statement(table), {"section": section}).rowcount


@cache
def _untold_statement(table: Table) -> sql.Composed:
    owner: sql.Composable = sql.SQL("t.account_id")
    if not any(reference.table == "accounts" for reference in table.references):
        (parent,) = table.references
        owner = sql.SQL("(SELECT p.account_id FROM {} p WHERE p.id = t.{})").format(
            sql.Identifier(parent.table), sql.Identifier(parent.name)
        )
    return sql.SQL(
        "DELETE FROM {table} t USING {frames} f JOIN accounts a ON a.account_id = f.account AND a.region = f.region "
        "WHERE f.section = %(section)s AND f.is_listing AND f.is_corrected AND t.told_on = f.date "
        "AND t.told_by = f.interval AND {owner} = a.id "
        "AND NOT EXISTS (SELECT FROM {resolved} r WHERE {theirs} = {ours})"
    ).format(
        table=sql.Identifier(table.name),
        frames=FRAMES,
        owner=owner,
        resolved=resolved_name(table),
        theirs=key_text(table, "r"),
        ours=key_text(table, "t"),
    )


def retire(connection: Connection, section: str, table: Table, *, any_late: bool) -> Changes:
    """Deals with the rows of `table` that the newest listings of the batch leave out.

    What a corrected snapshot of the same day no longer holds, and no other day ever held, is removed.
    """
    if any_late:
        connection.execute(_backdate_statement(table), {"section": section})
    # A listing that mentions all there is, which is almost every one, costs this one look.
    if not connection.execute(_find_statement(table), {"section": section}).rowcount:
        connection.execute(sql.SQL("DROP TABLE {}").format(UNLISTED))
        return Changes()
    # Unanalyzed, the planner takes it for large and reads the whole table rather than a few accounts' rows.
    connection.execute(sql.SQL("ANALYZE {}").format(UNLISTED))
    removed = connection.execute(_remove_statement(table)).rowcount
    retired = connection.execute(_age_statement(table)).fetchone()
    connection.execute(sql.SQL("DROP TABLE {}").format(UNLISTED))
    assert retired is not None  # noqa: S101 - an aggregate gives a row
    return Changes(retired=int(retired[0]), removed=removed)


@cache
def _backdate_statement(table: Table) -> sql.Composed:
    """A late complete listing shows that what a newer one retired was gone by then."""
    return sql.SQL(
        "WITH listings AS (SELECT a.id AS account_id, f.date FROM {frames} f JOIN accounts a "
        "ON a.account_id = f.account AND a.region = f.region "
        "WHERE f.section = %(section)s AND f.is_late AND f.is_complete), "
        "backdated AS (UPDATE {table} t SET retired_at = l.date FROM listings l, {table} old "
        "WHERE old.id = t.id AND t.account_id = l.account_id AND t.retired_at > l.date AND t.last_seen < l.date "
        "AND NOT EXISTS (SELECT FROM {resolved} r WHERE r.account_id = t.account_id AND {theirs} = {ours}) "
        "RETURNING t.id, old.retired_at AS was, t.retired_at) "
        "UPDATE resource_changes c SET date = b.retired_at FROM backdated b "
        "WHERE c.table_name = {name} AND c.row_id = b.id AND c.change = 'retired' AND c.date = b.was"
    ).format(
        frames=FRAMES,
        table=sql.Identifier(table.name),
        resolved=resolved_name(table),
        theirs=key_text(table, "r"),
        ours=key_text(table, "t"),
        name=sql.Literal(table.name),
    )


@cache
def _find_statement(table: Table) -> sql.Composed:
    """The account rows whose rows outnumber the listed ones; for all others there is nothing to do."""
    return sql.SQL(
        "CREATE TEMP TABLE {unlisted} ON COMMIT DROP AS "
        "WITH listings AS (SELECT a.id AS account_id, f.date, f.previous, f.is_complete, f.is_corrected "
        "FROM {frames} f JOIN accounts a ON a.account_id = f.account AND a.region = f.region "
        "WHERE f.section = %(section)s AND f.is_listing AND NOT f.is_late), "
        "listed AS (SELECT account_id, count(*) AS n FROM {resolved} GROUP BY 1) "
        "SELECT l.* FROM listings l LEFT JOIN listed USING (account_id) "
        "WHERE (SELECT count(*) FROM {table} t WHERE t.account_id = l.account_id AND t.retired_at IS NULL "
        "AND (t.last_seen IS NULL OR l.is_complete)) > coalesce(listed.n, 0)"
    ).format(unlisted=UNLISTED, frames=FRAMES, resolved=resolved_name(table), table=sql.Identifier(table.name))


def _left_out(table: Table) -> sql.Composed:
    return sql.SQL(
        "t.account_id = u.account_id AND t.retired_at IS NULL AND (t.last_seen IS NULL OR u.is_complete) "
        "AND NOT EXISTS (SELECT FROM {resolved} r WHERE r.account_id = t.account_id AND {theirs} = {ours})"
    ).format(resolved=resolved_name(table), theirs=key_text(table, "r"), ours=key_text(table, "t"))


@cache
def _remove_statement(table: Table) -> sql.Composed:
    return sql.SQL(
        "DELETE FROM {table} t USING {unlisted} u WHERE u.is_corrected AND t.first_seen = u.date AND {left_out}"
    ).format(table=sql.Identifier(table.name), unlisted=UNLISTED, left_out=_left_out(table))


@cache
def _age_statement(table: Table) -> sql.Composed:
    return sql.SQL(
        "WITH aged AS (UPDATE {table} t SET last_seen = coalesce(t.last_seen, u.previous, t.first_seen), "
        "retired_at = CASE WHEN u.is_complete THEN u.date END FROM {unlisted} u WHERE {left_out} "
        "RETURNING t.id, t.account_id, t.retired_at, {before} AS before), "
        "remembered AS (INSERT INTO resource_changes (table_name, row_id, account_id, date, change, before) "
        "SELECT {name}, id, account_id, retired_at, 'retired', before FROM aged WHERE retired_at IS NOT NULL "
        "ON CONFLICT ON CONSTRAINT resource_changes_key DO NOTHING) "
        "SELECT count(*) FILTER (WHERE retired_at IS NOT NULL) FROM aged"
    ).format(
        table=sql.Identifier(table.name),
        unlisted=UNLISTED,
        left_out=_left_out(table),
        before=row_json(table, "t"),
        name=sql.Literal(table.name),
    )
