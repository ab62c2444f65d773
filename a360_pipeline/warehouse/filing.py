"""Where the sections of snapshots go: under which row of the account, and which of several snapshots is believed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sections.model import Row, Scope, Section, Table
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.snapshot.store import StoredObject
from a360_pipeline.snapshot.wire import Snapshot
from a360_pipeline.warehouse.stage import Connection, Frame

Cell = tuple[Any, ...]
"""Account, region, section, date and interval: the key of the coverage ledger."""


@dataclass(slots=True)
class Filing:
    """One section of one snapshot, filed under one row of its account: its facts, or just what frames them."""

    stored: StoredObject
    snapshot: Snapshot
    section: Section
    region: str
    rank: str
    with_facts: bool
    standing: Standing
    counts: Counter[str] = field(default_factory=Counter)
    """Rows read by table; only of facts."""

    @property
    def cell(self) -> Cell:
        return cell_of(self.snapshot, self.section, self.region)

    @property
    def has_facts(self) -> bool:
        """Whether there are facts to be loaded: a failed section has none, whatever its payload."""
        return self.with_facts and self.snapshot.coverage[self.section.name].status.has_facts

    @property
    def is_complete(self) -> bool:
        """Whether it lists all there is: only our own whole listings do; senders in the field cut theirs."""
        return self.has_facts and self.snapshot.is_ours and not self.snapshot.coverage[self.section.name].status.is_gap

    @property
    def is_split(self) -> bool:
        return len(self.snapshot.filed_under(self.section)) > 1

    def rows_here(self, table: Table, rows: Iterable[Row]) -> list[Row]:
        """Those of a table's rows that belong under this filing's region."""
        if table.scope_of is None:
            return [] if self.is_split and self.region == GLOBAL and not table.frames else list(rows)
        here = Scope.ACCOUNT if self.region == GLOBAL else Scope.REGION
        scope_of = table.scope_of
        return [row for row in rows if (scope_of(row) if isinstance(row, dict) else Scope.REGION) is here]

    def frame(self) -> Frame:
        key, standing = self.snapshot.key, self.standing
        return Frame(
            account=key.account,
            region=self.region,
            section=self.section.name,
            rank=self.rank,
            date=key.date.isoformat(),
            interval=key.interval,
            is_listing=self.has_facts,
            is_late=standing.newest is not None and key.date < standing.newest,
            is_corrected=standing.is_corrected,
            previous=_iso(standing.previous),
            retired_since=_iso(standing.retired_since),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger knows already of an account's section, seen from one day."""

    newest: dt.date | None = None
    previous: dt.date | None = None
    retired_since: dt.date | None = None
    is_corrected: bool = False


def _iso(date: dt.date | None) -> str | None:
    return None if date is None else date.isoformat()


def cell_of(snapshot: Snapshot, section: Section, region: str) -> Cell:
    key = snapshot.key
    return (key.account, region, section.name, key.date, key.interval)


def rank_of(snapshot: Snapshot, stored: StoredObject, section: Section) -> str:
    """Orders what several snapshots say of one thing, as text: the greatest is believed.

    Facts before none, then the day, ours before the field's, the time of arrival, the region, the content.
    """
    covered = snapshot.coverage.get(section.name)
    return "|".join(
        (
            str(int(covered is not None and covered.status.has_facts)),
            snapshot.key.date.isoformat(),
            str(int(snapshot.is_ours)),
            stored.last_modified.astimezone(dt.UTC).isoformat(timespec="microseconds"),
            snapshot.key.region,
            snapshot.sha256,
        )
    )


def file(connection: Connection, snapshots: Sequence[tuple[StoredObject, Snapshot]]) -> list[Filing]:
    """Each section of each snapshot to the rows its scope says, and what frames it to its own region too."""
    ranks, standings = _standings(connection, snapshots)
    filings: list[Filing] = []
    for stored, snapshot in snapshots:
        for section in SECTIONS.values():
            rank = rank_of(snapshot, stored, section)
            own = snapshot.key.region
            framed: set[str] = set()
            for region in snapshot.filed_under(section):
                cell = cell_of(snapshot, section, region)
                if ranks.get(cell) == rank:
                    framed.add(region)
                    filings.append(Filing(stored, snapshot, section, region, rank, True, standings[cell]))
            if own not in framed and any(table.frames for table in section.tables):
                filings.append(Filing(stored, snapshot, section, own, rank, False, Standing()))
    return filings


def _standings(
    connection: Connection, snapshots: Sequence[tuple[StoredObject, Snapshot]]
) -> tuple[dict[Cell, str], dict[Cell, Standing]]:
    """The greatest rank of each cell, in this batch and in the ledger; and what the ledger knows around it."""
    ranks: dict[Cell, str] = {}
    for stored, snapshot in snapshots:
        for name in snapshot.coverage:
            section = SECTIONS[name]
            for region in snapshot.filed_under(section):
                cell = cell_of(snapshot, section, region)
                ranks[cell] = max(ranks.get(cell, ""), rank_of(snapshot, stored, section))
    if not ranks:
        return {}, {}
    standings: dict[Cell, Standing] = {}
    known = connection.execute(
        """
        SELECT w.*, c.rank, newest.date, previous.date, retired.date
        FROM unnest(%s::text[], %s::text[], %s::text[], %s::date[], %s::text[])
            AS w (account_id, region, section, date, interval)
        LEFT JOIN coverage c USING (account_id, region, section, date, interval)
        LEFT JOIN LATERAL (
            SELECT n.date FROM coverage n
            WHERE (n.account_id, n.region, n.section) = (w.account_id, w.region, w.section)
            AND n.status IN ('ok', 'empty', 'partial') ORDER BY n.date DESC LIMIT 1
        ) newest ON true
        LEFT JOIN LATERAL (
            SELECT p.date FROM coverage p
            WHERE (p.account_id, p.region, p.section) = (w.account_id, w.region, w.section)
            AND p.status IN ('ok', 'empty', 'partial') AND p.date < w.date ORDER BY p.date DESC LIMIT 1
        ) previous ON true
        LEFT JOIN LATERAL (
            SELECT r.date FROM coverage r
            WHERE (r.account_id, r.region, r.section) = (w.account_id, w.region, w.section)
            AND r.is_complete AND r.date > w.date ORDER BY r.date LIMIT 1
        ) retired ON true
        """,
        [list(column) for column in zip(*ranks, strict=True)],
    )
    for *cell, rank, newest, previous, retired in known:
        if rank is not None:
            ranks[tuple(cell)] = max(ranks[tuple(cell)], rank)
        standings[tuple(cell)] = Standing(newest, previous, retired, rank is not None)
    return ranks, standings
