"""Inventories for tests of roll-ups, and a roll-up so simple that it can be read: a loop over rows and prefixes."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from a360_pipeline.inventory.arrow import SCHEMA
from a360_pipeline.inventory.prices import monthly_usd
from a360_pipeline.inventory.rollup import BREAKDOWN, PREFIXES
from a360_pipeline.inventory.snapshots import Snapshot

DAY = dt.date(2026, 11, 20)
LOGS = Snapshot(DAY, "000000000012", "eu-west-1", "logs")
PICODOLLAR = Decimal("1e-12")

Row = Mapping[str, Any]


def stored(key: str, size: int | None = 1000, **fields: Any) -> Row:
    """A current object in STANDARD, changed on the day."""
    changed = dt.datetime.combine(DAY, dt.time(1), dt.UTC)
    return {"key": key, "size": size, "storage_class": "STANDARD", "last_modified_date": changed, **fields}


def write(
    folder: Path, snapshot: Snapshot, *files: Iterable[Row], delivery: str = "20261120T010000Z-00000000"
) -> list[Path]:
    """Writes consolidated files of a delivery and returns their paths."""
    place = folder / "inventory" / snapshot.account / snapshot.region / snapshot.bucket / str(snapshot.date) / delivery
    place.mkdir(parents=True)
    paths = []
    for number, rows in enumerate(files):
        path = place / f"part-{number:05}.parquet"
        given = [{"bucket": snapshot.bucket, **row} for row in rows]
        pq.write_table(pa.Table.from_pylist(given, schema=SCHEMA), path, row_group_size=7)
        paths.append(path)
    return paths


def prefixes_of(key: str) -> list[str]:
    """The empty one, and one for each slash."""
    return ["", *(key[: at + 1] for at, letter in enumerate(key) if letter == "/")]


def naive(rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """The measures of every prefix of one bucket."""
    found: dict[str, list[Row]] = {"": []}
    for row in rows:
        for prefix in prefixes_of(row["key"]):
            found.setdefault(prefix, []).append(row)
    return {prefix: measures(rows) for prefix, rows in found.items()}


def measures(rows: Iterable[Row]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    sizes, noncurrent, costs = [], [], []
    for row in rows:
        is_marker = bool(row.get("is_delete_marker"))
        is_current = not is_marker and row.get("is_latest") is not False
        size = row.get("size") if not is_marker else row.get("size") or 0
        usd = monthly_usd(size, row.get("storage_class"), row.get("intelligent_tiering_access_tier"))
        cost = Decimal(0) if is_marker else usd
        counts["objects"] += is_current
        counts["versions"] += not is_current
        counts["delete_markers"] += is_marker
        counts["unsized_objects"] += size is None
        counts["unpriced_objects"] += cost is None
        sizes.append(size)
        noncurrent.append(0 if is_current else size)
        costs.append(None if cost is None else cost.quantize(PICODOLLAR, ROUND_HALF_UP))
    return {
        **{name: counts[name] for name in ("objects", "versions", "delete_markers")},
        "bytes": total(sizes),
        "noncurrent_bytes": total(noncurrent),
        **{name: counts[name] for name in ("unsized_objects", "unpriced_objects")},
        "monthly_usd": total(costs),
    }


def total(values: list[Any]) -> Any:
    """The sum of what is known; None where nothing of something is."""
    known = [value for value in values if value is not None]
    return sum(known) if known or not values else None


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file, in its order."""
    return pq.read_table(path).to_pylist()


def prefix_rows(rollup: Path) -> list[dict[str, Any]]:
    return read(rollup / PREFIXES)


def breakdown_rows(rollup: Path) -> list[dict[str, Any]]:
    return read(rollup / BREAKDOWN)


def by_prefix(rollup: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The measures of a roll-up of one bucket, by prefix."""
    wanted = tuple(names)
    return {row["prefix"]: {name: row[name] for name in wanted} for row in prefix_rows(rollup)}
