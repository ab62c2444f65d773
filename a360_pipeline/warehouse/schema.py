"""The declared tables as SQLAlchemy metadata, from which the migration derives its DDL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from a360_pipeline.sections.model import Kept, Reference, Table, Type
from a360_pipeline.warehouse.tables import ALL_TABLES

SQL_TYPES: dict[Type, sa.types.TypeEngine[Any]] = {
    Type.TEXT: sa.Text(),
    Type.BIGINT: sa.BigInteger(),
    Type.NUMERIC: sa.Numeric(),
    Type.BOOLEAN: sa.Boolean(),
    Type.DATE: sa.Date(),
    Type.TIMESTAMPTZ: sa.TIMESTAMP(timezone=True),
    Type.JSONB: postgresql.JSONB(),
}


def metadata(tables: Iterable[Table] = ALL_TABLES) -> sa.MetaData:
    """Every table with its id, columns, time stamps, natural key and indexes on its references."""
    described = sa.MetaData()
    for table in tables:
        _describe(table, described)
    return described


def _describe(table: Table, described: sa.MetaData) -> None:
    items: list[sa.schema.SchemaItem] = [sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True)]
    for column in table.columns:
        if isinstance(column, Reference):
            # Where only the loader writes, it inserts no row whose parent it has not joined, and checking each row
            # again would cost more than all else that an insert does. People's own tables have the server check.
            target = [sa.ForeignKey(f"{column.table}.id", name=f"{table.name}_{column.name}_fkey")]
            checked = target if table.kept is Kept.ADDED else []
            items.append(
                sa.Column(column.name, sa.BigInteger, *checked, nullable=False, comment=column.description or None)
            )
        else:
            items.append(sa.Column(column.name, SQL_TYPES[column.type], comment=column.description or None))
    items += [sa.Column(stamp, sa.TIMESTAMP(timezone=True), server_default=sa.func.now()) for stamp in table.stamps]
    items += [sa.Column(kept.name, SQL_TYPES[kept.type], comment=kept.description) for kept in table.memory]
    if table.key:
        items.append(
            # Two rows that both lack a version are the same row.
            sa.UniqueConstraint(*table.key, name=f"{table.name}_key", postgresql_nulls_not_distinct=True)
        )
    items += [
        sa.Index(f"{table.name}_{column.name}_idx", column.name)
        for column in table.columns
        if isinstance(column, Reference)
        and column.name != table.key[0]
        # What is retired piles up; what a listing is compared with, and views show, does not.
        and not (table.is_listing and column.table == "accounts")
    ]
    if table.is_listing:
        live = sa.text("retired_at IS NULL")
        items.append(sa.Index(f"{table.name}_live_idx", "account_id", postgresql_where=live))
    sa.Table(table.name, described, *items, comment=table.description)
