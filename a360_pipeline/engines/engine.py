"""What an engine is: SQL is started, looked at until it ends, and its result read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


class QueryState(StrEnum):
    """Athena's own words."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_over(self) -> bool:
        return self not in (QueryState.QUEUED, QueryState.RUNNING)


class QueryRefused(ValueError):
    """The engine does not take the SQL. The message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A query as it stands."""

    id: str
    state: QueryState
    reason: str = ""
    """Why it failed or was cancelled."""
    bytes_scanned: int = 0
    seconds: float = 0.0
    location: str | None = None
    """Address of the file that holds the result."""


class Engine(Protocol):
    """Answers SQL in Trino's dialect."""

    @property
    def name(self) -> str:
        """athena, trino or duckdb."""

    def start(self, sql: str, database: str) -> str:
        """Starts a query, or a statement such as CREATE VIEW, and returns its id. Raises QueryRefused."""

    def look(self, execution_id: str) -> Execution:
        """How it stands now."""

    def cancel(self, execution_id: str) -> None:
        """Ends it; one that is over stays as it is."""

    def result(self, execution: Execution) -> pa.Table:
        """The rows of a query that SUCCEEDED, typed as the engine says they are."""
