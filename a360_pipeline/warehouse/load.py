"""Loads snapshots: batch by batch, each one transaction, and only what it committed is moved."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby

import psycopg

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.gaps import AcceptedGaps
from a360_pipeline.snapshot.key import BadSnapshot, SnapshotKey
from a360_pipeline.snapshot.store import Store, StoredObject
from a360_pipeline.snapshot.wire import read_snapshot
from a360_pipeline.warehouse.acceptance import mark_accepted
from a360_pipeline.warehouse.batch import Found, Outcome, run_batch
from a360_pipeline.warehouse.connection import Connection, Warehouse, WarehouseUnavailable, connect
from a360_pipeline.warehouse.merge import Changes

S3_THREADS = 8
NO_GAPS = AcceptedGaps()


@dataclass(slots=True)
class LoadResult:
    """What a load did, in objects and rows."""

    loaded: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    """Loaded by an earlier run that could not move them."""
    quarantined: dict[str, str] = field(default_factory=dict)
    """Reasons by key."""
    gone: list[str] = field(default_factory=list)
    """No longer there when read: moved by another loader, or replaced by their sender."""
    unmoved: list[str] = field(default_factory=list)
    """Dealt with, yet still in their place; the next run moves them."""
    tables: dict[str, Changes] = field(default_factory=dict)
    rejected: int = 0
    not_taken: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.loaded += outcome.loaded
        self.known += outcome.known
        self.quarantined |= outcome.quarantined
        self.rejected += outcome.rejected
        self.not_taken += outcome.not_taken
        for name, changes in outcome.tables.items():
            self.tables[name] = self.tables.get(name, Changes()) + changes


def load(
    store: Store,
    warehouse: str | Warehouse,
    objects: Sequence[StoredObject],
    *,
    batch_files: int,
    batch_bytes: int,
    accepted: AcceptedGaps = NO_GAPS,
    progress: Callable[[str], None] = lambda _line: None,
) -> LoadResult:
    """Loads objects exactly once, whoever else loads them, however often it is killed and run again.

    Raises WarehouseUnavailable when the database does not answer: what its transaction did not commit
    is not moved. Raises botocore's ClientError when the bucket cannot be read.
    """
    started = time.monotonic()
    result = LoadResult()
    with connect(warehouse) as connection, ThreadPoolExecutor(S3_THREADS) as pool:
        done = 0
        for batch in _batches(store, objects, batch_files, batch_bytes):
            read = list(pool.map(lambda each: _read(store, each), batch))
            result.gone += [stored.key for stored, found in zip(batch, read, strict=True) if found is None]
            found = [each for each in read if each is not None]
            _load_batch(store, connection, found, result)
            reasons = [result.quarantined.get(each.stored.key) for each in found]
            moved = pool.map(lambda each, reason: _move(store, each, reason), found, reasons)
            result.unmoved += [problem for problem in moved if problem]
            done += len(batch)
            progress(f"{done} of {len(objects)} snapshots loaded")
        mark_accepted(connection, accepted)
    result.seconds = time.monotonic() - started
    return result


def _batches(store: Store, objects: Iterable[StoredObject], files: int, size: int) -> Iterator[list[StoredObject]]:
    """Batches of one day each, the oldest day first: what changes from day to day is then seen to change."""

    def day(each: StoredObject) -> str:
        try:
            return SnapshotKey.parse(store.path(each.key)).date.isoformat()
        except BadSnapshot:
            return ""

    for _, same_day in groupby(sorted(set(objects), key=lambda each: (day(each), each)), day):
        batch: list[StoredObject] = []
        for each in same_day:
            if batch and (len(batch) >= files or sum(other.size for other in batch) + each.size > size):
                yield batch
                batch = []
            batch.append(each)
        yield batch


def _read(store: Store, stored: StoredObject) -> Found | None:
    body = store.read(stored)
    if body is None:
        return None
    try:
        return Found(stored, read_snapshot(store.path(stored.key), body))
    except BadSnapshot as error:
        return Found(stored, None, str(error))


def _load_batch(store: Store, connection: Connection, found: Sequence[Found], result: LoadResult) -> None:
    try:
        with connection.transaction():
            outcome = run_batch(connection, store.bucket, found)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        # What slipped through the checks poisons its own snapshot, not its neighbors.
        reason = f"the database refuses it: {error.diag.message_primary or error}"
        alone = found if len(found) > 1 else [Found(found[0].stored, None, reason)]
        for each in alone:
            _load_batch(store, connection, [each], result)
    except psycopg.OperationalError as error:
        raise WarehouseUnavailable(f"the warehouse went away; this batch stays where it is: {error}") from error
    else:
        result.add(outcome)


def _move(store: Store, found: Found, reason: str | None) -> str | None:
    """Moves an object that was dealt with; returns what went wrong."""
    try:
        if reason is None:
            store.to_loaded(found.stored)
        else:
            store.to_quarantine(found.stored, reason)
    except AWS_ERRORS as error:
        return f"{store.uri(found.stored.key)}: {explain(error)}"
    return None
