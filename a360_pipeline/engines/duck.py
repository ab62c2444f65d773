"""The embedded engine: DuckDB over folders of consolidated inventories, which it reads and nothing else."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from a360_pipeline.engines.dialect import PREPARE, columns_used, partition_filters, translate
from a360_pipeline.engines.engine import Execution, QueryState

PARTITIONS = {"snapshot_date": "date", "account": "varchar", "region": "varchar", "bucketname": "varchar"}
FINISHED = "_delivery.json"
"""Without it a folder of the consolidation is unfinished."""
MOST_INTERRUPTIONS = 200
TRINO_TYPES: dict[pa.DataType, str] = {
    pa.string(): "varchar",
    pa.int64(): "bigint",
    pa.int32(): "integer",
    pa.bool_(): "boolean",
    pa.float64(): "double",
    pa.date32(): "date",
}


class NothingToAsk(LookupError):
    """There is no finished delivery in a folder. The message names it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A consolidated file, and the partition that its folders name."""

    path: Path
    account: str
    region: str
    bucket: str
    date: dt.date
    delivery: str

    @classmethod
    def of(cls, path: Path) -> Part:
        """Raises NothingToAsk for a file that lies in no such folders."""
        parts = path.absolute().parts[-6:-1]
        try:
            account, region, bucket, date, delivery = parts
            return cls(path.absolute(), account, region, bucket, dt.date.fromisoformat(date), delivery)
        except ValueError as error:
            raise NothingToAsk(f"{path} does not lie in ACCOUNT/REGION/BUCKET/DATE/DELIVERY/") from error

    @property
    def partition(self) -> tuple[dt.date, str, str, str]:
        return self.date, self.account, self.region, self.bucket


def standing(parts: Iterable[Part]) -> list[Part]:
    """Of each day and bucket the files of its newest delivery: their names sort by when they were delivered."""
    listed = list(parts)
    newest: dict[tuple[dt.date, str, str, str], str] = {}
    for part in listed:
        newest[part.partition] = max(newest.get(part.partition, ""), part.delivery)
    return sorted((part for part in listed if newest[part.partition] == part.delivery), key=lambda part: part.path)


def finished_parts(folder: Path) -> list[Part]:
    """Of all finished deliveries below a folder. Raises NothingToAsk where there are none."""
    found = [Part.of(path) for marker in folder.rglob(FINISHED) for path in marker.parent.glob("*.parquet")]
    if not found:
        raise NothingToAsk(f"There is no finished delivery below {folder}")
    return found


@dataclass
class _Table:
    """Files that stand for a table, under links whose folders DuckDB takes for partition columns."""

    parts: list[Part]
    links: list[Path]
    columns: dict[str, pa.DataType]
    sizes: dict[Path, dict[str, int]] = field(default_factory=dict)

    def bytes_of(self, columns: frozenset[str], parts: Iterable[Part]) -> int:
        return sum(size for part in parts for name, size in self._sizes(part.path).items() if name in columns)

    def _sizes(self, path: Path) -> dict[str, int]:
        if path not in self.sizes:
            read, sizes = pq.read_metadata(path), dict[str, int]()
            for group in range(read.num_row_groups):
                for index in range(read.num_columns):
                    chunk = read.row_group(group).column(index)
                    name = chunk.path_in_schema.split(".")[0]
                    sizes[name] = sizes.get(name, 0) + chunk.total_compressed_size
            self.sizes[path] = sizes
        return self.sizes[path]


@dataclass
class _Run:
    """A query under way."""

    cursor: duckdb.DuckDBPyConnection
    bytes_scanned: int
    started: float | None = None
    seconds: float = 0.0
    future: Future[pa.Table] = field(init=False)
    is_cancelled: bool = False


class Duck:
    """An Engine; `tables` are folders that deliveries lie in, or files of deliveries.

    Of two deliveries of a bucket on one day the newer stands; unfinished ones are passed over. Queries run one after
    the other. `memory_mb` is what DuckDB may take before it spills to a temporary folder. Raises NothingToAsk.
    """

    name = "duckdb"

    def __init__(
        self, tables: Mapping[str, str | Path | Iterable[Path]], *, memory_mb: int = 1024, threads: int = 2
    ) -> None:
        self._scratch = TemporaryDirectory(prefix="a360-duck-")
        self._runs: dict[str, _Run] = {}
        self._numbers = count(1)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="duckdb")
        self._connection = duckdb.connect()
        try:
            self._tables = {name.lower(): self._table(name.lower(), where) for name, where in tables.items()}
            self._prepare(memory_mb, threads)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends what runs, and removes what was written for it."""
        for execution_id in self._runs:
            self.cancel(execution_id)
        self._pool.shutdown(cancel_futures=True)
        self._connection.close()
        self._scratch.cleanup()

    @property
    def schema(self) -> dict[str, dict[str, str]]:
        """Types of the columns by table, as `engines.dialect` takes them."""
        return {
            name: {**PARTITIONS, **{column: _trino(kind) for column, kind in table.columns.items()}}
            for name, table in self._tables.items()
        }

    def start(self, sql: str, database: str) -> str:  # noqa: ARG002 - there is but one
        """Queues a query; tables have no database here. Raises QueryRefused."""
        translated = translate(sql, self.schema)
        run = _Run(self._connection.cursor(), self._bytes_scanned(sql))
        execution_id = f"duckdb-{next(self._numbers)}"
        self._runs[execution_id] = run
        run.future = self._pool.submit(_run, run, translated)
        return execution_id

    def look(self, execution_id: str) -> Execution:
        run = self._runs[execution_id]
        if run.is_cancelled or run.future.cancelled():
            return Execution(execution_id, QueryState.CANCELLED, "It was cancelled.", 0, run.seconds)
        if not run.future.done():
            state = QueryState.QUEUED if run.started is None else QueryState.RUNNING
            return Execution(execution_id, state)
        error = run.future.exception()
        if error is not None:
            return Execution(execution_id, QueryState.FAILED, str(error), run.bytes_scanned, run.seconds)
        return Execution(execution_id, QueryState.SUCCEEDED, "", run.bytes_scanned, run.seconds)

    def cancel(self, execution_id: str) -> None:
        run = self._runs[execution_id]
        if run.future.done():
            return
        run.is_cancelled = True
        if run.future.cancel():
            return
        # DuckDB forgets an interruption that comes while a query is still being planned.
        for _ in range(MOST_INTERRUPTIONS):
            run.cursor.interrupt()
            if wait([run.future], timeout=0.05).done:
                return

    def result(self, execution: Execution) -> pa.Table:
        return self._runs[execution.id].future.result()

    def _table(self, name: str, where: str | Path | Iterable[Path]) -> _Table:
        found = finished_parts(Path(where)) if isinstance(where, str | Path) else [Part.of(path) for path in where]
        parts = standing(found)
        if not parts:
            raise NothingToAsk(f"There are no files for the table {name}")
        links = [self._link(f"{number}-{name}", part) for number, part in enumerate(parts)]
        columns: dict[str, pa.DataType] = {}
        for part in parts:
            columns.update((each.name, each.type) for each in pq.read_schema(part.path))
        return _Table(parts, links, columns)

    def _link(self, name: str, part: Part) -> Path:
        folder = Path(
            self._scratch.name,
            f"snapshot_date={part.date}",
            f"account={part.account}",
            f"region={part.region}",
            f"bucketname={part.bucket}",
        )
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / f"{name}.parquet"
        link.symlink_to(part.path)
        return link

    def _prepare(self, memory_mb: int, threads: int) -> None:
        spill = Path(self._scratch.name, "spill")
        for statement in (
            *PREPARE,
            f"SET memory_limit = '{memory_mb}MB'",
            f"SET threads = {threads}",
            f"SET temp_directory = {_quoted(spill)}",
        ):
            self._connection.execute(statement)
        for name, table in self._tables.items():
            self._connection.execute(_view(name, table))
        folders = sorted({str(part.path.parent) for table in self._tables.values() for part in table.parts})
        allowed = ", ".join(_quoted(folder) for folder in (self._scratch.name, *folders))
        self._connection.execute(f"SET allowed_directories = [{allowed}]")
        # From here on no SQL reaches another file, nor changes that.
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    def _bytes_scanned(self, sql: str) -> int:
        filters = partition_filters(sql, self.schema, PARTITIONS)
        return sum(
            self._tables[name].bytes_of(columns, self._read_parts(self._tables[name], filters.get(name)))
            for name, columns in columns_used(sql, self.schema).items()
        )

    def _read_parts(self, table: _Table, condition: str | None) -> list[Part]:
        """The parts whose partitions a query asks for."""
        if condition is None:
            return table.parts
        named = pa.table(
            {
                "part": range(len(table.parts)),
                "snapshot_date": [part.date for part in table.parts],
                "account": [part.account for part in table.parts],
                "region": [part.region for part in table.parts],
                "bucketname": [part.bucket for part in table.parts],
            }
        )
        cursor = self._connection.cursor()
        cursor.register("partitions_of_a_query", named)
        rows = cursor.execute(f"SELECT part FROM partitions_of_a_query WHERE {condition}").fetchall()  # noqa: S608 - parsed
        return [table.parts[number] for [number] in rows]


