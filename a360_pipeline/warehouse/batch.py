"""One transaction of a load: claim the objects, stage and merge their rows, write the ledgers."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from a360_pipeline.coverage import Status
from a360_pipeline.sections.model import Section, Table
from a360_pipeline.sections.registry import SECTIONS, TABLES
from a360_pipeline.snapshot.key import BadSnapshot
from a360_pipeline.snapshot.store import StoredObject
from a360_pipeline.snapshot.wire import Snapshot, facts
from a360_pipeline.warehouse.convert import jsonb
from a360_pipeline.warehouse.ledger import COVERAGE, LOADS, REJECTED
from a360_pipeline.warehouse.merge import Changes, accountless_frames, merge, orphans
from a360_pipeline.warehouse.stage import (
    Connection,
    Frame,
    Rejected,
    Staged,
    add_rows,
    append_rows,
    stage_frames,
    stage_rows,
)

# Any number will do, as long as every loader of a warehouse takes the same one.
LOAD_LOCK = 360_002
LEDGER_FRAME = 0

Cell = tuple[Any, ...]
"""Account, region, section, date and interval: the key of the coverage ledger."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object with its bytes' meaning: a snapshot, or the reason why it is none."""

    stored: StoredObject
    snapshot: Snapshot | None
    reason: str = ""


@dataclass(slots=True)
class Outcome:
    """What one transaction did."""

    loaded: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    quarantined: dict[str, str] = field(default_factory=dict)
    tables: dict[str, Changes] = field(default_factory=dict)
    rejected: int = 0
    not_taken: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Filing:
    """One section of one snapshot, filed under one row of its account: its facts, or just what frames them."""

    stored: StoredObject
    snapshot: Snapshot
    section: Section
    region: str
    rank: str
    with_facts: bool
    counts: Counter[str] = field(default_factory=Counter)
    """Rows read by table; only of facts."""

    @property
    def cell(self) -> Cell:
        return cell_of(self.snapshot, self.section)


def cell_of(snapshot: Snapshot, section: Section) -> Cell:
    key = snapshot.key
    return (key.account, snapshot.filed_under(section), section.name, key.date, key.interval)


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


def run_batch(connection: Connection, bucket: str, found: Sequence[Found]) -> Outcome:
    """Does all of a batch's work in the transaction that the caller opened."""
    # One loader at a time: two that merge the same accounts in another order would deadlock.
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOAD_LOCK,))
    outcome = Outcome()
    attempts = _claim(connection, bucket, found, outcome)
    fresh = [each for each in found if each.stored.key in attempts]
    filings = _file(connection, [(each.stored, each.snapshot) for each in fresh if each.snapshot])
    staged = {table.name: Staged(table) for table in TABLES}
    for number, filing in enumerate(filings, start=LEDGER_FRAME + 1):
        _stage(filing, number, staged)
    frames = [Frame("", "", ""), *(Frame(f.snapshot.key.account, f.region, f.rank) for f in filings)]
    stage_frames(connection, frames)
    rejected = _merge(connection, staged, outcome)
    coverage = [
        _settled(number, filing, staged, rejected)
        for number, filing in enumerate(filings, start=LEDGER_FRAME + 1)
        if filing.with_facts
    ]
    _write(connection, COVERAGE, coverage)
    _write(connection, LOADS, _load_rows(bucket, fresh, attempts, coverage, outcome))
    _reject(connection, rejected, filings)
    return outcome


def _claim(connection: Connection, bucket: str, found: Sequence[Found], outcome: Outcome) -> dict[str, int]:
    """Attempts by key of the objects that nobody dealt with before; the others are known."""
    attempts: dict[str, int] = {}
    for each in found:
        row = connection.execute(
            "INSERT INTO load_ledger (bucket, key, etag, last_modified, attempts) VALUES (%s, %s, %s, %s, 1) "
            "ON CONFLICT ON CONSTRAINT load_ledger_key DO UPDATE SET attempts = load_ledger.attempts + 1 "
            "RETURNING attempts, outcome, reason",
            (bucket, each.stored.key, each.stored.etag, each.stored.last_modified),
        ).fetchone()
        assert row is not None  # noqa: S101 - RETURNING gives a row, inserted or updated
        count, before, reason = row
        if before is None:
            attempts[each.stored.key] = count
        elif before == "quarantined":
            outcome.quarantined[each.stored.key] = reason
        else:
            outcome.known.append(each.stored.key)
    return attempts


