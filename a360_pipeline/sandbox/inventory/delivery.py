"""One delivery of one inventory configuration: its data files, its manifest, and the events that tell of them."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b, md5
from itertools import chain, count, islice
from typing import Any

from moto.s3.models import FakeBucket, s3_backends
from moto.s3.notifications import S3NotificationEvent, send_event

from a360_pipeline.inventory.layout import FIELDS, Field
from a360_pipeline.sandbox import contents
from a360_pipeline.sandbox.facts.chance import draw
from a360_pipeline.sandbox.identity import PARTITION
from a360_pipeline.sandbox.inventory.formats import FORMATS, Format, Values, values_of
from a360_pipeline.sandbox.organization import Organization

FIRST_FILE_ROWS = 200
MOST_FILE_ROWS = 100_000
"""A file has twice the rows of the one before: small buckets have several, and large ones not thousands."""
VERSION = "2016-11-30"
EVENTS = (
    S3NotificationEvent.OBJECT_CREATED_PUT_EVENT,
    S3NotificationEvent.OBJECT_CREATED_COMPLETE_MULTIPART_UPLOAD_EVENT,
)


@dataclass(frozen=True, slots=True)
class File:
    """A data file as the manifest lists it."""

    key: str
    size: int
    md5: str


@dataclass(frozen=True)
class Delivery:
    """What one configuration is to deliver at one time; equal deliveries write equal bytes."""

    organization: Organization
    source: FakeBucket
    configuration: dict[str, Any]
    at: dt.datetime

    @property
    def folder(self) -> str:
        """Under which everything of the configuration lies."""
        prefix = self._destination.get("Prefix", "").rstrip("/")
        return f"{prefix}/{self._name}" if prefix else self._name

    @property
    def manifest_key(self) -> str:
        return f"{self.folder}/{self.at:%Y-%m-%dT%H-%MZ}/manifest.json"

    @property
    def target(self) -> FakeBucket:
        """The destination bucket. Raises KeyError where there is none."""
        name = self._destination["Bucket"].split(":")[-1]
        partition, owner = s3_backends.bucket_accounts[name]
        bucket: FakeBucket = s3_backends[owner][partition].buckets[name]
        return bucket

    @property
    def fields(self) -> tuple[Field, ...]:
        """What the configuration asks for, in the order in which AWS has it."""
        optional = set(self.configuration.get("OptionalFields", ()))
        all_versions = self.configuration["IncludedObjectVersions"] == "All"
        return tuple(
            field
            for field in FIELDS
            if (field.wire in optional if field.is_optional else all_versions or not field.is_versioned)
        )

    def rows(self) -> Iterator[Values]:
        """What the bucket held when the day began, one row at a time."""
        prefix = self.configuration.get("Filter", {}).get("Prefix", "")
        all_versions, fields = self.configuration["IncludedObjectVersions"] == "All", self.fields
        for version in contents.versions(self.organization, self.source, self.at.date()):
            is_current = version.is_latest and not version.is_delete_marker
            if (all_versions or is_current) and version.key.startswith(prefix):
                yield values_of(self.source.name, version, fields)

    def put_files(self, put: Callable[[int, str, bytes], None]) -> tuple[list[File], int]:
        """Hands each data file to `put` with its place and its key; returns their list, and how many rows they hold."""
        files: list[File] = []
        counter, most = count(), FIRST_FILE_ROWS
        rows = (row for row, _ in zip(self.rows(), counter, strict=False))
        for first in rows:
            body = self._format.write(self.fields, chain((first,), islice(rows, most - 1)))
            key = f"{self.folder}/data/{self._uuid(len(files))}.{self._format.extension}"
            put(len(files), key, body)
            files.append(File(key, len(body), _md5(body)))
            most = min(most * 2, MOST_FILE_ROWS)
        return files, next(counter)

    def put_manifest(self, files: list[File]) -> list[str]:
        """Writes manifest.json, then its checksum, then the list for Hive; returns the keys in that order."""
        bucket_arn = f"arn:{PARTITION}:s3:::{self.target.name}"
        manifest = {
            "sourceBucket": self.source.name,
            "destinationBucket": bucket_arn,
            "version": VERSION,
            "creationTimestamp": str(int(self.at.timestamp() * 1000)),
            "fileFormat": self._destination["Format"],
            "fileSchema": self._format.describe(self.fields),
            "files": [{"key": file.key, "size": file.size, "MD5checksum": file.md5} for file in files],
        }
        body = json.dumps(manifest, indent=2, separators=(",", " : "), ensure_ascii=False).encode()
        addresses = "\n".join(f"s3://{self.target.name}/{file.key}" for file in files)
        written = {
            self.manifest_key: body,
            self.manifest_key.replace("manifest.json", "manifest.checksum"): f"{_md5(body)}\n".encode(),
            f"{self.folder}/hive/dt={self.at:%Y-%m-%d-%H-%M}/symlink.txt": addresses.encode(),
        }
        for key, content in written.items():
            self.put(key, content)
        return list(written)

    def put(self, key: str, body: bytes) -> None:
        """Writes an object as S3 does, encrypted as the configuration asks, and tells nobody yet."""
        encryption = self._destination.get("Encryption", {})
        kms_key = encryption.get("SSEKMS", {}).get("KeyId")
        s3_backends[self.target.account_id][PARTITION].put_object(
            self.target.name,
            key,
            body,
            encryption="aws:kms" if kms_key else "AES256",
            kms_key_id=kms_key,
            disable_notification=True,
        )

    def tell(self, key: str) -> None:
        """Sends the event of the object, to whom the bucket's notifications say; some are of multipart uploads."""
        event = EVENTS[draw(key, self.at) % 3 == 0]
        send_event(self.target.account_id, event, self.target, self.target.keys[key])

    @cached_property
    def _destination(self) -> dict[str, Any]:
        destination: dict[str, Any] = self.configuration["Destination"]["S3BucketDestination"]
        return destination

    @property
    def _name(self) -> str:
        return f"{self.source.name}/{self.configuration['Id']}"

    @property
    def _format(self) -> Format:
        return FORMATS[self._destination["Format"]]

    def _uuid(self, place: int) -> uuid.UUID:
        named = f"{self.organization.seed}/{self._name}/{self.at}/{place}"
        return uuid.UUID(bytes=blake2b(named.encode(), digest_size=16).digest(), version=4)


def _md5(body: bytes) -> str:
    return md5(body, usedforsecurity=False).hexdigest()
