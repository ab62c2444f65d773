"""The few rows of a roll-up that a picture of it needs: the largest at each level, and the rest as one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from a360_pipeline.inventory.bounded import bounded, insert
from a360_pipeline.inventory.rollup_sql import PARENT
from a360_pipeline.inventory.side import Side, show


@dataclass(frozen=True, slots=True)
class Root:
    """What a picture is of: all buckets, one, or a prefix of one, with its slash."""

    account: str | None = None
    bucket: str | None = None
    prefix: str = ""

    def __post_init__(self) -> None:
        if (self.account is None) != (self.bucket is None):
            raise ValueError("a bucket is named together with its account")
        if self.prefix and (self.bucket is None or not self.prefix.endswith("/")):
            raise ValueError(f"{self.prefix!r} is no prefix of a roll-up: it ends in a slash and is of a bucket")


@dataclass(frozen=True, slots=True)
class Tile:
    """A prefix, a whole bucket, or all buckets. `is_other` is what of it lies in no tile below."""

    account: str | None
    bucket: str | None
    prefix: str
    level: int
    """0 is the root."""
    objects: int
    versions: int
    bytes: int | None
    monthly_usd: Decimal | None
    is_other: bool = False


_NUMBERS = "objects, versions, bytes, monthly_usd"
_LARGEST_FIRST = "bytes DESC NULLS LAST, account, bucket, prefix"


def treemap(
    out: Path, root: Root | None = None, depth: int = 2, limit: int = 20, date: dt.date | None = None
) -> list[Tile]:
    """The tiles of a picture, from the root down: `depth` levels below it, of each tile the `limit` largest by bytes.

    Where a tile has others below, they and the one that `is_other` make up exactly its objects, versions, bytes and
    dollars; what lies directly in a prefix is among the other. Without a root it is of all buckets, and the first
    level below is buckets. A root that is not there has no tiles. Raises FileNotFoundError.
    """
    root = root or Root()
    with bounded() as (duck, _):
        show(duck, "prefixes", Side(out, date))
        shown = _root(duck, root)
        tiles = list(shown)
        for level in range(1, depth + 1):
            is_of_buckets = root.bucket is None and level == 1
            below = _buckets(duck, limit) if is_of_buckets else _below(duck, root, shown, level, limit)
            tiles += below
            tiles += _others(shown, below)
            shown = below
    return tiles


def _root(duck: duckdb.DuckDBPyConnection, root: Root) -> list[Tile]:
    if root.bucket is None:
        found = duck.execute(
            "SELECT sum(objects)::BIGINT, sum(versions)::BIGINT, sum(bytes)::BIGINT, sum(monthly_usd)"
            " FROM prefixes WHERE depth = 0 HAVING count(*) > 0"
        )
    else:
        found = duck.execute(
            f"SELECT {_NUMBERS} FROM prefixes"  # noqa: S608 - constants
            " WHERE account = $account AND bucket = $bucket AND depth = $depth AND prefix = $prefix",
            {**asdict(root), "depth": root.prefix.count("/")},
        )
    return [Tile(root.account, root.bucket, root.prefix, 0, *numbers) for numbers in found.fetchall()]


def _buckets(duck: duckdb.DuckDBPyConnection, limit: int) -> list[Tile]:
    found = duck.execute(
        f"SELECT account, bucket, prefix, 1, {_NUMBERS} FROM prefixes WHERE depth = 0"  # noqa: S608 - constants
        f" ORDER BY {_LARGEST_FIRST} LIMIT $limit",
        {"limit": limit},
    )
    return [Tile(*row) for row in found.fetchall()]


def _below(duck: duckdb.DuckDBPyConnection, root: Root, above: Sequence[Tile], level: int, limit: int) -> list[Tile]:
    """The largest prefixes in each of the tiles above."""
    if not above:
        return []
    duck.execute("CREATE OR REPLACE TEMP TABLE above (account VARCHAR, bucket VARCHAR, parent VARCHAR)")
    insert(duck, "above", [(tile.account, tile.bucket, tile.prefix) for tile in above])
    within, parameters = _within(root)
    found = duck.execute(
        f"SELECT account, bucket, prefix, $level, {_NUMBERS} FROM"  # noqa: S608 - constants
        f" (SELECT *, {PARENT} AS parent FROM prefixes WHERE depth = $depth AND {within})"
        " SEMI JOIN above USING (account, bucket, parent)"
        f" QUALIFY row_number() OVER (PARTITION BY account, bucket, parent ORDER BY {_LARGEST_FIRST}) <= $limit"
        f" ORDER BY {_LARGEST_FIRST}",
        {"depth": above[0].prefix.count("/") + 1, "level": level, "limit": limit, **parameters},
    )
    return [Tile(*row) for row in found.fetchall()]


def _within(root: Root) -> tuple[str, dict[str, str]]:
    """A condition that what lies in a root meets, in terms that the statistics of the file know."""
    if root.bucket is None or root.account is None:
        return "true", {}
    within, parameters = "account = $account AND bucket = $bucket", {"account": root.account, "bucket": root.bucket}
    if not root.prefix:
        return within, parameters
    # 0 comes right after the slash.
    bounds = {"from": root.prefix, "to": f"{root.prefix[:-1]}0"}
    return f"{within} AND prefix >= $from AND prefix < $to", {**parameters, **bounds}


def _others(above: Sequence[Tile], below: Sequence[Tile]) -> Iterator[Tile]:
    """What of each tile lies in none of those below it."""
    inside: dict[tuple[str | None, str | None, str], list[Tile]] = {}
    for tile in below:
        inside.setdefault(_parent(tile), []).append(tile)
    for tile in above:
        tiles = inside.get((tile.account, tile.bucket, tile.prefix))
        if tiles is None:
            continue
        rest = Tile(
            tile.account,
            tile.bucket,
            tile.prefix,
            tile.level + 1,
            tile.objects - sum(each.objects for each in tiles),
            tile.versions - sum(each.versions for each in tiles),
            None if tile.bytes is None else tile.bytes - sum(each.bytes or 0 for each in tiles),
            None if tile.monthly_usd is None else tile.monthly_usd - sum(each.monthly_usd or 0 for each in tiles),
            is_other=True,
        )
        if rest.objects or rest.versions:
            yield rest


def _parent(tile: Tile) -> tuple[str | None, str | None, str]:
    if not tile.prefix:
        return None, None, ""
    head, slash, _ = tile.prefix[:-1].rpartition("/")
    return tile.account, tile.bucket, head + slash
