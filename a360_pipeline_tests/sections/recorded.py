"""What AWS really answered once, as others recorded it: read where it lies, and skipped where it does not."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

API = Path(__file__).resolve().parents[3] / "shared" / "data" / "api"
RECORDINGS = API / "cloud-custodian-placebo"


def answers(pattern: str) -> list[Any]:
    """The answers in the recordings whose path the pattern matches. Skips the test where there are none."""
    found = [json.loads(path.read_text(encoding="utf-8"), object_hook=_instant) for path in _sorted(pattern)]
    return [recorded["data"] for recorded in found]


def _sorted(pattern: str) -> list[Path]:
    paths = sorted(RECORDINGS.glob(pattern))
    if not paths:
        pytest.skip("the recordings of AWS's answers are not at hand")
    return paths


def _instant(value: dict[str, Any]) -> Any:
    if value.get("__class__") != "datetime":
        return value
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return dt.datetime(*(value[name] for name in names), tzinfo=dt.UTC)
