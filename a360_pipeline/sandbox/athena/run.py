"""Runs one statement on a DuckDB of its own, which knows the tables that the statement names and nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from a360_pipeline.engines.dialect import PREPARE, TableName, translate
from a360_pipeline.sandbox.athena import refusals
from a360_pipeline.sandbox.athena.catalogue import Catalogue, Source
from a360_pipeline.sandbox.athena.files import Files
from a360_pipeline.sandbox.athena.refusals import Failed
from a360_pipeline.sandbox.athena.statement import Kind, Statement, parse
from a360_pipeline.sandbox.athena.values import Told

DUCK_TYPES: Mapping[str, str] = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "binary": "BLOB",
    "float": "FLOAT",
    **{name: name.upper() for name in ("tinyint", "smallint", "bigint", "double", "boolean", "date", "timestamp")},
}
"""By Glue's word for them."""
CATALOG = "awsdatacatalog"
MEMORY = "1GB"
DEEPEST = 10
"""Views in views."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a statement. `columns` are None where it answers no rows."""

    rows: pa.Table | None = None
    columns: tuple[Told, ...] = ()
    bytes_scanned: int = 0
    error: str = ""


@dataclass
class Run:
    """A statement of an account in a region, on its way; another thread may stop it."""

    statement: Statement
    database: str
    account_id: str
    region: str
    root: Path
    _connection: duckdb.DuckDBPyConnection | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        self._stopped.set()
        if self._connection is not None:
            self._connection.interrupt()

    def outcome(self) -> Outcome:
        """Runs it. A query that fails, for whatever reason of its own, is an outcome too."""
        catalogue = Catalogue(self.account_id, self.region)
        try:
            if self.statement.kind is Kind.DROP_VIEW:
                return _drop(catalogue, self.statement)
            with self._duck() as connection:
                session = Session(connection, catalogue, Files(self.root, self.account_id), self.statement.query)
                return self._ask(session)
        except Failed as failure:
            return Outcome(error=str(failure))
        except duckdb.Error as error:
            return Outcome(error=str(refusals.failed(error)))

    def _ask(self, session: Session) -> Outcome:
        statement = self.statement
        sql = session.translated(statement, self.database)
        if statement.kind is Kind.CREATE_VIEW:
            return session.make_view(statement, sql)
        session.close_in(self.root)
        if self._stopped.is_set():
            return Outcome()
        return session.answer(sql)

    @contextmanager
    def _duck(self) -> Iterator[duckdb.DuckDBPyConnection]:
        spill = self.root / "spill"
        with duckdb.connect(config={"memory_limit": MEMORY, "threads": 2, "temp_directory": str(spill)}) as connection:
            self._connection = connection
            try:
                for statement in PREPARE:
                    connection.execute(statement)
                yield connection
            finally:
                self._connection = None


