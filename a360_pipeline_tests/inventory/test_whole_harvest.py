"""Harvests on whole organizations: what goes wrong is told, all else is counted, and nothing is left."""

from __future__ import annotations

import datetime as dt
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.inventory.harvest.ending import cancel
from a360_pipeline.inventory.harvest.states import BucketState, HarvestState, Way
from a360_pipeline.inventory.means import Means
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.settings import load_settings
from a360_pipeline_tests.conftest import BUCKET, lead_to
from a360_pipeline_tests.inventory.whole import (
    begin_and_deploy,
    buckets_of,
    days_of,
    deliver,
    left_behind,
    states,
    take_and_go_on,
    today,
    totals,
    truth,
)

INVENTORIES = "a360-inventory"
REGIONS = ("us-east-1", "eu-central-2", "eu-west-1", "ap-southeast-4")
SENDER, READER = "inventory@northlight.example", "platform@northlight.example"
REQUEST = {
    "run_id": "whole",
    "listed_objects": 5,
    "exclude_buckets": ["a360-*"],
    "sender": SENDER,
    "recipients": [READER],
    "queries": [
        {"name": "secrets_by_name"},
        {"name": "biggest", "sql": "SELECT key, size FROM {ATHENA_TABLE} ORDER BY size DESC LIMIT 3"},
    ],
}
RUN = """
import os, signal, sys
import botocore.client
point, calls, whole = int(sys.argv[1]), 0, botocore.client.BaseClient._make_api_call
def counted(client, operation, parameters):
    global calls
    calls += 1
    if calls == point:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(client, operation, parameters)
botocore.client.BaseClient._make_api_call = counted
from a360_pipeline.inventory.means import Means
from a360_pipeline.settings import load_settings
from a360_pipeline_tests.inventory.test_whole_harvest import REQUEST
from a360_pipeline_tests.inventory.whole import run_to_its_end
settings = load_settings()
run_to_its_end(Means.of(settings), REQUEST, settings.endpoint_url)
print(calls)
"""


@contextmanager
def organization_of(
    accounts: int, regions: tuple[str, ...], sizes: Sizes, database_url: str, tmp_path: Path, patch: pytest.MonkeyPatch
) -> Iterator[tuple[StandIn, Means]]:
    organization = Organization.seeded(accounts=accounts, regions=regions, sizes=sizes)
    with serve(organization, bucket=BUCKET, member_role="a360-member", inventory_bucket=INVENTORIES) as stand_in:
        lead_to(stand_in, tmp_path, patch)
        patch.setenv("A360_DATABASE_URL", database_url)
        stand_in.post.allow(verified=[SENDER, READER], production=False)
        yield stand_in, Means.of(load_settings())


