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
DAYS = 4
START = dt.date(2026, 3, 2)
QUICK = (0, 1)
SEEDS = range(8)


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
    rng, paid = random.Random(f"{place.account} {date}"), random.Random(f"{place.account} {date} {days}")
    costs = {f"service-{n}": paid.randrange(1, 9) / 4 for n in range(paid.randrange(1, 4))}
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
            "forecast": [{"period": {"start": end, "end": "2026-12-31"}, "amount": paid.randrange(9)}],
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


def of_the_field(told: dict[str, Any], place: Place, date: dt.date, days: int) -> dict[str, Any]:
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
        "date_from": (date - dt.timedelta(days)).isoformat(),
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


def snapshot_of(place: Place, key: SnapshotKey, is_ours: bool, version: int = 1) -> bytes:
    days = 1 if key.interval == "DAILY" else 30
    told = content(place, key.date, days)
    # A month's snapshot is of the same hour as the day's: its listings say the same, and fail alike.
    rng = random.Random(f"{place.account} {place.region} {key.date} {version}")
    if not is_ours:
        told = of_the_field(told, place, key.date, days)
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


def history(seed: int, *, with_corrections: bool = True) -> list[Shelf]:
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
            is_there, is_corrected = rng.random() < 0.9, rng.random() < 0.3
            intervals = ("DAILY", "MONTHLY") if number == 2 else ("DAILY",)
            keys = [SnapshotKey(place.account, place.region, date, interval) for interval in intervals]
            for key in keys if is_there else ():
                second += 1
                shelf.add(key.path, snapshot_of(place, key, kinds[id(place)]), second)
            if is_corrected and with_corrections:
                place.pass_a_day()
                again += [(key.path, snapshot_of(place, key, kinds[id(place)], version=2)) for key in keys]
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


def put(shelf: Shelf, url: str, files: int = 1_000, objects: Iterable[StoredObject] | None = None) -> LoadResult:
    listed = sorted(shelf.objects) if objects is None else list(objects)
    return load(shelf, url, listed, batch_files=files, batch_bytes=10**9)


UNDISTURBED: dict[int, dict[str, list[str]]] = {}
"""By seed: it is the same for every test."""


@dataclass
class Warehouses:
    """Makes empty ones, and looks into them."""

    new: Callable[[str], str]

    def after(self, shelves: Sequence[Shelf], step: Callable[[Shelf, str], Any] = put, **options: Any) -> Any:
        url = self.new("template_warehouse")
        for shelf in shelves:
            step(shelf, url)
        return self.look(url, **options)

    def undisturbed(self, seed: int) -> dict[str, list[str]]:
        """What the history leaves behind that is loaded day by day, each day at once."""
        if seed not in UNDISTURBED:
            UNDISTURBED[seed] = self.after(history(seed))
        return UNDISTURBED[seed]

    @staticmethod
    def look(url: str, **options: Any) -> dict[str, list[str]]:
        with psycopg.connect(url, options="-c timezone=UTC") as connection:
            return left_behind(connection, **options)


@pytest.fixture
def warehouses(new_database: Callable[[str], str]) -> Warehouses:
    return Warehouses(new_database)


each_history = pytest.mark.parametrize(
    "seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS if seed not in QUICK)]
)


def test_a_history_has_all_that_these_tests_are_about(warehouses: Warehouses) -> None:
    found: dict[str, str] = {}
    for seed in QUICK:
        for name, rows in warehouses.undisturbed(seed).items():
            found[name] = found.get(name, "") + "".join(rows)
    filled = {name for name, rows in found.items() if rows}
    assert filled >= {"kms_keys", "inventory_patches", "services", "findings", "non_compliant_resources", "posture"}
    assert {"'retired'", "'changed'"} <= {word for word in ("'retired'", "'changed'") if word in found["changes"]}
    assert all(f"'{interval}'" in found["coverage"] for interval in ("DAILY", "MONTHLY"))
    assert all(f"'{status}'" in found["coverage"] for status in ("ok", "partial", "denied", "failed"))
    assert not found["view rejected"]


@each_history
@pytest.mark.parametrize("files", [1, 3, pytest.param(2, marks=pytest.mark.slow)])
def test_in_batches_of_any_size(seed: int, files: int, warehouses: Warehouses) -> None:
    shelves = history(seed)
    cut_up = warehouses.after(shelves, lambda shelf, url: put(shelf, url, files))
    assert differences(cut_up, warehouses.undisturbed(seed)) == {}


@each_history
def test_each_object_fed_twice(seed: int, warehouses: Warehouses) -> None:
    shelves = history(seed)

    def twice(shelf: Shelf, url: str) -> None:
        first, second = put(shelf, url, 3), put(shelf, url, 2)
        assert sorted(second.known) == sorted(first.loaded) == sorted(each.key for each in shelf.objects)

    assert differences(warehouses.after(shelves, twice), warehouses.undisturbed(seed)) == {}


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
    assert differences(mixed, warehouses.undisturbed(seed)) == {}


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

    assert differences(warehouses.after(shelves, race), warehouses.undisturbed(seed)) == {}


@each_history
def test_with_its_days_out_of_order(seed: int, warehouses: Warehouses) -> None:
    """R18. The memory of changes is left out: days that come late add none."""
    shelves = history(seed, with_corrections=False)
    mixed = list(shelves)
    random.Random(seed).shuffle(mixed)
    assert mixed != shelves
    found = differences(
        warehouses.after(mixed, is_in_order=False),
        warehouses.after(shelves, is_in_order=False),
    )
    assert found == {}


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


