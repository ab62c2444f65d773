"""Collects without Dagster, and says what came of it: rows and gaps by section, calls and dollars."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as Grid

from a360_pipeline.aws.accounts import Account, Discovered, Skipped, discover
from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.collection.collect import collect_accounts
from a360_pipeline.collection.order import Order
from a360_pipeline.collection.organization import NothingDiscovered, read_discovered
from a360_pipeline.collection.plan import Planned, plan
from a360_pipeline.collection.result import Result
from a360_pipeline.collection.shelf import Folder, Shelf
from a360_pipeline.collection.spending import Purse
from a360_pipeline.gaps import AcceptedGaps
from a360_pipeline.sections.registry import is_paid
from a360_pipeline.settings import Settings
from a360_pipeline.snapshot.sources import S3
from a360_pipeline.snapshot.store import SnapshotStore

SHOWN_GAPS = 20


class NotToBeCollected(ValueError):
    """What should be collected makes no sense as it stands. The message says what would."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for; empty: everything, of today, to the bucket of the settings."""

    date: dt.date | None = None
    accounts: Sequence[str] = ()
    regions: Sequence[str] = ()
    sections: Sequence[str] = ()
    out: str | None = None


@dataclass(frozen=True, slots=True)
class Errand:
    """An order, with what it takes to carry it out."""

    sessions: Sessions
    shelf: Shelf
    order: Order
    skipped: Sequence[Skipped] = ()


def prepare(asked: Asked, settings: Settings) -> Errand:
    """Finds the accounts and the place. Raises NotToBeCollected, UnknownSection and SettingsError."""
    sessions = Sessions(settings, is_paid)
    shelf = _shelf(asked.out, settings, sessions)
    discovered = find_accounts(shelf, sessions, settings)
    today = dt.datetime.now(dt.UTC).date()
    run_date = asked.date or today
    if run_date > today:
        raise NotToBeCollected(f"{run_date} is still to come")
    accounts = chosen(asked.accounts, discovered)
    order = Order.of(settings, accounts, discovered.accounts, run_date, today, asked.sections)
    order = replace(order, regions=tuple(asked.regions) or order.regions)
    return Errand(sessions, shelf, order, () if asked.accounts else discovered.skipped)


def _shelf(out: str | None, settings: Settings, sessions: Sessions) -> Shelf:
    if out is not None and not out.startswith("s3:"):
        return Folder(Path(out))
    store = SnapshotStore.of(settings, sessions.client("s3", None, settings.home_region))
    if out is None:
        return store
    match = S3.fullmatch(out)
    if match is None:
        raise NotToBeCollected(f"{out} is no address in S3: s3://BUCKET/PREFIX is expected")
    prefix = match["prefix"] or settings.data_prefix
    return replace(store, bucket=match["bucket"], data_prefix=prefix if prefix.endswith("/") else f"{prefix}/")


def find_accounts(shelf: Shelf, sessions: Sessions, settings: Settings) -> Discovered:
    """The accounts as a file or the last discovery has them, or else as they are now."""
    if settings.accounts_file is not None:
        return discover(sessions, settings)
    try:
        return read_discovered(shelf)
    except NothingDiscovered:
        return discover(sessions, settings)


def chosen(wanted: Iterable[str], discovered: Discovered) -> list[Account]:
    """The accounts with these ids; all, if none is named. Raises NotToBeCollected."""
    by_id = {account.id: account for account in discovered.accounts}
    skipped = {one.id: one for one in discovered.skipped}
    for account_id in wanted:
        if account_id in skipped:
            raise NotToBeCollected(
                f"{account_id} ({skipped[account_id].name}) is skipped: {skipped[account_id].reason}"
            )
    unknown = sorted(set(wanted) - set(by_id))
    if unknown:
        raise NotToBeCollected(f"{', '.join(unknown)}: no such account in the organization of {len(by_id)}")
    return [by_id[account_id] for account_id in dict.fromkeys(wanted)] or list(discovered.accounts)


