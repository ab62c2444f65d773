"""Windows: the days that a report of each interval speaks of, its end exclusive."""

from __future__ import annotations

import datetime as dt

import pytest

from a360_pipeline.sections.model import Window, month_after, month_before
from a360_pipeline.snapshot.key import INTERVALS, SnapshotKey


def told(window: Window) -> tuple[str, str, str, str]:
    return (str(window.previous_start), str(window.start), str(window.end), window.interval)


@pytest.mark.parametrize(
    ("run_date", "days"),
    [
        ("2026-03-01", ("2026-02-27", "2026-02-28", "2026-03-01", "DAILY")),
        ("2026-01-01", ("2025-12-30", "2025-12-31", "2026-01-01", "DAILY")),
    ],
)
def test_a_day_is_the_one_before_the_run(run_date: str, days: tuple[str, ...]) -> None:
    assert told(Window.daily(dt.date.fromisoformat(run_date))) == days


@pytest.mark.parametrize("run_date", ["2026-11-23", "2026-11-24", "2026-11-29"])
def test_a_week_is_the_last_full_one_from_monday_to_sunday(run_date: str) -> None:
    """S22."""
    window = Window.weekly(dt.date.fromisoformat(run_date))
    assert told(window) == ("2026-11-09", "2026-11-16", "2026-11-23", "WEEKLY")
    assert window.start.strftime("%A") == "Monday"


@pytest.mark.parametrize(
    ("run_date", "days"),
    [
        ("2026-03-01", ("2026-01-01", "2026-02-01", "2026-03-01", "MONTHLY")),
        ("2026-03-31", ("2026-01-01", "2026-02-01", "2026-03-01", "MONTHLY")),
        ("2026-01-15", ("2025-11-01", "2025-12-01", "2026-01-01", "MONTHLY")),
    ],
)
def test_a_month_is_the_whole_one_before_whatever_its_length(run_date: str, days: tuple[str, ...]) -> None:
    """S22."""
    assert told(Window.monthly(dt.date.fromisoformat(run_date))) == days


@pytest.mark.parametrize("run_date", ["2025-01-01", "2025-12-31"])
def test_a_year_is_the_whole_one_before_leap_or_not(run_date: str) -> None:
    """S22."""
    window = Window.yearly(dt.date.fromisoformat(run_date))
    assert told(window) == ("2023-01-01", "2024-01-01", "2025-01-01", "YEARLY")
    assert (window.end - window.start).days == 366


def test_months_are_stepped_through_from_any_day() -> None:
    for day in (dt.date(2026, 1, 31), dt.date(2026, 1, 1)):
        assert (month_before(day), month_after(day)) == (dt.date(2025, 12, 1), dt.date(2026, 2, 1))
    assert month_after(dt.date(2026, 12, 1)) == dt.date(2027, 1, 1)


def test_a_window_names_its_snapshot() -> None:
    day = dt.date(2026, 3, 2)
    windows = (Window.daily(day), Window.weekly(day), Window.monthly(day), Window.yearly(day))
    keys = [SnapshotKey("111122223333", "Global", day, window.interval) for window in windows]
    assert [key.interval for key in keys] == list(INTERVALS)
    assert [SnapshotKey.parse(key.path) for key in keys] == keys
