"""Waits for a query until it is really over, and ends it when nobody has the patience."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from a360_pipeline.engines.engine import Engine, Execution, QueryState

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 15.0
"""Seconds between two looks: short ones first, for what is over at once."""
GRACE = 60.0
"""Seconds that a query has to end in once it is told to."""


class StillRunning(TimeoutError):
    """A query goes on although it was told to end: it may yet cost. The message says which, and how it stands."""


def finish(
    engine: Engine,
    execution_id: str,
    *,
    patience: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Execution:
    """The query as it ended: SUCCEEDED, FAILED or CANCELLED, never one that goes on.

    After `patience` seconds it is cancelled, and the reason says so; one that succeeds just then has succeeded.
    Raises StillRunning where it does not end for all that.
    """
    execution = _look_until(engine, execution_id, clock() + patience, clock, sleep)
    if execution.state.is_over:
        return execution
    engine.cancel(execution_id)
    execution = _look_until(engine, execution_id, clock() + GRACE, clock, sleep)
    if not execution.state.is_over:
        raise StillRunning(
            f"The query {execution_id} was not over after {patience:g} seconds, was told to end, and is "
            f"{execution.state} {GRACE:g} seconds later. Stop it in {engine.name} itself."
        )
    if execution.state is QueryState.CANCELLED:
        said = f"It was not over after {patience:g} seconds, and was cancelled."
        return replace(execution, reason=f"{said} {execution.reason}".strip())
    return execution


def _look_until(
    engine: Engine,
    execution_id: str,
    deadline: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Execution:
    """How the query stands when it is over, or at the deadline."""
    pause = FIRST_PAUSE
    while not (execution := engine.look(execution_id)).state.is_over:
        left = deadline - clock()
        if left <= 0:
            break
        sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE)
    return execution
