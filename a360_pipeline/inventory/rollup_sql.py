"""The statements of the roll-up: objects to directories, directories to every prefix above, and the breakdown."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from a360_pipeline.inventory.prices import GB, GB_BITS, PRICES, STANDARD, TIER_PRICES, TIERED, Price

AGE_BANDS = (
    ("under_30_days", 0),
    ("30_to_90_days", 30),
    ("90_to_180_days", 90),
    ("180_to_365_days", 180),
    ("1_to_3_years", 365),
    ("over_3_years", 3 * 365),
)
"""Names of the bands, and the days from which an object is of that age: from its last change to the snapshot's date.
What is newer than the snapshot's date is in the first."""

SUMMED: Mapping[str, tuple[str, str]] = {
    "objects": ("BIGINT", "count(*) FILTER (is_current)"),
    "versions": ("BIGINT", "count(*) FILTER (NOT is_current)"),
    "delete_markers": ("BIGINT", "count(*) FILTER (is_marker)"),
    "bytes": ("HUGEINT", "sum(size)"),
    "noncurrent_bytes": ("HUGEINT", "sum(CASE WHEN is_current THEN 0 ELSE size END)"),
    "unsized_objects": ("BIGINT", "count(*) FILTER (size IS NULL)"),
    "unpriced_objects": ("BIGINT", "count(*) FILTER (cost IS NULL)"),
    "cost": ("HUGEINT", "sum(cost)"),
}
"""What is added up, with the type it has meanwhile. `cost` is in whole picodollars: it adds up in whatever order."""

_TYPES = ", ".join(f"{name} {kind}" for name, (kind, _) in SUMMED.items())
_AGGREGATES = ", ".join(f"{aggregate} AS {name}" for name, (_, aggregate) in SUMMED.items())
_SUMS = ", ".join(f"sum({name})::{kind} AS {name}" for name, (kind, _) in SUMMED.items())
USD_DIGITS = 12
_USD = f"sum(cost)::DECIMAL(38, 0) * {Decimal(1).scaleb(-USD_DIGITS):f}::DECIMAL({USD_DIGITS + 1}, {USD_DIGITS})"
_MEASURES = ", ".join(
    f"({_USD})::DECIMAL(38, {USD_DIGITS}) AS monthly_usd" if name == "cost" else f"sum({name})::BIGINT AS {name}"
    for name in SUMMED
)

TABLES = f"""
CREATE TABLE prices (storage_class VARCHAR, access_tier VARCHAR, rate HUGEINT, smallest BIGINT, overhead HUGEINT);
CREATE TABLE snapshots (source INTEGER, snapshot_date DATE, account VARCHAR, region VARCHAR, bucket VARCHAR);
CREATE TABLE files (file_index UBIGINT, source INTEGER, today BIGINT);
CREATE TABLE sums (source INTEGER, depth INTEGER, prefix VARCHAR, {_TYPES});
CREATE TABLE mix (source INTEGER, first VARCHAR, storage_class VARCHAR, band INTEGER, encryption VARCHAR, {_TYPES});
"""


def price_rows() -> list[tuple[str, str, int, int, int]]:
    """The rows of `prices`, in picodollars times the bytes of a GB. An access tier is Intelligent-Tiering's alone."""
    named = [((name, ""), price) for name, price in PRICES.items()]
    named += [((TIERED, tier), price) for tier, price in TIER_PRICES.items()]
    return [(*name, _pico(price.usd_per_gb), price.smallest, _pico(_overhead(price))) for name, price in named]


def _overhead(price: Price) -> Decimal:
    return price.overhead * price.usd_per_gb + price.standard_overhead * STANDARD


def _pico(usd: Decimal) -> int:
    return int(usd.scaleb(USD_DIGITS))


