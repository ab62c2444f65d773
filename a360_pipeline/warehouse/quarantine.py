"""What the load ledger says lies in quarantine, and giving it another try."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.snapshot.sources import store_of
from a360_pipeline.snapshot.store import SnapshotStore, Store
from a360_pipeline.warehouse.batch import LOAD_LOCK
from a360_pipeline.warehouse.connection import Connection, named_rows


class NotInQuarantine(ValueError):
    """Something was named that is not in quarantine. The message says what."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One version of an object that could not be loaded."""

    bucket: str
    key: str
    etag: str
    reason: str
    quarantined_at: dt.datetime

    def store(self, snapshots: SnapshotStore) -> Store:
        """Where it came from."""
        return store_of(self.bucket, self.key, snapshots)

    def uri(self, snapshots: SnapshotStore) -> str:
        return self.store(snapshots).uri(self.key)


@dataclass(slots=True)
class Replay:
    """What became of objects that were to get another try, by their addresses."""

    put_back: list[str] = field(default_factory=list)
    """Under the data prefix again, where the sensor takes them."""
    forgotten: list[str] = field(default_factory=list)
    """Never moved from their place: the ledger no longer stands in the way of loading them from there."""
    problems: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """What went well, for a person."""
        return [
            *(f"back at {uri}: the sensor or `a360 load` takes it" for uri in self.put_back),
            *(f"to be loaded again from its place: a360 load '{uri}'" for uri in self.forgotten),
        ]


def read_quarantined(connection: Connection) -> list[Quarantined]:
    """What the check `quarantine_empty` objects to, the newest version of a key first."""
    found = connection.execute(
        "SELECT q.bucket, q.key, q.etag, q.reason, q.loaded_at AS quarantined_at FROM load_ledger q "
        "WHERE q.outcome = 'quarantined' AND NOT EXISTS (SELECT FROM load_ledger l WHERE l.bucket = q.bucket "
        "AND l.key = q.key AND l.outcome = 'loaded' AND l.loaded_at > q.loaded_at) "
        "ORDER BY q.bucket, q.key, q.last_modified DESC"
    )
    return [Quarantined(**row) for row in named_rows(found)]


def choose(entries: Iterable[Quarantined], names: Iterable[str], snapshots: SnapshotStore) -> list[Quarantined]:
    """The entries named by key or by address. Raises NotInQuarantine."""
    wanted = set(names)
    named = [(entry, {entry.key, entry.uri(snapshots)} & wanted) for entry in entries]
    unknown = wanted.difference(*(found for _, found in named))
    if unknown:
        raise NotInQuarantine(f"not in quarantine: {', '.join(sorted(unknown))}")
    return [entry for entry, found in named if found]


def replay(connection: Connection, snapshots: SnapshotStore, entries: Iterable[Quarantined]) -> Replay:
    """Puts objects back to where they are loaded from; of several versions of a key, the newest."""
    done = Replay()
    newest: dict[tuple[str, str], Quarantined] = {}
    for entry in entries:
        newest.setdefault((entry.bucket, entry.key), entry)
    for entry in newest.values():
        uri = entry.uri(snapshots)
        try:
            was_moved, problem = _put_back(connection, snapshots, entry)
        except AWS_ERRORS as error:
            done.problems[uri] = explain(error)
            continue
        if problem is not None:
            done.problems[uri] = problem
        else:
            (done.put_back if was_moved else done.forgotten).append(uri)
    return done


def _put_back(connection: Connection, snapshots: SnapshotStore, entry: Quarantined) -> tuple[bool, str | None]:
    """Whether it had been moved, and what prevents that it is put back."""
    store = entry.store(snapshots)
    with connection.transaction():
        # No loader may meet the object before the ledger has forgotten it: S3 tells the time in seconds, so what
        # is put back in the second it first came in looks like the version that is already dealt with. Nor may
        # a loader set it apart again while its old copy in quarantine is being removed.
        connection.execute("SELECT pg_advisory_xact_lock(%s)::text", (LOAD_LOCK,))
        problem = store.put_back(entry.key, entry.etag) if isinstance(store, SnapshotStore) else None
        if problem is None:
            connection.execute(
                "DELETE FROM load_ledger WHERE bucket = %s AND key = %s AND etag = %s AND outcome = 'quarantined'",
                (entry.bucket, entry.key, entry.etag),
            )
    return isinstance(store, SnapshotStore), problem
