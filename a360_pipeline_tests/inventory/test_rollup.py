"""The roll-up: every prefix of every bucket, right to the byte whatever the keys and their order, in little memory."""

from __future__ import annotations

import datetime as dt
import random
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a360_pipeline.inventory import bounded as bounds
from a360_pipeline.inventory import rollup
from a360_pipeline.inventory.arrow import SCHEMA
from a360_pipeline.inventory.delivery import Consolidated, Delivery, marker_key, write_marker
from a360_pipeline.inventory.parts import write_parts
from a360_pipeline.inventory.places import BucketPlace, Folder, NotThere
from a360_pipeline.inventory.rollup import MEASURES, roll_up
from a360_pipeline.inventory.snapshots import NotConsolidated, Snapshot, snapshot_of, standing
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline_tests.conftest import BUCKET
from a360_pipeline_tests.inventory.rolling import (
    DAY,
    LOGS,
    Row,
    breakdown_rows,
    by_prefix,
    naive,
    prefix_rows,
    stored,
    total,
    write,
)

OTHER = replace(LOGS, account="999999999999", bucket="other")

keys = st.one_of(
    st.text(alphabet="ab/", min_size=1, max_size=8),
    st.text(
        alphabet=["/", "e", "\u0301", "\u200d", "ß", "日", "😀", "👩", "\n", "%", "\\", "*", "'", "\0"],
        min_size=1,
        max_size=6,
    ),
)
sizes = st.one_of(st.none(), st.integers(0, 300_000), st.integers(0, 50 << 40))
rows = st.builds(
    stored,
    keys,
    sizes,
    storage_class=st.sampled_from([None, "STANDARD", "STANDARD_IA", "GLACIER", "INTELLIGENT_TIERING", "OUTPOSTS"]),
    intelligent_tiering_access_tier=st.sampled_from([None, "FREQUENT", "ARCHIVE_ACCESS", "OF_TOMORROW"]),
    is_latest=st.sampled_from([None, True, False]),
    is_delete_marker=st.sampled_from([None, False, False, True]),
    encryption_status=st.sampled_from([None, "SSE-S3", "NOT-SSE"]),
)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "rollup"


@settings(max_examples=25, deadline=None)
@given(files=st.lists(st.lists(rows, max_size=12), min_size=1, max_size=3))
def test_every_prefix_has_what_a_loop_over_rows_finds(files: list[list[Row]]) -> None:
    """In any order, over any number of files."""
    every = [row for file in files for row in file]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rollup"
        rolled = roll_up(write(Path(folder), LOGS, *files), out, threads=1)
        assert by_prefix(out, MEASURES) == naive(every)
        assert rolled.rows == len(every) == rolled.objects + rolled.versions
        assert_adds_up(out)


def assert_adds_up(out: Path) -> None:
    """A prefix has what lies directly in it and what the prefixes below it have; a bucket, what its breakdown has."""
    found = prefix_rows(out)
    children: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in found:
        assert row["depth"] == row["prefix"].count("/")
        parent = row["prefix"][: row["prefix"][:-1].rfind("/") + 1]
        if row["prefix"]:
            children.setdefault((row["account"], row["bucket"], parent), []).append(row)
    for row in found:
        below = children.get((row["account"], row["bucket"], row["prefix"]), [])
        assert sum(each["objects"] + each["versions"] for each in below) <= row["objects"] + row["versions"]
        assert sum(each["bytes"] or 0 for each in below) <= (row["bytes"] or 0)
    split: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in breakdown_rows(out):
        split.setdefault((row["account"], row["bucket"], row["prefix"]), []).append(row)
    for row in found:
        if row["depth"] <= 1 and row["objects"] + row["versions"]:
            parts = split.pop((row["account"], row["bucket"], row["prefix"]))
            assert {name: total([part[name] for part in parts]) for name in MEASURES} == {n: row[n] for n in MEASURES}
    assert not split


def test_the_levels_are_summed_exactly(tmp_path: Path, out: Path) -> None:
    rolled = roll_up(
        write(
            tmp_path,
            LOGS,
            [stored("a/b/1", 1), stored("a/b/2", 2), stored("a/3", 4)],
            [stored("c", 8), stored("a/b/4", 16)],
        ),
        out,
    )
    assert [(row["prefix"], row["depth"], row["objects"], row["bytes"]) for row in prefix_rows(out)] == [
        ("", 0, 5, 31),
        ("a/", 1, 4, 23),
        ("a/b/", 2, 3, 19),
    ]
    assert (rolled.snapshots, rolled.prefixes, rolled.rows, rolled.bytes) == (1, 3, 5, 31)


