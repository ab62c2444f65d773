"""Creates and upgrades the warehouse: Alembic compares the declared tables with the database and adds what lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops

from a360_pipeline.warehouse.schema import metadata

# Any number will do, as long as every migration of a warehouse takes the same one.
MIGRATION_LOCK = 360_001


@dataclass(frozen=True, slots=True)
class Migration:
    """What a migration did: the tables, columns, constraints and indexes it added, and the views it made."""

    added: tuple[str, ...]
    views: tuple[str, ...]


def migrate(url: str) -> Migration:
    """Brings a database up to the declarations, in one transaction; safe to run twice and from two places.

    Only adds: nothing is dropped or narrowed. Views are made anew. Raises sqlalchemy's OperationalError.
    """
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    declared = metadata()
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        script = produce_migrations(context, declared).upgrade_ops
        additions = [op for op in _flat(script) if isinstance(op, ADDITIONS)]
        run = Operations(context)
        for addition in additions:
            run.invoke(addition)
        return Migration(tuple(_name(op) for op in additions), _make_views(connection))


ADDITIONS = (ops.CreateTableOp, ops.AddColumnOp, ops.CreateIndexOp, ops.AddConstraintOp)


def _flat(container: Any) -> Iterator[Any]:
    for op in container.ops if container else ():
        if hasattr(op, "ops"):
            yield from _flat(op)
        else:
            yield op


def _name(op: Any) -> str:
    if isinstance(op, ops.AddColumnOp):
        return f"column {op.table_name}.{op.column.name}"
    if isinstance(op, ops.CreateTableOp):
        return f"table {op.table_name}"
    return f"index {op.index_name}" if isinstance(op, ops.CreateIndexOp) else f"constraint {op.constraint_name}"


def view_files() -> dict[str, str]:
    """The views' SQL by name, in the order of their files' names; `account_context` comes first."""
    folder = resources.files(__package__).joinpath("views")
    found = {f.name.removesuffix(".sql"): f.read_text() for f in folder.iterdir() if f.name.endswith(".sql")}
    return dict(sorted(found.items()))


def _make_views(connection: sa.Connection) -> tuple[str, ...]:
    views = view_files()
    quote = connection.dialect.identifier_preparer.quote
    for name, query in views.items():
        create = f"CREATE OR REPLACE VIEW {quote(name)} AS {query}"
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(create)
        except sa.exc.ProgrammingError:
            # PostgreSQL replaces a view only by one that begins with the same columns. Replacing comes
            # first because it keeps the grants that dropping loses.
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {quote(name)} CASCADE")
            connection.exec_driver_sql(create)
    return tuple(views)
