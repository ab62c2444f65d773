"""What a harvest found, for a terminal: its verdict, its queries and where its report is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from a360_pipeline.inventory.harvest.keeping import inventory_place
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.library import QUERIES
from a360_pipeline.inventory.means import Means

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Harvested:
    """A harvest that has reported."""

    harvest_id: str
    state: str
    subject: str
    receipt: str
    findings: dict[str, int | None]
    """Rows of each query by its name; None where it has no result."""
    report: Path
    """Its report as a page, on this machine."""


def read_harvested(means: Means, harvest_id: str, folder: Path) -> Harvested:
    """How a harvest ended; its report is copied into a folder. Raises NoSuchHarvest and NotThere."""
    with means.connect() as connection:
        registry = Registry(connection)
        harvest, queries = registry.harvest(harvest_id), registry.queries(harvest_id)
    told, receipt = harvest.report or {}, harvest.receipt or {}
    path = folder / f"{harvest_id}.html"
    folder.mkdir(parents=True, exist_ok=True)
    inventory_place(means).fetch(f"reports/{harvest_id}/report.html", path)
    return Harvested(
        harvest_id,
        harvest.state,
        str(told.get("subject", harvest.message or "")),
        f"{len(receipt.get('removed', ()))} things removed, {len(receipt.get('left', ()))} left",
        {row.name: row.rows for row in queries},
        path,
    )


def print_harvested(found: Harvested, console: Console) -> None:
    """The verdict, and the queries that found most."""
    console.print(f"[bold]{escape(found.subject)}[/bold]: {found.receipt}")
    grid = Grid("query", "rows", "what for", box=SIMPLE)
    most = sorted(found.findings.items(), key=lambda item: -(item[1] or 0))
    for name, rows in most[:SHOWN]:
        purpose = QUERIES[name].purpose if name in QUERIES else ""
        grid.add_row(name, "no result" if rows is None else str(rows), escape(purpose))
    console.print(grid)