def _file(connection: Connection, snapshots: Sequence[tuple[StoredObject, Snapshot]]) -> list[Filing]:
    """Where each section of each snapshot goes: to the row its scope says, and its frame to its own region too."""
    standing = _standing_ranks(connection, snapshots)
    filings: list[Filing] = []
    for stored, snapshot in snapshots:
        for section in SECTIONS.values():
            rank = rank_of(snapshot, stored, section)
            filed, own = snapshot.filed_under(section), snapshot.key.region
            wins = standing.get(cell_of(snapshot, section)) == rank
            if wins:
                filings.append(Filing(stored, snapshot, section, filed, rank, with_facts=True))
            if any(table.frames for table in section.tables) and not (wins and filed == own):
                filings.append(Filing(stored, snapshot, section, own, rank, with_facts=False))
    return filings


def _standing_ranks(connection: Connection, snapshots: Sequence[tuple[StoredObject, Snapshot]]) -> dict[Cell, str]:
    """The greatest rank of each cell, in this batch and in the ledger."""
    ranks: dict[Cell, str] = {}
    for stored, snapshot in snapshots:
        for name in snapshot.coverage:
            cell = cell_of(snapshot, SECTIONS[name])
            ranks[cell] = max(ranks.get(cell, ""), rank_of(snapshot, stored, SECTIONS[name]))
    if not ranks:
        return ranks
    known = connection.execute(
        "SELECT c.account_id, c.region, c.section, c.date, c.interval, c.rank FROM coverage c "
        "JOIN unnest(%s::text[], %s::text[], %s::text[], %s::date[], %s::text[]) "
        "AS w (account_id, region, section, date, interval) USING (account_id, region, section, date, interval)",
        [list(column) for column in zip(*ranks, strict=True)],
    )
    for *cell, rank in known:
        ranks[tuple(cell)] = max(ranks[tuple(cell)], rank)
    return ranks


def _stage(filing: Filing, frame: int, staged: dict[str, Staged]) -> None:
    payload = filing.snapshot.payload(filing.section)
    has_facts = filing.with_facts and filing.snapshot.coverage[filing.section.name].status.has_facts
    for table in filing.section.tables if payload is not None else ():
        if table.frames or has_facts:
            _stage_table(filing, frame, staged[table.name], payload)


def _stage_table(filing: Filing, frame: int, staged: Staged, payload: Any) -> None:
    try:
        rows = list(facts(staged.table, payload))
    except BadSnapshot as error:
        staged.rejected.append(Rejected(frame, staged.table.name, payload, str(error)))
        return
    add_rows(staged, frame, rows)
    if not staged.table.frames:
        filing.counts[staged.table.name] = len(rows)


def _merge(connection: Connection, staged: dict[str, Staged], outcome: Outcome) -> list[Rejected]:
    rejected: list[Rejected] = []
    for each in staged.values():
        if each.rows:
            stage_rows(connection, each)
            each.rejected += orphans(connection, each)
            outcome.tables[each.table.name] = merge(connection, each.table)
        rejected += each.rejected
    lost = accountless_frames(connection)
    if lost:
        raise RuntimeError(f"{lost} sections have no row of accounts to be filed under: this is a bug")
    outcome.rejected = len(rejected)
    return rejected


