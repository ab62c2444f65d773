"""A whole day in one process, as the schedule and the sensors would have it: for the demo and the tests."""

import datetime as dt
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from a360_pipeline.defs.collection import ORGANIZATION_POOL, collect_requests, discover
from a360_pipeline.defs.collection import POOL as COLLECTION_POOL
from a360_pipeline.defs.harvest import begin_harvest, start_harvest
from a360_pipeline.defs.hub import Hub
from a360_pipeline.defs.inventory import POOL as INVENTORY_POOL
from a360_pipeline.defs.inventory import harvest_requests, wants_a_run
from a360_pipeline.defs.warehouse import POOL as WAREHOUSE_POOL
from a360_pipeline.defs.warehouse import UNDER_WAY, snapshots_waiting
from a360_pipeline.inventory.harvest.registry import Registry

Tell = Callable[[str], None]

PROCESS_TAG = "a360/process"
POOL_LIMITS = {ORGANIZATION_POOL: 1, COLLECTION_POOL: 4, WAREHOUSE_POOL: 1, INVENTORY_POOL: 4}
"""How many steps at once may ask a family of APIs, or write to the warehouse."""
MOST_TICKS = 10

INSTANCE = """\
# Dagster on a laptop: its storage is a database of its own in the sandbox's PostgreSQL.
storage:
  postgres:
    postgres_url:
      env: A360_DAGSTER_DATABASE_URL
run_monitoring:
  enabled: true
  # Of a run that was killed, or its pool would stay taken.
  free_slots_after_run_end_seconds: 60
run_retries:
  enabled: true
  retry_on_asset_or_op_failure: false
telemetry:
  enabled: false
"""


def open_instance(home: Path, database_url: str) -> dg.DagsterInstance:
    """The instance of a DAGSTER_HOME, made if absent and put into the environment for child processes."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(INSTANCE)
    os.environ["DAGSTER_HOME"] = str(home.resolve())
    os.environ["A360_DAGSTER_DATABASE_URL"] = database_url
    instance = dg.DagsterInstance.get()
    for pool, limit in POOL_LIMITS.items():
        # A new pool's first pass would ignore a default limit.
        instance.event_log_storage.set_concurrency_slots(pool, limit)
    return instance


def run_day(definitions: dg.Definitions, instance: dg.DagsterInstance, tell: Tell = lambda _line: None) -> list[str]:
    """Discovers, collects and loads today, and returns why runs failed; an empty list is a good day."""
    _bury_dead_runs(instance)
    failures = _execute(definitions, instance, dg.RunRequest(job_name=discover.name), tell)
    if failures:
        return failures
    day = dt.datetime.now(dt.UTC).date().isoformat()
    for request in collect_requests(instance, Hub(), day):
        failures += _execute(definitions, instance, request, tell)
    return failures + load_waiting(definitions, instance, tell)


def load_waiting(
    definitions: dg.Definitions, instance: dg.DagsterInstance, tell: Tell = lambda _line: None
) -> list[str]:
    """Evaluates the sensor on the prefix once and runs what it asks for; returns why runs failed."""
    with dg.build_sensor_context(instance=instance, resources={"hub": Hub()}) as context:
        result = snapshots_waiting(context)
    if not isinstance(result, dg.SensorResult):
        tell(str(getattr(result, "skip_message", result)))
        return []
    for addition in result.dynamic_partitions_requests or ():
        instance.add_dynamic_partitions(addition.partitions_def_name, list(addition.partition_keys))
    return [why for request in result.run_requests or () for why in _execute(definitions, instance, request, tell)]


def run_harvest(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    request: Mapping[str, Any],
    deliver: Callable[[], object],
    tell: Tell = lambda _line: None,
) -> list[str]:
    """Starts a harvest unless it was, has S3 deliver, and evaluates the sensor until nothing is left to do.

    Returns why runs failed. `deliver` stands in for the day or two that S3 takes.
    """
    hub, harvest_id = Hub(), str(request["run_id"])
    failures: list[str] = []
    with hub.means.connect() as connection:
        known = {one.harvest_id for one in Registry(connection).harvests()}
    if harvest_id not in known:
        config = {"ops": {begin_harvest.name: {"config": {"request": dict(request)}}}}
        failures += _execute(definitions, instance, dg.RunRequest(job_name=start_harvest.name, run_config=config), tell)
    deliver()
    for _ in range(MOST_TICKS):
        result = harvest_requests(instance, [one for one in wants_a_run(hub.means) if one == harvest_id])
        if not isinstance(result, dg.SensorResult):
            break
        for one in result.run_requests or ():
            failures += _execute(definitions, instance, one, tell)
    return failures


def _execute(
    definitions: dg.Definitions, instance: dg.DagsterInstance, request: dg.RunRequest, tell: Tell
) -> list[str]:
    told = dg.Definitions.merge(definitions, dg.Definitions(loggers={"told": _logger(tell)}))
    result = told.resolve_job_def(str(request.job_name)).execute_in_process(
        instance=instance,
        run_config={**request.run_config, "loggers": {"told": {}}},
        partition_key=request.partition_key,
        tags={**request.tags, PROCESS_TAG: str(os.getpid())},
        raise_on_error=False,
    )
    return [_why(event) for event in result.get_step_failure_events()]


def _why(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    return str(data.error_display_string)


def _logger(tell: Tell) -> dg.LoggerDefinition:
    """Passes on what assets say, and no more of Dagster's events than that."""

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told = getattr(record, "dagster_meta", {}).get("orig_message")
            tell(str(told or record.getMessage()))

    def make(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("told", logging.INFO)
        logger.addHandler(Told())
        return logger

    return dg.LoggerDefinition(make, config_schema={})


def _bury_dead_runs(instance: dg.DagsterInstance) -> None:
    """Ends the runs of processes that were killed: no daemon watches over a day in one process, and a run
    that looks alive keeps the sensor waiting and its pool taken."""
    for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY)):
        process = run.tags.get(PROCESS_TAG)
        if process is not None and not _is_alive(int(process)):
            instance.report_run_canceled(run, message=f"process {process} is gone")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
