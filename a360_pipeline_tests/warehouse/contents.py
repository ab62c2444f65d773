"""What a warehouse says, whatever ids and times of loading it gave: to compare one with another."""

from __future__ import annotations

from typing import Any

import psycopg

from a360_pipeline.warehouse.migrate import view_files

OF_THE_LOAD = {
    "id",
    "account_id",
    "product_id",
    "security_id",
    "log_id",
    "config_report_id",
    "cost_report_id",
    "instance_id",
    "ii_id",
    "ii_account_id",
} | {"created_at", "updated_at", "ii_created_at"}
CONTEXT = {"account_context", "view_changes_since_yesterday"}


def contents(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """The sorted rows of every view, and of the coverage ledger."""
    queries = {name: f'SELECT * FROM "{name}"' for name in view_files() if name not in CONTEXT}
    queries["coverage"] = (
        "SELECT account_id AS account, region, section, date, status, rows, rows_loaded, rows_rejected, "
        "rows_by_table, message, snapshot_key FROM coverage"
    )
    queries["loads"] = "SELECT key, outcome, reason, rows_loaded, rows_superseded, not_taken FROM load_ledger"
    queries["rejected"] = 'SELECT snapshot_key, table_name, "row", reason FROM rejected_rows'
    found: dict[str, list[str]] = {}
    for name, query in queries.items():
        cursor = connection.execute(query.encode())
        assert cursor.description is not None
        kept = [n for n, column in enumerate(cursor.description) if column.name not in OF_THE_LOAD]
        # An instance's id is a fact of AWS where it is text.
        found[name] = sorted(repr([row[n] for n in kept]) for row in cursor)
    return found
