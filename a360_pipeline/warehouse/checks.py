"""What the ledgers say is wrong: open gaps, quarantined objects, rows that do not add up."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import sql

from a360_pipeline.sections.model import Kept, Table
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.warehouse.connection import Connection, named_rows


@dataclass(frozen=True, slots=True)
class Finding:
    """The rows that a check objects to; none means that it passes. Each is a dict that a person can read."""

    rows: tuple[dict[str, Any], ...]

    @property
    def passed(self) -> bool:
        return not self.rows


def _ask(connection: Connection, query: str | sql.Composed) -> Finding:
    rows = named_rows(connection.execute(query))
    return Finding(tuple({name: _plain(value) for name, value in row.items()} for row in rows))


def _plain(value: Any) -> Any:
    """Counts come as numerics where PostgreSQL sums them; people and JSON want whole numbers."""
    return int(value) if isinstance(value, Decimal) else value


LATEST = """
    SELECT DISTINCT ON (account_id, region, section) *
    FROM coverage WHERE interval = 'DAILY'
    ORDER BY account_id, region, section, date DESC
"""


# Of a day's snapshots, whatever their interval, the one whose listings stand.
STANDING = """
    SELECT DISTINCT ON (account_id, region, section) *
    FROM coverage ORDER BY account_id, region, section, date DESC, rank COLLATE "C" DESC
"""


def open_gaps(connection: Connection) -> Finding:
    """The gaps of each account's latest day that nobody has accepted."""
    return _ask(
        connection,
        f"SELECT account_id, region, section, date::text, status, message FROM ({LATEST}) latest "  # noqa: S608 - a constant
        "WHERE status NOT IN ('ok', 'empty') AND accepted_by IS NULL ORDER BY account_id, region, section",
    )


def quarantined(connection: Connection) -> Finding:
    """The objects in quarantine that nothing better has replaced: their key was not loaded since."""
    return _ask(
        connection,
        "SELECT q.key, q.reason, q.loaded_at::text AS quarantined_at FROM load_ledger q "
        "WHERE q.outcome = 'quarantined' AND NOT EXISTS (SELECT FROM load_ledger l WHERE l.bucket = q.bucket "
        "AND l.key = q.key AND l.outcome = 'loaded' AND l.loaded_at > q.loaded_at) ORDER BY q.key",
    )


def unreconciled(connection: Connection) -> Finding:
    """Where the rows a snapshot said it holds are not the rows that were loaded, refused or repeated; and
    where a table holds fewer rows than the ledger says were loaded into it, or rows whose parent is gone."""
    ledger = _ask(
        connection,
        "SELECT account_id, region, section, date::text, rows AS in_snapshot, rows_loaded AS in_tables, "
        "rows - rows_loaded - rows_rejected - rows_repeated - coalesce(rows_superseded, 0) AS difference "
        "FROM coverage WHERE rows <> rows_loaded + rows_rejected + rows_repeated + coalesce(rows_superseded, 0) "
        "ORDER BY account_id, region, section, date",
    )
    rows = list(ledger.rows)
    for section in SECTIONS.values():
        for table in section.tables:
            rows += _ask(connection, _orphaned(section.name, table)).rows
            # What only closes something leaves no row of its own.
            if not table.frames and not table.closes:
                rows += _ask(connection, _fewer_rows(section.name, table)).rows
    return Finding(tuple(rows))


def _orphaned(section: str, table: Table) -> sql.Composed:
    """How many rows refer to a parent that is gone: the loader leaves none behind."""
    gone = [
        sql.SQL(
            "SELECT count(*) AS n FROM {table} t WHERE NOT EXISTS (SELECT FROM {parent} p WHERE p.id = t.{name})"
        ).format(table=sql.Identifier(table.name), parent=sql.Identifier(each.table), name=sql.Identifier(each.name))
        for each in table.references
    ]
    total = sql.SQL(" UNION ALL ").join(gone or [sql.SQL("SELECT 0 AS n").format()])
    return sql.SQL(
        "SELECT {section} AS section, {table} AS table_name, sum(n)::bigint AS without_parent FROM ({total}) gone "
        "HAVING sum(n) > 0"
    ).format(section=sql.Literal(section), table=sql.Literal(table.name), total=total)


def _fewer_rows(section: str, table: Table) -> sql.Composed:
    # The newest day's rows are all there; of dated tables, every day's are.
    days = sql.SQL("coverage") if table.kept is Kept.DATED else sql.SQL("({})").format(sql.SQL(STANDING))
    parent = next((r for r in table.references if r.table != "accounts"), None)
    has_account = any(r.table == "accounts" for r in table.references)
    held = (
        sql.SQL("{} t").format(sql.Identifier(table.name))
        if has_account or parent is None
        else sql.SQL("(SELECT p.account_id FROM {} c JOIN {} p ON p.id = c.{}) t").format(
            sql.Identifier(table.name), sql.Identifier(parent.table), sql.Identifier(parent.name)
        )
    )
    return sql.SQL(
        "WITH told AS (SELECT account_id, region, max(date)::text AS date, "
        "sum((rows_by_table ->> {table})::bigint) AS rows FROM {days} d WHERE section = {section} GROUP BY 1, 2), "
        "held AS (SELECT a.account_id, a.region, count(*) AS rows FROM {held} JOIN accounts a ON a.id = t.account_id "
        "GROUP BY 1, 2) "
        "SELECT account_id, region, {section} AS section, {table} AS table_name, date, told.rows AS in_snapshot, "
        "coalesce(held.rows, 0) AS in_tables, told.rows - coalesce(held.rows, 0) AS difference "
        "FROM told LEFT JOIN held USING (account_id, region) WHERE told.rows > coalesce(held.rows, 0)"
    ).format(table=sql.Literal(table.name), section=sql.Literal(section), days=days, held=held)


def count_rows(connection: Connection, table: Table) -> int:
    """How many rows a table holds."""
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.name))).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives a row
    return int(row[0])
