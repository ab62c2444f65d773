"""S3 Inventory as assets of a harvest: deliveries, their objects and table, the roll-up, findings and the report."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg

from a360_pipeline.defs.harvest import HARVEST, HARVESTS
from a360_pipeline.defs.hub import OWNERS, Hub
from a360_pipeline.defs.warehouse import UNDER_WAY
from a360_pipeline.engines.engine import QueryState
from a360_pipeline.inventory.harvest.arrivals import find_arrivals
from a360_pipeline.inventory.harvest.decision import Step, next_step
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import Harvest
from a360_pipeline.inventory.harvest.states import BucketState, DeliveryState, HarvestState
from a360_pipeline.inventory.layout import FIELDS, PARTITION_FIELDS
from a360_pipeline.inventory.means import Means

POOL = "inventory"
MAX_SHOWN = 50
PARTITION_TAG = "dagster/partition"
COMING = frozenset({BucketState.PLANNED, BucketState.IN_PROGRESS, BucketState.REUSED})

COLUMNS = dg.TableSchema(
    columns=[
        *(dg.TableColumn(field.name, field.kind.value) for field in FIELDS),
        *(dg.TableColumn(name, kind.value, "A partition column.") for name, kind in PARTITION_FIELDS),
    ]
)


def _spec(name: str, after: str, description: str, kinds: set[str], **metadata: Any) -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        deps=[after],
        description=description,
        group_name="inventory",
        owners=OWNERS,
        kinds=kinds,
        skippable=True,
        metadata=metadata,
    )


SPECS = [
    _spec(
        "inventory_deliveries",
        "inventory_harvest",
        "What S3 delivered for the buckets of a harvest, each file verified against its manifest.",
        {"s3"},
    ),
    _spec(
        "inventory_objects",
        "inventory_deliveries",
        "Every object that was delivered, as Parquet in one typed layout, each delivery in a folder of its own.",
        {"parquet"},
        **{"dagster/column_schema": COLUMNS},
    ),
    _spec(
        "inventory_table",
        "inventory_objects",
        "The table over them: a partition for each bucket and day, which points at the delivery that stands.",
        {"glue", "athena"},
        **{"dagster/column_schema": COLUMNS},
    ),
    _spec(
        "prefix_rollup",
        "inventory_objects",
        "Objects, bytes and estimated monthly cost of every prefix, storage class, age and encryption.",
        {"parquet", "duckdb"},
    ),
    _spec(
        "inventory_findings",
        "inventory_table",
        "What the analysis queries of a harvest found, each with its rows and what it cost.",
        {"athena", "parquet"},
    ),
    _spec(
        "harvest_report",
        "inventory_findings",
        "The report of a harvest, kept in the bucket and mailed.",
        {"ses"},
    ),
]


@dg.multi_asset(
    specs=SPECS,
    partitions_def=HARVESTS,
    pool=POOL,
    check_specs=[
        dg.AssetCheckSpec(
            "every_bucket_is_there",
            asset="inventory_deliveries",
            description="No bucket is lost, refused, or delivered wrongly; those that may still come are not counted.",
        ),
        dg.AssetCheckSpec(
            "every_query_answered", asset="inventory_findings", description="No query failed or was cancelled."
        ),
        dg.AssetCheckSpec(
            "nothing_is_left", asset="harvest_report", description="What the harvest made is gone, once it is over."
        ),
    ],
)
def harvest(context: dg.AssetExecutionContext, hub: Hub) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Takes what was delivered, and takes the harvest on until it has to wait: nothing holds a run open for S3."""
    from a360_pipeline.inventory.harvest.take import take_all
    from a360_pipeline.report.harvesting import go_on_until_it_waits

    means, harvest_id = hub.means, context.partition_key
    with means.connect() as connection:
        registry = Registry(connection)
        before = registry.harvest(harvest_id)
        arrivals = [one for one in find_arrivals(means, registry).arrivals if one.bucket.harvest_id == harvest_id]
        taken = take_all(means, registry, arrivals)
        for done in go_on_until_it_waits(means, harvest_id):
            context.log.info(f"{done.step or 'nothing'}, now {done.state}{': ' if done.message else ''}{done.message}")
        after = registry.harvest(harvest_id)
        yield from _materialized(registry, before, after, has_deliveries=bool(taken.deliveries))
        yield from _checked(registry, after)
    problems = list(taken.problems)
    if after.state is HarvestState.CLEANING:
        problems.append(f"the clean-up is not finished: {after.message}")
    if after.outcome is HarvestState.FAILED and before.state is not after.state:
        problems.append(f"the harvest failed: {after.message}")
    if problems:
        raise dg.Failure("\n".join(problems), allow_retries=False)