def carry_out(
    errand: Errand, accepted: AcceptedGaps, advance: Callable[[], None], say: Callable[[str], None]
) -> Result:
    """Collects all that is asked for; calls `advance` for each snapshot and `say` with each line of progress."""
    result = Result(errand.shelf, accepted, errand.skipped)
    for each in collect_accounts(errand.sessions, errand.shelf, errand.order):
        result.parts.append(each.without_facts())
        key = each.snapshot.key
        say(f"{key.account} {key.region}: {sum(one.rows for one in each.snapshot.coverage.values())} rows")
        advance()
    result.parts.sort(key=lambda part: part.snapshot.key.path)
    return result


def print_collected(result: Result, console: Console) -> None:
    """Prints a line a section, where the snapshots lie, and what is missing."""
    grid = Grid(title="Collected", title_justify="left", title_style="bold", box=SIMPLE)
    for column in ("section", "rows", "calls", "paid", "statuses"):
        grid.add_column(column, justify="right" if column in ("rows", "calls", "paid") else "left", overflow="fold")
    for name, one in result.sections().items():
        told = ", ".join(f"{count} {status}" for status, count in sorted(one["statuses"].items()))
        grid.add_row(name, str(one["rows"]), str(one["calls"]), str(one["paid_calls"]), told)
    console.print(grid)
    lines = [f"{sum(1 for part in result.parts if part.stored_as)} snapshots written"]
    gaps = result.gaps
    lines += [
        f"missing {gap['account']} {gap['region']} {gap['section']}: {gap['status']}, {gap['message']}"
        for gap in gaps[:SHOWN_GAPS]
    ]
    if len(gaps) > SHOWN_GAPS:
        lines.append(f"and {len(gaps) - SHOWN_GAPS} more")
    lines += [f"skipped {one.id} ({one.name}): {one.reason}" for one in result.skipped[:SHOWN_GAPS]]
    if len(result.skipped) > SHOWN_GAPS:
        lines.append(f"and {len(result.skipped) - SHOWN_GAPS} more skipped")
    for line in [*lines, *(f"not written {error}" for error in result.errors)]:
        console.print(line, markup=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an errand would call and cost."""

    sections: list[Planned]
    spent_usd: Decimal
    daily_usd: Decimal

    @property
    def calls(self) -> int:
        return sum(each.calls_at_least for each in self.sections)

    @property
    def usd(self) -> Decimal:
        return sum((each.usd_at_least for each in self.sections), Decimal(0))

    def to_dict(self) -> dict[str, Any]:
        return {
            "sections": [{**asdict(each), "usd_at_least": str(each.usd_at_least)} for each in self.sections],
            "calls_at_least": self.calls,
            "usd_at_least": str(self.usd),
            "spent_today_usd": str(self.spent_usd),
            "daily_paid_usd": str(self.daily_usd),
        }


def make_plan(errand: Errand) -> Plan:
    """The plan of an errand. Raises ClientError where the shelf cannot be read."""
    order = errand.order
    spent = Purse(errand.shelf, order.today, order.daily_paid_usd).spent()
    return Plan(plan(errand.shelf, order), spent, order.daily_paid_usd)


def print_plan(made: Plan, console: Console) -> None:
    """Prints a line a section and the sums."""
    grid = Grid(title="Plan", title_justify="left", title_style="bold", box=SIMPLE)
    for column in ("section", "asked", "calls, at least", "USD, at least", ""):
        grid.add_column(column, justify="left" if column in ("section", "") else "right", overflow="fold")
    for each in made.sections:
        usd = str(each.usd_at_least) if each.usd_at_least else ""
        grid.add_row(each.section, str(each.asked), str(each.calls_at_least), usd, each.note)
    console.print(grid)
    console.print(
        f"{made.calls} calls and ${made.usd} at least; "
        f"${made.spent_usd} of the ${made.daily_usd} a day are spent (A360_DAILY_PAID_USD)",
        markup=False,
        soft_wrap=True,
    )
