"""However a history is loaded (cut up, twice, raced, killed, out of order), the warehouse ends like one undisturbed."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from a360_pipeline.coverage import SectionCoverage, Status
from a360_pipeline.sections.model import Reference, Table
from a360_pipeline.sections.registry import TABLES
from a360_pipeline.snapshot.key import SnapshotKey
from a360_pipeline.snapshot.store import StoredObject
from a360_pipeline.snapshot.wire import Snapshot, write_snapshot
from a360_pipeline.warehouse.load import LoadResult, load
from a360_pipeline.warehouse.tables import BY_NAME
from a360_pipeline_tests.warehouse.contents import contents

ACCOUNTS = ("856763896160", "461768067441")
REGIONS = ("us-east-1", "eu-west-1")
DAYS = 5
START = dt.date(2026, 3, 2)
SEEDS = range(4)
OF_ARRIVAL = {"rows_loaded", "rows_superseded"}


# --- A store that keeps what it has


@dataclass
class Shelf:
    """Versions of objects by key. Nothing is moved: what is done is what the load ledger says."""

    objects: dict[StoredObject, bytes] = field(default_factory=dict)

    @property
    def bucket(self) -> str:
        return "shelf"

    def path(self, key: str) -> str:
        return key.removeprefix("data/")

    def uri(self, key: str) -> str:
        return f"shelf://{key}"

    def read(self, found: StoredObject) -> bytes | None:
        return self.objects[found]

    def to_loaded(self, found: StoredObject) -> bool:
        return True

    def to_quarantine(self, found: StoredObject, reason: str) -> bool:
        return True

    def add(self, name: str, body: bytes, second: int) -> None:
        arrived = dt.datetime(2026, 4, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=second)
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self.objects[StoredObject(f"data/{name}", etag, len(body), arrived)] = body


# --- Histories


@dataclass
class Place:
    """What there is in one account and region, changing from day to day."""

    rng: random.Random
    account: str
    region: str
    things: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def pass_a_day(self) -> None:
        for kind in ("kms", "instances", "resources", "findings", "results"):
            held = self.things.setdefault(kind, {})
            for name in list(held):
                luck = self.rng.random()
                if luck < 0.15:
                    del held[name]
                elif luck < 0.4:
                    held[name]["state"] = self.rng.choice(("a", "b", "c"))
            for _ in range(self.rng.choice((0, 1, 1, 2))):
                # A name may come back.
                held.setdefault(f"{kind}-{self.rng.randrange(6)}", {"state": "a"})

    def of(self, kind: str) -> Iterator[tuple[str, str, str]]:
        """Name, an id that nobody else has, and state."""
        for name, thing in sorted(self.things[kind].items()):
            yield name, f"arn:{self.account}:{self.region}:{name}", thing["state"]


def content(place: Place, date: dt.date, days: int) -> dict[str, Any]:
    """What a snapshot of a place says, but for what frames it."""
    start, end = (date - dt.timedelta(days=days)).isoformat(), date.isoformat()
    # What is true of the account is told alike by each region.
    rng = random.Random(f"{place.account} {date} {days}")
    costs = {f"service-{n}": rng.randrange(1, 9) / 4 for n in range(rng.randrange(1, 4))}
    instances = [
        {"instance_id": arn, "platform": "Linux", "ping_status": state} for _, arn, state in place.of("instances")
    ]
    return {
        "account": {
            "account_id": place.account,
            "account_name": f"a{rng.randrange(2)}",
            "region": place.region,
            "product": "Shop, Payments",
            "contact_info": {"city": rng.choice(("Seattle", "Zug"))},
            "alternate_contacts": {kind: {"name": "Jo"} for kind in ("billing", "security") if rng.random() < 0.8},
        },
        "service": [
            {"service": name, "date_from": start, "date_to": end, "usage_types": "x", "cost": cost}
            for name, cost in costs.items()
        ],
        "cost": {
            "current_period_cost": sum(costs.values()),
            "period": {"start": start, "end": end, "granularity": "DAILY" if days == 1 else "MONTHLY"},
            "top_services": [{"service": name, "cost": cost} for name, cost in costs.items()],
            "forecast": [{"period": {"start": end, "end": "2026-12-31"}, "amount": rng.randrange(9)}],
        },
        "security": {"kms": [{"arn": arn, "key_id": n, "key_state": state} for n, arn, state in place.of("kms")]},
        "inventory": {
            "instances": instances,
            "applications": [
                {"instance_id": each["instance_id"], "name": f"app-{each['ping_status']}", "version": "1"}
                for each in instances
            ],
            "patches": [{"instance_id": each["instance_id"], "title": "KB1", "state": "Missing"} for each in instances],
        },
    }


def of_the_field(told: dict[str, Any], place: Place, date: dt.date) -> dict[str, Any]:
    """What only senders in the field write."""
    buckets = random.Random(f"{place.account} {date} buckets")
    told["service_resources"] = [
        *(
            {"service_name": "EC2", "resource_type": "Instance", "resource_id": name, "state": state}
            for name, _, state in place.of("resources")
        ),
        *(
            {"service_name": "S3", "resource_type": "Bucket", "resource_id": f"bucket-{n}", "region": place.region}
            for n in range(buckets.randrange(1, 4))
        ),
    ]
    told["security"]["security_hub"] = [
        {
            "service": "Security Hub",
            "findings": [
                {"finding_id": arn, "severity": "HIGH", "status": {"a": "NEW", "b": "NOTIFIED", "c": "RESOLVED"}[state]}
                for _, arn, state in place.of("findings")
            ],
        }
    ]
    told["config"] = {
        "date_from": (date - dt.timedelta(1)).isoformat(),
        "date_to": date.isoformat(),
        "total_rules": len(place.things["results"]),
        "non_compliant_resources": [
            {
                "rule_name": "rule",
                "resource_type": "AWS::S3::Bucket",
                "resource_id": name,
                "compliance_type": {"a": "NON_COMPLIANT", "b": "NON_COMPLIANT", "c": "COMPLIANT"}[state],
                "annotation": state,
            }
            for name, _, state in place.of("results")
        ],
    }
    return told


def snapshot_of(place: Place, key: SnapshotKey, rng: random.Random, is_ours: bool) -> bytes:
    told = content(place, key.date, 1 if key.interval == "DAILY" else 30)
    if not is_ours:
        told = of_the_field(told, place, key.date)
        logs: dict[str, Any] = {
            f"{name}_status": "Fail" if rng.random() < 0.1 else "Pass"
            for name in ("account", "service", "cost", "security", "inventory", "service_resources", "config")
        }
        if rng.random() < 0.2:
            told[rng.choice(("inventory", "service", "config", "service_resources"))] = []
        return json.dumps({**told, "logs": {**logs, "message": rng.choice(([], [{"cost": "slow"}]))}}).encode()
    counts = {"account": 1 + len(told["account"]["alternate_contacts"]), "service": len(told["service"])}
    counts |= {"cost": 2 + len(told["service"]), "kms": len(told["security"]["kms"])}
    counts |= {"inventory": sum(len(rows) for rows in told["inventory"].values())}
    coverage = {name: SectionCoverage(Status.OK if n else Status.EMPTY, n) for name, n in counts.items()}
    luck = rng.random()
    if luck < 0.1:
        coverage["kms"] = SectionCoverage(Status.DENIED, message="AccessDenied")
        del told["security"]
    elif luck < 0.2:
        coverage["inventory"] = SectionCoverage(Status.PARTIAL, counts["inventory"], "one instance would not say")
    return write_snapshot(Snapshot(key, told, coverage, is_ours=True))


def history(seed: int) -> list[Shelf]:
    """Days of two accounts and two regions, and at their end what is sent again, corrected."""
    rng = random.Random(seed)
    places = [Place(rng, account, region) for account in ACCOUNTS for region in REGIONS]
    # An account's sections come from one kind of sender in a region, as a roll-out goes.
    kinds = {id(place): rng.random() < 0.5 for place in places}
    shelves: list[Shelf] = []
    again: list[tuple[str, bytes]] = []
    second = 0
    for number in range(DAYS):
        date, shelf = START + dt.timedelta(number), Shelf()
        for place in places:
            place.pass_a_day()
            for interval in ("DAILY", "MONTHLY") if number == 2 else ("DAILY",):
                if rng.random() < 0.9:
                    second += 1
                    key = SnapshotKey(place.account, place.region, date, interval)
                    shelf.add(key.path, snapshot_of(place, key, rng, kinds[id(place)]), second)
            if rng.random() < 0.2:
                place.pass_a_day()
                key = SnapshotKey(place.account, place.region, date)
                again.append((key.path, snapshot_of(place, key, rng, kinds[id(place)])))
        shelves.append(shelf)
        # A correction comes before the next day does.
        if again:
            shelves.append(Shelf())
            for name, body in again:
                second += 1
                shelves[-1].add(name, body, second)
            again = []
    return shelves


# --- What they leave behind


def natural(table: Table, alias: str) -> str:
    """A row's key in SQL, with what it refers to told by its own key."""
    return f"ROW({', '.join(_value(table, name, alias) for name in table.key)})::text"


