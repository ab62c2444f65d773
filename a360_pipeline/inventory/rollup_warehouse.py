"""The larger prefixes of a roll-up, put into the warehouse, where they are asked for beside all else."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from a360_pipeline.inventory.bounded import bounded
from a360_pipeline.inventory.rollup import PREFIXES
from a360_pipeline.warehouse.connection import Connection

TOP = 500
FIRST_LEVEL = 2000
"""Prefixes of a bucket's first level that are put at most, the largest: some have millions."""
BATCH = 1000
"""Rows of an INSERT: where prefixes are long and not ASCII, half of what the Data API takes at once."""

_Row = tuple[Any, ...]
"""In the order of the table's columns."""
_INSERT = (
    "INSERT INTO inventory_prefixes"
    " (snapshot_date, account_id, region, bucket, prefix, depth, objects, versions, bytes, monthly_usd) "
    "SELECT * FROM unnest(%s::date[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],"
    " %s::bigint[], %s::bigint[], %s::bigint[], %s::numeric[])"
)
_DELETE = (
    "DELETE FROM inventory_prefixes p USING unnest(%s::date[], %s::text[], %s::text[])"
    " AS s (snapshot_date, account_id, bucket) "
    "WHERE p.snapshot_date = s.snapshot_date AND p.account_id = s.account_id AND p.bucket = s.bucket"
)

# A NUL cannot be stored as text; what a prefix with one holds is counted in those above it.
_LARGER = """
SELECT snapshot_date, account, region, bucket, prefix, depth, objects, versions, bytes, monthly_usd
FROM read_parquet($file)
QUALIFY depth = 0 OR NOT contains(prefix, chr(0)) AND (
    row_number() OVER (PARTITION BY snapshot_date, account, bucket ORDER BY bytes DESC NULLS LAST, prefix) <= $top
    OR depth = 1 AND row_number()
        OVER (PARTITION BY snapshot_date, account, bucket, depth ORDER BY bytes DESC NULLS LAST, prefix) <= $first
)
ORDER BY snapshot_date, account, bucket, depth, prefix
"""


def to_warehouse(rollup: Path, connection: Connection, top: int = TOP) -> int:
    """Puts the larger prefixes of a roll-up into `inventory_prefixes` and returns how many they are.

    Of each bucket the whole, its first level, and the `top` largest prefixes of any level by bytes. What is there of
    the same bucket and day is replaced, each bucket in one transaction. Raises FileNotFoundError.
    """
    path = rollup / PREFIXES
    if not path.is_file():
        raise FileNotFoundError(f"there is no roll-up in {rollup}: {PREFIXES} is not there")
    rows = 0
    with bounded() as (duck, _):
        found = duck.execute(_LARGER, {"file": glob.escape(str(path)), "top": top, "first": FIRST_LEVEL})
        for buckets in _some_buckets(iter(found.fetchone, None)):
            with connection.transaction():
                connection.execute(_DELETE, _transposed([(row[0], row[1], row[3]) for row in buckets if row[5] == 0]))
                for start in range(0, len(buckets), BATCH):
                    connection.execute(_INSERT, _transposed(buckets[start : start + BATCH]))
            rows += len(buckets)
    return rows


def _some_buckets(rows: Iterator[_Row]) -> Iterator[list[_Row]]:
    """Rows in portions, none of which ends within a bucket."""
    portion: list[_Row] = []
    for row in rows:
        if row[5] == 0 and len(portion) >= BATCH:
            yield portion
            portion = []
        portion.append(row)
    if portion:
        yield portion


def _transposed(rows: Sequence[_Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
