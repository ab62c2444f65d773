"""Hostile snapshots: whatever senders write is loaded or set apart, and no row is lost without a trace."""

from __future__ import annotations

import copy
import datetime as dt
import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import psycopg
import pytest

from a360_pipeline.coverage import GLOBAL, SectionCoverage, Status
from a360_pipeline.sections.model import Kept, Table
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.snapshot.key import BadSnapshot, SnapshotKey
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import Snapshot, facts, read_snapshot
from a360_pipeline.warehouse.load import LoadResult, load
from a360_pipeline.warehouse.stage import Frame, Staged, add_rows, fields_of
from a360_pipeline_tests.conftest import FIELD_SNAPSHOTS
from benchmarks.parts import memory_store

ALL = 2_000
SAMPLE = 120
BATCH = 25
ROWS_KEPT = 3
WHOSE = ("a.account_id", "a.region")
REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2", "sa-east-1", "us-gov-west-1")
OURS = tuple(name for name, section in SECTIONS.items() if section.is_collected)

# What JSON can say and Python's json cannot write: put in as text, and taken out of its quotes afterwards.
RAW = {f"@@{number}@@": text for number, text in enumerate(("1e400", "-1e-400", "1e999999", "9" * 4000, "1.0", "-0"))}
TEXTS = (
    "",
    " ",
    "None",
    "null",
    "a\x00b",
    "\x00",
    "\ud800",
    "x\udfff\ud800y",
    "\u202eabc\u202c",
    "\u05d0\u05d1\u0627",
    "\U0001f600" * 50,
    "\ufeff",
    "\ufffe\uffff",
    "e\u0301" * 20,
    "\\.",
    "\\N",
    '"a","b"\r\n',
    "'; DROP TABLE accounts; --",
    "%s %(a)s {} \\",
    "x" * 300,
    "y" * 2_600,
    "z" * 70_000,
    "9" * 60,
    "NaN",
    "infinity",
    "1e5",
    "true",
    "perhaps",
)
TIMES = (
    "2026-02-30",
    "0000-00-00",
    "yesterday",
    "now",
    "20260302",
    "2026-W10-1",
    "2026-03-02T25:00:00Z",
    "2026-03-02T10:00:00+14:00",
    "2026-03-02T10:00:00-23:59",
    "2026-03-02 10:00:00.123456789Z",
    "9999-12-31T23:59:59.999999-14:00",
    "0001-01-01T00:00:00+14:00",
    "0001-01-01",
    "9999-12-31",
    "2026-03-02T10:00:00+05:30:15.5",
    "1709374800",
)
NUMBERS = (0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 0.1, 1e308, -5e-324, *RAW)
NAMES = ("", "\x00", "\ud800", "@frame", "@account", "a.b", "%s", "{}", "n" * 5_000, "\U0001f600", "account_id", "id")


# --- Making them


@cache
def originals() -> tuple[tuple[str, str, bytes], ...]:
    """Account, region and bytes of the field's own snapshots, each list cut to a few rows."""
    return tuple(
        (path.parts[-3], path.parts[-2], json.dumps(shrunk(json.loads(path.read_bytes()))).encode())
        for path in sorted(FIELD_SNAPSHOTS.glob("*/*/*.json"))
    )


def shrunk(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shrunk(inner) for name, inner in value.items()}
    return [shrunk(inner) for inner in value[:ROWS_KEPT]] if isinstance(value, list) else value


