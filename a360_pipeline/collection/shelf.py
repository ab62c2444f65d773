"""Where collecting puts snapshots, and beside them what the runs of a day tell one another: a bucket or a folder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from a360_pipeline.snapshot.store import SnapshotStore, StoredObject
from a360_pipeline.snapshot.wire import Snapshot, write_snapshot

NOTES = ".a360"
"""The folder of what is no snapshot. Its files end in no `.json`, so that `a360 load` passes them by."""


class Shelf(Protocol):
    """What collecting needs of a place: SnapshotStore has it too."""

    def write(self, snapshot: Snapshot) -> str:
        """Puts a snapshot in its place, and returns its key."""

    def uri(self, key: str) -> str:
        """The address a person finds it by."""

    def put(self, key: str, body: bytes) -> None:
        """Keeps a note under a key."""

    def get(self, key: str) -> bytes | None:
        """The note under a key; None where there is none."""

    def waiting(self, prefix: str) -> Iterator[StoredObject]:
        """The notes under a prefix."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of snapshots, as `a360 load` takes them."""

    path: Path

    def write(self, snapshot: Snapshot) -> str:
        _write(self.path / snapshot.key.path, write_snapshot(snapshot))
        return snapshot.key.path

    def uri(self, key: str) -> str:
        return f"file://{(self.path / key).absolute()}"

    def put(self, key: str, body: bytes) -> None:
        _write(self.path / NOTES / key, body)

    def get(self, key: str) -> bytes | None:
        try:
            return (self.path / NOTES / key).read_bytes()
        except FileNotFoundError:
            return None

    def waiting(self, prefix: str) -> Iterator[StoredObject]:
        root = self.path / NOTES
        for file in sorted((root / prefix).rglob("*")):
            if file.is_file():
                status = file.stat()
                changed = dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)
                yield StoredObject(file.relative_to(root).as_posix(), "", status.st_size, changed)


@dataclass(frozen=True, slots=True)
class NotesApart:
    """The bucket, with the notes of one of its writers under a prefix of its own: it sees nobody else's."""

    store: SnapshotStore
    prefix: str

    def write(self, snapshot: Snapshot) -> str:
        return self.store.write(snapshot)

    def uri(self, key: str) -> str:
        return self.store.uri(key)

    def put(self, key: str, body: bytes) -> None:
        self.store.put(self.prefix + key, body)

    def get(self, key: str) -> bytes | None:
        return self.store.get(self.prefix + key)

    def waiting(self, prefix: str) -> Iterator[StoredObject]:
        for found in self.store.waiting(self.prefix + prefix):
            yield replace(found, key=found.key.removeprefix(self.prefix))


def _write(path: Path, body: bytes) -> None:
    """Whole or not at all: a reader never finds half a file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(body)
    draft.replace(path)
