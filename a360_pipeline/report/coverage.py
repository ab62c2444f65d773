"""Coverage of one day: what is missing, why, and who accepted it."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from a360_pipeline.coverage import Status
from a360_pipeline.warehouse import checks
from a360_pipeline.warehouse.connection import Connection, named_rows


class NothingKnown(RuntimeError):
    """The ledger has no line for what was asked. The message says what it does have."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of an account and region on the day."""

    account_id: str
    account_name: str | None
    region: str
    section: str
    status: str
    rows: int | None
    message: str | None
    accepted_by: str | None
    accepted_reason: str | None

    @property
    def is_gap(self) -> bool:
        return Status(self.status).is_gap


@dataclass(frozen=True, slots=True)
class Silent:
    """An account of which earlier days are known, and nothing of this one."""

    account_id: str
    last_date: dt.date


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every section of a day, from daily snapshots."""

    date: dt.date
    sections: list[Section]
    silent: list[Silent]
    quarantined: int
    """Objects that could not be loaded: what they hold is in none of the sections."""

    @property
    def gaps(self) -> list[Section]:
        return [each for each in self.sections if each.is_gap]

    @property
    def open_gaps(self) -> list[Section]:
        return [gap for gap in self.gaps if gap.accepted_by is None]

    @property
    def known(self) -> int:
        return len(self.sections) - len(self.gaps)

    def to_dict(self, with_all: bool) -> dict[str, Any]:
        """Its JSON: the gaps, or every section."""
        return {
            "date": self.date.isoformat(),
            "known": self.known,
            "of": len(self.sections),
            "open": len(self.open_gaps),
            "sections": [asdict(each) for each in (self.sections if with_all else self.gaps)],
            "silent_accounts": [asdict(each) for each in self.silent],
            "quarantined": self.quarantined,
        }


def read_coverage(connection: Connection, date: dt.date | None = None, account: str | None = None) -> Coverage:
    """The coverage of a day, the latest one by default, of all accounts or one. Raises NothingKnown."""
    day = date or _latest(connection)
    asked = {"date": day, "account": account}
    sections = connection.execute(
        "SELECT c.account_id, a.account_name, c.region, c.section, c.status, c.rows, c.message, c.accepted_by, "
        "c.accepted_reason FROM coverage c LEFT JOIN accounts a USING (account_id, region) "
        "WHERE c.interval = 'DAILY' AND c.date = %(date)s "
        "AND (%(account)s::text IS NULL OR c.account_id = %(account)s) "
        "ORDER BY c.account_id, c.region, c.section",
        asked,
    )
    last_heard = connection.execute(
        "SELECT account_id, max(date) FILTER (WHERE date < %(date)s) AS last_date FROM coverage "
        "WHERE interval = 'DAILY' AND (%(account)s::text IS NULL OR account_id = %(account)s) "
        "GROUP BY account_id HAVING bool_or(date < %(date)s) AND NOT bool_or(date = %(date)s) ORDER BY account_id",
        asked,
    )
    silent = [Silent(**row) for row in named_rows(last_heard)]
    known = [Section(**row) for row in named_rows(sections)]
    if not known:
        raise NothingKnown(_nothing(day, account, silent))
    quarantined = [
        row for row in checks.quarantined(connection).rows if account is None or f"/{account}/" in row["key"]
    ]
    return Coverage(day, known, silent, len(quarantined))


def _latest(connection: Connection) -> dt.date:
    row = connection.execute("SELECT date FROM coverage WHERE interval = 'DAILY' ORDER BY date DESC LIMIT 1").fetchone()
    if row is None:
        raise NothingKnown("no daily snapshot has been loaded yet")
    date: dt.date = row[0]
    return date


def _nothing(day: dt.date, account: str | None, silent: list[Silent]) -> str:
    whose = f" of account {account}" if account else ""
    last = max((each.last_date for each in silent), default=None)
    before = f"the last one before is of {last}" if last else "nor of any day before"
    return f"no snapshot{whose} of {day} has been loaded; {before}"


def print_coverage(coverage: Coverage, console: Console, with_all: bool) -> None:
    """Prints the gaps, or every section, and how many sections are known."""
    shown = coverage.sections if with_all else coverage.gaps
    if shown:
        title = f"{coverage.date}: {'all sections' if with_all else 'what is missing'}"
        grid = Grid(title=title, title_justify="left", title_style="bold", box=SIMPLE)
        for column in ("account", "region", "section", "status", "accepted by", "message"):
            grid.add_column(column, overflow="fold")
        for each in shown:
            grid.add_row(
                f"{each.account_id} {escape(each.account_name or '')}".strip(),
                each.region,
                each.section,
                _status(each),
                escape(_accepted(each)),
                escape(each.message or ""),
            )
        console.print(grid)
    for silent in coverage.silent:
        console.print(
            f"account {silent.account_id} sent nothing of {coverage.date}; its last snapshot is of {silent.last_date}",
            soft_wrap=True,
        )
    if coverage.quarantined:
        console.print(f"{coverage.quarantined} objects could not be loaded: a360 quarantine list", soft_wrap=True)
    accepted = len(coverage.gaps) - len(coverage.open_gaps)
    console.print(
        f"{coverage.date}: {coverage.known} of {len(coverage.sections)} sections known"
        f"{f', {accepted} gaps accepted' if accepted else ''}",
        soft_wrap=True,
    )


def _status(section: Section) -> str:
    if not section.is_gap:
        return section.status
    color = "red" if section.accepted_by is None else "green"
    return f"[{color}]{section.status}[/{color}]"


def _accepted(section: Section) -> str:
    return f"{section.accepted_by}: {section.accepted_reason}" if section.accepted_by else ""