def key_of(number: int) -> SnapshotKey:
    """A batch of them is a day: five accounts of five regions."""
    day, place = divmod(number, BATCH)
    account, region = divmod(place, len(REGIONS))
    return SnapshotKey(f"{100_000_000_000 + account}", REGIONS[region], dt.date(2026, 1, 1) + dt.timedelta(day))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value with each name or number of what it holds."""
    for name, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, name
        if isinstance(inner, dict | list):
            yield from places(inner)


def nested(depth: int, rng: random.Random) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if rng.random() < 0.5 else {"a": value}
    return value


def junk(rng: random.Random) -> Any:
    """Something that belongs nowhere."""
    kinds: list[Callable[[], Any]] = [
        lambda: None,
        lambda: rng.choice(TEXTS),
        lambda: rng.choice(TIMES),
        lambda: rng.choice(NUMBERS),
        lambda: rng.choice((True, False)),
        lambda: rng.choice(([], {}, [None], [{}], [[]], {"": None}, {"a": {"b": None}}, [None, {"a": None}], [1, "a"])),
        lambda: nested(rng.choice((5, 40, 85, 97, 200)), rng),
    ]
    return rng.choice(kinds)()


def mutate(content: dict[str, Any], rng: random.Random) -> None:
    holder, name = rng.choice(list(places(content)))
    value = holder[name]
    match rng.randrange(9):
        case 0:
            del holder[name]
        case 1 | 2:
            holder[name] = junk(rng)
        case 3:
            holder[name] = {"a": value} if isinstance(value, list) else [value]
        case 4:
            holder[name] = rng.choice(TEXTS if isinstance(value, str) else NUMBERS)
        case 5:
            holder[name] = rng.choice(TIMES)
        case 6 if isinstance(value, dict):
            value[rng.choice(NAMES)] = junk(rng)
        case _:
            double(content, rng)


def double(content: dict[str, Any], rng: random.Random) -> None:
    """A row comes twice, alike or contradicting itself."""
    lists = [h[n] for h, n in places(content) if isinstance(h[n], list) and h[n] and isinstance(h[n][0], dict)]
    if not lists:
        return
    rows = rng.choice(lists)
    again = copy.deepcopy(rng.choice(rows))
    if isinstance(again, dict) and again and rng.random() < 0.5:
        again[rng.choice(sorted(again))] = junk(rng)
    rows.insert(rng.randint(0, len(rows)), again)


def hostile(number: int) -> tuple[str, bytes]:
    """The name and the bytes of one of them."""
    rng = random.Random(number)
    key = key_of(number)
    account, region, body = originals()[number % len(originals())]
    body = body.replace(account.encode(), key.account.encode()).replace(region.encode(), key.region.encode())
    content: dict[str, Any] = json.loads(body)
    make_own(content, key)
    for _ in range(rng.choice((1, 2, 5, 15, 60))):
        mutate(content, rng)
    if rng.random() < 0.8 and isinstance(content.get("account"), dict):
        # Mostly they get past the door.
        content["account"] |= {"account_id": key.account, "region": key.region}
    if number % 400 == 7:
        holder, name = rng.choice(list(places(content)))
        holder[name] = rng.choice("a\x00\U0001f600") * 10_000_000
    if rng.random() < 0.4:
        content["coverage"] = coverage_of(key, content, rng)
    written = json.dumps(content)
    for name, raw in RAW.items():
        written = written.replace(f'"{name}"', raw)
    name = (
        key.path if rng.random() < 0.97 else rng.choice((f"{key.path}.gz", f"x/{key.path}", "\u202e", "a b/%20.json"))
    )
    return f"data/{number:05}{name}" if name != key.path else f"data/{name}", spoilt(written.encode(), rng)


def spoilt(body: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.95:
        return body
    cut = rng.randrange(len(body))
    return rng.choice(
        (body[:cut], b"\xef\xbb\xbf" + body, body[:cut] + b"\xff" + body[cut:], b"", body.replace(b"}", b""))
    )


def make_own(content: dict[str, Any], key: SnapshotKey) -> None:
    """What is told by an id alone gets one that no other account and region has."""
    for section in SECTIONS.values():
        payload = Snapshot(key, content, {}, is_ours=False).payload(section)
        for table in section.tables:
            if "account_id" not in table.key and len(table.key) == 1 and isinstance(payload, list):
                source = table.column(table.key[0]).source
                for row in (row for row in payload if source in row):
                    row[source] += f"/{key.account}/{key.region}"


def readable(table: Table, payload: Any) -> list[Any]:
    """The rows that a payload holds for a table; none where it is of another shape."""
    try:
        return list(facts(table, payload))
    except BadSnapshot:
        return []


def coverage_of(key: SnapshotKey, content: dict[str, Any], rng: random.Random) -> Any:
    """What a collector of ours would say of such content; it counts as the loader does."""
    if rng.random() < 0.03:
        return junk(rng)
    told: dict[str, Any] = {}
    snapshot = Snapshot(key, content, {}, is_ours=True)
    for name in OURS:
        payload = snapshot.payload(SECTIONS[name])
        tables = SECTIONS[name].tables if payload is not None else ()
        rows = sum(len(readable(table, payload)) for table in tables if not table.frames)
        status = rng.choice((Status.OK, Status.PARTIAL)) if rows else rng.choice((Status.EMPTY, Status.DENIED))
        told[name] = SectionCoverage(status, rows, rng.choice((None, *TEXTS[:10]))).to_wire()
    return told


# --- Loading them


class Loaded:
    """What a store held, what became of it, and the warehouse after."""

    def __init__(self, store: SnapshotStore, bodies: dict[str, bytes], result: LoadResult) -> None:
        self.store, self.bodies, self.result = store, bodies, result


def load_hostile(url: str, numbers: range) -> Loaded:
    store = memory_store()
    bodies = dict(map(hostile, numbers))
    for key, body in bodies.items():
        store.put(key, body)
    result = load(store, url, sorted(store.waiting()), batch_files=BATCH, batch_bytes=10**9)
    return Loaded(store, bodies, result)


def check(loaded: Loaded, connection: psycopg.Connection[Any]) -> None:
    store, bodies, result = loaded.store, loaded.bodies, loaded.result
    # The queue moves.
    assert [each.key for each in store.waiting()] == []
    assert (result.unmoved, result.gone, result.known) == ([], [], [])
    assert sorted([*result.loaded, *result.quarantined]) == sorted(bodies)
    assert {each.key for each in store.waiting("loaded/")} == {f"loaded/{store.path(key)}" for key in result.loaded}
    assert len(list(store.waiting("quarantine/"))) == 2 * len(result.quarantined)
    assert all(result.quarantined.values())
    assert not [reason for reason in result.quarantined.values() if "the database refuses it" in reason]
    # Neither all one nor all the other.
    assert len(result.loaded) > len(bodies) / 3
    assert len(result.quarantined) > len(bodies) / 50
    check_ledger(connection)
    check_tables(loaded, connection)


def check_ledger(connection: psycopg.Connection[Any]) -> None:
    """What the ledger says adds up, and what it says was refused is there."""
    refused = (
        "LATERAL (SELECT count(*) FILTER (WHERE r.table_name <> ALL (%(frames)s)) AS n, "
        "count(*) FILTER (WHERE r.table_name <> ALL (%(frames)s) "
        "AND r.reason NOT LIKE '%% cannot be read from it: %%') AS facts FROM rejected_rows r "
        "WHERE (r.snapshot_key, r.section, r.region) = (c.snapshot_key, c.section, c.region)) r"
    )
    # An account's bad attribute and a payload that holds no rows are refused, but were no rows of facts.
    frames = {"frames": [table.name for section in SECTIONS.values() for table in section.tables if table.frames]}
    off = connection.execute(
        "SELECT c.snapshot_key, c.section, c.region, c.rows, c.rows_loaded, c.rows_rejected, c.rows_repeated, r.facts "
        f"FROM coverage c, {refused} WHERE c.rows <> c.rows_loaded + r.facts + c.rows_repeated "
        "AND c.status IN ('ok', 'empty', 'partial') ORDER BY 1, 2".encode(),
        frames,
    ).fetchall()
    assert off == []
    off = connection.execute(
        "SELECT c.snapshot_key, c.section, c.region, c.rows_rejected, r.n "
        f"FROM coverage c, {refused} WHERE r.n <> c.rows_rejected ORDER BY 1, 2".encode(),
        frames,
    ).fetchall()
    assert off == []
    assert connection.execute("SELECT count(*) FROM rejected_rows WHERE coalesce(reason, '') = ''").fetchone() == (0,)


def check_tables(loaded: Loaded, connection: psycopg.Connection[Any]) -> None:
    """Every good row that no other snapshot outranks is in its table, under its account and region."""
    winners = {
        tuple(row)
        for row in connection.execute("SELECT snapshot_key, section, region FROM coverage WHERE rows_loaded > 0")
    }
    stored = {table.name: stored_keys(connection, table) for table in looked_at()}
    missing = []
    checked = 0
    for key in loaded.result.loaded:
        snapshot = read_snapshot(loaded.store.path(key), loaded.bodies[key])
        for section in SECTIONS.values():
            for region in snapshot.filed_under(section):
                if (key, section.name, region) in winners:
                    for table in set(section.tables) & looked_at():
                        expected = good_keys(table, snapshot, region)
                        checked += len(expected)
                        missing += [(key, table.name, each) for each in expected - stored[table.name]]
    assert missing == []
    assert checked > len(loaded.result.loaded) * 10


@cache
def looked_at() -> frozenset[Table]:
    """Tables whose rows stay and are told by their own values, so that they can be looked for."""
    return frozenset(
        table
        for section in SECTIONS.values()
        for table in section.tables
        if table.kept in (Kept.CURRENT, Kept.DELTA)
        and not table.frames
        and {reference.table for reference in table.references} == {"accounts"}
    )


def is_owned(table: Table) -> bool:
    """Whether a row is told by whose it is; of others that two accounts tell, the last one to tell it has it."""
    return "account_id" in table.key


def key_names(table: Table) -> list[str]:
    return [name for name in table.key if name != "account_id"]


def stored_keys(connection: psycopg.Connection[Any], table: Table) -> set[tuple[Any, ...]]:
    names = ", ".join([*WHOSE[: 2 * is_owned(table)], *(f't."{name}"::text' for name in key_names(table))])
    query = f'SELECT {names} FROM "{table.name}" t JOIN accounts a ON a.id = t.account_id'
    return set(connection.execute(query.encode()).fetchall())


def good_keys(table: Table, snapshot: Snapshot, region: str) -> set[tuple[Any, ...]]:
    """The keys of the rows of a snapshot that nothing is wrong with, under this region."""
    payload = snapshot.payload(next(s for s in SECTIONS.values() if table in s.tables))
    rows = [
        row
        for row in readable(table, payload)
        if table.scope_of is None or (isinstance(row, dict) and is_filed_under(table, row, region))
    ]
    staged = Staged(table)
    add_rows(staged, 0, [Frame()], rows)
    names = [field.name for field in fields_of(table)]
    values = [dict(zip(names, row, strict=True)) for row in zip(*staged.columns[1:], strict=True)]
    return {
        (*(snapshot.key.account, region)[: 2 * is_owned(table)], *(row[name] for name in key_names(table)))
        for row in values
        if not table.closes or row[table.closes] != "RESOLVED"
    }


def is_filed_under(table: Table, row: dict[str, Any], region: str) -> bool:
    assert table.scope_of is not None
    return (str(table.scope_of(row)) == "account") is (region == GLOBAL)


@pytest.fixture(autouse=True)
def needs_the_fields_snapshots() -> None:
    if not FIELD_SNAPSHOTS.is_dir():
        pytest.skip("the field's snapshots are not at hand")


def test_hostile_snapshots_are_loaded_or_set_apart_and_no_row_is_lost(
    warehouse_url: str, connection: psycopg.Connection[Any]
) -> None:
    """R34, R35, R36, R42."""
    check(load_hostile(warehouse_url, range(SAMPLE)), connection)


@pytest.mark.slow
def test_two_thousand_hostile_snapshots_are_loaded_or_set_apart_and_no_row_is_lost(
    warehouse_url: str, connection: psycopg.Connection[Any]
) -> None:
    """R34, R35, R36, R42."""
    check(load_hostile(warehouse_url, range(ALL)), connection)
