"""Rates: an account is asked as fast as declared, half as fast where AWS throttles, and recovers."""

from __future__ import annotations

import pytest

from a360_pipeline.aws.rates import DEFAULT, RATES, SLOWEST, Bucket, Buckets, Rate


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_is_free_and_then_callers_are_served_in_turn(clock: Clock) -> None:
    bucket = Bucket(Rate(10, 3), clock)
    assert [round(bucket.take(), 6) for _ in range(6)] == [0, 0, 0, 0.1, 0.2, 0.3]
    clock.now = 10
    assert [round(bucket.take(), 6) for _ in range(4)] == [0, 0, 0, 0.1], "no more is saved up than a burst"


def test_a_throttle_halves_the_rate_and_voids_what_was_saved_up(clock: Clock) -> None:
    bucket = Bucket(Rate(10, 3), clock)
    bucket.throttled()
    assert (bucket.per_second, round(bucket.take(), 6)) == (5, 0.2)
    bucket.throttled()
    assert bucket.per_second == 5, "calls that were under way together are throttled together"


def test_a_rate_never_falls_to_nothing(clock: Clock) -> None:
    bucket = Bucket(Rate(10, 3), clock)
    for second in range(60):
        clock.now = second
        bucket.throttled()
    assert bucket.per_second == SLOWEST


def test_a_lowered_rate_recovers_to_what_was_declared_and_no_further(clock: Clock) -> None:
    bucket = Bucket(Rate(8, 3), clock)
    bucket.throttled()
    rates = []
    for clock.now in (5, 10, 60):
        bucket.take()
        rates.append(bucket.per_second)
    assert rates == [6, 8, 8]


def test_one_accounts_throttle_slows_down_that_account_region_and_service_alone(clock: Clock) -> None:
    buckets = Buckets(clock=clock)
    buckets.of("1", "us-east-1", "ssm").throttled()
    assert buckets.of("1", "us-east-1", "ssm").per_second == RATES["ssm"].per_second / 2
    for other in (("2", "us-east-1", "ssm"), ("1", "eu-west-1", "ssm")):
        assert buckets.of(*other).per_second == RATES["ssm"].per_second
    assert buckets.of("1", "us-east-1", "a-service-of-tomorrow").per_second == DEFAULT.per_second
