"""Consolidation of deliveries: each verified whole, decoded, and written once, in one layout."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.inventory.decode import Keys, open_file
from a360_pipeline.inventory.delivery import (
    Consolidated,
    Delivery,
    Identity,
    SourceFile,
    is_whole,
    location_of,
    marker_key,
    read_marker,
    write_marker,
)
from a360_pipeline.inventory.layout import BY_NAME
from a360_pipeline.inventory.manifest import (
    SUFFIX,
    Manifest,
    ManifestFile,
    VerificationFailed,
    candidates,
    read_manifest,
)
from a360_pipeline.inventory.parts import object_bytes, write_parts
from a360_pipeline.inventory.places import Folder, NotThere, Place, TooLarge, place_at, place_of

__all__ = ["Consolidated", "Delivery", "Identity", "Outcome", "consolidate", "consolidate_all", "consolidate_each"]


def consolidate(
    source: Place, manifest_key: str, target: Place, identity: Identity, *, scratch: Path | None = None
) -> Consolidated:
    """Verifies the delivery of a manifest and writes it to a folder of its own in `target`.

    What is already there whole is not written again; what is unfinished is, to the same bytes. One delivered file
    and one written one are on disk at a time, in `scratch`. Raises VerificationFailed, and NotThere while the
    manifest or its checksum has not arrived.
    """
    manifest = read_manifest(source, manifest_key)
    delivery = Delivery.of(manifest, manifest_key, identity)
    done = read_marker(target, delivery.folder)
    if done is not None and done.delivery.manifest_md5 == manifest.md5 and is_whole(target, done):
        return replace(done, delivery=delivery)
    target.delete([marker_key(delivery.folder)])
    with tempfile.TemporaryDirectory(dir=scratch) as room, Keys() as keys:
        reading = _Reading(source, manifest_key, manifest, Path(room) / "delivered", keys)
        try:
            written = write_parts(reading.batches(), target, delivery.folder, scratch=Path(room))
        except VerificationFailed:
            if done is None:
                # Nobody counts a folder without a marker, but nobody would tidy it up either.
                _keep_only(target, delivery.folder, ())
            raise
        left_encoded = keys.left_encoded
    read = sum(file.rows for file in reading.sources), sum(file.object_bytes for file in reading.sources)
    if read != (written.rows, written.object_bytes):
        raise VerificationFailed(
            f"{source.uri(manifest_key)}: of {read[0]:,} rows and {read[1]:,} bytes that were read, "
            f"{written.rows:,} rows and {written.object_bytes:,} bytes were written"
        )
    consolidated = Consolidated(
        delivery=delivery,
        format=manifest.format,
        fields=tuple(name for name in BY_NAME if name in reading.columns),
        unknown_fields=tuple(sorted(reading.columns - BY_NAME.keys())),
        left_encoded=left_encoded,
        written=written.parts,
        sources=tuple(reading.sources),
        location=location_of(target, delivery.folder),
    )
    _keep_only(target, delivery.folder, consolidated.parts)
    write_marker(target, consolidated)
    return consolidated


def _keep_only(target: Place, folder: str, keys: Collection[str]) -> None:
    """Deletes whatever else a run that ended early has left in a folder."""
    target.delete([entry.key for entry in target.list(f"{folder}/") if entry.key not in keys])


@dataclass
class _Reading:
    """The files of a manifest as they are read, one after another, and what came of each."""

    source: Place
    manifest_key: str
    manifest: Manifest
    path: Path
    keys: Keys
    sources: list[SourceFile] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows in the layout, in the order delivered. Raises VerificationFailed naming the file."""
        if not self.manifest.files:
            self.columns.update(self.manifest.fields)
        for listed in self.manifest.files:
            try:
                self._fetch(listed)
                yield from self._rows(listed)
            except VerificationFailed as error:
                raise VerificationFailed(f"{self.source.uri(self.manifest_key)}: {listed.key}: {error}") from error
            self.path.unlink()

    def _fetch(self, listed: ManifestFile) -> None:
        """Puts a file on disk. Raises VerificationFailed where it is not the file that is listed."""
        md5 = None
        for key in candidates(self.manifest_key, listed.key):
            try:
                md5 = self.source.fetch(key, self.path, listed.size)
                break
            except NotThere:
                continue
            except TooLarge as error:
                raise VerificationFailed(str(error)) from error
        if md5 is None:
            raise VerificationFailed("it is listed, and is not there")
        size = self.path.stat().st_size
        if (size, md5) != (listed.size, listed.md5):
            raise VerificationFailed(
                f"it has {size:,} bytes and the MD5 {md5}; listed are {listed.size:,} bytes and {listed.md5}"
            )

    def _rows(self, listed: ManifestFile) -> Iterator[pa.RecordBatch]:
        opened = open_file(self.path, self.manifest.format, self.manifest.fields, self.keys)
        self.columns.update(opened.columns)
        rows = total = 0
        for batch in opened.batches:
            rows, total = rows + batch.num_rows, total + object_bytes(batch)
            if pc.any(pc.not_equal(batch.column("bucket"), self.manifest.source_bucket)).as_py():
                raise VerificationFailed(f"it has rows of another bucket than {self.manifest.source_bucket}")
            yield batch
        self.sources.append(SourceFile(listed.key, listed.size, listed.md5, rows, total))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a manifest, or of an address that leads to none."""

    uri: str
    consolidated: Consolidated | None
    message: str = ""
    """Why it was not consolidated."""


FAILURES = (*AWS_ERRORS, OSError, LookupError, ValueError, pa.ArrowException)


def consolidate_all(
    uris: Iterable[str], out: str, s3: Any, identity: Identity, *, scratch: Path | None = None
) -> list[Outcome]:
    """Consolidates manifests: those named, and those found below folders and s3:// prefixes, to a folder or a bucket.

    Good ones are done though others fail, and each is tried once. Raises ValueError for an `out` that is no place.
    """
    return list(consolidate_each(uris, out, s3, identity, scratch=scratch))


def consolidate_each(
    uris: Iterable[str], out: str, s3: Any, identity: Identity, *, scratch: Path | None = None
) -> Iterator[Outcome]:
    """As `consolidate_all`, but each outcome as soon as it is known."""
    target = place_at(out, s3)
    tried: set[str] = set()
    for uri in uris:
        try:
            found = _manifests(uri, s3)
        except FAILURES as error:
            yield Outcome(uri, None, explain_failure(error))
            continue
        for source, key in found:
            where = source.uri(key)
            if where not in tried:
                tried.add(where)
                yield _outcome(where, partial(consolidate, source, key, target, identity, scratch=scratch))


def _outcome(where: str, work: Callable[[], Consolidated]) -> Outcome:
    try:
        return Outcome(where, work())
    except FAILURES as error:
        return Outcome(where, None, explain_failure(error))


def explain_failure(error: BaseException) -> str:
    """One line that says what went wrong."""
    is_plain = isinstance(error, (VerificationFailed, NotThere, TooLarge, ValueError, OSError))
    return str(error) if is_plain and not isinstance(error, AWS_ERRORS) else explain(error)


def _manifests(uri: str, s3: Any) -> list[tuple[Place, str]]:
    """The manifests that an address names, or that lie below it. Raises NotThere where there are none."""
    place, start = place_of(uri, s3)
    if start.endswith(".json"):
        keys = [start]
    else:
        below = f"{start.rstrip('/')}/" if start else ""
        keys = [entry.key for entry in place.list(below) if entry.key.endswith(SUFFIX)]
    if not keys:
        raise NotThere(f"there is no {SUFFIX} below {uri}")
    return [_with_data(place, key) for key in keys]


def _with_data(place: Place, key: str) -> tuple[Place, str]:
    """A manifest in a place that also has the folder above its own, where the data are."""
    if not isinstance(place, Folder) or key.count("/") > 1:
        return place, key
    folder = place.path / key
    root = folder.parent.parent
    return Folder(root), folder.relative_to(root).as_posix()
