"""Queries are awaited to their real end, by a clock that nobody waits for."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from a360_pipeline.engines.engine import Engine, Execution, QueryState
from a360_pipeline.engines.waiting import GRACE, LONGEST_PAUSE, StillRunning, finish

RUNNING, SUCCEEDED, FAILED, CANCELLED = (
    QueryState.RUNNING,
    QueryState.SUCCEEDED,
    QueryState.FAILED,
    QueryState.CANCELLED,
)


@dataclass
class Timed:
    """An engine with one query, which ends by itself or when it is told to, and the clock that it lives by."""

    seconds: float = float("inf")
    end: QueryState = SUCCEEDED
    obeys_after: float = 0.0
    now: float = 0.0
    told_at: float | None = None
    pauses: list[float] = field(default_factory=list)
    name: str = "timed"

    def start(self, sql: str, database: str) -> str:
        return "q"

    def look(self, execution_id: str) -> Execution:
        if self.told_at is not None and self.now >= self.told_at + self.obeys_after:
            return Execution("q", CANCELLED, "Query cancelled by user")
        if self.now >= self.seconds:
            return Execution("q", self.end, "" if self.end is SUCCEEDED else "its own reason", 7)
        return Execution("q", QueryState.QUEUED if self.now == 0 else RUNNING)

    def cancel(self, execution_id: str) -> None:
        self.told_at = self.now

    def result(self, execution: Execution) -> pa.Table:
        return pa.table({})

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def finish(self, patience: float) -> Execution:
        engine: Engine = self
        return finish(engine, "q", patience=patience, clock=lambda: self.now, sleep=self.sleep)


@pytest.mark.parametrize("end", [SUCCEEDED, FAILED, CANCELLED])
def test_a_query_of_two_hours_is_awaited_to_its_own_end(end: QueryState) -> None:
    """I10. Polling gave up after 270 seconds as if the query were finished, and CANCELLED was not handled."""
    timed = Timed(7200, end)
    execution = timed.finish(patience=10_000)
    assert execution == Execution("q", end, "" if end is SUCCEEDED else "its own reason", 7)
    assert timed.now >= 7200
    assert timed.told_at is None


def test_what_is_not_over_in_time_is_cancelled_and_says_so() -> None:
    """I10. Never is a query that goes on taken for one that is over."""
    timed = Timed(obeys_after=5)
    execution = timed.finish(patience=270)
    assert timed.told_at == 270
    assert execution.state is CANCELLED
    assert execution.reason == "It was not over after 270 seconds, and was cancelled. Query cancelled by user"


def test_a_query_that_succeeds_while_it_is_cancelled_has_succeeded() -> None:
    assert Timed(271, obeys_after=30).finish(patience=270) == Execution("q", SUCCEEDED, "", 7)


def test_a_query_that_does_not_end_when_it_is_told_to_is_an_error() -> None:
    timed = Timed(obeys_after=float("inf"))
    with pytest.raises(StillRunning, match=r"q was not over after 270 seconds.* is RUNNING 60 seconds later"):
        timed.finish(patience=270)
    assert timed.now == 270 + GRACE


def test_pauses_grow_to_a_quarter_of_a_minute_and_end_with_the_patience() -> None:
    timed = Timed()
    timed.finish(patience=100)
    assert timed.pauses[:5] == [0.1, 0.2, 0.4, 0.8, 1.6]
    assert max(timed.pauses) == LONGEST_PAUSE
    assert sum(timed.pauses) == pytest.approx(100)


def test_what_is_over_at_the_first_look_costs_no_pause() -> None:
    timed = Timed(0)
    assert timed.finish(patience=0).state is SUCCEEDED
    assert timed.pauses == []
