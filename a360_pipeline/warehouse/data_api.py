"""The warehouse through the RDS Data API: as much of psycopg's Connection as loading and looking need."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import psycopg
from psycopg import errors, sql

from a360_pipeline.aws.errors import AWS_ERRORS
from a360_pipeline.warehouse.data_api_errors import TooLarge, translated
from a360_pipeline.warehouse.data_api_values import Parameter, Params, Query, arrays, rows, statement
from a360_pipeline.warehouse.patience import PATIENCE, Errors, Patience

# A request may have 4 MiB, with its headers; a statement 64 KiB of that.
MOST_SENT = 4 * 1024**2 - 64 * 1024
MOST_ROWS_SENT = MOST_SENT - 128 * 1024
# An answer may have 1 MiB. Rows differ, so pages are made for half of it, and the first one is small.
PAGE_BYTES = 512 * 1024
FIRST_PAGE = 100
LONGEST_PAGE = 5_000

SESSION = "SELECT set_config('TimeZone', 'UTC', true), set_config('work_mem', '64MB', true)"
"""What a direct connection has from its start, here for one transaction: its session may be anybody's next."""
WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE)\b")
READS = re.compile(r"\s*(?:SELECT|WITH)\b")

REFUSED: Errors = (errors.CannotConnectNow, errors.TooManyConnections)
"""The database wakes up, or calls are too many: nothing was done, so the same may be asked again."""
NOT_YET: Errors = (*REFUSED, errors.ConnectionFailure)
"""May be asked again where there is nothing to be done twice."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """An Aurora cluster, the secret with which to enter it, and the database there."""

    arn: str
    secret_arn: str
    database: str
    client: Callable[[], Any] = field(repr=False)
    """Makes a client of rds-data that asks once: a statement that is sent twice may do its work twice."""
    patience: Patience = field(default=PATIENCE, repr=False)

    def __str__(self) -> str:
        return f"{self.database} of {self.arn}"


class Described(NamedTuple):
    """A column of an answer."""

    name: str


class Answered:
    """What came of a statement, as a cursor of psycopg tells it."""

    def __init__(self, found: Sequence[tuple[Any, ...]], names: Sequence[str] | None, rowcount: int) -> None:
        self._rows = iter(found)
        self.rowcount = rowcount
        self.description = None if names is None else [Described(name) for name in names]

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self._rows, None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows


class DataApiConnection:
    """Each statement is one call, or a few where its answer is long; errors are psycopg's.

    Raises OperationalError where the database, the transaction or the way there is gone, and TooLarge, which is
    a DataError, where a row or a value is beyond the limits of the Data API.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._client = cluster.client()
        self._transaction: str | None = None
        self._cursors = count(1)
        self._types: dict[str, dict[str, str]] = {}

    def wake(self) -> None:
        """Waits until the database answers. Raises OperationalError when it does not in time."""
        self._send("SELECT 1", [], NOT_YET)

    def execute(self, query: Query, params: Params | None = None) -> Answered:
        """RDS Data API ExecuteStatement, within the transaction if one is open."""
        text, parameters = statement(query, params)
        if READS.match(text) and not WRITES.search(text):
            return self._read(text, parameters)
        return self._answered([self._send(text, parameters)])

    def insert(self, table: sql.Identifier, names: Sequence[str], columns: Sequence[Sequence[str | None]]) -> None:
        """What COPY does: adds rows of text that PostgreSQL casts, as many in a statement as a request may hold."""
        if not columns or not columns[0]:
            return
        types = self._types_of(table)
        inputs = [sql.Identifier(str(number)) for number in range(len(names))]
        into = sql.SQL(
            "INSERT INTO {} ({}) SELECT {} FROM jsonb_to_recordset(CAST(%(rows)s AS jsonb)) AS r ({})"
        ).format(
            table,
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(
                sql.SQL("{}::{}").format(one, sql.SQL(types[name])) for one, name in zip(inputs, names, strict=True)
            ),
            sql.SQL(", ").join(sql.SQL("{} text").format(one) for one in inputs),
        )
        for part in arrays(zip(*columns, strict=True), MOST_ROWS_SENT):
            self._send(*statement(into, {"rows": part}))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BeginTransaction, and CommitTransaction or, after an error, RollbackTransaction. They do not nest."""
        if self._transaction is not None:
            raise psycopg.ProgrammingError("a transaction is open already, and those of the Data API do not nest")
        begun = self._ask("begin_transaction", NOT_YET, database=self._cluster.database)
        self._transaction = begun["transactionId"]
        try:
            self._send(SESSION, [])
            yield
        except BaseException:
            # What became of it does not matter: nobody will commit it, and it is gone after three minutes.
            with suppress(psycopg.Error):
                self._end("rollback_transaction")
            raise
        self._end("commit_transaction")

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> DataApiConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end(self, operation: str) -> None:
        transaction, self._transaction = self._transaction, None
        self._ask(operation, REFUSED, transactionId=transaction)

    def _read(self, text: str, parameters: list[Parameter]) -> Answered:
        """An answer of any length, page by page."""
        if self._transaction is None:
            with self.transaction():
                return self._read(text, parameters)
        cursor = f'"answer@{next(self._cursors)}"'
        self._send(f"DECLARE {cursor} NO SCROLL CURSOR FOR {text}", parameters)
        pages: list[dict[str, Any]] = []
        asked, widest = FIRST_PAGE, 1
        while True:
            pages.append(self._send(f"FETCH {asked} FROM {cursor}", []))
            records = pages[-1].get("records", [])
            if len(records) < asked:
                # An open cursor would keep its tables from being dropped.
                self._send(f"CLOSE {cursor}", [])
                return self._answered(pages)
            widest = max(widest, *(len(json.dumps(record, default=str)) for record in records))
            asked = max(1, min(LONGEST_PAGE, PAGE_BYTES // widest))

    def _answered(self, pages: Sequence[Mapping[str, Any]]) -> Answered:
        found = [row for page in pages for row in rows(page)]
        described = pages[0].get("columnMetadata")
        if described:
            return Answered(found, [column["label"] for column in described], len(found))
        return Answered(found, None, int(pages[0].get("numberOfRecordsUpdated", 0)))

    def _types_of(self, table: sql.Identifier) -> dict[str, str]:
        """The types of a table's columns, asked once: a table of one name has one shape, temporary ones too."""
        name = table.as_string()
        if name not in self._types:
            asked = statement(
                "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
                "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
                [name],
            )
            self._types[name] = dict(rows(self._send(*asked)))
        return self._types[name]

    def _send(self, text: str, parameters: list[Parameter], passing: Errors = REFUSED) -> dict[str, Any]:
        size = len(text) + len(json.dumps(parameters))
        if size > MOST_SENT:
            raise TooLarge(f"a statement takes {size} bytes, and the Data API no more than {MOST_SENT}")
        within: dict[str, str] = {"database": self._cluster.database}
        if self._transaction is not None:
            within["transactionId"] = self._transaction
        return self._ask(
            "execute_statement", passing, sql=text, parameters=parameters, includeResultMetadata=True, **within
        )

    def _ask(self, operation: str, passing: Errors, **parameters: Any) -> dict[str, Any]:
        where = {"resourceArn": self._cluster.arn, "secretArn": self._cluster.secret_arn}

        def question() -> dict[str, Any]:
            try:
                answer: dict[str, Any] = getattr(self._client, operation)(**where, **parameters)
            except AWS_ERRORS as error:
                raise translated(error) from error
            return answer

        return self._cluster.patience.ask(question, passing)
