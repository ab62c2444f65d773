"""Asks the queries of a harvest over exactly the deliveries that it counted, and keeps how each of them ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from a360_pipeline.engines.engine import Engine, QueryState
from a360_pipeline.inventory.analysis import Choice, Finding, analyse, everything
from a360_pipeline.inventory.harvest.keeping import catalog_of, engine_of, inventory_place
from a360_pipeline.inventory.harvest.registry import Registry, WrongState
from a360_pipeline.inventory.harvest.request import HarvestRequest
from a360_pipeline.inventory.harvest.rows import DeliveryRow, Harvest, QueryRow
from a360_pipeline.inventory.harvest.states import HarvestState
from a360_pipeline.inventory.means import Means

FINDINGS = "findings/"
"""Under which the rows of queries lie as Parquet, and then the harvest."""
NOTHING_COUNTED = "no delivery was counted: there is nothing to ask"


def analyse_harvest(means: Means, registry: Registry, harvest: Harvest) -> str:
    """Runs the queries of a harvest that have not ended, each to its end, and says how many ended how.

    All are recorded before the first is started, so that none is missing whoever is killed. What a killed run left
    running is stopped and asked anew; what it cost counts against A360_QUERY_USD. Raises WrongState as soon as somebody
    cancels the harvest, and what AWS or the warehouse raises.
    """
    chosen = choices_of(harvest)
    rows = {row.name: row for row in registry.queries(harvest.harvest_id)}
    for choice in chosen:
        if choice.name not in rows:
            rows[choice.name] = registry.record_query(QueryRow(harvest.harvest_id, choice.name, QueryState.QUEUED))
    left = [choice for choice in chosen if not QueryState(rows[choice.name].state).is_over]
    deliveries = counted(registry, harvest.harvest_id)
    if left and not deliveries:
        for choice in left:
            cancelled = replace(rows[choice.name], state=QueryState.CANCELLED, message=NOTHING_COUNTED)
            registry.record_query(cancelled)
    elif left:
        _ask(means, registry, harvest, left, deliveries)
    states = Counter(str(row.state) for row in registry.queries(harvest.harvest_id))
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


def choices_of(harvest: Harvest) -> Sequence[Choice]:
    """The queries that a harvest asks: those of its request, or all of the library that need no arguments."""
    asked = HarvestRequest.model_validate(harvest.request).queries
    return everything() if asked == "all" else asked


def counted(registry: Registry, harvest_id: str) -> list[DeliveryRow]:
    """The deliveries that stand for the buckets of a harvest, one each."""
    standing = {(row.account_id, row.bucket, row.manifest_key) for row in registry.buckets(harvest_id)}
    return [
        row for row in registry.deliveries(harvest_id) if (row.account_id, row.bucket, row.manifest_key) in standing
    ]


def ask_anew(registry: Registry, harvest_id: str) -> None:
    """Queues the queries of an earlier round again; what they cost then is no cost of this one."""
    for row in registry.queries(harvest_id):
        registry.record_query(QueryRow(harvest_id, row.name, QueryState.QUEUED))


def _ask(
    means: Means, registry: Registry, harvest: Harvest, left: Sequence[Choice], deliveries: Sequence[DeliveryRow]
) -> None:
    harvest_id, catalog, engine = harvest.harvest_id, catalog_of(means, harvest), engine_of(means, harvest.harvest_id)
    rows = {row.name: row for row in registry.queries(harvest_id)}
    spent = sum((row.cost_usd or Decimal(0) for row in rows.values()), Decimal(0))
    for choice in left:
        _stop(engine, rows[choice.name])

    def record(finding: Finding) -> None:
        state = registry.harvest(harvest_id).state
        registry.record_query(_row(harvest_id, finding))
        if state is not HarvestState.ANALYSING:
            raise WrongState(f"harvest {harvest_id} is {state}: nothing more is asked")

    analyse(
        engine,
        catalog.database,
        catalog.harvest_view(engine, harvest_id, deliveries),
        left,
        cap_usd=means.settings.query_usd - spent,
        record=record,
        place=inventory_place(means),
        folder=f"{FINDINGS}{harvest_id}",
    )


def _stop(engine: Engine, row: QueryRow) -> None:
    if row.execution_id:
        engine.cancel(row.execution_id)


def _row(harvest_id: str, finding: Finding) -> QueryRow:
    execution = finding.execution
    return QueryRow(
        harvest_id=harvest_id,
        name=finding.name,
        state=execution.state,
        execution_id=execution.id or None,
        sql=finding.sql,
        rows=finding.rows,
        bytes_scanned=finding.bytes_scanned,
        cost_usd=finding.cost_usd,
        location=finding.parquet or execution.location,
        message=finding.message or None,
    )
