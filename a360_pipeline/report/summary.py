"""The summary of a day: what is covered, what is missing and why, and what wants looking at."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from a360_pipeline.warehouse.checks import count_rows
from a360_pipeline.warehouse.connection import Connection, named_rows
from a360_pipeline.warehouse.tables import LOADED_TABLES


@dataclass(frozen=True, slots=True)
class Gap:
    """A section that is missing in an account and region, and who accepted that, if anybody did."""

    account_id: str
    account_name: str | None
    region: str
    section: str
    status: str
    message: str | None
    accepted_by: str | None
    accepted_reason: str | None


@dataclass(frozen=True, slots=True)
class AccountCost:
    """What an account cost on its latest reported day, in USD."""

    account_id: str
    account_name: str | None
    date: dt.date
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key that is in use, could be rotated, and is not."""

    account_id: str
    account_name: str | None
    region: str
    key_id: str
    description: str | None


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance that Systems Manager does not reach."""

    account_id: str
    account_name: str | None
    region: str
    instance_id: str
    computer_name: str | None
    ping_status: str
    last_ping: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything the summary shows; `sections` counts account-region-section cells of the latest day."""

    date: dt.date | None
    accounts: int
    regions: int
    sections: int
    sections_known: int
    rows: dict[str, int]
    gaps: list[Gap]
    costs: list[AccountCost]
    keys_without_rotation: list[Key]
    instances_offline: list[Instance]

    @property
    def open_gaps(self) -> list[Gap]:
        return [gap for gap in self.gaps if gap.accepted_by is None]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_summary(connection: Connection) -> Summary:
    """Reads the latest day's summary from the ledgers and views."""
    row = connection.execute(
        "SELECT max(date), count(DISTINCT account_id), count(DISTINCT region) FILTER (WHERE region <> 'Global'), "
        "count(*), count(*) FILTER (WHERE status IN ('ok', 'empty')) "
        "FROM coverage WHERE date = (SELECT max(date) FROM coverage)"
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives a row
    date, accounts, regions, sections, known = row
    return Summary(
        date=date,
        accounts=accounts,
        regions=regions,
        sections=sections,
        sections_known=known,
        rows={table.name: count_rows(connection, table) for table in LOADED_TABLES},
        gaps=_all(
            connection,
            Gap,
            "SELECT c.account_id, a.account_name, c.region, c.section, c.status, c.message, c.accepted_by, "
            "c.accepted_reason FROM coverage c LEFT JOIN accounts a USING (account_id, region) "
            "WHERE c.date = (SELECT max(date) FROM coverage) AND c.status NOT IN ('ok', 'empty') "
            "ORDER BY c.account_id, c.region, c.section",
        ),
        costs=_all(
            connection,
            AccountCost,
            "SELECT DISTINCT ON (account) account AS account_id, account_name, date_from AS date, "
            "current_period_cost AS cost FROM view_acct_cost_rep WHERE period_granularity = 'DAILY' "
            "ORDER BY account, date_from DESC",
        ),
        keys_without_rotation=_all(
            connection,
            Key,
            "SELECT account AS account_id, account_name, account_region AS region, key_id, description "
            "FROM view_kms_keys WHERE enabled AND NOT key_rotation_enabled ORDER BY account, account_region, key_id",
        ),
        instances_offline=_all(
            connection,
            Instance,
            "SELECT account AS account_id, account_name, account_region AS region, instance_id, computer_name, "
            "ping_status, last_ping_date_time AS last_ping FROM view_inventory_instances "
            "WHERE ping_status <> 'Online' ORDER BY account, account_region, instance_id",
        ),
    )


def _all(connection: Connection, kind: type[Any], query: str) -> list[Any]:
    return [kind(**row) for row in named_rows(connection.execute(query))]


SHOWN = 8


def print_summary(summary: Summary, console: Console) -> None:
    """Prints the summary for a terminal of any width."""
    console.print(
        f"\n[bold]{summary.date}[/bold]: {summary.accounts} accounts, {summary.regions} regions, "
        f"{summary.sections_known} of {summary.sections} sections known"
    )
    rows = _grid("Rows per table", "table", "rows")
    for name, count in summary.rows.items():
        rows.add_row(name, str(count))
    console.print(rows)

    gaps = _grid(f"Gaps: {len(summary.gaps)}, open: {len(summary.open_gaps)}", "account", "region", "section", "why")
    for gap in summary.gaps:
        gaps.add_row(_name(gap), gap.region, gap.section, _why(gap))
    console.print(gaps)

    total = sum((each.cost for each in summary.costs), Decimal(0))
    costs = _grid(f"Cost per account: {total:.2f} USD in all", "account", "day", "USD")
    for cost in summary.costs:
        costs.add_row(f"{cost.account_id} {escape(cost.account_name or '')}", str(cost.date), f"{cost.cost:.2f}")
    console.print(costs)

    keys = _grid(f"Keys without rotation: {len(summary.keys_without_rotation)}", "account", "region", "key")
    for key in summary.keys_without_rotation[:SHOWN]:
        keys.add_row(_name(key), key.region, key.key_id)
    console.print(keys)
    _and_more(console, len(summary.keys_without_rotation))

    instances = _grid(
        f"Instances offline: {len(summary.instances_offline)}", "account", "region", "instance", "last ping"
    )
    for instance in summary.instances_offline[:SHOWN]:
        last = f"{instance.last_ping:%Y-%m-%d %H:%M}" if instance.last_ping else "never"
        instances.add_row(_name(instance), instance.region, instance.instance_id, last)
    console.print(instances)
    _and_more(console, len(summary.instances_offline))


def _grid(title: str, *columns: str) -> Grid:
    grid = Grid(title=title, title_justify="left", title_style="bold", box=SIMPLE)
    for column in columns:
        grid.add_column(column, justify="right" if column in ("rows", "USD") else "left", overflow="fold")
    return grid


def _name(found: Gap | Key | Instance) -> str:
    return escape(found.account_name or found.account_id)


def _why(gap: Gap) -> str:
    if gap.accepted_by:
        reason = escape(gap.accepted_reason or "")
        return f"{gap.status}, [green]accepted by {escape(gap.accepted_by)}[/green]: {reason}"
    return f"[red]{gap.status}[/red]: {escape(gap.message or '')}"


def _and_more(console: Console, count: int) -> None:
    if count > SHOWN:
        console.print(f"  ... and {count - SHOWN} more")
