"""Staged rows into their tables: set by set, by natural key, with SQL derived from the declaration."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from psycopg import sql

from a360_pipeline.sections.model import Column, Kept, Reference, Table
from a360_pipeline.warehouse.connection import Connection
from a360_pipeline.warehouse.stage import (
    FRAME,
    FRAMES,
    Key,
    Rejected,
    Staged,
    fields_of,
    identity_of_parent,
    stage_name,
)
from a360_pipeline.warehouse.tables import BY_NAME


@dataclass(frozen=True, slots=True)
class Changes:
    """What a load did to a table, in rows."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    retired: int = 0
    removed: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.created + other.created,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.retired + other.retired,
            self.removed + other.removed,
        )


def merge(connection: Connection, table: Table, rows: int, *, any_late: bool = False) -> Changes:
    """Inserts what is new, updates what differs, leaves what is the same untouched, remembers what changed.

    Raises RuntimeError unless it finds as many staged `rows`, with their accounts and parents, as there must be.
    """
    staged, created, updated, removed = _counts(connection, _merge_statement(table))
    if staged != rows:
        raise RuntimeError(f"{rows - staged} rows of {table.name} have nothing to be filed under: this is a bug")
    if any_late and table.is_listing:
        _, late_created, late_updated, _ = _counts(connection, _late_statement(table))
        created, updated = created + late_created, updated + late_updated
    if any_late and table.closes:
        connection.execute(_close_statement(table))
    return Changes(created, updated, staged - created - updated, 0, removed)


def _counts(connection: Connection, statement: sql.Composed) -> tuple[int, int, int, int]:
    row = connection.execute(statement).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives a row
    return int(row[0]), int(row[1]), int(row[2]), int(row[3])


def orphans(connection: Connection, staged: Staged, known: Mapping[str, Container[Key]]) -> list[Rejected]:
    """The staged rows whose parent is neither staged, which `known` tells by table, nor in the warehouse."""
    table = staged.table
    found: list[Rejected] = []
    for reference in table.references:
        parents = known.get(reference.table, ())
        told = staged.parents.get(reference.name, ())
        if reference.table == "accounts" or all(key in parents and None not in key for key in told):
            continue
        identity = identity_of_parent(reference)
        names = [field.name for field in fields_of(table)]
        query = sql.SQL("SELECT s.{frame}, {identity}, {columns} FROM {joined} WHERE {parent}.id IS NULL").format(
            frame=sql.Identifier(FRAME),
            identity=sql.SQL(", ").join(_staged(part) for part in identity),
            columns=sql.SQL(", ").join(sql.Identifier("s", name) for name in names),
            joined=_joined(table, outer=reference),
            parent=sql.Identifier(f"@{reference.name}"),
        )
        for frame, *values in connection.execute(query):
            key = tuple(values[: len(identity)])
            # Of several parents that lack a part of their key none is meant.
            if key in parents and None not in key:
                continue
            row = dict(zip(names, values[len(identity) :], strict=True))
            wanted = ", ".join(str(row.get(f"{reference.name}.{column}")) for column, _ in reference.on)
            reason = f"no row of {reference.table} in this account and region is {wanted}"
            found.append(Rejected(frame, table.name, row, reason))
    return found


def _staged(part: str) -> sql.Composed:
    place = sql.Identifier("f", part.removeprefix("@")) if part.startswith("@") else sql.Identifier("s", part)
    return sql.SQL("{}::text").format(place)


def ids(names: Iterable[str], *qualifier: str) -> sql.Composed:
    """Quoted column names, comma-separated."""
    return sql.SQL(", ").join(sql.Identifier(*qualifier, name) for name in names)


def resolved(table: Table) -> sql.Composed:
    """WITH `resolved`: the staged rows as the table has them, parents by id."""
    columns = [
        sql.SQL("{} AS {}").format(_expression(column), sql.Identifier(column.name)) for column in _columns(table)
    ]
    return sql.SQL(
        "WITH resolved AS MATERIALIZED (SELECT {columns}, f.date AS {date}, f.interval AS {interval}, "
        "f.is_late AS {late}, f.retired_since AS {since} FROM {joined})"
    ).format(
        columns=sql.SQL(", ").join(columns),
        date=sql.Identifier("@date"),
        interval=sql.Identifier("@interval"),
        late=sql.Identifier("@late"),
        since=sql.Identifier("@since"),
        joined=_joined(table),
    )


def same_key(table: Table, one: str, other: str) -> sql.Composed:
    """Whether two rows have one key."""
    return sql.SQL("{} = {}").format(key_text(table, one), key_text(table, other))


