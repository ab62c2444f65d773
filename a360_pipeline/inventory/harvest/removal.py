"""Removes what a harvest made, thing by thing: whatever fails is noted and keeps nothing else from being removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code, explain
from a360_pipeline.engines.engine import QueryState
from a360_pipeline.inventory.harvest.configurations import deconfigure
from a360_pipeline.inventory.harvest.keeping import catalog_of, engine_of, inventory_place
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import BucketRow, DeliveryRow, Harvest, QueryRow, RegionRow
from a360_pipeline.inventory.harvest.smoke import SMOKE_DAY
from a360_pipeline.inventory.harvest.stacks import delete_region
from a360_pipeline.inventory.harvest.states import RegionState, Way
from a360_pipeline.inventory.means import Means

THREADS = 8


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to remove. `remove` returns what was there, by name, and raises what went wrong."""

    what: str
    remove: Callable[[], Iterable[str]]


@dataclass(slots=True)
class Removed:
    """What became of the things."""

    removed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def run(self, tasks: Iterable[Task]) -> None:
        """Each of them, some side by side; all are tried."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="removal") as pool:
            for removed, error in pool.map(_run, tasks):
                self.removed.extend(removed)
                self.errors.extend(error)


def _run(task: Task) -> tuple[list[str], list[str]]:
    try:
        return list(task.remove()), []
    except Exception as error:  # noqa: BLE001 - one thing that cannot be removed keeps none of the others
        return [], [f"{task.what}: {error if isinstance(error, NotRemoved) else explain(error)}"]


def remove_all(means: Means, registry: Registry, harvest: Harvest) -> Removed:
    """Stops queries, then removes configurations, the view and what a smoke test counted, and last the stacks.

    Configurations go before their destination: S3 would go on to deliver to a bucket of that name, whoever makes it.
    """
    done = Removed()
    done.errors.extend(stop_queries(means, registry, harvest.harvest_id))
    buckets = registry.buckets(harvest.harvest_id)
    done.run(_configurations(means, harvest, buckets))
    done.run([_view(means, harvest), *_smoke(means, harvest, registry.deliveries(harvest.harvest_id))])
    done.run(
        Task(f"stack in {row.region}", partial(_region, means, harvest, row))
        for row in registry.regions(harvest.harvest_id)
    )
    return done


def stop_queries(means: Means, registry: Registry, harvest_id: str) -> list[str]:
    """Stops the queries of a harvest that are not over, and returns what went wrong."""
    problems = []
    for query in registry.queries(harvest_id):
        if QueryState(query.state).is_over:
            continue
        try:
            registry.record_query(_stopped(means, query))
        except Exception as error:  # noqa: BLE001 - noted; the other queries are stopped all the same
            problems.append(f"query {query.name}: {explain(error)}")
    return problems


def _stopped(means: Means, query: QueryRow) -> QueryRow:
    if query.execution_id is None:
        return replace(query, state=QueryState.CANCELLED, message="the harvest ended before it was started")
    engine = engine_of(means, query.harvest_id)
    engine.cancel(query.execution_id)
    found = engine.look(query.execution_id)
    # One that ended just then has ended as it did; one that is stopping is over soon.
    state = found.state if found.state.is_over else QueryState.CANCELLED
    message = found.reason or query.message or ("the harvest ended" if state is QueryState.CANCELLED else None)
    return replace(query, state=state, bytes_scanned=found.bytes_scanned, location=found.location, message=message)


def _configurations(means: Means, harvest: Harvest, buckets: Iterable[BucketRow]) -> Iterator[Task]:
    for row in buckets:
        if row.way is Way.CONFIGURED:
            yield Task(
                f"configuration of {row.bucket} in account {row.account_id}",
                partial(_deconfigure, means, harvest, row),
            )


class NotRemoved(RuntimeError):
    """Something is still there. The message says why."""


def _deconfigure(means: Means, harvest: Harvest, row: BucketRow) -> list[str]:
    if not deconfigure(means, harvest.harvest_id, row):
        return []
    return [f"configuration {row.configuration_id} of bucket {row.bucket} in account {row.account_id}"]


def _region(means: Means, harvest: Harvest, row: RegionRow) -> list[str]:
    outcome = delete_region(means, harvest.harvest_id, row.region)
    # A worker that died, or a stack that still goes, is no stack that is gone.
    if outcome.state is not RegionState.GONE:
        raise NotRemoved(f"it is {outcome.state}: {outcome.message}")
    return [f"stack {row.stack_name} and bucket {row.destination_bucket} in {row.region}"]


def _view(means: Means, harvest: Harvest) -> Task:
    def drop() -> list[str]:
        try:
            return [f"view {name}" for name in catalog_of(means, harvest).drop_view(harvest.harvest_id)]
        except ClientError as error:
            # Nothing was ever published, so that there is no database that could hold a view.
            if error_code(error) == "EntityNotFoundException":
                return []
            raise

    return Task("view", drop)


def _smoke(means: Means, harvest: Harvest, deliveries: Iterable[DeliveryRow]) -> Iterator[Task]:
    """What a smoke test counted is no history: it is of objects that never were."""
    for row in deliveries:
        if harvest.request.get("smoke_test") and row.snapshot_date == SMOKE_DAY.date():
            yield Task(f"delivery {row.manifest_key} of the smoke test", partial(_forget, means, harvest, row))


def _forget(means: Means, harvest: Harvest, row: DeliveryRow) -> list[str]:
    is_published = catalog_of(means, harvest).unpublish(SMOKE_DAY.date(), row.account_id, row.region, row.bucket)
    place = inventory_place(means)
    folder = (row.location or "").removeprefix(place.uri("")).rstrip("/")
    keys = [entry.key for entry in place.list(f"{folder}/")] if folder else []
    place.delete(keys)
    told = f"of {row.bucket} in account {row.account_id} that the smoke test counted"
    return [f"partition {told}"] * is_published + [f"{len(keys)} files {told}"] * bool(keys)
