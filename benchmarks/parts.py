"""Parts that benchmarks share: a bucket in memory, a warehouse for the run, the field's snapshots many times over."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
from botocore.exceptions import ClientError

from a360_pipeline.sandbox import postgres
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse.migrate import migrate

FIELD_SNAPSHOTS = Path(__file__).parents[2] / "shared" / "data" / "snapshots" / "data"


class MemoryS3:
    """As much of an S3 client as the store of snapshots calls, without the cost of one."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> None:
        self.objects[Key] = Body

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:
        return {"Body": BytesIO(self.objects[Key])}

    def head_object(self, *, Key: str, **_: Any) -> dict[str, Any]:
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadObject")
        return {"ETag": _etag(self.objects[Key])}

    def copy_object(self, *, Key: str, CopySource: dict[str, str], **_: Any) -> None:
        self.objects[Key] = self.objects[CopySource["Key"]]

    def delete_object(self, *, Key: str, **_: Any) -> None:
        del self.objects[Key]

    def get_paginator(self, _operation: str) -> MemoryS3:
        return self

    def paginate(self, *, Prefix: str, **_: Any) -> Iterator[dict[str, Any]]:
        now = dt.datetime.now(dt.UTC)
        found = [(key, body) for key, body in self.objects.items() if key.startswith(Prefix)]
        yield {
            "Contents": [
                {
                    "Key": k,
                    "ETag": _etag(b),
                    "Size": len(b),
                    "LastModified": now,
                }
                for k, b in found
            ]
        }


def _etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def memory_store() -> SnapshotStore:
    return SnapshotStore(MemoryS3(), "benchmark", "data/", "loaded/", "quarantine/")


@contextmanager
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL for the run alone."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "postgres"
        server = postgres.start(directory)
        try:
            yield server
        finally:
            postgres.stop(directory)
            location = directory / "location"
            if location.exists():
                shutil.rmtree(location.read_text().strip())


def new_warehouse(server: postgres.Server, name: str) -> str:
    """The URL of an empty, migrated warehouse."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}"')
    migrate(server.url(name))
    return server.url(name)


def repeat_field_snapshots(store: SnapshotStore, account_regions: int) -> None:
    """Puts the field's snapshots as those of as many accounts and regions; an account has two regions."""
    originals = sorted(FIELD_SNAPSHOTS.glob("*/*/*.json"))[:2]
    for number in range(account_regions // len(originals)):
        for path in originals:
            account, region = path.parts[-3], path.parts[-2]
            other = f"{100_000_000_000 + number}"
            store.put(
                f"data/{other}/{region}/{path.name}",
                path.read_bytes().replace(account.encode(), other.encode()),
            )