def key_text(table: Table, alias: str) -> sql.Composed:
    """A row's key as one text, in which nulls are equal: what sets are compared by."""
    return sql.SQL("ROW({})::text").format(ids(table.key, alias))


def row_json(table: Table, alias: str) -> sql.Composed:
    """A row's own values as jsonb, for the memory of changes."""
    pairs = [
        sql.SQL("{}, {}").format(sql.Literal(column.name), sql.Identifier(alias, column.name))
        for column in table.values
    ]
    return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def _joined(table: Table, outer: Reference | None = None) -> sql.Composed:
    """The staging table joined with its frames and with every parent; `outer` and the account may yet be lacking."""
    parts: list[sql.Composable] = [
        sql.SQL("{} s JOIN {} f USING ({})").format(stage_name(table), FRAMES, sql.Identifier(FRAME))
    ]
    if table.references:
        how = sql.SQL("LEFT" if outer else "INNER")
        parts.append(sql.SQL("{} JOIN accounts a ON a.account_id = f.account AND a.region = f.region").format(how))
    for reference in table.references:
        if reference.table == "accounts":
            continue
        parent, alias = BY_NAME[reference.table], sql.Identifier(f"@{reference.name}")
        conditions = [_on(alias, reference, column, source) for column, source in reference.on]
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


def _on(alias: sql.Identifier, reference: Reference, column: str, source: str) -> sql.Composed:
    child: sql.Composable = sql.Identifier("s", f"{reference.name}.{column}")
    if source.startswith("@"):
        child = sql.Identifier("f", source.removeprefix("@"))
    return sql.SQL("{}.{} = {}").format(alias, sql.Identifier(column), child)


def _expression(column: Column | Reference) -> sql.Composable:
    if isinstance(column, Reference):
        return sql.SQL("a.id") if column.table == "accounts" else sql.Identifier(f"@{column.name}", "id")
    if column.source.startswith("@"):
        # As the table has it: keys are compared as text.
        frame = sql.Identifier("f", column.source.removeprefix("@"))
        return sql.SQL("{}::{}").format(frame, sql.SQL(column.type.value))
    return sql.Identifier("s", column.name)


def _columns(table: Table) -> list[Column | Reference]:
    return [*table.references, *table.values]


def _written(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in _columns(table))


def _facts(table: Table) -> tuple[str, ...]:
    return tuple(name for name in _written(table) if name not in table.key)


@cache
def _merge_statement(table: Table) -> sql.Composed:
    """Counts of staged, created, updated and removed rows. Of a listing only what is not late: see _late_statement."""
    written, facts = _written(table), _facts(table)
    dates: dict[str, str] = {}
    if table.has_history:
        last = "NULL::date" if table.is_listing else '"@date"'
        dates = {"first_seen": '"@date"', "last_seen": last, "retired_at": "NULL::date"}
    elif table.kept is Kept.DATED:
        dates = {"told_on": '"@date"', "told_by": '"@interval"'}
    chosen: sql.Composable = sql.SQL("")
    if table.is_listing:
        chosen = sql.SQL('WHERE NOT "@late"')
    elif table.closes:
        chosen = sql.SQL("WHERE NOT ({})").format(_closes_nothing(table))
    return sql.SQL(
        "{resolved}, merged AS (INSERT INTO {table} AS t ({names}) SELECT {values} FROM resolved r {chosen} "
        "ON CONFLICT ON CONSTRAINT {key} {conflict} "
        "RETURNING t.id, (xmax = 0) AS _new{returned}){remembered}{replaced}{kept} "
        "SELECT (SELECT count(*) FROM resolved), count(*) FILTER (WHERE _new), "
        "count(*) FILTER (WHERE NOT _new), {removed} FROM merged"
    ).format(
        resolved=resolved(table),
        table=sql.Identifier(table.name),
        names=ids((*written, *dates)),
        values=sql.SQL(", ").join([ids(written), *(sql.SQL(value) for value in dates.values())]),
        chosen=chosen,
        key=sql.Identifier(f"{table.name}_key"),
        conflict=_on_conflict(table, facts),
        returned=sql.SQL(", {}").format(ids((*written, "last_seen"), "t")) if table.has_history else sql.SQL(""),
        remembered=_remember(table, facts) if table.has_history else sql.SQL(""),
        replaced=_replace(table) if table.set_of else sql.SQL(""),
        kept=_keep_closings(table) if table.closes else sql.SQL(""),
        removed=sql.SQL("(SELECT count(*) FROM replaced)" if table.set_of else "0"),
    )