def kill_and_run_again(seed: int, days: int, deaths: int, warehouses: Warehouses, folder: Path) -> None:
    shelves = history(seed)[:days]
    (folder / "history").write_bytes(pickle.dumps(shelves))
    url = warehouses.new("template_warehouse")
    with counted() as points:
        for shelf in shelves:
            put(shelf, url, 3)
    undisturbed = warehouses.look(url)
    rng = random.Random(seed)
    for point in sorted(rng.sample(range(1, points[0] + 1), deaths)):
        url = warehouses.new("template_warehouse")
        arguments = [sys.executable, "-W", "ignore", "-c", KILLED, str(folder / "history"), url, str(point)]
        killed = subprocess.run(arguments, capture_output=True, check=False, cwd=Path(__file__).parents[2])
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        for shelf in shelves:
            put(shelf, url)
        assert differences(warehouses.look(url), undisturbed) == {}, f"killed at point {point}"


def test_killed_anywhere_and_run_again(warehouses: Warehouses, tmp_path: Path) -> None:
    """R1, R5."""
    kill_and_run_again(0, 2, 6, warehouses, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_two_hundred_points_and_run_again(seed: int, warehouses: Warehouses, tmp_path: Path) -> None:
    """R1, R5."""
    kill_and_run_again(seed, 2 * DAYS, 200 // len(SEEDS), warehouses, tmp_path)


# --- What is told twice, late, or of two intervals

ACCOUNT, REGION = ACCOUNTS[0], REGIONS[0]


def shelf_of(*told: tuple[int, str, dict[str, Any], Status | None], second: int = 0) -> Shelf:
    """Snapshots of days: of ours where there is a status of KMS, else of the field; each arrives after the other."""
    shelf = Shelf()
    for number, (day, interval, content, status) in enumerate(told, start=second):
        key = SnapshotKey(ACCOUNT, REGION, START + dt.timedelta(day), interval)
        body = {"account": {"account_id": ACCOUNT}, **content}
        if status is None:
            logs = {"security_status": "Pass", "config_status": "Pass"}
            shelf.add(key.path, json.dumps({**body, "logs": logs}).encode(), number)
        else:
            covered = {"kms": SectionCoverage(status, len(body["security"]["kms"]))}
            shelf.add(key.path, write_snapshot(Snapshot(key, body, covered, is_ours=True)), number)
    return shelf


def keys_of(*names: str, state: str = "a") -> dict[str, Any]:
    return {"security": {"kms": [{"arn": f"arn:{name}", "key_id": name, "key_state": state} for name in names]}}


def result_of(compliance: str, date_from: str) -> dict[str, Any]:
    result = {"rule_name": "r", "compliance_type": compliance}
    return {"config": {"date_from": date_from, "date_to": "2026-03-05", "non_compliant_resources": [result]}}


def test_a_result_that_is_closed_before_its_opening_is_told_ends_closed(warehouses: Warehouses) -> None:
    opened = shelf_of((1, "DAILY", result_of("NON_COMPLIANT", "2026-03-03"), None))
    closed = shelf_of((2, "DAILY", result_of("COMPLIANT", "2026-03-04"), None), second=1)
    in_order = warehouses.after([opened, closed], is_in_order=False)
    assert "'status': 'RESOLVED'" in in_order["non_compliant_resources"][0]
    assert differences(warehouses.after([closed, opened], is_in_order=False), in_order) == {}


def test_a_correction_that_comes_late_takes_back_what_only_the_first_one_held(warehouses: Warehouses) -> None:
    first = shelf_of((1, "DAILY", keys_of("a", "wrong"), Status.OK))
    corrected = shelf_of((1, "DAILY", keys_of("a"), Status.OK), second=1)
    later = shelf_of((2, "DAILY", keys_of("a"), Status.OK), second=2)
    in_order = warehouses.after([first, corrected, later], is_in_order=False)
    assert differences(warehouses.after([first, later, corrected], is_in_order=False), in_order) == {}


@pytest.mark.parametrize("statuses", [(Status.PARTIAL, Status.OK), (Status.OK, Status.PARTIAL)])
def test_of_a_whole_listing_and_a_cut_one_of_a_day_the_whole_one_retires(
    statuses: tuple[Status, Status], warehouses: Warehouses
) -> None:
    day, month = statuses
    shelves = [
        shelf_of((1, "DAILY", keys_of("a", "b"), Status.OK)),
        shelf_of((2, "DAILY", keys_of("a"), day), (2, "MONTHLY", keys_of("a"), month), second=1),
    ]
    cut_up = warehouses.after(shelves, lambda shelf, url: put(shelf, url, 1))
    assert any("retired_at': '2026-03-04'" in each for each in cut_up["kms_keys"])
    assert differences(warehouses.after(shelves), cut_up) == {}


def test_of_a_day_and_a_month_that_differ_the_last_that_arrived_stands(warehouses: Warehouses) -> None:
    told = (2, "MONTHLY", keys_of("a", state="old"), Status.OK), (2, "DAILY", keys_of("a", state="new"), Status.OK)
    at_once = warehouses.after([shelf_of(*told)])
    assert "'key_state': 'new'" in at_once["kms_keys"][0]
    assert differences(warehouses.after([shelf_of(*told)], lambda shelf, url: put(shelf, url, 1)), at_once) == {}


def test_an_object_that_is_listed_twice_is_loaded_once(warehouses: Warehouses) -> None:
    shelf = shelf_of((1, "DAILY", keys_of("a"), Status.OK))
    twice = warehouses.after([shelf], lambda shelf, url: put(shelf, url, objects=[*shelf.objects, *shelf.objects]))
    assert differences(twice, warehouses.after([shelf])) == {}
