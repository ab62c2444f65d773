"""One transaction of a load: claim the objects, stage and merge their rows, write the ledgers."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from a360_pipeline.coverage import Status
from a360_pipeline.sections.model import Kept, Table
from a360_pipeline.sections.registry import SECTION_OF, TABLES
from a360_pipeline.snapshot.key import BadSnapshot
from a360_pipeline.snapshot.store import StoredObject
from a360_pipeline.snapshot.wire import Snapshot, facts
from a360_pipeline.warehouse.convert import jsonb
from a360_pipeline.warehouse.filing import Filing, file
from a360_pipeline.warehouse.ledger import COVERAGE, LOADS, REJECTED
from a360_pipeline.warehouse.merge import Changes, accountless_frames, merge, orphans, resolve
from a360_pipeline.warehouse.posture import recount_findings
from a360_pipeline.warehouse.retire import mark_complete, remove_untold, retire
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


def run_batch(connection: Connection, bucket: str, found: Sequence[Found]) -> Outcome:
    """Does all of a batch's work in the transaction that the caller opened."""
    # One loader at a time: two that merge the same accounts in another order would deadlock.
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOAD_LOCK,))
    outcome = Outcome()
    attempts = _claim(connection, bucket, found, outcome)
    fresh = [each for each in found if each.stored.key in attempts]
    filings = file(connection, [(each.stored, each.snapshot) for each in fresh if each.snapshot])
    staged = {table.name: Staged(table) for table in TABLES}
    for number, filing in enumerate(filings, start=LEDGER_FRAME + 1):
        _stage(filing, number, staged)
    frames = [Frame(), *(filing.frame() for filing in filings)]
    stage_frames(connection, frames)
    any_late = any(frame.is_late for frame in frames)
    rejected = _merge(connection, staged, outcome, any_late=any_late)
    _retire(connection, filings, rejected, outcome, any_late=any_late)
    coverage = [
        _settled(number, filing, staged, rejected)
        for number, filing in enumerate(filings, start=LEDGER_FRAME + 1)
        if filing.with_facts
    ]
    _write(connection, COVERAGE, coverage)
    unknown = _unknown_fields(filings, staged)
    _write(connection, LOADS, _load_rows(bucket, fresh, attempts, coverage, unknown, outcome))
    _reject(connection, rejected, filings)
    return outcome


def _claim(connection: Connection, bucket: str, found: Sequence[Found], outcome: Outcome) -> dict[str, int]:
    """Attempts by key of the objects that nobody dealt with before; the others are known."""
    attempts: dict[str, int] = {}
    stored = [each.stored for each in found]
    claimed = connection.execute(
        "INSERT INTO load_ledger (bucket, key, etag, last_modified, attempts) "
        "SELECT %s, key, etag, last_modified, 1 "
        "FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS o (key, etag, last_modified) "
        "ON CONFLICT ON CONSTRAINT load_ledger_key DO UPDATE SET attempts = load_ledger.attempts + 1 "
        "RETURNING key, attempts, outcome, reason",
        (bucket, [s.key for s in stored], [s.etag for s in stored], [s.last_modified for s in stored]),
    )
    for key, count, before, reason in claimed:
        if before is None:
            attempts[key] = count
        elif before == "quarantined":
            outcome.quarantined[key] = reason
        else:
            outcome.known.append(key)
    return attempts


def _stage(filing: Filing, frame: int, staged: dict[str, Staged]) -> None:
    payload = filing.snapshot.payload(filing.section)
    for table in filing.section.tables if payload is not None else ():
        if table.frames or filing.has_facts:
            _stage_table(filing, frame, staged[table.name], payload)


def _stage_table(filing: Filing, frame: int, staged: Staged, payload: Any) -> None:
    try:
        rows = filing.rows_here(staged.table, facts(staged.table, payload))
    except BadSnapshot as error:
        staged.rejected.append(Rejected(frame, staged.table.name, payload, str(error)))
        return
    add_rows(staged, frame, rows)
    if not staged.table.frames:
        filing.counts[staged.table.name] = len(rows)


def _merge(connection: Connection, staged: dict[str, Staged], outcome: Outcome, *, any_late: bool) -> list[Rejected]:
    rejected: list[Rejected] = []
    for each in staged.values():
        if each.rows:
            stage_rows(connection, each)
            each.rejected += orphans(connection, each)
            outcome.tables[each.table.name] = merge(connection, each.table, any_late=any_late)
        rejected += each.rejected
    if "security" in outcome.tables:
        recount_findings(connection)
    lost = accountless_frames(connection)
    if lost:
        raise RuntimeError(f"{lost} sections have no row of accounts to be filed under: this is a bug")
    outcome.rejected = len(rejected)
    return rejected


def _retire(
    connection: Connection,
    filings: Sequence[Filing],
    rejected: Sequence[Rejected],
    outcome: Outcome,
    *,
    any_late: bool,
) -> None:
    """What the newest listings leave out ages; what the complete ones of ours leave out is retired."""
    refused = {each.frame for each in rejected}
    complete = [
        number
        for number, filing in enumerate(filings, start=LEDGER_FRAME + 1)
        if number not in refused and filing.is_complete
    ]
    mark_complete(connection, complete)
    listed = {filing.section.name for filing in filings if filing.has_facts}
    corrected = {filing.section.name for filing in filings if filing.standing.is_corrected}
    # Children before parents, so that a removed parent leaves no child behind.
    for table in reversed(TABLES):
        section = SECTION_OF[table.name]
        if section in listed and (table.is_listing or (table.kept is Kept.DATED and section in corrected)):
            if table.name not in outcome.tables:
                stage_rows(connection, Staged(table))
                resolve(connection, table)
            if table.is_listing:
                changes = retire(connection, section, table, any_late=any_late)
            else:
                changes = Changes(removed=remove_untold(connection, section, table))
            outcome.tables[table.name] = outcome.tables.get(table.name, Changes()) + changes


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
    # Of a section whose rows go to two places, each place says what came to it.
    rows = filing.counts.total() if filing.is_split else covered.rows
    return {
        "account_id": account,
        "region": region,
        "section": section,
        "date": date.isoformat(),
        "interval": interval,
        "status": str(status),
        "rows": rows,
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
        "is_complete": filing.is_complete and not refused,
        "rank": filing.rank,
        "loaded_at": _now(),
    }


def _unknown_fields(filings: Sequence[Filing], staged: Mapping[str, Staged]) -> dict[str, Counter[str]]:
    """Fields that nothing is made of, by object and then by name, with how many rows have them."""
    found: dict[str, Counter[str]] = {}
    for each in staged.values():
        for frame, names in each.unknown.items():
            filing = filings[frame - LEDGER_FRAME - 1]
            if filing.with_facts:
                counted = found.setdefault(filing.stored.key, Counter())
                counted.update({f"{filing.section.wire}[].{name}": count for name, count in names.items()})
    return found


def _load_rows(
    bucket: str,
    fresh: Sequence[Found],
    attempts: dict[str, int],
    coverage: Sequence[dict[str, Any]],
    unknown: Mapping[str, Counter[str]],
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
            not_taken = Counter(snapshot.not_taken) + unknown.get(stored.key, Counter())
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
                "not_taken": dict(not_taken),
            }
            outcome.loaded.append(stored.key)
            outcome.not_taken.update(not_taken)
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
