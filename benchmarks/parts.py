"""Parts that benchmarks share: buckets without S3, a warehouse, a slow line to it, the snapshots of the field."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psycopg
from botocore.exceptions import ClientError
from psycopg.conninfo import make_conninfo

from a360_pipeline.sandbox import postgres
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse.migrate import migrate

TEMPLATE = "template_warehouse"
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
    return _store(MemoryS3())


def _store(s3: Any) -> SnapshotStore:
    return SnapshotStore(s3, "benchmark", "data/", "loaded/", "quarantine/")


class MadeS3:
    """A bucket that makes an object's bytes when it is read and keeps nothing, so that a loader's memory shows."""

    def __init__(self, make: Callable[[str], bytes]) -> None:
        self.make = make

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:
        return {"Body": BytesIO(self.make(Key))}

    def head_object(self, **_: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadObject")

    def copy_object(self, **_: Any) -> None:
        """It is as if it had been copied."""

    def delete_object(self, **_: Any) -> None:
        """It is as if it had been deleted."""


def made_store(make: Callable[[str], bytes]) -> SnapshotStore:
    """A store of objects that are made by their key."""
    return _store(MadeS3(make))


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
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone() is None:
            connection.execute(f'CREATE DATABASE "{TEMPLATE}"')
            migrate(server.url(TEMPLATE))
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
    return server.url(name)


@dataclass(slots=True)
class Line:
    """A line to the server on which whatever a client sends arrives `delay` seconds later."""

    server: postgres.Server
    delay: float
    port: int
    statements: int = 0
    """Statements that clients sent: simple queries, COPY among them, and executions of the extended protocol."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, database: str) -> str:
        # Without these a client first asks for encryption, and what it sends could not be counted.
        return make_conninfo(self.server.url(database), port=self.port, sslmode="disable", gssencmode="disable")

    def serve(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                to_server = socket.create_connection((self.server.host, self.server.port))
                for each in (client, to_server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                waiting: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
                for work in (
                    lambda client=client, waiting=waiting: self._receive(client, waiting),
                    lambda to_server=to_server, waiting=waiting: _deliver(to_server, waiting),
                    lambda client=client, to_server=to_server: _pump(to_server, client),
                ):
                    threading.Thread(target=work, daemon=True).start()

    def _receive(self, client: socket.socket, waiting: SimpleQueue[tuple[float, bytes]]) -> None:
        # The first message, which starts the session, alone has no type before its length.
        pending, head = bytearray(), 0
        data = b"-"
        while data:
            data = _received(client)
            waiting.put((time.monotonic() + self.delay, data))
            pending += data
            while len(pending) >= head + 4:
                length = head + int.from_bytes(pending[head : head + 4])
                if len(pending) < length:
                    break
                if head and pending[0] in b"QE":
                    with self.lock:
                        self.statements += 1
                del pending[:length]
                head = 1


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 18)
    except OSError:
        return b""


def _deliver(to_server: socket.socket, waiting: SimpleQueue[tuple[float, bytes]]) -> None:
    # A long line, not a thin one: what was sent close together arrives close together.
    data = b"-"
    while data:
        due, data = waiting.get()
        time.sleep(max(0.0, due - time.monotonic()))
        with suppress(OSError):
            to_server.sendall(data)
    with suppress(OSError):
        to_server.shutdown(socket.SHUT_WR)


def _pump(source: socket.socket, target: socket.socket) -> None:
    while data := _received(source):
        with suppress(OSError):
            target.sendall(data)
    source.close()
    target.close()


@contextmanager
def line_to(server: postgres.Server, delay: float) -> Iterator[Line]:
    """A line on which a round trip takes `delay` seconds longer."""
    with socket.create_server((server.host, 0)) as listening:
        line = Line(server, delay, listening.getsockname()[1])
        threading.Thread(target=line.serve, args=(listening,), daemon=True).start()
        yield line


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
