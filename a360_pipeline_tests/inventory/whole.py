"""A harvest from its request to its receipt over the sandbox's AWS, and what must be true of it at its end."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection
from typing import Any

from moto.cloudformation.models import cloudformation_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends

from a360_pipeline.aws.accounts import discover_accounts
from a360_pipeline.engines.waiting import finish
from a360_pipeline.inventory.harvest.arrivals import find_arrivals
from a360_pipeline.inventory.harvest.keeping import engine_of
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.request import request_of
from a360_pipeline.inventory.harvest.rows import BucketRow, Harvest
from a360_pipeline.inventory.harvest.states import BucketState, HarvestState
from a360_pipeline.inventory.harvest.take import take_all
from a360_pipeline.inventory.means import Means
from a360_pipeline.report.harvesting import begin, go_on_until_it_waits
from a360_pipeline.sandbox.aws import StandIn

TOTALS = """
    SELECT account, bucketname, count(*) AS versions, sum(size) AS bytes,
        count_if(is_delete_marker) AS markers, min(key) AS first_key, max(key) AS last_key
    FROM objects GROUP BY account, bucketname
"""

DAYS = "SELECT bucketname, snapshot_date, count(*) AS versions FROM objects GROUP BY bucketname, snapshot_date"


def today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def begin_and_deploy(means: Means, request: Mapping[str, Any]) -> None:
    """Plans a harvest unless it is there, and makes what it needs."""
    asked = request_of(dict(request))
    with means.connect() as connection:
        known = {one.harvest_id for one in Registry(connection).harvests()}
    if asked.run_id not in known:
        begin(means, asked, discover_accounts(means.sessions.hub()))
    list(go_on_until_it_waits(means, asked.run_id))


def take_and_go_on(means: Means, harvest_id: str, now: dt.datetime | None = None) -> Harvest:
    """What the sensor and its runs do, until nothing is to be done."""
    with means.connect() as connection:
        registry = Registry(connection)
        arrivals = find_arrivals(means, registry).arrivals
        take_all(means, registry, [one for one in arrivals if one.bucket.harvest_id == harvest_id])
        list(go_on_until_it_waits(means, harvest_id, now))
        return registry.harvest(harvest_id)


def deliver(endpoint_url: str, date: dt.date, faults: Mapping[str, Sequence[str]]) -> None:
    """Has the stand-in deliver, from whatever process."""
    connection = HTTPConnection(endpoint_url.removeprefix("http://"), timeout=300)
    body = json.dumps({"date": date.isoformat(), "faults": faults})
    connection.request("PUT", "/_a360/inventory", body)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
    connection.close()


def run_to_its_end(means: Means, request: Mapping[str, Any], endpoint_url: str) -> Harvest:
    """A harvest that nothing befalls."""
    begin_and_deploy(means, request)
    deliver(endpoint_url, today(), {})
    for _ in range(10):
        harvest = take_and_go_on(means, str(request["run_id"]))
        if harvest.state is HarvestState.DONE:
            return harvest
    raise AssertionError(f"it does not end: {harvest.state} {harvest.message}")


def buckets_of(means: Means, harvest_id: str) -> dict[str, BucketRow]:
    """All but those that the request leaves out."""
    with means.connect() as connection:
        rows = Registry(connection).buckets(harvest_id)
    return {row.bucket: row for row in rows if row.state is not BucketState.EXCLUDED}


def answer(means: Means, sql: str) -> list[dict[str, Any]]:
    """What Athena answers."""
    engine = engine_of(means, "tests")
    execution = finish(engine, engine.start(sql, means.settings.glue_database), patience=60, sleep=lambda _: None)
    rows: list[dict[str, Any]] = engine.result(execution).to_pylist()
    return rows


def totals(means: Means) -> dict[str, tuple[Any, ...]]:
    """What the table holds, by bucket."""
    return {row.pop("bucketname"): tuple(row.values()) for row in answer(means, TOTALS)}


def days_of(means: Means) -> dict[str, dict[dt.date, int]]:
    """How many versions the table holds, by bucket and day."""
    days: dict[str, dict[dt.date, int]] = {}
    for row in answer(means, DAYS):
        days.setdefault(row["bucketname"], {})[row["snapshot_date"]] = row["versions"]
    return days


def truth(stand_in: StandIn, buckets: Mapping[str, BucketRow]) -> dict[str, tuple[Any, ...]]:
    """What the table must hold of these buckets."""
    expected = {}
    for name, row in buckets.items():
        versions = stand_in.organization.objects(row.account_id, name, today())
        keys = [version.key for version in versions]
        expected[name] = (
            row.account_id,
            len(versions),
            sum(version.size or 0 for version in versions),
            sum(version.is_delete_marker for version in versions),
            min(keys, key=lambda key: key.encode()),
            max(keys, key=lambda key: key.encode()),
        )
    return expected


def left_behind(stand_in: StandIn, harvest_id: str) -> list[str]:
    """Whatever bears the harvest's name in any account and region, by moto's own books."""
    organization = stand_in.organization
    accounts = [account.id for account in organization.accounts]
    return [*_buckets_left(accounts, harvest_id), *_made_left(accounts, organization.region_names)]


def _buckets_left(accounts: Sequence[str], harvest_id: str) -> Iterator[str]:
    for account in accounts:
        for name, bucket in s3_backends[account]["aws"].buckets.items():
            if name.startswith(f"a360-{harvest_id}-"):
                yield f"bucket {name}"
            yield from (f"configuration {one} of {name}" for one in bucket.inventory_configs if harvest_id in one)


def _made_left(accounts: Sequence[str], regions: Sequence[str]) -> Iterator[str]:
    for account in accounts:
        for region in regions:
            stacks = cloudformation_backends[account][region].stacks.values()
            yield from (f"stack {stack.name} {stack.status}" for stack in stacks)
            yield from (f"topic {arn}" for arn in sns_backends[account][region].topics)


def states(buckets: Mapping[str, BucketRow]) -> Counter[str]:
    return Counter(str(row.state) for row in buckets.values())
