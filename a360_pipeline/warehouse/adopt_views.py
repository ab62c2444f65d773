"""Views on tables that change their types: set aside with their grants, and put back where they still work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from a360_pipeline.warehouse.connection import Connection


@dataclass(frozen=True, slots=True)
class View:
    """A view that was set aside. The statements make it again, and then grant what was granted."""

    schema: str
    name: str
    definition: tuple[str, ...]
    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LostView:
    """A view of others that no longer works, with what it was made by."""

    name: str
    definition: str
    reason: str


DEPENDENTS = """
    WITH RECURSIVE dependents AS (
        SELECT t.oid, 0 AS depth FROM pg_class t
        WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(%s)
        UNION
        SELECT v.oid, p.depth + 1 FROM dependents p
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = p.oid
            AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> p.oid
        JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
    ), views AS (SELECT oid, max(depth) AS depth FROM dependents WHERE depth > 0 GROUP BY oid)
    SELECT n.nspname, v.relname, v.relkind = 'm',
        ARRAY[format('CREATE %%s %%I.%%I AS %%s', CASE v.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END,
            n.nspname, v.relname, pg_get_viewdef(v.oid))]
            || ARRAY(SELECT pg_get_indexdef(x.indexrelid) FROM pg_index x WHERE x.indrelid = v.oid),
        ARRAY(SELECT format('GRANT %%s ON %%I.%%I TO %%s%%s', g.privilege_type, n.nspname, v.relname,
            CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,
            CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
            FROM aclexplode(v.relacl) g WHERE g.grantee <> v.relowner)
    FROM views JOIN pg_class v USING (oid) JOIN pg_namespace n ON n.oid = v.relnamespace
    ORDER BY views.depth, v.relname
"""


def set_aside(driver: Connection, tables: Sequence[str]) -> tuple[View, ...]:
    """Drops every view that stands on the tables, and on views on them: a type cannot change beneath a view."""
    found = driver.execute(DEPENDENTS, [list(tables)]).fetchall()
    for schema, name, is_materialized, *_ in reversed(found):
        kind = sql.SQL("MATERIALIZED VIEW" if is_materialized else "VIEW")
        driver.execute(sql.SQL("DROP {} {}").format(kind, sql.Identifier(schema, name)))
    return tuple(View(schema, name, tuple(definition), tuple(grants)) for schema, name, _, definition, grants in found)


def put_back(driver: Connection, views: Sequence[View], ours: Collection[str]) -> tuple[LostView, ...]:
    """Makes again what is not ours, grants on all of them what was granted; returns those that no longer work."""
    lost: list[LostView] = []
    row = driver.execute("SELECT current_schema()").fetchone()
    assert row is not None  # noqa: S101 - a function gives a row
    for view in views:
        is_ours = view.schema == row[0] and view.name in ours
        try:
            with driver.transaction():
                for statement in (*(() if is_ours else view.definition), *view.grants):
                    driver.execute(statement)
        except (psycopg.ProgrammingError, psycopg.DataError) as error:
            reason = error.diag.message_primary or str(error)
            lost.append(LostView(f"{view.schema}.{view.name}", ";\n".join(view.definition), reason))
    return tuple(lost)