def _run(run: _Run, sql: str) -> pa.Table:
    run.started = time.monotonic()
    try:
        return run.cursor.sql(sql).to_arrow_table()
    finally:
        run.seconds = time.monotonic() - run.started
        run.cursor.close()


def _view(name: str, table: _Table) -> str:
    # Athena's timestamps have no zone; theirs is UTC.
    shown = (
        f"CAST({column} AS TIMESTAMP) AS {column}" if pa.types.is_timestamp(kind) else column
        for column, kind in ((_identifier(name), kind) for name, kind in table.columns.items())
    )
    files = ", ".join(_quoted(link) for link in table.links)
    types = ", ".join(f"'{column}': {kind.upper()}" for column, kind in PARTITIONS.items())
    return (
        f"CREATE VIEW {_identifier(name)} AS SELECT {', '.join(PARTITIONS)}, {', '.join(shown)} FROM "  # noqa: S608 - quoted
        f"read_parquet([{files}], hive_partitioning = true, hive_types = {{{types}}}, union_by_name = true)"
    )


def _identifier(name: str) -> str:
    """A column of a file is named by whoever wrote the file."""
    return '"' + name.replace('"', '""') + '"'


def _quoted(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _trino(kind: pa.DataType) -> str:
    return "timestamp(3)" if pa.types.is_timestamp(kind) else TRINO_TYPES[kind]
