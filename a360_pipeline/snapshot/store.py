"""Snapshots in S3: list what waits, read, write, move to `loaded/`, set apart in `quarantine/`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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

    def put(self, key: str, body: bytes) -> None:
        """Writes JSON, encrypted with the settings' key if there is one."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json", **self._encryption())

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
        """Moves a loaded object; False when this version is no longer there to be moved."""
        return self._move(found, self.loaded_prefix + self.path(found.key))

    def to_quarantine(self, found: StoredObject, reason: str) -> bool:
        """Sets an object apart with its reason beside it; every bad version of a key is kept."""
        name = f"{self.quarantine_prefix}{self.path(found.key)}.{found.etag.strip(chr(34))}"
        note = {"object": self.uri(found.key), "etag": found.etag, "reason": reason}
        self.put(f"{name}.reason.json", json.dumps(note, indent=1).encode())
        return self._move(found, name)

    def _move(self, found: StoredObject, target: str) -> bool:
        try:
            self.s3.copy_object(
                Bucket=self.bucket,
                Key=target,
                CopySource={"Bucket": self.bucket, "Key": found.key},
                CopySourceIfMatch=found.etag,
                **self._encryption(),
            )
            # A sender may have replaced the object since: only the version that was copied may go.
            self.s3.delete_object(Bucket=self.bucket, Key=found.key, IfMatch=found.etag)
        except ClientError as error:
            if error_code(error) in GONE:
                return False
            raise
        return True

    def _encryption(self) -> dict[str, str]:
        if self.kms_key_id is None:
            return {}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key_id}