def _value(table: Table, name: str, alias: str) -> str:
    column = next(column for column in table.columns if column.name == name)
    if not isinstance(column, Reference):
        return f'{alias}."{name}"::text'
    inner = natural(BY_NAME[column.table], f"{alias}_{name}")
    return f'(SELECT {inner} FROM "{column.table}" {alias}_{name} WHERE {alias}_{name}.id = {alias}."{name}")'


def left_behind(connection: psycopg.Connection[Any], *, is_in_order: bool = True) -> dict[str, list[str]]:
    """Every row of every table with its history, whatever ids it was given; and what views make of them."""
    found = {f"view {name}": rows for name, rows in contents(connection).items() if name != "loads"}
    for table in TABLES:
        names = [column.name for column in table.columns] + [column.name for column in table.memory]
        told = {name: _value(table, name, "t") for name in names if name not in {m.name for m in table.memory}}
        told |= {memory.name: f't."{memory.name}"::text' for memory in table.memory}
        query = f'SELECT {", ".join(told.values())} FROM "{table.name}" t'
        found[table.name] = sorted(str(dict(zip(told, row, strict=True))) for row in connection.execute(query.encode()))
    found["loads"] = _told(connection, "SELECT key, etag, outcome, reason, not_taken FROM load_ledger")
    found["coverage"] = _told(
        connection, "SELECT account_id, region, section, date, interval, status, rows, is_complete, rank FROM coverage"
    )
    if is_in_order:
        found["changes"] = sorted(each for table in TABLES for each in _changes(connection, table))
        account = natural(BY_NAME["accounts"], "a")
        found["posture"] = _told(
            connection,
            f"SELECT {account}, p.product, p.date, p.total_findings, p.open_findings, p.resolved_findings "
            "FROM daily_posture p JOIN accounts a ON a.id = p.account_id",
        )
    return found


