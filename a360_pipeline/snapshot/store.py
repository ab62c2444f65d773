"""Snapshots in S3: list what waits, read, write, move to `loaded/`, set apart in `quarantine/`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code
from a360_pipeline.settings import Settings
from a360_pipeline.snapshot.wire import Snapshot, write_snapshot

GONE = frozenset({"404", "NoSuchKey", "412", "PreconditionFailed"})


@dataclass(frozen=True, slots=True, order=True)
class StoredObject:
    """An object as a listing shows it: one version of a key, told by its ETag."""

    key: str
    etag: str
    size: int
    last_modified: dt.datetime


class Store(Protocol):
    """Where snapshots lie, as the loader sees it."""

    @property
    def bucket(self) -> str:
        """What the load ledger calls the place."""

    def path(self, key: str) -> str:
        """The part of a key that names account, region and day."""

    def uri(self, key: str) -> str:
        """The address a person finds an object by."""

    def read(self, found: StoredObject) -> bytes | None:
        """The bytes of just this version of an object; None when it is no longer there."""

    def to_loaded(self, found: StoredObject) -> bool:
        """Takes a loaded object out of the way; False when this version is no longer there."""

    def to_quarantine(self, found: StoredObject, reason: str) -> bool:
        """Takes a bad object out of the way; False when this version is no longer there."""


@dataclass(frozen=True, slots=True)
class SnapshotStore:
    """The bucket of snapshots. `s3` is a botocore client."""

    s3: Any
    bucket: str
    data_prefix: str
    loaded_prefix: str
    quarantine_prefix: str
    kms_key_id: str | None = None

    @classmethod
    def of(cls, settings: Settings, s3: Any) -> SnapshotStore:
        return cls(
            s3,
            settings.bucket,
            settings.data_prefix,
            settings.loaded_prefix,
            settings.quarantine_prefix,
            settings.kms_key_id,
        )

    def waiting(self, prefix: str | None = None) -> Iterator[StoredObject]:
        """Everything under the data prefix, page by page. Raises ClientError: unreadable is not empty."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.data_prefix if prefix is None else prefix
        )
        for page in pages:
            for found in page.get("Contents", ()):
                # Consoles make "folders" as empty objects; nobody sends facts in them.
                if not found["Key"].endswith("/"):
                    yield StoredObject(found["Key"], found["ETag"], found["Size"], found["LastModified"])

    def path(self, key: str) -> str:
        """The part of a key that names account, region and day."""
        return key.removeprefix(self.data_prefix)

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def write(self, snapshot: Snapshot) -> str:
        """Puts a snapshot where the sensor finds it, and returns its key."""
        key = self.data_prefix + snapshot.key.path
        self.put(key, write_snapshot(snapshot))
        return key

    def put(self, key: str, body: bytes, **condition: str) -> None:
        """Writes JSON, encrypted with the settings' key if there is one."""
        options = {"ContentType": "application/json", **self._encryption(), **condition}
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **options)

    def get(self, key: str, **condition: str) -> bytes | None:
        """The bytes of an object; None when it is not there, or not as the condition has it."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=key, **condition)
        except ClientError as error:
            if error_code(error) in GONE:
                return None
            raise
        body: bytes = answer["Body"].read()
        return body

    def read(self, found: StoredObject) -> bytes | None:
        """The bytes of just this version of an object; None when it is no longer there."""
        return self.get(found.key, IfMatch=found.etag)

    def to_loaded(self, found: StoredObject) -> bool:
        """Moves a loaded object; False when this version is no longer there to be moved.

        The version that was loaded under this name before is kept beside it, named by its ETag.
        """
        target = self.loaded_prefix + self.path(found.key)
        before = self._etag(target)
        if before is not None and before != found.etag:
            self._copy(target, f"{target}.{before.strip(chr(34))}", before)
        return self._move(found, target)

    def _etag(self, key: str) -> str | None:
        try:
            etag: str = self.s3.head_object(Bucket=self.bucket, Key=key)["ETag"]
        except ClientError as error:
            if error_code(error) in GONE:
                return None
            raise
        return etag

    def to_quarantine(self, found: StoredObject, reason: str) -> bool:
        """Sets an object apart with its reason beside it; every bad version of a key is kept."""
        name, reason_name = self._quarantine_names(found.key, found.etag)
        note = {"object": self.uri(found.key), "etag": found.etag, "reason": reason}
        self.put(reason_name, json.dumps(note, indent=1).encode())
        return self._move(found, name)

    def put_back(self, key: str, etag: str) -> str | None:
        """Undoes `to_quarantine`, so that the object is loaded again; returns what prevents it."""
        name, reason_name = self._quarantine_names(key, etag)
        body = self.get(name)
        if body is None:
            return f"{self.uri(name)} is not there"
        try:
            # What its sender has put there since is newer and must not be overwritten.
            self.put(key, body, IfNoneMatch="*")
        except ClientError as error:
            if error_code(error) in GONE:
                return f"another version waits at {self.uri(key)}; load that first"
            raise
        for each in (name, reason_name):
            self.s3.delete_object(Bucket=self.bucket, Key=each)
        return None

    def _quarantine_names(self, key: str, etag: str) -> tuple[str, str]:
        """Where a version of an object lies in quarantine, and where the reason."""
        name = f"{self.quarantine_prefix}{self.path(key)}.{etag.strip(chr(34))}"
        return name, f"{name}.reason.json"

    def _move(self, found: StoredObject, target: str) -> bool:
        try:
            self._copy(found.key, target, found.etag)
            # A sender may have replaced the object since: only the version that was copied may go.
            self.s3.delete_object(Bucket=self.bucket, Key=found.key, IfMatch=found.etag)
        except ClientError as error:
            if error_code(error) in GONE:
                return False
            raise
        return True

    def _copy(self, source: str, target: str, etag: str) -> None:
        self.s3.copy_object(
            Bucket=self.bucket,
            Key=target,
            CopySource={"Bucket": self.bucket, "Key": source},
            CopySourceIfMatch=etag,
            **self._encryption(),
        )

    def _encryption(self) -> dict[str, str]:
        if self.kms_key_id is None:
            return {}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key_id}
