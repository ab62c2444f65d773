"""The loader on the field's snapshots, repeated for 40 account-regions, against a row at a time."""

from __future__ import annotations

import sys

import psycopg
import pyarrow as pa
from psycopg.rows import dict_row

from a360_pipeline.sections.registry import TABLES
from a360_pipeline.warehouse.load import load
from benchmarks.frame import measured, peak_mb, write_result
from benchmarks.parts import (
    FIELD_SNAPSHOTS,
    memory_store,
    new_warehouse,
    postgres_server,
    repeat_field_snapshots,
)
from benchmarks.rivals import Row, row_by_row

ACCOUNT_REGIONS = 40


def main() -> int:
    if not FIELD_SNAPSHOTS.is_dir():
        sys.stderr.write("walk: skipped, the field's snapshots are not at hand\n")
        return 0
    store = memory_store()
    with postgres_server() as server:
        url = new_warehouse(server, "walk")
        rows = 0
        # pyarrow imports pandas at its first array: a second that a loader spends once in its life.
        pa.array([""])
        seconds: dict[str, float] = {}
        cpu: dict[str, float] = {}
        for run in ("new", "unchanged"):
            repeat_field_snapshots(store, ACCOUNT_REGIONS)
            with measured(server.pid) as spent:
                result = load(store, url, sorted(store.waiting()), batch_files=50, batch_bytes=32_000_000)
            rows = sum(c.created + c.updated + c.unchanged for c in result.tables.values())
            seconds[run], cpu[run] = spent.seconds, spent.cpu
        rival = _row_by_row(url, new_warehouse(server, "rival"), server.pid)
    write_result(
        "walk",
        {
            "account_regions": ACCOUNT_REGIONS,
            "rows": rows,
            "rows_per_second_new": rows / seconds["new"],
            "rows_per_second_unchanged": rows / seconds["unchanged"],
            "cpu_us_per_row_new": cpu["new"] / rows * 1e6,
            "cpu_us_per_row_unchanged": cpu["unchanged"] / rows * 1e6,
            "cpu_us_per_row_rival": rival * 1e6,
            "cpu_ratio_vs_row_by_row": rival / (cpu["new"] / rows),
            "seconds": sum(seconds.values()),
            "cpu_seconds": sum(cpu.values()),
            "peak_mb": peak_mb(),
        },
        "CPU is the loader's and the database's. The rival gets the rows already parsed, of one account in ten.",
    )
    return 0


def _row_by_row(source: str, target: str, server_pid: int) -> float:
    """CPU seconds a row of the rival, for the accounts whose id ends in 0."""
    plan: list[Row] = []
    with psycopg.connect(source, row_factory=dict_row) as connection:
        kept = {row["id"] for row in connection.execute("SELECT id FROM accounts WHERE account_id LIKE '%0'")}
        for table in TABLES:
            if table.kept.value == "added":
                continue
            stored = connection.execute(f'SELECT * FROM "{table.name}"').fetchall()
            for row in stored:
                if row.get("account_id") in kept or (table.name == "accounts" and row["id"] in kept):
                    plan.append((table.name, table.key, row))
    with psycopg.connect(target, autocommit=True) as connection, measured(server_pid) as spent:
        count = row_by_row(connection, plan)
    return spent.cpu / count


if __name__ == "__main__":
    sys.exit(main())