def _told(connection: psycopg.Connection[Any], query: str) -> list[str]:
    return sorted(str(row) for row in connection.execute(query.encode()))


def _changes(connection: psycopg.Connection[Any], table: Table) -> list[str]:
    return _told(
        connection,
        f"SELECT c.table_name, {natural(table, 't')}, c.date, c.change, c.before, c.after FROM resource_changes c "
        f"JOIN \"{table.name}\" t ON t.id = c.row_id WHERE c.table_name = '{table.name}'",
    )


def differences(one: dict[str, list[str]], other: dict[str, list[str]]) -> dict[str, tuple[list[str], list[str]]]:
    """What only one of two says, by name."""
    return {
        name: (sorted(set(rows) - set(other[name])), sorted(set(other[name]) - set(rows)))
        for name, rows in one.items()
        if rows != other[name]
    }


# --- Loading them


Load = Callable[[Shelf], LoadResult | None]


def put(shelf: Shelf, url: str, files: int = 1_000, objects: Iterable[StoredObject] | None = None) -> LoadResult:
    listed = sorted(shelf.objects) if objects is None else list(objects)
    return load(shelf, url, listed, batch_files=files, batch_bytes=10**9)


@dataclass
class Warehouses:
    """Makes empty ones, and looks into them."""

    new: Callable[[str], str]

    def after(self, shelves: Sequence[Shelf], step: Callable[[Shelf, str], Any] = put, **options: Any) -> Any:
        url = self.new("template_warehouse")
        for shelf in shelves:
            step(shelf, url)
        return self.look(url, **options)

    @staticmethod
    def look(url: str, **options: Any) -> dict[str, list[str]]:
        with psycopg.connect(url, options="-c timezone=UTC") as connection:
            return left_behind(connection, **options)


@pytest.fixture
def warehouses(new_database: Callable[[str], str]) -> Warehouses:
    return Warehouses(new_database)


each_history = pytest.mark.parametrize("seed", SEEDS)


def test_a_history_has_all_that_these_tests_are_about(warehouses: Warehouses) -> None:
    found: dict[str, str] = {}
    for seed in SEEDS:
        for name, rows in warehouses.after(history(seed)).items():
            found[name] = found.get(name, "") + "".join(rows)
    filled = {name for name, rows in found.items() if rows}
    assert filled >= {"kms_keys", "inventory_patches", "services", "findings", "non_compliant_resources", "posture"}
    assert {"'retired'", "'changed'"} <= {word for word in ("'retired'", "'changed'") if word in found["changes"]}
    assert all(f"'{interval}'" in found["coverage"] for interval in ("DAILY", "MONTHLY"))
    assert all(f"'{status}'" in found["coverage"] for status in ("ok", "partial", "denied", "failed"))
    assert not found["view rejected"]


@each_history
@pytest.mark.parametrize("files", [1, 2, 3])
def test_in_batches_of_any_size(seed: int, files: int, warehouses: Warehouses) -> None:
    shelves = history(seed)
    cut_up = warehouses.after(shelves, lambda shelf, url: put(shelf, url, files))
    assert differences(cut_up, warehouses.after(shelves)) == {}


