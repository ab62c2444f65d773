"""Where the sections of snapshots go: under which row of the account, and which of several snapshots is believed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sections.model import Payload, Row, Scope, Section, Table
from a360_pipeline.sections.registry import SECTIONS, TABLES
from a360_pipeline.snapshot.store import StoredObject
from a360_pipeline.snapshot.wire import Snapshot
from a360_pipeline.warehouse.connection import Connection
from a360_pipeline.warehouse.stage import Frame

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
    superseded: int = 0
    """Rows of listings that another snapshot of the day, of another interval, tells better."""
    host: Filing | None = None
    """For what an administrator's snapshot tells of another account: the filing of its own."""
    account: str = ""
    payload: Payload | None = None

    def __post_init__(self) -> None:
        self.account = self.account or self.snapshot.key.account
        self.payload = self.snapshot.payload(self.section) if self.payload is None else self.payload

    @property
    def cell(self) -> Cell:
        return cell_of(self.snapshot, self.section, self.region)

    @property
    def has_facts(self) -> bool:
        """Whether there are facts to be loaded: a failed section has none, whatever its payload."""
        return self.with_facts and self.snapshot.coverage[self.section.name].status.has_facts

    @property
    def is_listing(self) -> bool:
        """Whether, of the day's snapshots, this one says what there is: one does, whatever the intervals."""
        return self.has_facts and self.host is None and self.rank >= self.standing.day_rank

    @property
    def is_complete(self) -> bool:
        """Whether it lists all there is, so that what it leaves out is gone."""
        return self.has_facts and self.host is None and is_whole(self.snapshot, self.section)

    @property
    def lists_all_open(self) -> bool:
        """Whether it lists all that is open, so that what it leaves out is open no more."""
        says = self.section.lists_all_open
        if self.is_complete or says is None:
            return self.is_complete
        return self.has_facts and self.host is None and self.snapshot.is_ours and says(self.payload)

    @property
    def referred_to(self) -> set[str]:
        """The tables whose rows other rows of the section refer to."""
        return {reference.table for table in self.section.tables for reference in table.references}

    @property
    def is_split(self) -> bool:
        return len(self.snapshot.filed_under(self.section)) > 1

    def rows_here(self, table: Table, rows: Iterable[Row]) -> list[Row]:
        """Those of a table's rows that belong under this filing's region."""
        if not self.is_split:
            return list(rows)
        if table.scope_of is None:
            return [] if self.region == GLOBAL and not table.frames else list(rows)
        here = Scope.ACCOUNT if self.region == GLOBAL else Scope.REGION
        scope_of = table.scope_of
        return [row for row in rows if (scope_of(row) if isinstance(row, dict) else Scope.REGION) is here]

    def frame(self) -> Frame:
        key, standing = self.snapshot.key, self.standing
        return Frame(
            account=self.account,
            region=self.region,
            section=self.section.name,
            rank=self.rank,
            date=key.date.isoformat(),
            interval=key.interval,
            has_facts=self.has_facts,
            is_listing=self.is_listing,
            is_late=standing.newest is not None and key.date < standing.newest,
            is_corrected=standing.is_corrected,
            is_retold=standing.is_retold,
            previous=_iso(standing.previous),
            following=_iso(standing.following),
            retired_since=_iso(standing.retired_since),
            is_complete=self.is_complete,
            lists_all_open=self.lists_all_open,
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger knows already of an account's section, seen from one day."""

    newest: dt.date | None = None
    previous: dt.date | None = None
    following: dt.date | None = None
    retired_since: dt.date | None = None
    is_corrected: bool = False
    is_retold: bool = False
    day_rank: str = ""
    """The greatest rank among the snapshots of the day, whatever their interval."""


def _iso(date: dt.date | None) -> str | None:
    return None if date is None else date.isoformat()


def cell_of(snapshot: Snapshot, section: Section, region: str) -> Cell:
    key = snapshot.key
    return (key.account, region, section.name, key.date, key.interval)


def is_whole(snapshot: Snapshot, section: Section) -> bool:
    """Whether a section lists all there is: only our own whole listings do; senders in the field cut theirs."""
    covered = snapshot.coverage.get(section.name)
    return snapshot.is_ours and covered is not None and not covered.status.is_gap


def rank_of(snapshot: Snapshot, stored: StoredObject, section: Section) -> str:
    """Orders what several snapshots say of one thing, as text: the greatest is believed.

    Facts before none, then the day, ours before the field's, of ours whole listings before cut ones and of those the
    longest, the time of arrival, the region, the content.
    """
    covered = snapshot.coverage.get(section.name)
    cut_at = covered.rows if covered is not None and snapshot.is_ours and covered.status.is_gap else 0
    return "|".join(
        (
            str(int(covered is not None and covered.status.has_facts)),
            snapshot.key.date.isoformat(),
            str(int(snapshot.is_ours)),
            str(int(is_whole(snapshot, section))),
            f"{cut_at:016}",
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
                    filings += _by_owner(Filing(stored, snapshot, section, region, rank, True, standings[cell]))
            if own not in framed and any(table.frames for table in section.tables):
                filings.append(Filing(stored, snapshot, section, own, rank, False, Standing()))
    return filings


def _by_owner(filing: Filing) -> list[Filing]:
    """The filing of the snapshot's own account, and those of the accounts whose rows are among its own."""
    if not filing.has_facts or filing.payload is None or filing.section.by_owner is None:
        return [filing]
    payloads = filing.section.by_owner(filing.payload, filing.account)
    filing.payload = payloads[filing.account]
    guests = [
        replace(filing, host=filing, account=account, payload=payload, counts=Counter(), standing=Standing())
        for account, payload in payloads.items()
        if account != filing.account
    ]
    return [filing, *guests]


def make_accounts(connection: Connection, guests: Sequence[int]) -> None:
    """Makes the rows of accounts under which these frames belong and of which nobody has told yet."""
    connection.execute(MAKE_ACCOUNTS, [list(guests)])


MAKE_ACCOUNTS = """
    INSERT INTO accounts (account_id, region, csp, first_seen, last_seen)
    SELECT f.account, f.region, 'AWS', min(f.date), max(f.date) FROM "stage@frames" f
    WHERE f."@frame" = ANY (%s::bigint[]) GROUP BY f.account, f.region
    ON CONFLICT ON CONSTRAINT accounts_key DO NOTHING
"""


def _standings(
    connection: Connection, snapshots: Sequence[tuple[StoredObject, Snapshot]]
) -> tuple[dict[Cell, str], dict[Cell, Standing]]:
    """The greatest rank of each cell, in this batch and in the ledger; and what the ledger knows around it."""
    ranks: dict[Cell, str] = {}
    for stored, snapshot in snapshots:
        for name in snapshot.coverage:
            section = SECTIONS[name]
            rank = rank_of(snapshot, stored, section)
            for region in snapshot.filed_under(section):
                cell = cell_of(snapshot, section, region)
                ranks[cell] = max(ranks.get(cell, ""), rank)
    if not ranks:
        return {}, {}
    found: dict[Cell, Standing] = {}
    known = connection.execute(STANDINGS, [list(column) for column in zip(*ranks, strict=True)])
    for *place, rank, day_rank, newest, previous, following, retired in known:
        cell = tuple(place)
        ranks[cell] = max(ranks[cell], rank or "")
        found[cell] = Standing(
            newest, previous, following, retired, rank is not None, day_rank is not None, day_rank or ""
        )
    day_ranks: dict[Cell, str] = {}
    for cell, rank in ranks.items():
        day_ranks[cell[:-1]] = max(day_ranks.get(cell[:-1], found[cell].day_rank), rank)
    return ranks, {cell: replace(each, day_rank=day_ranks[cell[:-1]]) for cell, each in found.items()}


# Ranks compare byte by byte, here as in the ledger, whatever the database's collation.
STANDINGS = """
    SELECT w.*, c.rank, told.rank, newest.date, previous.date, following.date, retired.date
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::date[], %s::text[])
        AS w (account_id, region, section, date, interval)
    LEFT JOIN coverage c USING (account_id, region, section, date, interval)
    LEFT JOIN LATERAL (
        SELECT max(t.rank COLLATE "C") AS rank FROM coverage t
        WHERE (t.account_id, t.region, t.section, t.date) = (w.account_id, w.region, w.section, w.date)
    ) told ON true
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
        SELECT o.date FROM coverage o
        WHERE (o.account_id, o.region, o.section) = (w.account_id, w.region, w.section)
        AND o.status IN ('ok', 'empty', 'partial') AND o.date > w.date ORDER BY o.date LIMIT 1
    ) following ON true
    LEFT JOIN LATERAL (
        SELECT r.date FROM coverage r
        WHERE (r.account_id, r.region, r.section) = (w.account_id, w.region, w.section)
        AND r.is_complete AND r.date > w.date ORDER BY r.date LIMIT 1
    ) retired ON true
"""


def supersede(connection: Connection) -> None:
    """Notes in the ledger whose listings this batch's tell better: those of the day's other intervals."""
    connection.execute(SUPERSEDE, [[table.name for table in TABLES if table.is_listing]])


SUPERSEDE = """
    UPDATE coverage c SET rows_loaded = c.rows_loaded - moved.rows, rows_by_table = c.rows_by_table - listings.names,
        rows_superseded = coalesce(c.rows_superseded, 0) + moved.rows
    FROM (SELECT %s::text[] AS names) listings CROSS JOIN "stage@frames" f
    JOIN coverage o ON o.interval <> f.interval
        AND (o.account_id, o.region, o.section, o.date) = (f.account, f.region, f.section, f.date)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(n.value::bigint), 0) AS rows FROM jsonb_each_text(o.rows_by_table) n
        WHERE n.key = ANY (listings.names)
    ) moved
    WHERE c.id = o.id AND f.is_listing AND f.is_retold
"""
