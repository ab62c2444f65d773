"""What one look for deliveries costs where ten thousand keys lie, and where none does."""

from __future__ import annotations

import os
import time
from pathlib import Path

from moto.s3.models import s3_backends

from a360_pipeline.inventory.harvest.arrivals import SLICE, find_arrivals
from a360_pipeline.inventory.harvest.planned import Plan, PlannedBucket
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.request import HarvestRequest
from a360_pipeline.inventory.harvest.states import BucketState, HarvestState, Way
from a360_pipeline.inventory.means import Means
from a360_pipeline.sandbox.aws import serve
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.settings import load_settings
from benchmarks.parts import new_warehouse, postgres_server

BUCKETS = 1_000
KEYS = 10
INVENTORIES, DESTINATION = "a360-inventory", "a360-ticks-destination"

Metrics = dict[str, float]


def tick(_directory: Path) -> Metrics:
    """CPU seconds of a look at ten thousand keys, and of one at an empty prefix."""
    organization = Organization.seeded(accounts=1, regions=("us-east-1",))
    with (
        postgres_server() as server,
        serve(organization, bucket="a360-snapshots", member_role="a360-member", inventory_bucket=INVENTORIES) as aws,
    ):
        os.environ |= {
            "A360_ENDPOINT_URL": aws.endpoint_url,
            "A360_ACCESS_KEY_ID": aws.access_key_id,
            "A360_SECRET_ACCESS_KEY": aws.secret_access_key,
            "A360_EXTERNAL_ID": aws.external_id,
            "A360_DATABASE_URL": new_warehouse(server, "ticks"),
        }
        means, account = Means.of(load_settings()), organization.management.id
        s3 = s3_backends[account]["aws"]
        s3.create_bucket(DESTINATION, "us-east-1")
        with means.connect() as connection:
            registry = Registry(connection)
            _harvest(registry, account)
            find_arrivals(means, registry)
            empty = _cpu(means, registry, arrivals=0)
            for number in range(BUCKETS):
                for key in _keys(account, number):
                    s3.put_object(DESTINATION, key, b"")
            full = _cpu(means, registry, arrivals=BUCKETS)
    return {"sensor_tick_cpu_s": full, "sensor_tick_cpu_s_empty": empty, "sensor_tick_keys": BUCKETS * KEYS}


def _harvest(registry: Registry, account: str) -> None:
    """One that waits for a delivery of each of its buckets."""
    buckets = tuple(
        PlannedBucket(
            account,
            f"lake-{number:04}",
            "us-east-1",
            Way.CONFIGURED,
            BucketState.IN_PROGRESS,
            configuration_id="a360-ticks",
            destination_bucket=DESTINATION,
            destination_prefix=f"ticks/{account}/lake-{number:04}/a360-ticks/",
        )
        for number in range(BUCKETS)
    )
    registry.create(HarvestRequest(run_id="ticks"), Plan("ticks", account, (account,), (), buckets))
    registry.move("ticks", HarvestState.DEPLOYING)
    registry.move("ticks", HarvestState.WAITING)


def _keys(account: str, number: int) -> list[str]:
    folder = f"ticks/{account}/lake-{number:04}/a360-ticks"
    delivery = [f"{folder}/2026-11-24T01-00Z/manifest.{kind}" for kind in ("json", "checksum")]
    return delivery + [f"{folder}/data/{part}.parquet" for part in range(KEYS - len(delivery))]


def _cpu(means: Means, registry: Registry, *, arrivals: int) -> float:
    begun = time.thread_time()
    found = find_arrivals(means, registry, SLICE)
    spent = time.thread_time() - begun
    if len(found.arrivals) != arrivals or found.problems:
        raise ValueError(f"{len(found.arrivals)} deliveries were found of {arrivals}: {found.problems}")
    return spent
