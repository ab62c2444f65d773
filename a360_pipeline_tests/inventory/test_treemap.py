"""What a picture of a roll-up is drawn from."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.inventory.rollup import roll_up
from a360_pipeline.inventory.treemap import Root, Tile, treemap
from a360_pipeline_tests.inventory.rolling import DAY, LOGS, stored, write

DATA = replace(LOGS, account="999999999999", bucket="data")
BEFORE = replace(LOGS, date=DAY - dt.timedelta(days=1))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("treemap")
    parts = [
        *write(folder, BEFORE, [stored("a/old", 1000)]),
        *write(
            folder,
            LOGS,
            [stored("a/x/1", 50), stored("a/y/1", 30), stored("a/z/1", 10), stored("a/direct", 5)],
            [stored("b/1", 40), stored("c/1", 1), stored("//1", 2), stored("root", 7), stored("a0/1", 3)],
        ),
        *write(folder, DATA, [stored("a/1", 500), stored("d/1", None)]),
    ]
    roll_up(parts, folder / "rollup")
    return folder / "rollup"


def shown(tiles: list[Tile]) -> list[tuple[Any, ...]]:
    return [(tile.level, tile.bucket, tile.prefix, tile.bytes, tile.is_other) for tile in tiles]


def test_a_prefix_shows_its_largest_and_the_rest_as_one(out: Path) -> None:
    assert shown(treemap(out, Root(LOGS.account, "logs", "a/"), depth=1, limit=2)) == [
        (0, "logs", "a/", 95, False),
        (1, "logs", "a/x/", 50, False),
        (1, "logs", "a/y/", 30, False),
        (1, "logs", "a/", 15, True),
    ]


def test_all_buckets_come_first_and_each_by_its_newest_day(out: Path) -> None:
    assert shown(treemap(out, depth=2, limit=2)) == [
        (0, None, "", 648, False),
        (1, "data", "", 500, False),
        (1, "logs", "", 148, False),
        (2, "data", "a/", 500, False),
        (2, "logs", "a/", 95, False),
        (2, "logs", "b/", 40, False),
        (2, "data", "d/", None, False),
        (2, "logs", "", 13, True),
    ]


def test_a_day_is_asked_for_by_its_date(out: Path) -> None:
    assert shown(treemap(out, date=BEFORE.date, depth=1)) == [(0, None, "", 1000, False), (1, "logs", "", 1000, False)]
    with pytest.raises(ValueError, match="no snapshot of 2020-01-01"):
        treemap(out, date=dt.date(2020, 1, 1))


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_tiles_make_up_what_they_are_in(out: Path, limit: int) -> None:
    tiles = treemap(out, depth=3, limit=limit)
    inside: dict[Any, list[Tile]] = defaultdict(list)
    for tile in tiles[1:]:
        head, slash, _ = tile.prefix[:-1].rpartition("/")
        own = (tile.account, tile.bucket, tile.prefix)
        above = (None, None, "") if not tile.prefix else (tile.account, tile.bucket, head + slash)
        is_of_all = tile.is_other and tile.bucket is None
        inside[own if tile.is_other or is_of_all else above].append(tile)
    for tile in tiles:
        below = inside[tile.account, tile.bucket, tile.prefix]
        if tile.is_other or not below:
            continue
        assert sum(each.objects for each in below) == tile.objects
        assert sum(each.bytes or 0 for each in below) == tile.bytes
        assert sum(each.monthly_usd or 0 for each in below) == tile.monthly_usd


def test_an_empty_name_between_slashes_is_a_level(out: Path) -> None:
    found = treemap(out, Root(LOGS.account, "logs", "/"), depth=1)
    assert shown(found) == [(0, "logs", "/", 2, False), (1, "logs", "//", 2, False)]


def test_what_is_not_there_has_no_tiles(out: Path, tmp_path: Path) -> None:
    assert treemap(out, Root(LOGS.account, "logs", "nowhere/")) == []
    assert treemap(out, Root("000000000013", "logs")) == []
    with pytest.raises(FileNotFoundError, match="there is no roll-up"):
        treemap(tmp_path)


@pytest.mark.parametrize("given", [("1", None, ""), (None, "logs", ""), (None, None, "a/"), ("1", "logs", "a")])
def test_a_root_is_a_bucket_of_an_account_or_a_whole_prefix(given: tuple[Any, Any, str]) -> None:
    with pytest.raises(ValueError):
        Root(*given)