def check_a_harvest_with_faults(stand_in: StandIn, means: Means, failing_region: str) -> None:
    """A tenth of the deliveries are corrupt, late or doubled, and one region has no stack."""
    stand_in.faults.set(failing_stacks={failing_region: "the quota of buckets is reached"})
    begin_and_deploy(means, REQUEST)
    planned = buckets_of(means, "whole")
    configured = sorted(name for name, row in planned.items() if row.state is BucketState.IN_PROGRESS)
    tenth = random.Random(5).sample(configured, max(3, len(configured) // 10))
    corrupt, late, doubled = tenth[0::3], tenth[1::3], tenth[2::3]
    befallen = {"corrupt": corrupt, "late": late, "duplicate": doubled}
    faults = {name: [fault] for fault, names in befallen.items() for name in names}
    deliver(stand_in.endpoint_url, today(), faults)
    waiting = take_and_go_on(means, "whole")
    assert waiting.state is HarvestState.WAITING
    assert {name for name, row in buckets_of(means, "whole").items() if row.state is BucketState.IN_PROGRESS} == set(
        late
    )
    deliver(stand_in.endpoint_url, today(), {})
    assert take_and_go_on(means, "whole").state is HarvestState.WAITING
    assert waiting.deadline is not None
    harvest = take_and_go_on(means, "whole", waiting.deadline + dt.timedelta(minutes=1))
    assert (harvest.state, harvest.outcome, harvest.message) == (HarvestState.DONE, HarvestState.REPORTED, None)

    buckets = buckets_of(means, "whole")
    stackless = {n for n, row in buckets.items() if row.way is Way.CONFIGURED and row.region == failing_region}
    assert stackless
    assert {n for n, row in buckets.items() if row.state is BucketState.VERIFICATION_FAILED} == set(corrupt)
    assert {n for n, row in buckets.items() if row.state is BucketState.NOT_CREATED} == stackless
    held = {
        name: stand_in.organization.objects(row.account_id, name, today())
        for name, row in buckets.items()
        if name not in stackless and name not in corrupt
    }
    good = {name: buckets[name] for name, versions in held.items() if versions}
    assert {row.state for row in good.values()} == {BucketState.DONE}
    assert {buckets[name].state for name, versions in held.items() if not versions} == {BucketState.EMPTY}
    assert totals(means) == truth(stand_in, good)

    missing = {*corrupt, *stackless}
    report, receipt = stand_in.post.sent
    assert report.subject == f"Harvest whole incomplete: {len(missing)} of {len(buckets)} buckets missing"
    for content in (report.html, report.text):
        named = sum(name in content for name in missing)
        assert named == len(missing) or f"and {len(missing) - named} more" in content
        assert "secrets_by_name" in content
    assert "nothing is left" in receipt.subject
    assert (harvest.receipt or {})["is_clean"] is True
    assert left_behind(stand_in, "whole") == []


def test_a_harvest_tells_what_went_wrong_counts_all_else_and_leaves_nothing(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I1, I3, I4, I13, I19. The whole way, with corrupt, late and doubled deliveries and a region without a stack."""
    sizes = Sizes(keys=1, instances=1, applications=1, patches=1, others=12, objects=24)
    with organization_of(3, REGIONS[:2], sizes, warehouse_url, tmp_path, monkeypatch) as (stand_in, means):
        check_a_harvest_with_faults(stand_in, means, REGIONS[1])


def test_a_recurring_harvest_counts_each_day_until_it_is_cancelled(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I16. Configurations stay, days stand side by side, and each has its report."""
    sizes = Sizes(keys=1, instances=1, applications=1, patches=1, others=4, objects=24)
    with organization_of(2, REGIONS[:1], sizes, warehouse_url, tmp_path, monkeypatch) as (stand_in, means):
        begin_and_deploy(means, {**REQUEST, "lifetime": "recurring"})
        reports = []
        for day in range(3):
            date = today() + dt.timedelta(days=day)
            now = dt.datetime.combine(date, dt.time(12), dt.UTC)
            deliver(stand_in.endpoint_url, date, {})
            harvest = take_and_go_on(means, "whole", now)
            assert harvest.state is HarvestState.WAITING
            reports.append((harvest.report or {})["rollup"])
        assert len(set(reports)) == 3
        assert len(stand_in.post.sent) == 3
        configured = {n for n, row in buckets_of(means, "whole").items() if row.way is Way.CONFIGURED}
        counted = days_of(means)
        assert configured
        assert {name: len(counted[name]) for name in configured} == dict.fromkeys(configured, 3)
        for name in configured:
            for date in counted[name]:
                account = buckets_of(means, "whole")[name].account_id
                assert counted[name][date] == len(stand_in.organization.objects(account, name, date))
        cancel(means, "whole")
        assert take_and_go_on(means, "whole").state is HarvestState.DONE
        assert left_behind(stand_in, "whole") == []


def test_a_smoke_test_goes_the_whole_way_at_once_and_leaves_no_trace(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I12. Of every account a bucket, and S3 delivers nothing."""
    sizes = Sizes(keys=1, instances=1, applications=1, patches=1, others=4, objects=24)
    with organization_of(3, REGIONS[:1], sizes, warehouse_url, tmp_path, monkeypatch) as (stand_in, means):
        begin_and_deploy(means, {**REQUEST, "smoke_test": True})
        harvest = take_and_go_on(means, "whole")
        assert (harvest.state, harvest.outcome) == (HarvestState.DONE, HarvestState.REPORTED)
        done = {row.account_id for row in buckets_of(means, "whole").values() if row.state is BucketState.DONE}
        assert done == {account.id for account in stand_in.organization.accounts}
        assert days_of(means) == {}
        assert left_behind(stand_in, "whole") == []


@pytest.mark.slow
def test_a_harvest_of_twelve_accounts_four_regions_and_three_hundred_buckets(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = Sizes(keys=1, instances=1, applications=1, patches=1, others=60, objects=60)
    with organization_of(12, REGIONS, sizes, warehouse_url, tmp_path, monkeypatch) as (stand_in, means):
        check_a_harvest_with_faults(stand_in, means, REGIONS[2])
        assert len(buckets_of(means, "whole")) >= 300


@pytest.mark.slow
def test_killed_at_twenty_points_and_resumed_it_ends_as_if_nothing_had_been(
    new_database: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I15."""
    sizes = Sizes(keys=1, instances=1, applications=1, patches=1, others=16, objects=24)
    numbers = count()

    def ended(*points: int) -> tuple[Any, int]:
        place = tmp_path / str(next(numbers))
        place.mkdir()
        database = new_database("template_warehouse")
        with organization_of(5, REGIONS[:2], sizes, database, place, monkeypatch) as (stand_in, means):
            for point in points:
                command = [sys.executable, "-c", RUN, str(point)]
                run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
                assert run.returncode in (0, -9), run.stderr
            assert run.returncode == 0, run.stderr
            buckets = buckets_of(means, "whole")
            assert len(buckets) >= 40
            assert left_behind(stand_in, "whole") == []
            assert totals(means) == truth(
                stand_in, {name: row for name, row in buckets.items() if row.state is BucketState.DONE}
            )
            return states(buckets), int(run.stdout)

    quiet, calls = ended(0)
    for point in sorted(random.Random(11).sample(range(1, calls), 20)):
        assert ended(point, 0)[0] == quiet, f"killed at call {point} of {calls}"
