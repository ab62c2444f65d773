"""Warehouse: its tables as assets, fed by the sensor on the prefix, and the checks on its ledgers."""

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import islice

import dagster as dg

from a360_pipeline.defs.collection import account_snapshot
from a360_pipeline.defs.hub import OWNERS, Hub
from a360_pipeline.defs.partitions import ACCOUNT
from a360_pipeline.sections.model import Column, Table
from a360_pipeline.snapshot.key import BadSnapshot, SnapshotKey
from a360_pipeline.snapshot.store import StoredObject
from a360_pipeline.warehouse import checks
from a360_pipeline.warehouse.connection import Connection, connect
from a360_pipeline.warehouse.ledger import COVERAGE, LOADS
from a360_pipeline.warehouse.load import LoadResult, load
from a360_pipeline.warehouse.merge import Changes
from a360_pipeline.warehouse.tables import LOADED_TABLES

POOL = "warehouse"
UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

CHECKS: dict[str, tuple[Table, Callable[[Connection], checks.Finding], str]] = {
    "no_open_gaps": (
        COVERAGE,
        checks.open_gaps,
        "Every section of the latest day came, or its gap is accepted.",
    ),
    "reconciled": (COVERAGE, checks.unreconciled, "The rows in the snapshots are the rows in the tables."),
    "quarantine_empty": (
        LOADS,
        checks.quarantined,
        "No object waits in quarantine for somebody to look at it.",
    ),
}


def asset_key(table: Table) -> dg.AssetKey:
    return dg.AssetKey(["warehouse", table.name])


def _column_schema(table: Table) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(c.name, c.type.value if isinstance(c, Column) else "bigint", c.description)
            for c in table.columns
        ]
    )


SPECS = [
    dg.AssetSpec(
        asset_key(table),
        deps=[account_snapshot],
        description=table.description,
        group_name="warehouse",
        owners=OWNERS,
        kinds={"postgres"},
        skippable=True,
        metadata={
            "dagster/column_schema": _column_schema(table),
            "dagster/table_name": f"public.{table.name}",
        },
    )
    for table in LOADED_TABLES
]


class WaitingObject(dg.Config):
    """One version of an object under the data prefix."""

    key: str
    etag: str
    size: int
    last_modified: str

    @classmethod
    def of(cls, stored: StoredObject) -> "WaitingObject":
        return cls(key=stored.key, etag=stored.etag, size=stored.size, last_modified=stored.last_modified.isoformat())

    def stored(self) -> StoredObject:
        return StoredObject(self.key, self.etag, self.size, dt.datetime.fromisoformat(self.last_modified))


class LoadConfig(dg.Config):
    """The objects to load; none: all that wait."""

    objects: list[WaitingObject] = []  # noqa: RUF012 - a pydantic field, copied for each instance


@dg.multi_asset(
    specs=SPECS,
    check_specs=[
        dg.AssetCheckSpec(name, asset=asset_key(table), description=description)
        for name, (table, _, description) in CHECKS.items()
    ],
    pool=POOL,
)
def warehouse(
    context: dg.AssetExecutionContext, config: LoadConfig, hub: Hub
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Loads snapshots into the tables, exactly once, and then looks at the ledgers."""
    objects = [each.stored() for each in config.objects]
    result = load(
        hub.store,
        hub.warehouse,
        objects or list(islice(hub.store.waiting(), hub.settings.load_run_files)),
        batch_files=hub.settings.load_batch_files,
        batch_bytes=hub.settings.load_batch_bytes,
        accepted=hub.accepted,
        progress=context.log.info,
    )
    with connect(hub.warehouse) as connection:
        for table in LOADED_TABLES:
            changes = result.tables.get(table.name, Changes())
            yield dg.MaterializeResult(
                asset_key=asset_key(table),
                metadata={
                    "dagster/row_count": checks.count_rows(connection, table),
                    "created": changes.created,
                    "updated": changes.updated,
                    "unchanged": changes.unchanged,
                    "removed": changes.removed,
                },
            )
        for name, (table, look, _) in CHECKS.items():
            finding = look(connection)
            yield dg.AssetCheckResult(
                check_name=name,
                asset_key=asset_key(table),
                passed=finding.passed,
                metadata={"found": len(finding.rows), "rows": dg.MetadataValue.json(list(finding.rows[:50]))},
            )
    context.log.info(
        f"{len(result.loaded)} snapshots loaded, {len(result.quarantined)} quarantined, {result.rejected} rows rejected"
    )
    _fail_if_incomplete(result)


def _fail_if_incomplete(result: LoadResult) -> None:
    problems = [f"quarantined {key}: {reason}" for key, reason in sorted(result.quarantined.items())]
    problems += [f"not moved {problem}" for problem in result.unmoved]
    if problems:
        told = "\n".join(problems)
        raise dg.Failure(f"the rest is loaded, but {len(problems)} objects are not:\n{told}", allow_retries=False)


load_job = dg.define_asset_job(
    "load",
    selection=[warehouse],
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": str(3600)},
)


def load_request(objects: list[StoredObject]) -> dg.RunRequest:
    """One run that loads these objects. No run key: what waits is what the listing says, however often."""
    config = LoadConfig(objects=[WaitingObject.of(each) for each in objects])
    return dg.RunRequest(job_name=load_job.name, run_config=dg.RunConfig(ops={warehouse.op.name: config}))


def announced_accounts(hub: Hub, objects: list[StoredObject], known: set[str]) -> list[str]:
    """The accounts of snapshots that have no partition yet."""
    accounts: set[str] = set()
    for each in objects:
        try:
            accounts.add(SnapshotKey.parse(hub.store.path(each.key)).account)
        except BadSnapshot:
            continue  # It names no account; loading puts it in quarantine with the reason.
    return sorted(accounts - known)


@dg.sensor(
    job=load_job,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def snapshots_waiting(context: dg.SensorEvaluationContext, hub: Hub) -> dg.SensorResult | dg.SkipReason:
    """Loads whatever lies under the data prefix. The prefix is the queue: nothing is remembered, so nothing
    is missed or doubled, in whatever order snapshots arrive."""
    under_way = dg.RunsFilter(job_name=load_job.name, statuses=UNDER_WAY)
    if context.instance.get_runs_count(under_way):
        return dg.SkipReason("a load is under way; what it leaves is found at the next tick")
    objects = list(islice(hub.store.waiting(), hub.settings.load_run_files))
    if not objects:
        return dg.SkipReason(f"nothing waits under {hub.store.uri(hub.store.data_prefix)}")
    new = announced_accounts(hub, objects, set(context.instance.get_dynamic_partitions(ACCOUNT)))
    additions = [dg.AddDynamicPartitionsRequest(ACCOUNT, new)] if new else []
    return dg.SensorResult(run_requests=[load_request(objects)], dynamic_partitions_requests=additions)


defs = dg.Definitions(assets=[warehouse], jobs=[load_job], sensors=[snapshots_waiting])