@each_history
def test_each_object_fed_twice(seed: int, warehouses: Warehouses) -> None:
    shelves = history(seed)

    def twice(shelf: Shelf, url: str) -> None:
        first, second = put(shelf, url, 3), put(shelf, url, 2)
        assert sorted(second.known) == sorted(first.loaded) == sorted(each.key for each in shelf.objects)

    assert differences(warehouses.after(shelves, twice), warehouses.after(shelves)) == {}


@each_history
def test_with_bad_objects_between(seed: int, warehouses: Warehouses) -> None:
    shelves, rng = history(seed), random.Random(seed)

    def among_bad_ones(shelf: Shelf, url: str) -> None:
        mixed = Shelf(dict(shelf.objects))
        for number, (stored, body) in enumerate(shelf.objects.items()):
            path = shelf.path(stored.key).replace("-1/", f"-{number + 5}/")
            mixed.add(path, rng.choice((body, body[: len(body) // 2], b"", b"[]")), number)
        result = put(mixed, url, 3)
        assert len(result.loaded) == len(result.quarantined) == len(shelf.objects)

    mixed = warehouses.after(shelves, among_bad_ones)
    mixed["loads"] = [each for each in mixed["loads"] if "'loaded'" in each]
    assert differences(mixed, warehouses.after(shelves)) == {}


@each_history
def test_raced_by_four_loaders(seed: int, warehouses: Warehouses) -> None:
    """R5."""
    shelves = history(seed)

    def race(shelf: Shelf, url: str) -> None:
        start = threading.Barrier(4)
        results: list[LoadResult] = []

        def work(number: int) -> None:
            listed = sorted(shelf.objects)
            random.Random(number).shuffle(listed)
            start.wait()
            results.append(put(shelf, url, number, listed))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(key for each in results for key in each.loaded) == sorted(each.key for each in shelf.objects)

    assert differences(warehouses.after(shelves, race), warehouses.after(shelves)) == {}


@each_history
def test_with_its_days_out_of_order(seed: int, warehouses: Warehouses) -> None:
    """R18. The memory of changes is left out: days that come late add none."""
    shelves = history(seed)
    mixed = list(shelves)
    random.Random(seed).shuffle(mixed)
    out_of_order = warehouses.after(mixed, is_in_order=False)
    assert differences(out_of_order, warehouses.after(shelves, is_in_order=False)) == {}


# --- Killed

KILLED = """
import pickle, sys
from a360_pipeline_tests.warehouse.test_undisturbed import counted, put

with open(sys.argv[1], "rb") as opened:
    shelves = pickle.load(opened)
with counted(die_at=int(sys.argv[3])):
    for shelf in shelves:
        put(shelf, sys.argv[2], 3)
"""


@contextmanager
def counted(die_at: int | None = None) -> Iterator[list[int]]:
    """Counts statements, before and after each one; at one of these points this process is killed."""
    points = [0]
    execute, copy = psycopg.Connection.execute, psycopg.Cursor.copy

    def point() -> None:
        points[0] += 1
        if points[0] == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def counting_execute(self: Any, *arguments: Any, **options: Any) -> Any:
        point()
        done = execute(self, *arguments, **options)
        point()
        return done

    @contextmanager
    def counting_copy(self: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
        point()
        with copy(self, *arguments, **options) as opened:
            yield opened
            # Its data is on its way, and not yet acknowledged.
            point()
        point()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(psycopg.Connection, "execute", counting_execute)
        patched.setattr(psycopg.Cursor, "copy", counting_copy)
        yield points


def kill_and_run_again(seed: int, deaths: int, warehouses: Warehouses, folder: Path) -> None:
    shelves = history(seed)
    (folder / "history").write_bytes(pickle.dumps(shelves))
    with counted() as points:
        undisturbed = warehouses.after(shelves, lambda shelf, url: put(shelf, url, 3))
    rng = random.Random(seed)
    for point in sorted(rng.sample(range(1, points[0]), deaths)):
        url = warehouses.new("template_warehouse")
        arguments = [sys.executable, "-W", "ignore", "-c", KILLED, str(folder / "history"), url, str(point)]
        killed = subprocess.run(arguments, capture_output=True, check=False, cwd=Path(__file__).parents[2])
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        for shelf in shelves:
            put(shelf, url)
        assert differences(warehouses.look(url), undisturbed) == {}, f"killed at point {point}"


def test_killed_anywhere_and_run_again(warehouses: Warehouses, tmp_path: Path) -> None:
    """R1, R5."""
    kill_and_run_again(0, 6, warehouses, tmp_path)


@pytest.mark.slow
@each_history
def test_killed_at_two_hundred_points_and_run_again(seed: int, warehouses: Warehouses, tmp_path: Path) -> None:
    """R1, R5."""
    kill_and_run_again(seed, 200 // len(SEEDS), warehouses, tmp_path)
