"""What changed between two days."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from a360_pipeline.inventory.difference import difference, largest_changes
from a360_pipeline.inventory.rollup import MEASURES, roll_up
from a360_pipeline.inventory.side import Side
from a360_pipeline_tests.inventory.rolling import DAY, LOGS, Row, naive, read, stored, write

BEFORE = replace(LOGS, date=DAY - dt.timedelta(days=7))
Rolled = Callable[[list[Row], list[Row]], Path]


@pytest.fixture
def rolled(tmp_path: Path) -> Rolled:
    """A roll-up of one bucket on two days."""

    def make(before: list[Row], after: list[Row]) -> Path:
        roll_up([*write(tmp_path, BEFORE, before), *write(tmp_path, LOGS, after)], tmp_path / "rollup")
        return tmp_path / "rollup"

    return make


def test_prefixes_come_go_and_change(rolled: Rolled, tmp_path: Path) -> None:
    rollup = rolled(
        [stored("gone/1", 1), stored("same/1", 2), stored("grown/1", 4)],
        [stored("new/1", 8), stored("same/1", 2), stored("grown/1", 4), stored("grown/2", 16)],
    )
    out = tmp_path / "deep" / "difference.parquet"
    found = difference(Side(rollup, BEFORE.date), Side(rollup, DAY), out)
    assert (found.added, found.removed, found.changed, found.unchanged) == (1, 1, 2, 1)
    assert (found.objects, found.bytes) == (1, 23)
    assert [
        (
            row["prefix"],
            row["change"],
            row["bytes_before"],
            row["bytes_after"],
            row["bytes_delta"],
            row["objects_delta"],
        )
        for row in read(out)
    ] == [
        ("", "changed", 7, 30, 23, 1),
        ("gone/", "removed", 1, None, -1, -1),
        ("grown/", "changed", 4, 20, 16, 1),
        ("new/", "added", None, 8, 8, 1),
    ]
    assert {(row["date_before"], row["date_after"]) for row in read(out) if row["change"] == "changed"} == {
        (BEFORE.date, DAY)
    }
    assert [(each.prefix, each.bytes) for each in largest_changes(out, limit=2)] == [("grown/", 16), ("new/", 8)]


def test_before_and_difference_make_after_to_the_last_digit(rolled: Rolled, tmp_path: Path) -> None:
    rng = random.Random(7)

    def rows() -> list[Row]:
        classes = ("STANDARD", "GLACIER", "STANDARD_IA")
        keys = {"/".join(rng.choices("abc", k=rng.randint(1, 4))) for _ in range(60)}
        return [stored(key, rng.randrange(1 << 40), storage_class=rng.choice(classes)) for key in sorted(keys)]

    before, after = rows(), rows()
    rollup = rolled(before, after)
    out = tmp_path / "difference.parquet"
    found = difference(Side(rollup, BEFORE.date), Side(rollup), out)
    was, now = naive(before), naive(after)
    nothing = dict.fromkeys(MEASURES, 0)
    changed = {prefix for prefix in was.keys() | now.keys() if was.get(prefix) != now.get(prefix)}
    assert {row["prefix"]: {name: row[f"{name}_delta"] for name in MEASURES} for row in read(out)} == {
        prefix: {name: now.get(prefix, nothing)[name] - was.get(prefix, nothing)[name] for name in MEASURES}
        for prefix in changed
    }
    assert found.monthly_usd == now[""]["monthly_usd"] - was[""]["monthly_usd"]
    assert found.added + found.changed + found.unchanged == len(now)


def test_nothing_changed_is_no_rows(rolled: Rolled, tmp_path: Path) -> None:
    rollup = rolled([stored("a/1", None)], [stored("a/1", None)])
    found = difference(Side(rollup, BEFORE.date), Side(rollup, DAY), tmp_path / "d.parquet")
    assert (found.added, found.removed, found.changed, found.unchanged, found.objects, found.bytes) == (
        0,
        0,
        0,
        2,
        0,
        0,
    )
    assert read(tmp_path / "d.parquet") == []


def test_what_is_unknown_on_a_side_has_no_difference(rolled: Rolled, tmp_path: Path) -> None:
    rollup = rolled([stored("a/1", None)], [stored("a/1", 5)])
    difference(Side(rollup, BEFORE.date), Side(rollup, DAY), tmp_path / "d.parquet")
    assert [(row["bytes_before"], row["bytes_after"], row["bytes_delta"]) for row in read(tmp_path / "d.parquet")] == [
        (None, 5, None)
    ] * 2


def test_a_bucket_without_a_snapshot_is_not_one_that_was_emptied(tmp_path: Path) -> None:
    """A delivery that is late would otherwise show as terabytes that were deleted."""
    data, late = replace(BEFORE, bucket="data"), replace(LOGS, account="000000000099")
    earlier = roll_up(
        [*write(tmp_path, BEFORE, [stored("a/1", 1)]), *write(tmp_path, data, [stored("b/1", 2)])], tmp_path / "1"
    )
    later = roll_up(
        [*write(tmp_path, LOGS, [stored("a/1", 1)]), *write(tmp_path, late, [stored("a/1", 4)])], tmp_path / "2"
    )
    found = difference(Side(earlier.folder), Side(later.folder), tmp_path / "d.parquet")
    assert (found.added, found.removed, found.changed, found.unchanged, found.bytes) == (0, 0, 0, 2, 0)
    assert [(each.account, each.bucket, each.bytes) for each in found.only_before] == [(LOGS.account, "data", 2)]
    assert [(each.account, each.bucket, each.bytes) for each in found.only_after] == [("000000000099", "logs", 4)]


def test_a_day_that_is_not_there_is_an_error(rolled: Rolled, tmp_path: Path) -> None:
    rollup = rolled([stored("a", 1)], [stored("a", 1)])
    with pytest.raises(ValueError, match="has no snapshot of 2020-02-02"):
        difference(Side(rollup, dt.date(2020, 2, 2)), Side(rollup), tmp_path / "d.parquet")
    with pytest.raises(FileNotFoundError, match="there is no roll-up"):
        difference(Side(tmp_path / "nowhere"), Side(rollup), tmp_path / "d.parquet")
    assert not (tmp_path / "d.parquet").exists()