class Session:
    """A connection, and what of the catalogue was made known to it, under the names that the catalogue has."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, files: Files, sql: str) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._files = files
        self._sql = sql
        self._known: dict[tuple[str, str], Source] = {}
        connection.execute(f"ATTACH ':memory:' AS {CATALOG}")

    def translated(self, statement: Statement, database: str, depth: int = 0) -> str:
        """The query for DuckDB, its tables made known; a name without a database is of this one. Raises Failed."""
        if depth > DEEPEST:
            raise Failed("VIEW_IS_RECURSIVE: Statement contains a view that names itself")
        schema = {str(table): self._types(table, database, depth) for table in statement.tables}
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {CATALOG}.{_quoted(database)}")
        path = f"{CATALOG}.{_quoted(database)},memory.main".replace("'", "''")
        self._connection.execute(f"SET search_path = '{path}'")
        try:
            return translate(statement.query, schema)
        except ValueError as error:
            raise refusals.refused(self._sql, error) from None

    def make_view(self, statement: Statement, sql: str) -> Outcome:
        """Keeps a view in the catalogue, with the columns that it has."""
        before = self._catalogue.source(statement.database, statement.name)
        where = f"{CATALOG}.{statement.database}.{statement.name}"
        if not self._catalogue.has(statement.database):
            raise Failed(f"SCHEMA_NOT_FOUND: line 1:1: Schema '{statement.database}' does not exist")
        if before is not None and not (before.is_view and statement.is_lenient):
            kind = "View" if before.is_view else "Table"
            raise Failed(f"TABLE_ALREADY_EXISTS: line 1:1: {kind} already exists: '{where}'")
        described = self._connection.execute(f"DESCRIBE {sql}").fetchall()
        columns = {row[0]: Told.of(row[0], row[1]).sql_type for row in described}
        self._catalogue.put_view(statement.database, statement.name, statement.query, columns)
        return Outcome()

    def close_in(self, root: Path) -> None:
        """From here on nothing is to be reached but the files of tables, and what is read of them is noted down."""
        for statement in (
            "CALL enable_logging('FileSystem')",
            "SET python_enable_replacements = false",
            f"SET allowed_directories = ['{root}']",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            self._connection.execute(statement)

    def answer(self, sql: str) -> Outcome:
        asked = self._connection.sql(sql)
        columns = [Told.of(name, str(kind)) for name, kind in zip(asked.columns, asked.types, strict=True)]
        rows = asked.to_arrow_table()
        told = [_told(values, column) for values, column in zip(rows.columns, columns, strict=True)]
        return Outcome(pa.Table.from_arrays(told, names=rows.column_names), tuple(columns), self._scanned())

    def _types(self, table: TableName, database: str, depth: int) -> dict[str, str]:
        """The columns of a table, which DuckDB then has too."""
        where, name = (table.database or database).lower(), table.name.lower()
        source = self._known.get((where, name))
        if source is None:
            source = self._catalogue.source(where, name)
            if source is None or table.catalog.lower() not in ("", CATALOG):
                raise refusals.table_not_found(self._sql, where, name)
            sql = (
                self.translated(parse(source.query, where), where, depth + 1) if source.is_view else self._read(source)
            )
            self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {CATALOG}.{_quoted(where)}")
            self._connection.execute(f"CREATE VIEW {CATALOG}.{_quoted(where)}.{_quoted(name)} AS {sql}")
            self._known[where, name] = source
        return source.columns | source.keys

    def _read(self, source: Source) -> str:
        """A table's columns with the types that the catalogue gives them; NULL where no file has one."""
        if not source.is_parquet:
            raise Failed(f"NOT_SUPPORTED: the sandbox's Athena reads Parquet alone, and {source.name} is none")
        files = self._files.of(source)
        keys = ", ".join(f"{_quoted(key)}: {DUCK_TYPES.get(kind, 'VARCHAR')}" for key, kind in source.keys.items())
        read = f"read_parquet({[str(file) for file in files]!r}, union_by_name = true" + (
            f", hive_partitioning = true, hive_types = {{{keys}}})" if keys else ", hive_partitioning = false)"
        )
        held = {row[0].lower() for row in self._connection.execute(f"DESCRIBE FROM {read}").fetchall()} if files else ()
        columns = ", ".join(
            f"CAST({_quoted(name) if name in held else 'NULL'} AS {DUCK_TYPES.get(kind, kind)}) AS {_quoted(name)}"
            for name, kind in (source.columns | source.keys).items()
        )
        return f"SELECT {columns} FROM {read}" if files else f"SELECT {columns} WHERE false"  # noqa: S608 - quoted

    def _scanned(self) -> int:
        """Bytes of column chunks that were read; the ends of files, which tell what is in them, are not counted."""
        logged = self._connection.execute("SELECT message FROM duckdb_logs WHERE type = 'FileSystem'").fetchall()
        reads = [told for (message,) in logged if (told := json.loads(message))["op"] == "READ"]
        ends: dict[str, int] = {}
        total = 0
        for told in reads:
            path, start, size = told["path"], int(told["pos"]), int(told["bytes"])
            if path not in ends:
                ends[path] = Path(path).stat().st_size
            total += size if start + size < ends[path] else 0
        return total


def _drop(catalogue: Catalogue, statement: Statement) -> Outcome:
    source = catalogue.source(statement.database, statement.name)
    where = f"{CATALOG}.{statement.database}.{statement.name}"
    if source is None and not statement.is_lenient:
        raise Failed(f"TABLE_NOT_FOUND: line 1:1: View '{where}' does not exist")
    if source is not None and not source.is_view:
        raise Failed(f"TABLE_NOT_FOUND: line 1:1: '{where}' is not a view")
    if source is not None:
        catalogue.drop(statement.database, statement.name)
    return Outcome()


def _told(values: pa.ChunkedArray, column: Told) -> pa.ChunkedArray:
    """What DuckDB counts in wider numbers is a bigint."""
    if column.type != "bigint":
        return values
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise Failed(f"NUMERIC_VALUE_OUT_OF_RANGE: {error}") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
