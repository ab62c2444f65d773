"""What a person asks to load: files, folders and s3:// addresses, found and listed before anything is loaded."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.snapshot.store import SnapshotStore, Store, StoredObject

FILE = "file://"
S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?", re.DOTALL)
SUFFIX = ".json"
NAMING_PARTS = 3
"""ACCOUNT/REGION/DATE_INTERVAL.json: the last parts of a path say what a snapshot is of."""


class SourceError(ValueError):
    """What should be loaded cannot be found. The message says what was looked for."""


@dataclass(frozen=True, slots=True)
class FolderStore:
    """The folder that holds the accounts' folders. Its files are somebody's own: read, never moved or changed."""

    folder: Path
    data_prefix: str

    @property
    def bucket(self) -> str:
        return f"{FILE}{self.folder}"

    def path(self, key: str) -> str:
        return key.removeprefix(self.data_prefix)

    def uri(self, key: str) -> str:
        return f"{FILE}{self.folder / self.path(key)}"

    def stored(self, file: Path) -> StoredObject:
        """A file as the loader knows objects. Raises OSError."""
        with file.open("rb") as opened:
            etag = hashlib.file_digest(opened, _md5).hexdigest()
            status = os.fstat(opened.fileno())
        key = self.data_prefix + file.relative_to(self.folder).as_posix()
        return StoredObject(key, etag, status.st_size, dt.datetime.fromtimestamp(status.st_mtime, dt.UTC))

    def read(self, found: StoredObject) -> bytes | None:
        try:
            body = (self.folder / self.path(found.key)).read_bytes()
        except FileNotFoundError:
            return None
        return body if _md5(body).hexdigest() == found.etag else None

    def to_loaded(self, found: StoredObject) -> bool:  # noqa: ARG002 - it stays
        return True

    def to_quarantine(self, found: StoredObject, reason: str) -> bool:  # noqa: ARG002 - it stays
        return True


def _md5(data: bytes = b"") -> hashlib._Hash:
    # Tells versions apart, as S3's ETag does; nothing secret hangs on it.
    return hashlib.md5(data, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class AsideStore:
    """Objects of a bucket that lie elsewhere than under the data prefix: read, never moved."""

    inner: SnapshotStore

    @property
    def bucket(self) -> str:
        return self.inner.bucket

    def path(self, key: str) -> str:
        return "/".join(key.split("/")[-NAMING_PARTS:])

    def uri(self, key: str) -> str:
        return self.inner.uri(key)

    def read(self, found: StoredObject) -> bytes | None:
        return self.inner.read(found)

    def to_loaded(self, found: StoredObject) -> bool:  # noqa: ARG002 - it stays
        return True

    def to_quarantine(self, found: StoredObject, reason: str) -> bool:  # noqa: ARG002 - it stays
        return True


@dataclass(frozen=True, slots=True)
class WatchedStore:
    """A store that tells of each object that was dealt with, for a progress bar."""

    store: Store
    done: Callable[[], None]

    @property
    def bucket(self) -> str:
        return self.store.bucket

    def path(self, key: str) -> str:
        return self.store.path(key)

    def uri(self, key: str) -> str:
        return self.store.uri(key)

    def read(self, found: StoredObject) -> bytes | None:
        return self.store.read(found)

    def to_loaded(self, found: StoredObject) -> bool:
        self.done()
        return self.store.to_loaded(found)

    def to_quarantine(self, found: StoredObject, reason: str) -> bool:
        self.done()
        return self.store.to_quarantine(found, reason)


@dataclass(frozen=True, slots=True)
class Source:
    """Objects to load, and the store that has them."""

    store: Store
    objects: list[StoredObject]


def store_of(bucket: str, key: str, snapshots: SnapshotStore) -> Store:
    """The store that has what the load ledger calls by this bucket and key."""
    if bucket.startswith(FILE):
        return FolderStore(Path(bucket.removeprefix(FILE)), snapshots.data_prefix)
    own = replace(snapshots, bucket=bucket)
    return own if key.startswith(snapshots.data_prefix) else AsideStore(own)


def find_sources(addresses: Iterable[str], snapshots: SnapshotStore) -> list[Source]:
    """All that the addresses name, each object once. Raises SourceError: what is not found is not "nothing"."""
    found: dict[Store, dict[str, StoredObject]] = {}
    for address in addresses:
        listed = _in_bucket(address, snapshots) if address.startswith("s3:") else _on_disk(address, snapshots)
        for store, stored in listed:
            found.setdefault(store, {})[stored.key] = stored
    return [Source(store, sorted(objects.values())) for store, objects in found.items()]


def _in_bucket(address: str, snapshots: SnapshotStore) -> list[tuple[Store, StoredObject]]:
    match = S3.fullmatch(address)
    if match is None:
        raise SourceError(f"{address} is no address in S3: s3://BUCKET/PREFIX is expected")
    bucket, prefix = match["bucket"], match["prefix"]
    if not prefix:
        raise SourceError(
            f"{address} names a whole bucket: say which part, as in s3://{bucket}/{snapshots.data_prefix}"
        )
    if f"{prefix}/".startswith(snapshots.quarantine_prefix):
        raise SourceError(f"{address} lies in quarantine: `a360 quarantine replay` loads from there")
    folder = prefix if prefix.endswith("/") else f"{prefix}/"
    try:
        listed = [
            (store_of(bucket, stored.key, snapshots), stored)
            for stored in replace(snapshots, bucket=bucket).waiting(prefix)
            if stored.key == prefix or stored.key.startswith(folder)
        ]
    except AWS_ERRORS as error:
        raise SourceError(f"{address} cannot be listed: {explain(error)}") from error
    # Under the data prefix everything counts, as for the sensor; elsewhere other things may lie beside snapshots.
    kept = [
        (store, stored)
        for store, stored in listed
        if stored.key.startswith(snapshots.data_prefix)
        or (stored.key.endswith(SUFFIX) and not stored.key.startswith(snapshots.quarantine_prefix))
    ]
    if not kept:
        raise SourceError(f"there is no snapshot at {address}")
    return kept


def _on_disk(address: str, snapshots: SnapshotStore) -> list[tuple[Store, StoredObject]]:
    place = address.removeprefix(FILE)
    if "://" in place or not place:
        raise SourceError(f"{address!r} is no file, no folder and no s3://BUCKET/PREFIX")
    # Not resolved: behind a symbolic link the names that say what a snapshot is of may be others.
    path = Path(os.path.abspath(place))  # noqa: PTH100 - Path.resolve would follow links
    try:
        return [_stored(file, snapshots) for file in _files(path)]
    except OSError as error:
        raise SourceError(f"{error.filename or path} cannot be read: {error.strerror}") from error


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    files = sorted(file for file in path.rglob(f"*{SUFFIX}") if file.is_file())
    if not files:
        raise SourceError(f"there is no snapshot in {path}: no file in it ends in {SUFFIX}")
    yield from files


def _stored(file: Path, snapshots: SnapshotStore) -> tuple[Store, StoredObject]:
    above = file.parents
    store = FolderStore(above[min(NAMING_PARTS, len(above)) - 1], snapshots.data_prefix)
    return store, store.stored(file)