def _materialized(
    registry: Registry, before: Harvest, after: Harvest, *, has_deliveries: bool
) -> Iterator[dg.MaterializeResult[None]]:
    """Of the assets that came further in this run."""
    harvest_id = after.harvest_id
    if has_deliveries or after.report != before.report:
        deliveries = registry.deliveries(harvest_id)
        there = [row for row in deliveries if row.state is DeliveryState.PUBLISHED]
        told = {
            "deliveries": len(deliveries),
            **{f"{state}": sum(row.state is state for row in deliveries) for state in DeliveryState},
        }
        rows = sum(row.rows or 0 for row in there)
        yield dg.MaterializeResult(asset_key="inventory_deliveries", metadata=told)
        yield dg.MaterializeResult(
            asset_key="inventory_objects",
            metadata={"dagster/row_count": rows, "object_bytes": sum(row.object_bytes or 0 for row in there)},
        )
        yield dg.MaterializeResult(
            asset_key="inventory_table", metadata={"dagster/row_count": rows, "partitions": len(there)}
        )
    report = after.report or {}
    if report and report != before.report:
        if "rollup" in report:
            metadata = {"dagster/uri": report["rollup"], "dagster/row_count": report["rollup_prefixes"]}
            yield dg.MaterializeResult(asset_key="prefix_rollup", metadata=metadata)
        queries = registry.queries(harvest_id)
        if queries:
            yield dg.MaterializeResult(
                asset_key="inventory_findings",
                metadata={
                    "queries": len(queries),
                    "succeeded": sum(row.state == QueryState.SUCCEEDED for row in queries),
                    "bytes_scanned": sum(row.bytes_scanned or 0 for row in queries),
                    "usd": float(sum(row.cost_usd or 0 for row in queries)),
                },
            )
        if "html" in report:
            metadata = {"dagster/uri": report["html"], "subject": report["subject"], "mail": report["mail"]}
            yield dg.MaterializeResult(asset_key="harvest_report", metadata=metadata)


def _checked(registry: Registry, after: Harvest) -> Iterator[dg.AssetCheckResult]:
    is_over = after.state in (HarvestState.CLEANING, HarvestState.DONE)
    good = {BucketState.DONE, BucketState.EMPTY, BucketState.EXCLUDED} | (set() if is_over else COMING)
    missing = [
        f"{row.account_id} {row.bucket}: {row.state} {row.message or ''}".strip()
        for row in registry.buckets(after.harvest_id)
        if row.state not in good
    ]
    unanswered = [
        f"{row.name}: {row.state} {row.message or ''}".strip()
        for row in registry.queries(after.harvest_id)
        if QueryState(row.state).is_over and row.state != QueryState.SUCCEEDED
    ]
    receipt = after.receipt or {}
    left = [*receipt.get("left", ()), *receipt.get("errors", ())]
    found = {
        ("inventory_deliveries", "every_bucket_is_there"): missing,
        ("inventory_findings", "every_query_answered"): unanswered,
        ("harvest_report", "nothing_is_left"): left,
    }
    for (asset, name), problems in found.items():
        yield dg.AssetCheckResult(
            check_name=name,
            asset_key=dg.AssetKey(asset),
            passed=not problems,
            metadata={"found": len(problems), "problems": problems[:MAX_SHOWN]},
        )


advance_harvest = dg.define_asset_job(
    "advance_harvest",
    selection=[spec.key for spec in SPECS],
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": str(6 * 3600)},
)


def wants_a_run(means: Means) -> list[str]:
    """The harvests with something to do: a delivery that waits, or a step other than to wait."""
    with means.connect() as connection:
        registry = Registry(connection)
        harvests = registry.open_harvests()
        if not harvests:
            return []
        wanted = {one.bucket.harvest_id for one in find_arrivals(means, registry).arrivals}
        return [one.harvest_id for one in harvests if one.harvest_id in wanted or _has_a_step(registry, one)]


def _has_a_step(registry: Registry, one: Harvest) -> bool:
    of, now = one.harvest_id, dt.datetime.now(dt.UTC)
    step = next_step(one, registry.buckets(of), registry.deliveries(of), registry.queries(of), now)
    return step not in (Step.WAIT, Step.DONE)


def harvest_requests(instance: dg.DagsterInstance, wanted: list[str]) -> dg.SensorResult | dg.SkipReason:
    """A run for each, unless one is under way: what that leaves is found at the next tick."""
    jobs = [advance_harvest.name, "start_harvest", "cancel_harvest", "clean_up_harvest"]
    busy = {
        run.tags.get(PARTITION_TAG)
        for job in jobs
        for run in instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNDER_WAY))
    }
    free = [harvest_id for harvest_id in wanted if harvest_id not in busy]
    if not free:
        return dg.SkipReason(f"{len(wanted)} harvests have something to do, and are at it" if wanted else "none waits")
    known = set(instance.get_dynamic_partitions(HARVEST))
    new = [harvest_id for harvest_id in free if harvest_id not in known]
    return dg.SensorResult(
        run_requests=[dg.RunRequest(job_name=advance_harvest.name, partition_key=harvest_id) for harvest_id in free],
        dynamic_partitions_requests=[dg.AddDynamicPartitionsRequest(HARVEST, new)] if new else [],
    )


@dg.sensor(job=advance_harvest, default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=60)
def harvests_under_way(context: dg.SensorEvaluationContext, hub: Hub) -> dg.SensorResult | dg.SkipReason:
    """Takes harvests on: deliveries are looked for in the queue and in the buckets, and nothing is remembered."""
    return harvest_requests(context.instance, wants_a_run(hub.means))


@dg.schedule(
    job=advance_harvest,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def recurring_harvests(context: dg.ScheduleEvaluationContext, hub: Hub) -> list[dg.RunRequest]:
    """Takes every recurring harvest into its round of the day."""
    day = context.scheduled_execution_time.date().isoformat()
    with hub.means.connect() as connection:
        recurring = [one for one in Registry(connection).open_harvests() if one.is_recurring]
    known = set(context.instance.get_dynamic_partitions(HARVEST))
    return [
        dg.RunRequest(run_key=f"{day} {one.harvest_id}", partition_key=one.harvest_id)
        for one in recurring
        if one.harvest_id in known
    ]


defs = dg.Definitions(
    assets=[harvest], jobs=[advance_harvest], sensors=[harvests_under_way], schedules=[recurring_harvests]
)