def test_slashes_that_follow_each_other_are_levels(tmp_path: Path, out: Path) -> None:
    roll_up(write(tmp_path, LOGS, [stored("//x", 1), stored("/y", 2), stored("z", 4), stored("a//", 8)]), out)
    assert {row["prefix"]: row["bytes"] for row in prefix_rows(out)} == {"": 15, "/": 3, "//": 1, "a/": 8, "a//": 8}


def test_buckets_of_one_name_in_two_days_and_accounts_stay_apart(tmp_path: Path, out: Path) -> None:
    """I21. An account's bucket of the same name is another one, and an account begins with its zeros."""
    day_before = replace(LOGS, date=DAY - dt.timedelta(days=1))
    theirs = replace(LOGS, account="000000000013")
    parts = [
        *write(tmp_path, theirs, [stored("a/1", 4)]),
        *write(tmp_path, LOGS, [stored("a/1", 1)]),
        *write(tmp_path, day_before, [stored("a/1", 2)]),
    ]
    roll_up(parts, out)
    assert [
        (row["snapshot_date"], row["account"], row["region"], row["bucket"], row["prefix"], row["bytes"])
        for row in prefix_rows(out)
    ] == [
        (day_before.date, "000000000012", "eu-west-1", "logs", "", 2),
        (day_before.date, "000000000012", "eu-west-1", "logs", "a/", 2),
        (DAY, "000000000012", "eu-west-1", "logs", "", 1),
        (DAY, "000000000012", "eu-west-1", "logs", "a/", 1),
        (DAY, "000000000013", "eu-west-1", "logs", "", 4),
        (DAY, "000000000013", "eu-west-1", "logs", "a/", 4),
    ]


def test_two_deliveries_of_a_day_are_not_added_up(tmp_path: Path, out: Path) -> None:
    """I4. The caller says which of them stands; nobody's objects count twice."""
    first = write(tmp_path, LOGS, [stored("a", 1)])
    second = write(tmp_path, LOGS, [stored("a", 1)], delivery="20261120T130000Z-11111111")
    with pytest.raises(NotConsolidated, match="bucket logs of account 000000000012 has two deliveries of 2026-11-20"):
        roll_up([*first, *second], out)
    assert not out.exists()
    assert roll_up([*first, *first], out).objects == 1


def test_noncurrent_versions_and_delete_markers_are_told_apart(tmp_path: Path, out: Path) -> None:
    """A marker has no size, which is no unknown size."""
    files = [
        stored("a/x", None, is_latest=True, is_delete_marker=True, storage_class=None),
        stored("a/x", 100, is_latest=False, is_delete_marker=False),
        stored("a/y", 10, is_latest=True, is_delete_marker=False),
    ]
    roll_up(write(tmp_path, LOGS, files), out)
    assert by_prefix(out, MEASURES[:7])["a/"] == {
        "objects": 1,
        "versions": 2,
        "delete_markers": 1,
        "bytes": 110,
        "noncurrent_bytes": 100,
        "unsized_objects": 0,
        "unpriced_objects": 0,
    }


def test_a_size_that_was_not_delivered_is_not_zero(tmp_path: Path, out: Path) -> None:
    roll_up(write(tmp_path, LOGS, [stored("a/x", None), stored("b/x", 5), stored("b/y", None)]), out)
    found = by_prefix(out, ("objects", "bytes", "unsized_objects", "unpriced_objects", "monthly_usd"))
    assert found["a/"] == {
        "objects": 1,
        "bytes": None,
        "unsized_objects": 1,
        "unpriced_objects": 1,
        "monthly_usd": None,
    }
    assert (found["b/"]["bytes"], found["b/"]["unsized_objects"]) == (5, 1)
    assert (found[""]["bytes"], found[""]["unsized_objects"], found[""]["objects"]) == (5, 2, 3)