def _settled(frame: int, filing: Filing, staged: dict[str, Staged], rejected: Sequence[Rejected]) -> dict[str, Any]:
    """The coverage ledger's row. Refused rows make an otherwise whole section `partial`."""
    covered = filing.snapshot.coverage[filing.section.name]
    refused = Counter(each.table for each in rejected if each.frame == frame)
    repeated = {name: staged[name].repeated.get(frame, 0) for name in filing.counts}
    loaded = {name: count - refused[name] - repeated[name] for name, count in filing.counts.items()}
    status, message = covered.status, covered.message
    if refused and not status.is_gap:
        status = Status.PARTIAL
        message = f"{refused.total()} rows rejected; rejected_rows has them with their reasons"
    account, region, section, date, interval = filing.cell
    return {
        "account_id": account,
        "region": region,
        "section": section,
        "date": date.isoformat(),
        "interval": interval,
        "status": str(status),
        "rows": covered.rows,
        "rows_loaded": sum(loaded.values()),
        "rows_rejected": refused.total(),
        "rows_repeated": sum(repeated.values()),
        "rows_by_table": loaded,
        "calls": covered.effort.calls,
        "retries": covered.effort.retries,
        "throttles": covered.effort.throttles,
        "paid_calls": covered.effort.paid_calls,
        "seconds": covered.effort.seconds,
        "message": message,
        "snapshot_key": filing.stored.key,
        "rank": filing.rank,
        "loaded_at": _now(),
    }


def _load_rows(
    bucket: str,
    fresh: Sequence[Found],
    attempts: dict[str, int],
    coverage: Sequence[dict[str, Any]],
    outcome: Outcome,
) -> list[dict[str, Any]]:
    """The load ledger's rows; notes in the outcome what became of each object."""
    loaded: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for row in coverage:
        loaded[row["snapshot_key"]] += row["rows_loaded"]
        rejected[row["snapshot_key"]] += row["rows_rejected"]
        read[row["snapshot_key"]] += row["rows"]
    rows: list[dict[str, Any]] = []
    for each in fresh:
        stored, snapshot = each.stored, each.snapshot
        row = {"bucket": bucket, "key": stored.key, "etag": stored.etag, "bytes": stored.size}
        row |= {"last_modified": stored.last_modified.isoformat()}
        row |= {"attempts": attempts[stored.key], "loaded_at": _now()}
        if snapshot is None:
            row |= {"outcome": "quarantined", "reason": each.reason}
            outcome.quarantined[stored.key] = each.reason
        else:
            held = sum(covered.rows for covered in snapshot.coverage.values())
            row |= {
                "outcome": "loaded",
                "sha256": snapshot.sha256,
                "account_id": snapshot.key.account,
                "region": snapshot.key.region,
                "date": snapshot.key.date.isoformat(),
                "interval": snapshot.key.interval,
                "is_ours": snapshot.is_ours,
                "rows_loaded": loaded[stored.key],
                "rows_rejected": rejected[stored.key],
                "rows_superseded": held - read[stored.key],
                "not_taken": dict(snapshot.not_taken),
            }
            outcome.loaded.append(stored.key)
            outcome.not_taken.update(snapshot.not_taken)
        rows.append(row)
    return rows


def _write(connection: Connection, ledger: Table, rows: list[dict[str, Any]]) -> None:
    staged = Staged(ledger)
    add_rows(staged, LEDGER_FRAME, rows)
    if staged.rejected:
        raise RuntimeError(f"{ledger.name} does not take its own row: {staged.rejected[0].reason}")
    if staged.rows:
        stage_rows(connection, staged)
        merge(connection, ledger)


def _reject(connection: Connection, rejected: Sequence[Rejected], filings: Sequence[Filing]) -> None:
    rows = []
    for each in rejected:
        filing = filings[each.frame - LEDGER_FRAME - 1]
        account, _, section, date, _ = filing.cell
        key = filing.stored.key
        where = [key, account, filing.region, section, date.isoformat(), each.table]
        rows.append([*where, jsonb(each.row), each.reason, _now()])
    append_rows(connection, REJECTED, rows)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()
