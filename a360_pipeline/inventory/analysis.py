"""Runs queries over an inventory, each to its end, within a budget; what one of them does stops none of the others."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq

from a360_pipeline.engines.dialect import QueryRefused, qualified, tables_named
from a360_pipeline.engines.engine import Engine, Execution, QueryState
from a360_pipeline.engines.waiting import finish
from a360_pipeline.inventory.layout import FIELDS, PARTITION_FIELDS
from a360_pipeline.inventory.library import QUERIES, WrongQuery, render
from a360_pipeline.inventory.places import Place, join

USD_PER_TB = Decimal(5)
"""What Athena asks for a TB that it scans, by its price list for us-east-1 and most Regions."""
TB = 2**40
LEAST_BYTES = 10 * 2**20
"""That a query is billed for at least."""
LEAST_USD = USD_PER_TB * LEAST_BYTES / TB
OWN = "A query of one's own."
PATIENCE = 1800.0
"""Seconds until a query is cancelled: as long as Athena lets one run, by its default quota."""
COLUMNS = {
    **{name: kind.value for name, kind in PARTITION_FIELDS},
    **{field.name: field.kind.value for field in FIELDS},
}
"""Of the table of inventories, with the types that Glue has for them."""


class Choice(Protocol):
    """A query to run: one of the library's, with arguments, or one's own SQL."""

    @property
    def name(self) -> str: ...
    @property
    def arguments(self) -> Mapping[str, Any]: ...
    @property
    def sql(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Chosen:
    """A Choice that is written in code."""

    name: str
    arguments: Mapping[str, Any]
    sql: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A query as it stands, and at last what it found."""

    name: str
    purpose: str
    execution: Execution
    rows: int | None
    """None until they are known."""
    bytes_scanned: int
    cost_usd: Decimal
    sql: str
    """As it was sent."""
    message: str
    """Why there is no result."""
    parquet: str | None = None
    """Address of the rows as Parquet, once it SUCCEEDED."""


Record = Callable[[Finding], None]


def everything() -> list[Chosen]:
    """The queries of the library that need not be told anything."""
    return [Chosen(query.name, {}) for query in QUERIES.values() if query.is_ready]


def cost_of(execution: Execution) -> Decimal:
    """Dollars for a query. Athena bills what a cancelled one scanned, and nothing for one that failed."""
    if execution.state in (QueryState.FAILED, QueryState.QUEUED) or not execution.bytes_scanned:
        return Decimal(0)
    return USD_PER_TB * max(execution.bytes_scanned, LEAST_BYTES) / TB


def analyse(  # noqa: PLR0913 - most have a default
    engine: Engine,
    database: str,
    table: str,
    queries: Iterable[Choice],
    *,
    cap_usd: Decimal | float,
    record: Record,
    place: Place,
    folder: str = "findings",
    patience: float = PATIENCE,
    side_by_side: int = 5,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Finding]:
    """Runs each query and returns what came of each, in their order: SUCCEEDED, FAILED or CANCELLED, none missing.

    `side_by_side` run at once. None is started once `cap_usd` dollars are spent: it is CANCELLED then, and says so;
    those that run already go on. `record` is told when one starts and when it is over. In `place` the rows of each are
    kept as FOLDER/NAME.parquet. Raises what `record` raises.
    """
    wait = partial(finish, engine, patience=patience, clock=clock, sleep=sleep)
    waiting = list(queries)
    ended: list[Finding] = []
    cap, spent = Decimal(str(cap_usd)), Decimal(0)
    while waiting:
        affordable = int((cap - spent) // LEAST_USD)
        if affordable < 1:
            refused = [_not_started(choice, spent, cap) for choice in waiting]
            for finding in refused:
                record(finding)
            return ended + refused
        most = min(side_by_side, affordable)
        started = [_started(engine, database, table, choice) for choice in waiting[:most]]
        waiting = waiting[most:]
        for finding in started:
            record(finding)
        for finding in started:
            if finding.execution.state.is_over:
                ended.append(finding)
                continue
            over = _finished(finding, wait)
            over = _kept(engine, over, place, join(folder, f"{over.name}.parquet"))
            record(over)
            ended.append(over)
            spent += over.cost_usd
    return ended


def _started(engine: Engine, database: str, table: str, choice: Choice) -> Finding:
    sql = choice.sql or ""
    try:
        sql = _exact(render(choice.sql or choice.name, table, choice.arguments), table)
        execution_id = engine.start(sql, database)
    except (WrongQuery, QueryRefused) as error:
        return _over(choice, QueryState.FAILED, sql, str(error))
    except Exception as error:  # noqa: BLE001 - recorded: the others go on
        return _over(choice, QueryState.FAILED, sql, f"It could not be started: {error}")
    return replace(_over(choice, QueryState.QUEUED, sql, ""), execution=Execution(execution_id, QueryState.QUEUED))


def _exact(sql: str, table: str) -> str:
    """The text to send; what reads other tables too is the engine's to judge, as only it knows them."""
    if {str(name) for name in tables_named(sql)} == {table}:
        return qualified(sql, {table: COLUMNS})
    return sql


def _not_started(choice: Choice, spent: Decimal, cap: Decimal) -> Finding:
    said = (
        f"It was not started: ${spent:.4f} of the ${cap} that the queries may cost are spent. "
        "Allow more, or choose fewer queries."
    )
    return _over(choice, QueryState.CANCELLED, choice.sql or "", said)


def _over(choice: Choice, state: QueryState, sql: str, message: str) -> Finding:
    query = QUERIES.get(choice.name) if choice.sql is None else None
    purpose = query.purpose if query else OWN
    return Finding(choice.name, purpose, Execution("", state, message), None, 0, Decimal(0), sql, message)


def _finished(finding: Finding, wait: Callable[[str], Execution]) -> Finding:
    """The finding at its end, its rows not yet read."""
    try:
        execution = wait(finding.execution.id)
    except Exception as error:  # noqa: BLE001 - recorded: the others go on
        lost = replace(finding.execution, state=QueryState.FAILED, reason=f"It is not known how it ended: {error}")
        return replace(finding, execution=lost, message=lost.reason)
    return replace(
        finding,
        execution=execution,
        bytes_scanned=execution.bytes_scanned,
        cost_usd=cost_of(execution),
        message=execution.reason,
    )


def _kept(engine: Engine, finding: Finding, place: Place, key: str) -> Finding:
    """With the rows of one that succeeded kept as Parquet."""
    if finding.execution.state is not QueryState.SUCCEEDED:
        return finding
    try:
        rows = engine.result(finding.execution)
        with tempfile.TemporaryDirectory(prefix="a360-finding-") as scratch:
            path = Path(scratch, "finding.parquet")
            pq.write_table(rows, path, compression="zstd")
            place.upload(path, key)
    except Exception as error:  # noqa: BLE001 - recorded: the others go on
        said = f"It succeeded, but its result could not be kept: {error}"
        return replace(
            finding, execution=replace(finding.execution, state=QueryState.FAILED, reason=said), message=said
        )
    return replace(finding, rows=rows.num_rows, parquet=place.uri(key))