def test_age_is_counted_to_the_day_of_the_snapshot(tmp_path: Path, out: Path) -> None:
    def changed(days: int) -> Row:
        moment = dt.datetime.combine(DAY - dt.timedelta(days=days), dt.time(23, 59, 59), dt.UTC)
        return stored(f"{days}", 1, last_modified_date=moment, encryption_status="SSE-S3")

    days = (-1, 0, 29, 30, 89, 90, 179, 180, 364, 365, 1094, 1095, 9000)
    roll_up(write(tmp_path, LOGS, [*map(changed, days), stored("none", 1, last_modified_date=None)]), out)
    found = Counter({(row["age_band"], row["encryption"]): row["objects"] for row in breakdown_rows(out)})
    assert found == {
        ("under_30_days", "SSE-S3"): 3,
        ("30_to_90_days", "SSE-S3"): 2,
        ("90_to_180_days", "SSE-S3"): 2,
        ("180_to_365_days", "SSE-S3"): 2,
        ("1_to_3_years", "SSE-S3"): 2,
        ("over_3_years", "SSE-S3"): 2,
        (None, None): 1,
    }


def test_the_breakdown_is_of_buckets_and_their_first_level(tmp_path: Path, out: Path) -> None:
    files = [
        stored("a/b/1", 1, storage_class="GLACIER", encryption_status="SSE-KMS"),
        stored("a/2", 2, encryption_status="SSE-S3"),
        stored("3", 4, encryption_status="SSE-S3"),
    ]
    roll_up(write(tmp_path, LOGS, files), out)
    assert [
        (row["depth"], row["prefix"], row["storage_class"], row["encryption"], row["bytes"])
        for row in breakdown_rows(out)
    ] == [
        (0, "", "GLACIER", "SSE-KMS", 1),
        (0, "", "STANDARD", "SSE-S3", 6),
        (1, "a/", "GLACIER", "SSE-KMS", 1),
        (1, "a/", "STANDARD", "SSE-S3", 2),
    ]


def test_no_inventories_give_an_empty_roll_up(out: Path) -> None:
    rolled = roll_up([], out)
    assert (rolled.snapshots, rolled.prefixes, rolled.rows, rolled.objects, rolled.bytes, rolled.monthly_usd) == (
        0,
    ) * 6
    assert prefix_rows(out) == breakdown_rows(out) == []


def test_a_bucket_that_held_nothing_has_a_row_that_says_so(tmp_path: Path, out: Path) -> None:
    rolled = roll_up(write(tmp_path, LOGS, []), out, empty=[OTHER])
    assert [
        (row["bucket"], row["prefix"], row["objects"], row["bytes"], row["monthly_usd"]) for row in prefix_rows(out)
    ] == [
        ("logs", "", 0, 0, 0),
        ("other", "", 0, 0, 0),
    ]
    assert (rolled.snapshots, rolled.rows) == (2, 0)


def test_a_deep_key_has_all_its_levels(tmp_path: Path, out: Path) -> None:
    roll_up(write(tmp_path, LOGS, [stored("/" * 300 + "x", 3), stored("/" * 300 + "y", 4)]), out)
    assert [(row["depth"], row["bytes"]) for row in prefix_rows(out)] == [(depth, 7) for depth in range(301)]


def test_rolling_up_again_replaces_and_gives_the_same(tmp_path: Path, out: Path) -> None:
    parts = write(tmp_path, LOGS, [stored(f"{n % 7}/{n}", n) for n in range(50)])
    roll_up(parts, out)
    first = (prefix_rows(out), breakdown_rows(out))
    roll_up(reversed(parts), out)
    assert (prefix_rows(out), breakdown_rows(out)) == first
    assert sorted(path.name for path in out.iterdir()) == ["breakdown.parquet", "prefixes.parquet"]


def test_what_fails_leaves_the_roll_up_that_was_there(tmp_path: Path, out: Path) -> None:
    good = write(tmp_path, LOGS, [stored("a", 1)])
    roll_up(good, out)
    with pytest.raises(OSError):
        roll_up([*good, good[0].with_name("part-00009.parquet")], out)
    assert [row["bytes"] for row in prefix_rows(out)] == [1]


def test_names_of_folders_are_no_patterns(tmp_path: Path) -> None:
    folder = tmp_path / "it's [1] *"
    parts = write(folder, LOGS, [stored("a", 1)])
    assert roll_up(parts, folder / "rollup").bytes == 1


