"""`python -m benchmarks [NAME...]`: runs each benchmark in a process of its own and prints a table."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.frame import RESULTS

FRAME = {
    "__main__",
    "cheap_aws",
    "frame",
    "generate",
    "inventory_deliveries",
    "inventory_reading",
    "inventory_rivals",
    "inventory_rollup",
    "inventory_tick",
    "parts",
    "rivals",
}


def main() -> int:
    names = sys.argv[1:] or [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in FRAME]
    table = Table(title="Benchmarks", title_justify="left")
    for column in ("benchmark", "metric", "value"):
        table.add_column(column, justify="right" if column == "value" else "left")
    failed = False
    for name in names:
        # A process each, so that peak memory is the benchmark's own.
        ended = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False)
        failed |= ended.returncode != 0
        result = RESULTS / f"{name}.json"
        if ended.returncode == 0 and result.exists():
            for metric, value in json.loads(result.read_text())["metrics"].items():
                table.add_row(name, metric, f"{value:,.4g}" if isinstance(value, float) else f"{value:,}")
    Console().print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