# Delete markers have no size, which is not the same as an unknown one.
_OBJECTS = f"""
    SELECT f.source, o.key,
        coalesce(o.is_delete_marker, false) AS is_marker,
        coalesce(o.is_latest, true) AND NOT is_marker AS is_current,
        CASE WHEN is_marker THEN coalesce(o.size, 0) ELSE o.size END AS size,
        CASE WHEN o.size < p.smallest THEN p.smallest ELSE o.size END AS billed,
        CASE WHEN is_marker THEN 0 ELSE (billed * p.rate + p.overhead + {GB // 2}) >> {GB_BITS} END AS cost,
        o.storage_class, o.encryption_status AS encryption,
        f.today - epoch_ms(o.last_modified_date) // 86400000 AS age
    FROM read_parquet($files) o
    JOIN files f USING (file_index)
    LEFT JOIN prices p ON p.storage_class = o.storage_class AND p.access_tier =
        CASE WHEN o.storage_class = '{TIERED}' THEN coalesce(o.intelligent_tiering_access_tier, '') ELSE '' END
"""  # noqa: S608 - from constants

# A key's directory ends at its last slash. Grouped at once, while neighbours of one directory are still together:
# what is kept of a file is a row for each of its directories, whatever the order of its keys.
TO_DIRECTORIES = f"""
INSERT INTO sums
SELECT source, length(directory) - length(replace(directory, '/', '')), directory, {", ".join(SUMMED)} FROM (
    SELECT source, left(key, length(key) - length(split_part(key, '/', -1))) AS directory, {_AGGREGATES}
    FROM ({_OBJECTS}) GROUP BY source, directory
)
"""  # noqa: S608 - from constants

_BAND = " + ".join(f"(age >= {days})::INTEGER" for _, days in AGE_BANDS[1:])
TO_MIX = f"""
INSERT INTO mix
SELECT source, CASE WHEN contains(key, '/') THEN split_part(key, '/', 1) || '/' ELSE '' END AS first,
    storage_class, {_BAND} AS band, encryption, {_AGGREGATES}
FROM ({_OBJECTS}) GROUP BY ALL
"""  # noqa: S608 - from constants

NOTHING_STORED = f"""
INSERT INTO sums
SELECT source, 0, '', {", ".join("0" for _ in SUMMED)} FROM snapshots
WHERE source NOT IN (SELECT source FROM sums)
"""  # noqa: S608 - from constants

PARENT = "left(prefix, length(prefix) - length(split_part(prefix, '/', -2)) - 1)"
"""The prefix one level above one that has a slash."""

# From the deepest level to the first: each prefix is added to the one above it once.
TO_PARENTS = f"""
INSERT INTO sums
SELECT source, $depth - 1, {PARENT} AS parent, {_SUMS} FROM sums WHERE depth = $depth GROUP BY source, parent
"""  # noqa: S608 - from constants

PREFIXES = f"""
SELECT snapshot_date, account, region, bucket, prefix, depth, {_MEASURES}
FROM sums JOIN snapshots USING (source) GROUP BY ALL
"""  # noqa: S608 - from constants
PREFIXES_ORDER = "snapshot_date, account, bucket, depth, prefix"
"""Depth before prefix, so that a level of a subtree is one stretch of the file."""

_BANDS = ", ".join(f"'{name}'" for name, _ in AGE_BANDS)
BREAKDOWN = f"""
SELECT snapshot_date, account, region, bucket, coalesce(first, '') AS prefix, (first IS NOT NULL)::INTEGER AS depth,
    storage_class, [{_BANDS}][band + 1] AS age_band, encryption, {_MEASURES}
FROM mix JOIN snapshots USING (source)
GROUP BY GROUPING SETS (
    (snapshot_date, account, region, bucket, storage_class, band, encryption),
    (snapshot_date, account, region, bucket, storage_class, band, encryption, first)
)
HAVING first IS DISTINCT FROM ''
"""  # noqa: S608 - from constants
BREAKDOWN_ORDER = f"{PREFIXES_ORDER}, storage_class, age_band, encryption"

_COUNTED = ", ".join(
    f"coalesce(sum({name}) FILTER (depth = 0), 0)::BIGINT"
    for name in ("objects", "versions", "unsized_objects", "unpriced_objects")
)
_TOLD = ", ".join(
    f"CASE WHEN count(*) = 0 THEN 0 ELSE sum({name}) FILTER (depth = 0) END" for name in ("bytes", "monthly_usd")
)
TOTALS = f"SELECT count(*), {_COUNTED}, {_TOLD} FROM read_parquet($file)"  # noqa: S608 - from constants
"""Of the file of prefixes: how many they are, and the sums over whole buckets."""
