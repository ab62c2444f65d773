"""Consolidated deliveries with rows that a test makes up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from a360_pipeline.inventory.arrow import SCHEMA

ACCOUNT = "012345678901"
REGION = "eu-west-1"
DAY = dt.date(2026, 1, 31)


def days_before(days: float, day: dt.date = DAY) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC) - dt.timedelta(days=days)


def deliver(
    root: Path,
    bucket: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    day: dt.date = DAY,
    account: str = ACCOUNT,
    name: str = "20260131T010000Z-00000000",
    is_finished: bool = True,
) -> Path:
    """Writes a delivery as consolidation does; what a row does not say is null. Returns its one file."""
    folder = root / "inventory" / account / REGION / bucket / day.isoformat() / name
    folder.mkdir(parents=True)
    full = [{"bucket": bucket, **row} for row in rows]
    pq.write_table(pa.Table.from_pylist(full, SCHEMA), folder / "part-00000.parquet", compression="zstd")
    if is_finished:
        (folder / "_delivery.json").write_text("{}")
    return folder / "part-00000.parquet"
