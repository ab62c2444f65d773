"""The frame of a benchmark: what is measured, and how it is written down."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
VERSIONS = ("a360-pipeline", "psycopg", "pyarrow", "boto3", "dagster")


@dataclass(slots=True)
class Measured:
    """Wall and CPU seconds of a block: `client` is this process, `server` the database's processes."""

    seconds: float = 0.0
    client: float = 0.0
    server: float = 0.0

    @property
    def cpu(self) -> float:
        return self.client + self.server


@contextmanager
def measured(server_pid: int | None = None) -> Iterator[Measured]:
    """Measures a block; with the postmaster's pid also what the database worked for it (Linux alone)."""
    found = Measured()
    wall, client, server = time.perf_counter(), time.process_time(), _tree_cpu(server_pid)
    yield found
    found.seconds = time.perf_counter() - wall
    found.client = time.process_time() - client
    found.server = _tree_cpu(server_pid) - server


def _tree_cpu(pid: int | None) -> float:
    """CPU seconds of a process, its children, and the children it has waited for."""
    if pid is None or not Path("/proc").is_dir():
        return 0.0
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()
        own, parent = int(stat.parent.name), int(fields[1])
        if own == pid:
            ticks += sum(map(int, fields[11:15]))
        elif parent == pid:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_mb() -> float:
    """The most memory this process ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def write_result(name: str, metrics: Mapping[str, float], notes: str) -> None:
    """Writes benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    result = {
        "name": name,
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}",
        "versions": {each: version(each) for each in VERSIONS},
        "metrics": {metric: round(value, 4) for metric, value in metrics.items()},
        "notes": notes,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
