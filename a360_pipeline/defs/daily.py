"""A whole day in one process, as the schedule and the sensors would have it: for the demo and the tests."""

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from a360_pipeline.definitions import defs
from a360_pipeline.defs.collection import collect, collect_requests, discover
from a360_pipeline.defs.hub import Hub
from a360_pipeline.defs.warehouse import snapshots_waiting

INSTANCE_FILE = "dagster.yaml"

# What dagster.yaml is for on a laptop. Storage is PostgreSQL, as in production.
INSTANCE = """\
storage:
  postgres:
    postgres_url:
      env: A360_DAGSTER_DATABASE_URL
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
run_retries:
  enabled: true
  retry_on_asset_or_op_failure: false
concurrency:
  pools:
    default_limit: 1
telemetry:
  enabled: false
"""


def write_instance(home: Path) -> Path:
    """Makes a DAGSTER_HOME and returns it."""
    home.mkdir(parents=True, exist_ok=True)
    (home / INSTANCE_FILE).write_text(INSTANCE)
    return home


class _Told(logging.Handler):
    """Passes on what assets say, and no more of Dagster's events than that."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", None)
        message = meta.get("orig_message") if isinstance(meta, dict) else None
        self._tell(message or record.getMessage())


def run_day(instance: dg.DagsterInstance, tell: Callable[[str], None] = lambda _line: None) -> list[str]:
    """Discovers, collects and loads today, and returns why runs failed; an empty list is a good day."""
    hub = Hub()
    failures = _execute(instance, discover.name, dg.RunRequest(), tell)
    if failures:
        return failures
    day = dt.datetime.now(dt.UTC).date().isoformat()
    for request in collect_requests(instance, hub, day):
        failures += _execute(instance, collect.name, request, tell)
    return failures + load_waiting(instance, tell)


def load_waiting(instance: dg.DagsterInstance, tell: Callable[[str], None] = lambda _line: None) -> list[str]:
    """Evaluates the sensor on the prefix once and runs what it asks for; returns why runs failed."""
    with dg.build_sensor_context(instance=instance, resources={"hub": Hub()}) as context:
        result = snapshots_waiting(context)
    if isinstance(result, dg.SkipReason):
        tell(result.skip_message or "nothing to load")
        return []
    for request in result.dynamic_partitions_requests or ():
        if isinstance(request, dg.AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
    failures: list[str] = []
    for request in result.run_requests or ():
        failures += _execute(instance, str(request.job_name), request, tell)
    return failures


def _execute(
    instance: dg.DagsterInstance, job: str, request: dg.RunRequest, tell: Callable[[str], None]
) -> list[str]:
    with _listening(tell):
        result = defs.resolve_job_def(job).execute_in_process(
            run_config=request.run_config, tags=dict(request.tags), instance=instance, raise_on_error=False
        )
    return [
        str(event.event_specific_data.error.message if event.event_specific_data.error else event.message)
        if event.event_specific_data
        else str(event.message)
        for event in result.get_step_failure_events()
    ]
