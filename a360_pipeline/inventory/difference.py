"""What changed between two roll-ups, or between two days of one: prefixes that came, went, or grew and shrank."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from a360_pipeline.inventory.bounded import MEMORY_MB, bounded, text, write_parquet
from a360_pipeline.inventory.rollup import MEASURES
from a360_pipeline.inventory.side import Side, show


@dataclass(frozen=True, slots=True)
class BucketTotal:
    """A bucket that only one side has a snapshot of, and what it held there."""

    account: str
    bucket: str
    objects: int
    versions: int
    bytes: int | None
    monthly_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Difference:
    """How many prefixes came, went, and are not as they were; the rows themselves are in `path`.

    The sums are what the buckets that both sides have gained; what is unknown on a side is not in them. Buckets in
    `only_before` and `only_after` are neither in them nor in the rows: that there is no snapshot of a bucket does not
    say that it is gone.
    """

    path: Path
    added: int
    removed: int
    changed: int
    unchanged: int
    objects: int
    versions: int
    bytes: int
    monthly_usd: Decimal
    only_before: tuple[BucketTotal, ...]
    only_after: tuple[BucketTotal, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A prefix that is not as it was. A number is None where a side's is unknown."""

    account: str
    bucket: str
    prefix: str
    change: str
    objects: int
    versions: int
    bytes: int | None
    monthly_usd: Decimal | None


_TOTALS = ("objects", "versions", "bytes", "monthly_usd")
_KEY = "account, bucket, depth, prefix"
_DIFFERS = " OR ".join(f"b.{name} IS DISTINCT FROM a.{name}" for name in MEASURES)
# What is not there has nothing of anything; a sum that is there and unknown has no difference.
_COLUMNS = ", ".join(
    f"b.{name} AS {name}_before, a.{name} AS {name}_after, "
    f"(CASE WHEN a.region IS NULL THEN 0 ELSE a.{name} END - CASE WHEN b.region IS NULL THEN 0 ELSE b.{name} END)"
    f" AS {name}_delta"
    for name in MEASURES
)
_COMPARED = f"""
SELECT {_KEY}, coalesce(a.region, b.region) AS region,
    CASE WHEN b.region IS NULL THEN 'added' WHEN a.region IS NULL THEN 'removed' ELSE 'changed' END AS change,
    b.snapshot_date AS date_before, a.snapshot_date AS date_after, {_COLUMNS}
FROM (SELECT * FROM before SEMI JOIN after_days USING (account, bucket)) b
FULL JOIN (SELECT * FROM after SEMI JOIN before_days USING (account, bucket)) a USING ({_KEY})
WHERE {_DIFFERS}
"""  # noqa: S608 - from constants


def difference(
    before: Side, after: Side, out: Path, *, memory_mb: int = MEMORY_MB, scratch: Path | None = None
) -> Difference:
    """Compares two sides prefix by prefix and writes what differs to the Parquet file `out`.

    Its rows: account, bucket, depth, prefix, region, change (added, removed or changed), the dates of the two
    snapshots, and each measure of roll-ups `_before`, `_after` and as `_delta`. Raises FileNotFoundError where a side
    has no roll-up, and ValueError where it has no snapshot of its date.
    """
    with bounded(memory_mb, scratch) as (duck, _):
        for name, side in (("before", before), ("after", after)):
            show(duck, name, side)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_parquet(duck, _COMPARED, _KEY, out)
        rows = _rows_of(out)
        counts = dict(duck.execute(f"SELECT change, count(*) FROM {rows} GROUP BY change").fetchall())  # noqa: S608 - ours
        added, removed, changed = (counts.get(change, 0) for change in ("added", "removed", "changed"))
        both = duck.execute("SELECT count(*) FROM before SEMI JOIN after_days USING (account, bucket)").fetchall()
        sums = ", ".join(f"coalesce(sum({name}_delta), 0)" for name in _TOTALS)
        ((objects, versions, size, usd),) = duck.execute(
            f"SELECT {sums} FROM {rows} WHERE depth = 0"  # noqa: S608 - ours
        ).fetchall()
        return Difference(
            out,
            added,
            removed,
            changed,
            both[0][0] - removed - changed,
            int(objects),
            int(versions),
            int(size),
            Decimal(usd),
            only_before=_only(duck, "before", "after"),
            only_after=_only(duck, "after", "before"),
        )


def _only(duck: duckdb.DuckDBPyConnection, side: str, other: str) -> tuple[BucketTotal, ...]:
    found = duck.execute(
        f"SELECT account, bucket, {', '.join(_TOTALS)} FROM {side} ANTI JOIN {other}_days USING (account, bucket)"  # noqa: S608 - ours
        " WHERE depth = 0 ORDER BY account, bucket"
    )
    return tuple(BucketTotal(*row) for row in found.fetchall())


def largest_changes(path: Path, limit: int = 20, depth: int = 1) -> list[Change]:
    """Of a file that `difference` wrote the changes at a depth, largest in bytes first, unknown ones before all."""
    with bounded() as (duck, _):
        deltas = ", ".join(f"{name}_delta" for name in _TOTALS)
        found = duck.execute(
            f"SELECT account, bucket, prefix, change, {deltas} FROM {_rows_of(path)} WHERE depth = $depth"  # noqa: S608 - ours
            " ORDER BY abs(bytes_delta) DESC NULLS FIRST, abs(objects_delta) DESC, account, bucket, prefix"
            " LIMIT $limit",
            {"depth": depth, "limit": limit},
        )
        return [Change(*row) for row in found.fetchall()]


def _rows_of(path: Path) -> str:
    return f"read_parquet({text(glob.escape(str(path)))})"
