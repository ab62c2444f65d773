"""A DuckDB for one piece of work: its memory is bounded, and what it spills to disk goes away with it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

MEMORY_MB = 600
"""What DuckDB may hold; a process has about 200 MB more, of Python, code and buffers of Parquet."""
ROW_GROUP = 10_000
"""Rows that are read or passed over together; each is in memory whole while it is written, and a key has up to 1 KB."""


@contextmanager
def bounded(
    memory_mb: int = MEMORY_MB, scratch: Path | None = None, threads: int | None = None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A connection that works in UTC, and a folder for files of the work's own, within `scratch` if it is given.

    Takes as many threads as there are cores unless told otherwise. It loads no extension and reaches no network.
    """
    with tempfile.TemporaryDirectory(prefix="a360-", dir=scratch) as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": folder,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if threads is not None:
            config["threads"] = threads
        with duckdb.connect(":memory:", config=config) as connection:
            # In a process without a main file DuckDB takes whoever reads stdout for a person.
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET TimeZone = 'UTC'")
            yield connection, Path(folder)


def text(value: object) -> str:
    """A value as a text literal of SQL, for the few places that take no parameter."""
    return "'" + str(value).replace("'", "''") + "'"


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[object]]) -> None:
    """Puts rows into a table, all by one statement."""
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        values = ", ".join("unnest(?)" for _ in columns)
        connection.execute(f"INSERT INTO {table} SELECT {values}", columns)


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, order: str, path: Path) -> None:
    """Writes a query's rows, in the order of the columns named; who reads meanwhile has the old file or the new one."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    # First the rows, then their order: to group or join, and to sort at the same time, takes the memory of both.
    connection.execute(f"CREATE TEMP TABLE unsorted AS {query}")
    ((threads,),) = connection.execute("SELECT current_setting('threads')").fetchall()
    try:
        # Each thread that sorts holds on to memory of its own, whatever the limit.
        connection.execute("SET threads = 1")
        connection.execute(
            f"COPY (SELECT * FROM unsorted ORDER BY {order}) TO {text(unfinished)}"  # noqa: S608 - ours
            f" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
        )
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
        connection.execute(f"SET threads = {threads}")
        connection.execute("DROP TABLE unsorted")