def _on_conflict(table: Table, facts: tuple[str, ...]) -> sql.Composable:
    if table.kept is Kept.ADDED or not (facts or table.has_history):
        return sql.SQL("DO NOTHING")
    differs: sql.Composable = sql.SQL("false")
    if facts:
        differs = sql.SQL("({}) IS DISTINCT FROM ({})").format(ids(facts, "t"), ids(facts, "excluded"))
    sets: list[sql.Composable] = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in facts]
    stamp = [sql.SQL("updated_at = now()")] if "updated_at" in table.stamps else []
    when: sql.Composable = differs
    if table.is_listing:
        sets += [sql.SQL("last_seen = NULL"), sql.SQL("retired_at = NULL")]
        when = sql.SQL("{} OR t.last_seen IS NOT NULL OR t.retired_at IS NOT NULL").format(differs)
    elif table.has_history:
        # Told of out of order, a row keeps the later word and the earlier first sight.
        later = sql.SQL("excluded.last_seen >= coalesce(t.last_seen, excluded.last_seen)")
        sets = [
            sql.SQL("{0} = CASE WHEN {1} THEN excluded.{0} ELSE t.{0} END").format(sql.Identifier(name), later)
            for name in facts
        ]
        sets += [
            sql.SQL("retired_at = CASE WHEN {} THEN NULL ELSE t.retired_at END").format(later),
            sql.SQL("last_seen = greatest(t.last_seen, excluded.last_seen)"),
            sql.SQL("first_seen = least(t.first_seen, excluded.first_seen)"),
        ]
        when = sql.SQL(
            "({later} AND ({differs} OR t.last_seen IS DISTINCT FROM excluded.last_seen)) "
            "OR excluded.first_seen < t.first_seen"
        ).format(later=later, differs=differs)
    elif table.kept is Kept.DATED:
        sets += [sql.SQL("told_on = excluded.told_on"), sql.SQL("told_by = excluded.told_by")]
        when = sql.SQL("coalesce(t.told_on, excluded.told_on) <= excluded.told_on AND {}").format(differs)
    return sql.SQL("DO UPDATE SET {} WHERE {}").format(sql.SQL(", ").join([*sets, *stamp]), when)


def _remember(table: Table, facts: tuple[str, ...]) -> sql.Composable:
    """Notes what changed. The table still shows the rows as they were before the statement began."""
    steady = [c.name for c in table.values if c.name in facts and not c.is_volatile]
    if not steady:
        return sql.SQL("")
    owner = "m.account_id" if any(r.table == "accounts" for r in table.references) else "m.id"
    return sql.SQL(
        ", remembered AS (INSERT INTO resource_changes "
        "(table_name, row_id, account_id, date, change, before, after) "
        "SELECT {name}, m.id, {owner}, {date}, 'changed', {before}, {after} "
        "FROM merged m JOIN {table} old ON old.id = m.id "
        "WHERE NOT m._new AND ({olds}) IS DISTINCT FROM ({news}) "
        "ON CONFLICT ON CONSTRAINT resource_changes_key DO UPDATE SET after = excluded.after)"
    ).format(
        name=sql.Literal(table.name),
        owner=sql.SQL(owner),
        date=sql.SQL('(SELECT max("@date") FROM resolved)'),
        before=row_json(table, "old"),
        after=row_json(table, "m"),
        table=sql.Identifier(table.name),
        olds=ids(steady, "old"),
        news=ids(steady, "m"),
    )


@cache
def _late_statement(table: Table) -> sql.Composed:
    """Rows of a listing older than what stands: they fill history and touch nothing newer."""
    written, facts = _written(table), _facts(table)
    later = sql.SQL("t.last_seen < excluded.last_seen")
    sets = [
        sql.SQL("{0} = CASE WHEN {1} THEN excluded.{0} ELSE t.{0} END").format(sql.Identifier(name), later)
        for name in (*facts, "retired_at")
    ]
    return sql.SQL(
        "{resolved}, merged AS (INSERT INTO {table} AS t ({names}, first_seen, last_seen, retired_at) "
        'SELECT {names}, "@date", "@date", "@since" FROM resolved WHERE "@late" '
        "ON CONFLICT ON CONSTRAINT {key} DO UPDATE SET {sets}, first_seen = least(t.first_seen, excluded.first_seen), "
        "last_seen = CASE WHEN {later} THEN excluded.last_seen ELSE t.last_seen END "
        "WHERE {later} OR excluded.first_seen < t.first_seen RETURNING (xmax = 0) AS _new) "
        "SELECT 0, count(*) FILTER (WHERE _new), count(*) FILTER (WHERE NOT _new), 0 FROM merged"
    ).format(
        resolved=resolved(table),
        table=sql.Identifier(table.name),
        names=ids(written),
        key=sql.Identifier(f"{table.name}_key"),
        sets=sql.SQL(", ").join(sets),
        later=later,
    )


