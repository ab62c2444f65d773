"""Coverage: what travels in a snapshot comes back as it was, and what is none is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a360_pipeline.coverage import MAX_FIGURE, Effort, SectionCoverage, Status

figures = st.integers(0, MAX_FIGURE)
seconds = st.integers(0, 10**9).map(lambda milliseconds: milliseconds / 1000)
efforts = st.builds(Effort, calls=figures, retries=figures, throttles=figures, paid_calls=figures, seconds=seconds)
coverages = st.builds(
    SectionCoverage,
    status=st.sampled_from(Status),
    rows=figures,
    message=st.none() | st.text(),
    effort=efforts,
)


@given(coverages)
def test_a_coverage_comes_back_from_the_wire_as_it_was(coverage: SectionCoverage) -> None:
    wire = json.loads(json.dumps(coverage.to_wire()), parse_float=Decimal)
    assert SectionCoverage.from_wire(wire) == coverage


def test_seconds_travel_in_milliseconds() -> None:
    wire = SectionCoverage(Status.OK, effort=Effort(seconds=1.23456)).to_wire()
    assert wire["seconds"] == 1.235


def test_a_status_alone_is_a_coverage_without_rows_or_effort() -> None:
    assert SectionCoverage.from_wire({"status": "denied"}) == SectionCoverage(Status.DENIED, 0, None, Effort())


def test_a_null_figure_is_zero() -> None:
    wire = {"status": "ok", "rows": None, "calls": None, "seconds": None, "message": None}
    assert SectionCoverage.from_wire(wire) == SectionCoverage(Status.OK)


@pytest.mark.parametrize("status", ["Pass", "OK", "", "unknown", None, 1, True, [], {}])
def test_a_status_that_is_none_is_refused(status: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        SectionCoverage.from_wire({"status": status})


def test_a_coverage_without_a_status_is_refused() -> None:
    with pytest.raises(KeyError):
        SectionCoverage.from_wire({"rows": 3})


@pytest.mark.parametrize("name", ["rows", "calls", "retries", "throttles", "paid_calls", "seconds"])
@pytest.mark.parametrize(
    "figure",
    [
        "12 rows",
        "12",
        [],
        [1],
        {"n": 1},
        True,
        -1,
        10**30,
        Decimal("1E+400"),
        # Would take all memory there is, were it made an integer.
        Decimal("1E+999999999"),
        float("nan"),
        Decimal("Infinity"),
    ],
    ids=repr,
)
def test_a_figure_that_counts_nothing_is_refused(name: str, figure: Any) -> None:
    """The ledger's columns take 64 bits: a larger figure would make every batch fail that holds the file."""
    with pytest.raises((TypeError, ValueError)):
        SectionCoverage.from_wire({"status": "ok", name: figure})


@pytest.mark.parametrize("rows", [Decimal("2.5"), 2.5, Decimal("1E-999999999")])
def test_half_a_row_is_refused(rows: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        SectionCoverage.from_wire({"status": "ok", "rows": rows})


def test_seconds_may_come_as_a_whole_number() -> None:
    assert SectionCoverage.from_wire({"status": "ok", "seconds": 3}).effort == Effort(seconds=3.0)


@given(efforts, efforts)
def test_the_effort_between_two_readings_is_their_difference(earlier: Effort, later: Effort) -> None:
    assert later - earlier == Effort(
        later.calls - earlier.calls,
        later.retries - earlier.retries,
        later.throttles - earlier.throttles,
        later.paid_calls - earlier.paid_calls,
        later.seconds - earlier.seconds,
    )


@given(efforts)
def test_nothing_was_done_between_a_reading_and_itself(effort: Effort) -> None:
    assert effort - effort == Effort()
    assert effort - Effort() == effort


IS_GAP_AND_HAS_FACTS = {
    Status.OK: (False, True),
    Status.EMPTY: (False, True),
    Status.DENIED: (True, False),
    Status.SCP_DENIED: (True, False),
    Status.NOT_SUBSCRIBED: (True, False),
    Status.NOT_ENABLED: (True, False),
    Status.REGION_DISABLED: (True, False),
    Status.THROTTLED: (True, False),
    Status.PARTIAL: (True, True),
    Status.FAILED: (True, False),
    Status.SKIPPED_BUDGET: (True, False),
}


@pytest.mark.parametrize("status", Status)
def test_every_status_says_whether_facts_came_and_whether_some_are_missing(status: Status) -> None:
    assert (status.is_gap, status.has_facts) == IS_GAP_AND_HAS_FACTS[status]
