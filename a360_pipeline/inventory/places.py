"""Where deliveries lie and consolidated files go: a folder or a bucket, used in one way."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code

FILE = "file://"
S3 = re.compile(r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9])(?:/(?P<key>.*))?", re.DOTALL)
LARGEST_READ = 64 << 20
"""Bytes that `read` takes into memory: a manifest of 100,000 files has 20 MB."""
CHUNK = 1 << 20
MISSING = frozenset({"404", "NoSuchKey"})
MOST_DELETED = 1000
"""Keys that DeleteObjects takes at once."""
UNFINISHED = ".a360-unfinished-"
"""What a file is called while it is written."""


class NotThere(LookupError):
    """There is nothing under this key."""


class TooLarge(ValueError):
    """More bytes lie under a key than were to be expected."""


class NotDeleted(OSError):
    """Some keys could not be deleted. The message names the first, and how many."""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """An object as a listing shows it; `size` in bytes."""

    key: str
    size: int
    last_modified: dt.datetime


class Place(Protocol):
    """Objects by key. Reading raises NotThere; a bucket also what botocore raises, a folder OSError."""

    def uri(self, key: str) -> str:
        """The address that a person, or `place_of`, finds the object by."""

    def list(self, prefix: str) -> Iterator[Entry]:
        """Everything whose key begins so, in the order of keys."""

    def read(self, key: str) -> bytes:
        """The bytes of a small object. Raises NotThere, TooLarge."""

    def fetch(self, key: str, to: Path, limit: int | None = None) -> str:
        """Streams an object to a file and returns the MD5 of what came, in hex.

        Raises NotThere, and TooLarge once more than `limit` bytes have come.
        """

    def write(self, key: str, body: bytes) -> None:
        """Puts an object: readers see the old one or the new one, whole."""

    def upload(self, path: Path, key: str) -> None:
        """Puts a file's bytes, as `write` does."""

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes; what is not there is no error. Raises NotDeleted."""


def place_of(uri: str, s3: Any) -> tuple[Folder | BucketPlace, str]:
    """The place that has what an address names, and the key of it there.

    s3://BUCKET/KEY is looked for with `s3`, a botocore client. A folder that exists is a place of its own, with an
    empty key; of any other path the folder it lies in is the place. Raises ValueError.
    """
    found = S3.fullmatch(uri)
    if found:
        return BucketPlace(s3, found["bucket"]), found["key"] or ""
    name = uri.removeprefix(FILE)
    if not name or "://" in name or name.startswith("s3:"):
        raise ValueError(f"{uri!r} is no file, no folder and no s3://BUCKET/KEY")
    path = Path(os.path.abspath(name))  # noqa: PTH100 - Path.resolve would follow links
    return (Folder(path), "") if path.is_dir() else (Folder(path.parent), path.name)


def place_at(uri: str, s3: Any) -> Place:
    """The place that begins at an address, be there anything yet or not. Raises ValueError."""
    place, key = place_of(uri, s3)
    if isinstance(place, Folder):
        return Folder(place.path / key)
    return BucketPlace(s3, place.bucket, f"{key.rstrip('/')}/" if key else "")


def join(*parts: str) -> str:
    """Parts of a key, those that say nothing left out."""
    return "/".join(part.strip("/") for part in parts if part.strip("/"))


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of files; keys are paths in it. No key leads out of it, by `..` or by a link."""

    path: Path

    def uri(self, key: str) -> str:
        return f"{FILE}{self.path / key}"

    def list(self, prefix: str) -> Iterator[Entry]:
        above = prefix.rpartition("/")[0]
        try:
            start = self._file(above) if above else self.path
        except NotThere:
            return
        if not start.is_dir():
            return
        # A folder's files stand beside what lies in its folders: sorted by whole key, as a bucket's are.
        keys = (file.relative_to(self.path).as_posix() for file in _files(start) if UNFINISHED not in file.name)
        for key in sorted(key for key in keys if key.startswith(prefix)):
            status = (self.path / key).stat()
            yield Entry(key, status.st_size, dt.datetime.fromtimestamp(status.st_mtime, dt.UTC))

    def read(self, key: str) -> bytes:
        with self._opened(key) as opened:
            body: bytes = opened.read(LARGEST_READ + 1)
        return _bounded(body, self.uri(key))

    def fetch(self, key: str, to: Path, limit: int | None = None) -> str:
        with self._opened(key) as opened:
            return _stream(iter(lambda: opened.read(CHUNK), b""), to, limit, self.uri(key))

    def write(self, key: str, body: bytes) -> None:
        self._put(key, lambda path: path.write_bytes(body))

    def upload(self, path: Path, key: str) -> None:
        self._put(key, lambda unfinished: shutil.copyfile(path, unfinished))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            with suppress(NotThere):
                self._file(key).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        """The path of a key. Raises NotThere for one that leads elsewhere."""
        path = self.path / key
        is_plain = bool(key) and "\0" not in key and not key.startswith("/") and ".." not in key.split("/")
        if not is_plain or not path.resolve().is_relative_to(self.path.resolve()):
            raise NotThere(f"{key!r} is no key of the folder {self.path}")
        return path

    def _opened(self, key: str) -> Any:
        path = self._file(key)
        # A device or a pipe would be read for ever.
        if not path.is_file():
            raise NotThere(f"{self.uri(key)} is not there")
        return path.open("rb")

    def _put(self, key: str, fill: Callable[[Path], object]) -> None:
        path = self._file(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{UNFINISHED}{uuid4().hex}")
        try:
            fill(unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise error

    for above, _, names in os.walk(folder, onerror=refuse):
        yield from (path for name in names if (path := Path(above, name)).is_file())


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """A bucket, or what lies in it under a prefix. What is put is encrypted with the key, if one is named."""

    s3: Any
    bucket: str
    prefix: str = ""
    kms_key_id: str | None = None

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def list(self, prefix: str) -> Iterator[Entry]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + prefix)
        for page in pages:
            for found in page.get("Contents", ()):
                yield Entry(found["Key"].removeprefix(self.prefix), found["Size"], found["LastModified"])

    def read(self, key: str) -> bytes:
        with closing(self._opened(key)) as body:
            return _bounded(body.read(LARGEST_READ + 1), self.uri(key))

    def fetch(self, key: str, to: Path, limit: int | None = None) -> str:
        with closing(self._opened(key)) as body:
            return _stream(body.iter_chunks(CHUNK), to, limit, self.uri(key))

    def write(self, key: str, body: bytes) -> None:
        self._put(key, body)

    def upload(self, path: Path, key: str) -> None:
        with path.open("rb") as body:
            self._put(key, body)

    def delete(self, keys: Iterable[str]) -> None:
        left = iter(keys)
        while batch := [{"Key": self.prefix + key} for key in islice(left, MOST_DELETED)]:
            answer = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": batch, "Quiet": True})
            errors = answer.get("Errors", ())
            if errors:
                first = errors[0]
                raise NotDeleted(
                    f"{len(errors)} objects of s3://{self.bucket} were not deleted, "
                    f"the first {first.get('Key')}: {first.get('Code')}: {first.get('Message')}"
                )

    def _opened(self, key: str) -> Any:
        try:
            return self.s3.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"]
        except ClientError as error:
            if error_code(error) in MISSING:
                raise NotThere(f"{self.uri(key)} is not there") from error
            raise

    def _put(self, key: str, body: Any) -> None:
        key_id = self.kms_key_id
        encryption = {} if key_id is None else {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id}
        self.s3.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=body, **encryption)


def _bounded(body: bytes, uri: str) -> bytes:
    if len(body) > LARGEST_READ:
        raise TooLarge(f"{uri} has more than {LARGEST_READ >> 20} MB")
    return body


def _stream(chunks: Iterable[bytes], to: Path, limit: int | None, uri: str) -> str:
    """Writes chunks to a file and returns their MD5 in hex. Raises TooLarge."""
    # It is what manifests have; nothing secret hangs on it.
    digest, came = hashlib.md5(usedforsecurity=False), 0
    with to.open("wb") as file:
        for chunk in chunks:
            came += len(chunk)
            if limit is not None and came > limit:
                raise TooLarge(f"{uri} has more than the {limit:,} bytes that it should have")
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
