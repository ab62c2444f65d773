"""Unusual costs of the last weeks: which accounts caused them, and by how much."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from a360_pipeline.sandbox.facts.chance import chance

SERVICES = (
    ("Amazon Elastic Compute Cloud - Compute", "BoxUsage:m6i.4xlarge"),
    ("EC2 - Other", "NatGateway-Bytes"),
    ("Amazon Simple Storage Service", "TimedStorage-ByteHrs"),
    ("AmazonCloudWatch", "CW:MetricMonitorUsage"),
)
DAYS = 24
"""No anomaly is older."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What an account contributed to an anomaly. AWS does not always find out where in it."""

    account_id: str
    service: str
    region: str | None
    usage_type: str | None
    contribution: Decimal


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An anomaly; `end` is None while it lasts, and `causes` empty where AWS found none."""

    anomaly_id: str
    monitor: str
    service: str
    start: dt.date
    end: dt.date | None
    expected: Decimal
    actual: Decimal
    max_score: Decimal
    current_score: Decimal
    feedback: str | None
    causes: tuple[Cause, ...]

    @property
    def impact(self) -> Decimal:
        return self.actual - self.expected


@lru_cache(maxsize=64)
def anomalies(seed: int, accounts: tuple[str, ...], region: str, others: int, today: dt.date) -> tuple[Anomaly, ...]:
    """Of the first account `others`, one of them with a neighbor and one without a cause; of the rest fewer."""
    found = []
    for place, account_id in enumerate(accounts):
        count = others if place == 0 else 1 + chance(seed, account_id, "anomalies").randrange(max(1, others // 2))
        for number in range(count):
            concerned: tuple[str, ...] = (account_id,)
            if place == 0 and number == 1:
                concerned = accounts[:2]
            if place == 0 and number == 2:
                concerned = ()
            found.append(_anomaly(seed, account_id, number, concerned, region, today))
    return tuple(sorted(found, key=lambda each: (each.start, each.anomaly_id)))


def _anomaly(
    seed: int, account_id: str, number: int, concerned: tuple[str, ...], region: str, today: dt.date
) -> Anomaly:
    rng = chance(seed, account_id, "anomaly", number)
    service, usage_type = rng.choice(SERVICES)
    start = today - dt.timedelta(days=rng.randrange(2, DAYS))
    is_known = number % 3 != 1
    causes = tuple(
        Cause(
            each,
            service,
            region if is_known else None,
            usage_type if is_known else None,
            Decimal(rng.randrange(2_000, 90_000)).scaleb(-2),
        )
        for each in concerned
    )
    impact = sum((cause.contribution for cause in causes), Decimal(0)) or Decimal(rng.randrange(500, 9_000)).scaleb(-2)
    expected = Decimal(rng.randrange(1_000, 60_000)).scaleb(-2)
    return Anomaly(
        anomaly_id=f"{rng.getrandbits(128):032x}",
        monitor="services",
        service=service,
        start=start,
        end=None if number % 5 == 4 else min(start + dt.timedelta(days=rng.randrange(4)), today - dt.timedelta(days=1)),
        expected=expected,
        actual=expected + impact,
        max_score=Decimal(rng.randrange(50, 100)).scaleb(-2),
        current_score=Decimal(rng.randrange(1, 50)).scaleb(-2),
        feedback=rng.choice((None, None, "NO", "PLANNED_ACTIVITY")),
        causes=causes,
    )