def test_memory_stays_within_its_bound_when_keys_come_in_no_order(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More bytes of prefixes than memory, in no order: partial sums go to disk, and come back right."""
    leaves = [f"{'p' * 400}-{n % 97:03}/{'q' * 500}-{n:06}/" for n in range(100_000)]
    parts = []
    for number in range(2):
        random.Random(number).shuffle(leaves)
        (path,) = write(tmp_path, replace(LOGS, bucket=f"logs-{number}"), [])
        columns = {name: pa.nulls(len(leaves), SCHEMA.field(name).type) for name in SCHEMA.names}
        columns["key"] = pa.array([f"{leaf}x" for leaf in leaves])
        columns["size"] = pa.array([number + 1] * len(leaves))
        pq.write_table(pa.table(columns), path)
        parts.append(path)
    spills = watch_spills(monkeypatch)
    rolled = roll_up(parts, out, memory_mb=200, threads=1, scratch=tmp_path)
    assert max(spills) > 32 << 20
    assert (rolled.prefixes, rolled.objects, rolled.bytes) == (2 * (100_000 + 97 + 1), 200_000, 300_000)
    assert not list(tmp_path.glob("a360-*"))


def watch_spills(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How large the files of the working folder were whenever one of the results was written."""
    seen: list[int] = []
    plain = bounds.write_parquet

    def watched(connection: Any, query: str, order: str, path: Path) -> None:
        plain(connection, query, order, path)
        spilled = connection.execute("SELECT coalesce(sum(size), 0) FROM duckdb_temporary_files()").fetchone()
        seen.append(spilled[0])

    monkeypatch.setattr(rollup, "write_parquet", watched)
    return seen


def test_files_of_a_bucket_are_fetched_some_at_a_time(
    tmp_path: Path, out: Path, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "BATCH_FILES", 2)
    place = BucketPlace(store.s3, BUCKET)
    files = [[stored(f"a/{number}", 1 << number)] for number in range(5)]
    for path in write(tmp_path, LOGS, *files):
        place.upload(path, path.relative_to(tmp_path).as_posix())
    uris = [place.uri(entry.key) for entry in place.list("inventory/")]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert roll_up(uris, out, s3=store.s3, scratch=scratch).rows == 5
    assert by_prefix(out, ("objects", "bytes"))["a/"] == {"objects": 5, "bytes": 31}
    assert not list(scratch.iterdir())
    with pytest.raises(NotThere):
        roll_up([*uris, uris[0].replace("part-00000", "part-00009")], out, s3=store.s3)


def test_the_newest_finished_delivery_of_a_day_stands(tmp_path: Path, out: Path) -> None:
    """I4. Two deliveries of a day, one unfinished, and a bucket that held nothing."""
    place = Folder(tmp_path / "store")
    deliver(place, LOGS, 1, [stored("a", 1)])
    deliver(place, LOGS, 5, [stored("a", 2)])
    deliver(place, OTHER, 2, [])
    unfinished = deliver(place, LOGS, 9, [stored("a", 4)])
    place.delete([marker_key(unfinished.folder)])
    parts, empty = standing(place)
    assert empty == [OTHER]
    roll_up(parts, out, empty=empty)
    assert [(row["bucket"], row["objects"], row["bytes"]) for row in prefix_rows(out)] == [
        ("logs", 1, 2),
        ("other", 0, 0),
    ]


def deliver(place: Folder, snapshot: Snapshot, hour: int, rows: list[Row]) -> Delivery:
    """A consolidated delivery of an hour of the day, as consolidation leaves it."""
    at = dt.datetime.combine(snapshot.date, dt.time(hour), dt.UTC)
    delivery = Delivery(
        snapshot.bucket, snapshot.account, snapshot.region, snapshot.date, at, f"{at:%Y%m%dT%H%M%SZ}-0", "m", "0"
    )
    batches = pa.Table.from_pylist(list(rows), schema=SCHEMA).to_batches()
    written = write_parts(iter(batches), place, delivery.folder)
    write_marker(place, Consolidated(delivery, "CSV", ("key",), (), 0, written.parts, (), "file://"))
    return delivery


@pytest.mark.parametrize(
    "uri", ["part-0.parquet", "logs/2026-11-20/x/part-0.parquet", "1/eu-west-1/logs/lately/x/p", "1/r//2026-11-20/d/p"]
)
def test_a_path_that_does_not_say_of_what_it_is_is_refused(uri: str, out: Path) -> None:
    with pytest.raises(NotConsolidated, match="does not end in ACCOUNT/REGION/BUCKET/DATE/DELIVERY/FILE"):
        roll_up([uri], out)


def test_a_path_says_of_which_bucket_and_day_it_is() -> None:
    found = snapshot_of("s3://b/x/inventory/000000000012/eu-west-1/logs/2026-11-20/d1/part-00000.parquet")
    assert found == (Snapshot(DAY, "000000000012", "eu-west-1", "logs"), "d1")
