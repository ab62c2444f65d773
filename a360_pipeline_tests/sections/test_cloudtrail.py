"""Section `cloudtrail`: each trail once, a region's own in the region and those of all regions with the account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from a360_pipeline.coverage import GLOBAL, Status
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.sections.security.cloudtrail import trail_row
from a360_pipeline_tests.sections.asking import Asking, asking

REGIONS = ("us-east-1", "eu-central-2")


@pytest.fixture(scope="module")
def running() -> Iterator[Asking]:
    with asking(regions=REGIONS) as found:
        yield found


@pytest.fixture
def aws(running: Asking) -> Iterator[Asking]:
    yield running
    running.stand_in.faults.set()


def test_a_trail_is_told_once_whatever_the_regions_that_list_it(aws: Asking) -> None:
    """R10: every region lists a trail of all regions, and the organization's in every account."""
    told = [row for region in (*REGIONS, GLOBAL) for row in aws.rows("cloudtrail", region=region)]
    assert set(Counter(row["arn"] for row in told).values()) == {1}
    wide = aws.rows("cloudtrail", region=GLOBAL)
    assert [(row["is_multi_region"], row["is_organization_trail"]) for row in wide] == [(True, False), (True, True)]
    assert len(aws.rows("cloudtrail")) == 118
    assert len(told) > 120


def test_the_organizations_trail_is_told_in_its_members_by_the_managements_arn(aws: Asking) -> None:
    member = aws.organization.accounts[1].id
    shared = next(row for row in aws.rows("cloudtrail", member, GLOBAL) if row["is_organization_trail"])
    assert f":{aws.organization.management.id}:" in shared["arn"]
    assert shared["is_logging"] is True


def test_events_are_not_counted_rather_than_counted_as_none(aws: Asking) -> None:
    """S14: an event history asked for amiss was always 0; the trail's own events CloudTrail does not count."""
    rows = [*aws.rows("cloudtrail"), *aws.rows("cloudtrail", region=GLOBAL)]
    assert {row["recent_events_count"] for row in rows} == {None}
    assert [operation.name for operation in SECTIONS["cloudtrail"].operations] == ["DescribeTrails", "GetTrailStatus"]


def test_a_trail_that_stopped_is_not_one_that_nobody_knows_of(aws: Asking) -> None:
    """R31."""
    rows = aws.rows("cloudtrail")
    assert {row["is_logging"] for row in rows} == {True, False}
    assert all(row["stop_logging_time"] is None for row in rows if row["is_logging"])
    assert any(row["start_logging_time"] is None for row in rows if not row["is_logging"])
    assert any(row["latest_delivery_error"] == "NoSuchBucket" for row in rows)


def test_a_refused_status_leaves_unknown_what_it_would_say_and_keeps_the_trails(aws: Asking) -> None:
    """S4, S5."""
    aws.deny("cloudtrail:GetTrailStatus")
    answer = aws.answer("cloudtrail")
    assert answer.coverage.status is Status.PARTIAL
    assert "status of arn:aws:cloudtrail" in str(answer.coverage.message)
    assert len(answer.payload) == 118
    assert {row["is_logging"] for row in answer.payload} == {None}
    assert all(row["s3_bucket"] for row in answer.payload)


def test_a_denied_listing_is_denied(aws: Asking) -> None:
    aws.deny("cloudtrail:DescribeTrails")
    for region in ("us-east-1", GLOBAL):
        answer = aws.answer("cloudtrail", region=region)
        assert (answer.coverage.status, answer.payload) == (Status.DENIED, None)


def test_what_a_trail_does_not_say_is_null() -> None:
    """R24."""
    row = trail_row({"TrailARN": "arn:1"}, {})
    assert {name for name, value in row.items() if value is not None} == {"arn"}
