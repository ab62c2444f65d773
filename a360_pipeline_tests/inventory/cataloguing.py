"""A table of inventories in the sandbox: small deliveries written as consolidation writes them, and published."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from a360_pipeline.engines.athena import Athena
from a360_pipeline.engines.engine import Execution
from a360_pipeline.engines.waiting import finish
from a360_pipeline.inventory.arrow import SCHEMA
from a360_pipeline.inventory.table import Catalog
from a360_pipeline.sandbox.aws import serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline_tests.sandbox.clients import BUCKET, ROLE, Clients

INVENTORIES = "a360-inventory"
DATABASE, TABLE = "a360_inventory", "objects"
DAY = dt.date(2026, 3, 2)
MORNING = dt.datetime(2026, 3, 2, 1, tzinfo=dt.UTC)
ACCOUNT, REGION = "000000000012", "eu-central-2"


@contextmanager
def asked() -> Iterator[Clients]:
    """Clients of an AWS that has the bucket of consolidated inventories."""
    tiny = Organization.seeded(sizes=Sizes(keys=1, instances=1, applications=1, patches=1, others=1))
    with serve(tiny, bucket=BUCKET, member_role=ROLE) as running:
        clients = Clients(running)
        clients.hub("s3").create_bucket(Bucket=INVENTORIES)
        yield clients
        clients.close()


def parquet(rows: Sequence[Mapping[str, Any]], schema: pa.Schema = SCHEMA, **options: Any) -> bytes:
    """Rows in the layout; what they do not say is null."""
    table = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema)
    written = io.BytesIO()
    pq.write_table(table, written, compression="zstd", **options)
    return written.getvalue()


class Inventories:
    """A table of the catalogue, over a folder of its own, and Athena."""

    def __init__(self, clients: Clients, table: str = TABLE) -> None:
        self.table = table
        self.running = clients.stand_in
        self.s3 = clients.hub("s3")
        self.glue = clients.hub("glue")
        self.athena = clients.hub("athena")
        self.catalog = Catalog(self.glue, DATABASE, table, f"s3://{INVENTORIES}/{table}/")
        self.engine = Athena(self.athena, self.s3, "a360", f"s3://{INVENTORIES}/results/")

    def deliver(self, bucket: str, delivery: str, body: bytes, day: dt.date = DAY) -> str:
        """Puts a delivery's one file, and a note beside it that is none, and returns the folder's address."""
        folder = f"{self.table}/{ACCOUNT}/{REGION}/{bucket}/{day}/{delivery}"
        self.s3.put_object(Bucket=INVENTORIES, Key=f"{folder}/part-00000.parquet", Body=body)
        self.s3.put_object(Bucket=INVENTORIES, Key=f"{folder}/_delivery.json", Body=b"{}")
        return f"s3://{INVENTORIES}/{folder}"

    def publish(
        self, bucket: str, location: str, at: dt.datetime = MORNING, key: str = "m/manifest.json", day: dt.date = DAY
    ) -> bool:
        return self.catalog.publish(day, ACCOUNT, REGION, bucket, location, delivered_at=at, manifest_key=key)

    def put(self, bucket: str, *keys: str, delivery: str = "first", day: dt.date = DAY) -> None:
        """Delivers objects of these keys, and publishes them."""
        body = parquet([{"bucket": bucket, "key": key, "size": len(key)} for key in keys])
        self.publish(bucket, self.deliver(bucket, delivery, body, day), day=day)

    def ended(self, sql: str) -> Execution:
        return finish(
            self.engine, self.engine.start(sql, DATABASE), patience=60, sleep=lambda _: self.running.athena.settle()
        )

    def ask(self, sql: str) -> pa.Table:
        execution = self.ended(sql)
        assert execution.state == "SUCCEEDED", execution.reason
        return self.engine.result(execution)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return list(zip(*(column.to_pylist() for column in self.ask(sql).columns), strict=True))
