"""What a warehouse lacks of what is declared: it was never migrated, or by an older release."""

from __future__ import annotations

from a360_pipeline.warehouse.connection import Connection
from a360_pipeline.warehouse.schema import metadata

COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"


def lacking(connection: Connection) -> list[str]:
    """Tables, and columns of tables that are there, in their order; none: `a360 migrate` has nothing to add of them."""
    there: dict[str, set[str]] = {}
    for table, column in connection.execute(COLUMNS):
        there.setdefault(table, set()).add(column)
    lacks: list[str] = []
    for declared in metadata().sorted_tables:
        columns = there.get(declared.name)
        if columns is None:
            lacks.append(f"table {declared.name}")
        else:
            lacks += [f"column {declared.name}.{each.name}" for each in declared.columns if each.name not in columns]
    return lacks
