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
from a360_pipeline.warehouse.connection import Connection
from a360_pipeline.warehouse.convert import jsonb
from a360_pipeline.warehouse.filing import Filing, file, make_accounts, supersede
from a360_pipeline.warehouse.ledger import COVERAGE, LOADS, REJECTED
from a360_pipeline.warehouse.merge import Changes, merge, orphans
from a360_pipeline.warehouse.posture import recount_findings
from a360_pipeline.warehouse.retire import (
    backdate,
    find_unlisted,
    mark_incomplete,
    remove_untold,
    retire,
    retire_absent,
)
from a360_pipeline.warehouse.stage import (
    Frame,
    Rejected,
    Staged,
    add_rows,
    append_rows,
    copy_frames,
    copy_stage,
    make_stages,
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
    connection.execute("SELECT pg_advisory_xact_lock(%s)::text", (LOAD_LOCK,))
    outcome = Outcome()
    attempts = _claim(connection, bucket, found, outcome)
    fresh = [each for each in found if each.stored.key in attempts]
    filings = file(connection, [(each.stored, each.snapshot) for each in fresh if each.snapshot])
    frames = [Frame(), *(filing.frame() for filing in filings)]
    staged = {table.name: Staged(table) for table in TABLES}
    for number, filing in enumerate(filings, start=LEDGER_FRAME + 1):
        _stage(filing, number, frames, staged)
    told = _to_be_merged(filings, staged)
    make_stages(connection, [*(each.table for each in told), COVERAGE, LOADS])
    copy_frames(connection, frames)
    for each in told:
        copy_stage(connection, each)
    lost = _orphans(connection, filings, staged)
    any_late = any(frame.is_late for frame in frames)
    guests = [number for number, filing in enumerate(filings, start=LEDGER_FRAME + 1) if filing.host]
    for each in told:
        if not each.is_empty:
            rows = each.counts().total() - lost[each.table.name]
            outcome.tables[each.table.name] = merge(connection, each.table, rows, any_late=any_late)
        if guests and each.table.name == "accounts":
            make_accounts(connection, guests)
    if not staged["security"].is_empty:
        recount_findings(connection)
    _retire(connection, frames, told, outcome, any_late=any_late)
    rejected = [one for each in staged.values() for one in each.rejected]
    outcome.rejected = len(rejected)
    if any(frame.is_listing and frame.is_retold for frame in frames):
        supersede(connection)
    # Each filing that has a place in the ledger, and with it what it holds of other accounts.
    settled: dict[int, dict[int, Filing]] = {}
    for number, filing in enumerate(filings, start=LEDGER_FRAME + 1):
        if filing.with_facts:
            settled.setdefault(id(filing.host or filing), {})[number] = filing
    coverage = [_settled(parts, staged, rejected) for parts in settled.values()]
    unknown = _unknown_fields(filings, staged)
    _write(connection, (COVERAGE, coverage), (LOADS, _load_rows(bucket, fresh, attempts, coverage, unknown, outcome)))
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


def _stage(filing: Filing, number: int, frames: Sequence[Frame], staged: Mapping[str, Staged]) -> None:
    payload = filing.payload
    for table in filing.section.tables if payload is not None else ():
        if not (table.frames or filing.has_facts):
            continue
        try:
            rows = filing.rows_here(table, facts(table, payload))
        except BadSnapshot as error:
            staged[table.name].rejected.append(Rejected(number, table.name, payload, str(error)))
            continue
        if table.is_listing and not filing.is_listing:
            filing.superseded += len(rows)
            continue
        add_rows(staged[table.name], number, frames, rows)
        # What a guest's rows refer to was made for it here: the snapshot holds it once.
        if not table.frames and not (filing.host and table.name in filing.referred_to):
            filing.counts[table.name] = len(rows)


def _to_be_merged(filings: Sequence[Filing], staged: Mapping[str, Staged]) -> list[Staged]:
    """The tables about which the batch says something, parents first: a listing that is empty says much."""
    told_of = {filing.section.name for filing in filings if filing.has_facts}
    return [each for name, each in staged.items() if not each.is_empty or SECTION_OF[name] in told_of]


def _orphans(connection: Connection, filings: Sequence[Filing], staged: Mapping[str, Staged]) -> Counter[str]:
    """Refuses the rows whose parent is nowhere; returns how many, by table.

    Listings of which rows were refused, for whatever reason, are no longer complete.
    """
    known = {name: each.keys for name, each in staged.items()}
    lost: Counter[str] = Counter()
    for name, each in staged.items():
        found = orphans(connection, each, known)
        lost[name] = len(found)
        each.rejected += found
    refused = {one.frame for each in staged.values() for one in each.rejected}
    incomplete = [number for number in refused if filings[number - LEDGER_FRAME - 1].lists_all_open]
    if incomplete:
        mark_incomplete(connection, incomplete)
    return lost


def _retire(
    connection: Connection, frames: Sequence[Frame], told: Sequence[Staged], outcome: Outcome, *, any_late: bool
) -> None:
    """What the newest listings leave out ages; what the complete ones of ours leave out is retired."""
    in_time: dict[str, list[int]] = {}
    for number, frame in enumerate(frames):
        if frame.is_listing and not frame.is_late:
            in_time.setdefault(frame.section, []).append(number)
    late = {frame.section for frame in frames if frame.is_listing and frame.is_late}
    whole = {frame.section for frame in frames if frame.is_listing and frame.lists_all_open and not frame.is_late}
    corrected = {frame.section for frame in frames if frame.has_facts and frame.is_corrected}
    listed: dict[Table, dict[int, int]] = {}
    for each in told:
        if each.table.is_listing:
            counted = each.counts()
            listed[each.table] = {number: counted[number] for number in in_time.get(SECTION_OF[each.table.name], ())}
    unlisted = find_unlisted(connection, {table: counts for table, counts in listed.items() if counts})
    # Children before parents, so that a removed parent leaves no child behind.
    for table in reversed([each.table for each in told]):
        section, changes = SECTION_OF[table.name], Changes()
        if any_late and table.is_listing and section in late:
            changes += backdate(connection, section, table)
        if table.name in unlisted:
            changes += retire(connection, table, unlisted[table.name])
        if table.closes and section in whole:
            changes += retire_absent(connection, section, table)
        if table.kept is Kept.DATED and section in corrected:
            changes += remove_untold(connection, section, table)
        if changes != Changes():
            outcome.tables[table.name] = outcome.tables.get(table.name, Changes()) + changes


def _settled(parts: Mapping[int, Filing], staged: dict[str, Staged], rejected: Sequence[Rejected]) -> dict[str, Any]:
    """The coverage ledger's row of a filing and its guests, by frame. Refused rows make a whole section `partial`."""
    filing = next(iter(parts.values()))
    covered = filing.snapshot.coverage[filing.section.name]
    refused = Counter(each.table for each in rejected if each.frame in parts)
    repeated: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for number, part in parts.items():
        repeated.update({name: staged[name].repeated[number] for name in part.counts})
        read.update(part.counts)
    loaded = {name: count - refused[name] - repeated[name] for name, count in read.items()}
    of_guests = sum((part.counts for part in parts.values() if part.host), Counter[str]())
    status, message = covered.status, covered.message
    if refused and not status.is_gap:
        status = Status.PARTIAL
        message = f"{refused.total()} rows rejected; rejected_rows has them with their reasons"
    account, region, section, date, interval = filing.cell
    # Of a section whose rows go to two places, each place says what came to it.
    rows = read.total() + filing.superseded if filing.is_split else covered.rows
    # What only frames the facts is not counted among them, refused or not.
    framing = {table.name for table in filing.section.tables if table.frames}
    return {
        "account_id": account,
        "region": region,
        "section": section,
        "date": date.isoformat(),
        "interval": interval,
        "status": str(status),
        "rows": rows,
        "rows_loaded": sum(loaded.values()),
        "rows_rejected": sum(count for name, count in refused.items() if name not in framing),
        "rows_repeated": sum(repeated.values()),
        "rows_superseded": filing.superseded,
        # Under this account: what is of others stands under theirs.
        "rows_by_table": {name: count - of_guests[name] for name, count in loaded.items()},
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


def _write(connection: Connection, *ledgers: tuple[Table, list[dict[str, Any]]]) -> None:
    for ledger, rows in ledgers:
        staged = Staged(ledger)
        add_rows(staged, LEDGER_FRAME, [Frame()], rows)
        if staged.rejected:
            raise RuntimeError(f"{ledger.name} does not take its own row: {staged.rejected[0].reason}")
        if rows:
            copy_stage(connection, staged)
            merge(connection, ledger, len(rows))


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