def _replace(table: Table) -> sql.Composed:
    """Removes what a set held before and holds no longer, unless a later snapshot told it."""
    # Only equality is served by an index, and nulls are hardly ever there.
    equal = sql.SQL(" AND ").join(_compared(name, "=") for name in table.set_of)
    alike = sql.SQL(" AND ").join(_compared(name, "IS NOT DISTINCT FROM") for name in table.set_of)
    return sql.SQL(
        ', sets AS (SELECT {set_of}, max("@date") AS told_on FROM resolved GROUP BY {set_of}), '
        "held AS (SELECT t.*, sets.told_on AS newest FROM sets JOIN {table} t ON {equal} UNION ALL "
        "SELECT t.*, sets.told_on FROM sets JOIN {table} t ON {alike} WHERE num_nulls({in_sets}) > 0), "
        "replaced AS (DELETE FROM {table} t USING held h WHERE t.id = h.id "
        "AND coalesce(h.told_on, h.newest) <= h.newest "
        "AND NOT EXISTS (SELECT FROM resolved r WHERE {same}) RETURNING 1)"
    ).format(
        set_of=ids(table.set_of),
        in_sets=ids(table.set_of, "sets"),
        table=sql.Identifier(table.name),
        equal=equal,
        alike=alike,
        same=same_key(table, "r", "h"),
    )


def _compared(name: str, how: str) -> sql.Composed:
    return sql.SQL("t.{0} {1} sets.{0}").format(sql.Identifier(name), sql.SQL(how))


def _closes_nothing(table: Table) -> sql.Composed:
    """Whether a resolved row `r` comes to close something of which it is not known that it was ever open."""
    return sql.SQL(
        "r.{closes} = 'RESOLVED' AND NOT EXISTS (SELECT FROM {table} t "
        'WHERE t.account_id = r.account_id AND t.first_seen <= r."@date" AND {same})'
    ).format(
        closes=sql.Identifier(table.closes or ""), table=sql.Identifier(table.name), same=same_key(table, "r", "t")
    )


def _keep_closings(table: Table) -> sql.Composed:
    """Keeps what closes nothing known: days come in any order, and its opening may be told later."""
    pairs = (sql.SQL("{}, {}").format(sql.Literal(name), sql.Identifier("r", name)) for name in _written(table))
    return sql.SQL(
        ", kept AS (INSERT INTO closings AS c (table_name, account_id, row_key, date, row) "
        'SELECT {name}, r.account_id, {key}, r."@date", jsonb_build_object({pairs}) FROM resolved r WHERE {idle} '
        "ON CONFLICT ON CONSTRAINT closings_key DO UPDATE SET date = excluded.date, row = excluded.row "
        "WHERE c.date < excluded.date)"
    ).format(
        name=sql.Literal(table.name),
        key=key_text(table, "r"),
        pairs=sql.SQL(", ").join(pairs),
        idle=_closes_nothing(table),
    )


@cache
def _close_statement(table: Table) -> sql.Composed:
    """Closes what was told to be open on a day before one on which it was told to be closed."""
    facts = _facts(table)
    return sql.SQL(
        "{resolved}, closed AS (SELECT t.id, c.date, c.id AS closing, p.* FROM resolved r "
        "JOIN closings c ON c.table_name = {name} AND c.account_id = r.account_id AND c.row_key = {key} "
        "JOIN {table} t ON t.account_id = r.account_id AND {same} AND t.last_seen <= c.date "
        "CROSS JOIN LATERAL (SELECT {of_facts} FROM jsonb_populate_record(NULL::{table}, c.row) j) p), "
        "spent AS (DELETE FROM closings c USING closed WHERE c.id = closed.closing) "
        "UPDATE {table} t SET {sets}, last_seen = closed.date FROM closed WHERE t.id = closed.id"
    ).format(
        resolved=resolved(table),
        name=sql.Literal(table.name),
        key=key_text(table, "r"),
        table=sql.Identifier(table.name),
        same=same_key(table, "t", "r"),
        of_facts=ids(facts, "j"),
        sets=sql.SQL(", ").join(sql.SQL("{0} = closed.{0}").format(sql.Identifier(name)) for name in facts),
    )
