"""Creates and upgrades the warehouse: Alembic compares the declared tables with the database and adds what lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops

from a360_pipeline.sections.registry import TABLES
from a360_pipeline.warehouse.adopt import Adoption, driver_of
from a360_pipeline.warehouse.adopt import adopt as take_over
from a360_pipeline.warehouse.adopt_shape import in_another_shape
from a360_pipeline.warehouse.adopt_views import put_back
from a360_pipeline.warehouse.schema import metadata

# Any number will do, as long as every migration of a warehouse takes the same one.
MIGRATION_LOCK = 360_001


@dataclass(frozen=True, slots=True)
class Migration:
    """What a migration did: the tables, columns, constraints and indexes it added, and the views it made."""

    added: tuple[str, ...]
    views: tuple[str, ...]
    adopted: Adoption | None = None
    """None unless it was to adopt what is there."""


class MigrationRefused(RuntimeError):
    """The database has tables of our names that are not ours. The message says which, and what to do."""


def migrate(url: str, *, adopt: bool = False) -> Migration:
    """Brings a database up to the declarations, in one transaction; safe to run twice and from two places.

    Only adds: nothing is dropped or narrowed. Views are made anew. With `adopt` it first takes over tables of
    our names that have another shape. Raises sqlalchemy's OperationalError, and MigrationRefused where there are
    such tables and `adopt` is not asked for.
    """
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    declared = metadata()
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        driver = driver_of(connection)
        adopted = take_over(connection, declared) if adopt else None
        _refuse(in_another_shape(driver, declared))
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        script = produce_migrations(context, declared).upgrade_ops
        additions = [op for op in _flat(script) if isinstance(op, ADDITIONS)]
        run = Operations(context)
        for addition in additions:
            run.invoke(addition)
        views = _make_views(connection)
        if adopted is not None:
            adopted = replace(adopted, lost=put_back(driver, adopted.views, views))
        return Migration(tuple(_name(op) for op in additions), views, adopted)


def _refuse(names: tuple[str, ...]) -> None:
    if names:
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        raise MigrationRefused(
            f"{len(names)} tables of this database have our names but another shape ({shown}): make a backup, then "
            "run `a360 migrate --adopt`, which takes them over with all their rows. Nothing was changed."
        )


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


def arrivals_view() -> str:
    """SQL of `resource_arrivals`: the first sight of every row that has one, from all tables that keep it."""
    parts = [
        f"SELECT '{table.name}' AS table_name, id AS row_id, account_id, first_seen AS date FROM {table.name}"  # noqa: S608 - declared names
        for table in TABLES
        if table.has_history and any(reference.table == "accounts" for reference in table.references)
    ]
    return "\nUNION ALL\n".join(parts)


def _make_views(connection: sa.Connection) -> tuple[str, ...]:
    views = dict(sorted({**view_files(), "resource_arrivals": arrivals_view()}.items()))
    quote = connection.dialect.identifier_preparer.quote

    def create() -> None:
        for name, query in views.items():
            connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {quote(name)} AS {query}")

    try:
        with connection.begin_nested():
            create()
    except sa.exc.ProgrammingError:
        # PostgreSQL replaces a view only by one that begins with the same columns. Replacing comes first because
        # it keeps the grants that dropping loses; without CASCADE, so that nobody else's view is dropped.
        for name in reversed(views):
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {quote(name)}")
        create()
    return tuple(views)
