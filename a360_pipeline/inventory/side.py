"""Which snapshots of a roll-up are looked at: those of a day, or the newest of every bucket."""

from __future__ import annotations

import datetime as dt
import glob
from dataclasses import dataclass
from pathlib import Path

import duckdb

from a360_pipeline.inventory.bounded import text
from a360_pipeline.inventory.rollup import PREFIXES


@dataclass(frozen=True, slots=True)
class Side:
    """The snapshots of `date` in a roll-up; of each bucket the newest where no date is given."""

    rollup: Path
    date: dt.date | None = None


def show(duck: duckdb.DuckDBPyConnection, name: str, side: Side) -> None:
    """Makes a view of the prefixes on a side, one snapshot of every bucket that has one.

    Raises FileNotFoundError where there is no roll-up, and ValueError where it has no snapshot of the date.
    """
    path = side.rollup / PREFIXES
    if not path.is_file():
        raise FileNotFoundError(f"there is no roll-up in {side.rollup}: {PREFIXES} is not there")
    rows = f"read_parquet({text(glob.escape(str(path)))})"
    is_meant = "true" if side.date is None else f"snapshot_date = DATE {text(side.date)}"
    days = f"{name}_days"
    duck.execute(
        f"CREATE TABLE {days} AS SELECT account, bucket, max(snapshot_date) AS snapshot_date "  # noqa: S608 - ours
        f"FROM {rows} WHERE depth = 0 AND {is_meant} GROUP BY account, bucket"
    )
    if side.date is not None and duck.table(days).count("*").fetchall() == [(0,)]:
        raise ValueError(f"the roll-up in {side.rollup} has no snapshot of {side.date}")
    duck.execute(
        f"CREATE VIEW {name} AS SELECT * FROM {rows} SEMI JOIN {days} USING (account, bucket, snapshot_date)"  # noqa: S608 - ours
    )
