"""Connections to the warehouse, and one clear sentence when there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict

from a360_pipeline.settings import Settings
from a360_pipeline.warehouse.data_api import Cluster, DataApiConnection
from a360_pipeline.warehouse.patience import PATIENCE, Patience

# UTC, so that a time without an offset means the same everywhere.
# Sorting a batch in memory takes this much; the default spills to disk.
OPTIONS = "-c timezone=UTC -c statement_timeout=0 -c work_mem=64MB"
ESCAPES = "within a user's name or a password, write @ as %40, % as %25, / as %2F, and a space as %20"
STARTING = "the database system is starting up"


class WarehouseUnavailable(RuntimeError):
    """The warehouse cannot be reached. The message says where it was looked for, never the password."""


class Column(Protocol):
    """A column of an answer."""

    @property
    def name(self) -> str: ...


class Answer(Protocol):
    """What came of a statement."""

    @property
    def rowcount(self) -> int: ...
    @property
    def description(self) -> Sequence[Column] | None: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """What the warehouse asks of a connection: psycopg's has it, and so has the one through the RDS Data API."""

    def execute(
        self, query: str | sql.SQL | sql.Composed, params: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> Answer: ...
    def transaction(self) -> AbstractContextManager[Any]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL that is reached by network."""

    url: Callable[[], str] = field(repr=False)
    """Its URL with the credentials as they are now: secrets are rotated, and tokens last for minutes."""


Warehouse = Server | Cluster
"""How to reach the warehouse."""


class _Starting(psycopg.OperationalError):
    """The server is there and will answer soon."""


def connect(warehouse: str | Warehouse, patience: Patience = PATIENCE) -> Connection:
    """A connection in autocommit mode: transactions are opened where they are meant.

    Takes a URL as well. Waits for a server that starts or resumes. Raises WarehouseUnavailable.
    """
    if isinstance(warehouse, Cluster):
        return _connect_to_cluster(warehouse)
    url = warehouse if isinstance(warehouse, str) else warehouse.url()
    try:
        return patience.ask(lambda: _connect(url), (_Starting, errors.ConnectionTimeout))
    except psycopg.OperationalError as error:
        place = conninfo_to_dict(url)
        raise WarehouseUnavailable(
            f"the warehouse at {place.get('host')}:{place.get('port', 5432)}/{place.get('dbname')} "
            f"does not answer as user {place.get('user')}: {str(error).strip()}"
        ) from None


def _connect(url: str) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=15, options=OPTIONS, application_name="a360")
    except psycopg.OperationalError as error:
        # While connecting libpq tells no SQLSTATE.
        if STARTING in str(error):
            raise _Starting(str(error)) from None
        raise


def _connect_to_cluster(cluster: Cluster) -> DataApiConnection:
    connection = DataApiConnection(cluster)
    try:
        connection.wake()
    except psycopg.Error as error:
        connection.close()
        raise WarehouseUnavailable(f"the warehouse {cluster} does not answer through the Data API: {error}") from None
    return connection


def named_rows(answer: Answer) -> list[dict[str, Any]]:
    """An answer's rows by the names of their columns."""
    names = [column.name for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def database_url(settings: Settings) -> str:
    """The warehouse's URL from the settings. Raises WarehouseUnavailable when there is none, or it cannot be read."""
    if settings.database_url is None:
        raise WarehouseUnavailable(
            "no warehouse is set: start the sandbox with `a360 sandbox up`, or set A360_DATABASE_URL"
        )
    url = settings.database_url.get_secret_value()
    try:
        host = str(conninfo_to_dict(url).get("host"))
    except (psycopg.ProgrammingError, UnicodeDecodeError):
        # Not libpq's own words, which quote the password.
        raise WarehouseUnavailable(f"the warehouse's URL (hidden) cannot be read: {ESCAPES}") from None
    if "@" in host:
        raise WarehouseUnavailable(f"the warehouse's URL (hidden) has more than one @: {ESCAPES}")
    return url
