"""What accounts have committed themselves to: reserved instances and Savings Plans."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from a360_pipeline.sandbox.facts.chance import before, chance, draw

EC2 = "Amazon Elastic Compute Cloud - Compute"
RESERVABLE = (
    (EC2, "Linux/UNIX", ("m6i.large", "c7g.xlarge", "r6i.2xlarge")),
    ("Amazon Relational Database Service", "PostgreSQL", ("db.r6g.large", "db.m6g.xlarge")),
    ("Amazon ElastiCache", "Redis", ("cache.r6g.large",)),
)
"""Service, platform and instance types; nobody reserves the rest."""
PAYMENTS = ("All Upfront", "Partial Upfront", "No Upfront")
PLAN_KINDS = ("Compute", "EC2Instance")
YEAR = dt.timedelta(days=365)
HOURS_A_DAY = 24
SMALLEST = Decimal("0.000001")
ON_DEMAND = Decimal("1.5")
"""What an hour costs without a commitment, as a multiple of what it costs with one."""


class Figures(NamedTuple):
    """How far a commitment was used in a period, and what that was worth, in USD."""

    utilization_percentage: Decimal
    on_demand_cost: Decimal
    cost: Decimal

    @property
    def net_savings(self) -> Decimal:
        return self.on_demand_cost - self.cost


@dataclass(frozen=True, slots=True)
class Commitment:
    """What every commitment has. `payment` decides whether it costs by the hour, at once, or both."""

    account_id: str
    id: str
    payment: str
    start: dt.datetime
    end: dt.datetime
    upfront_fee: Decimal
    hourly_fee: Decimal
    used_per_mille: int
    """Of its first day; every other day is a little different."""

    def figures(self, seed: int, days: Sequence[dt.date]) -> Figures:
        """Those of a period: the more of it is used, the more it saves."""
        used = sum((self._used(seed, day) for day in days), Decimal(0))
        cost = self.hourly_cost * HOURS_A_DAY
        return Figures(
            (used * 100 / len(days)).quantize(Decimal("0.0001")),
            (used * cost * ON_DEMAND).quantize(SMALLEST),
            cost * len(days),
        )

    def is_active(self, start: dt.date, end: dt.date) -> bool:
        """Whether it runs on any day of [start, end)."""
        return self.start.date() < end and self.end.date() > start

    def _used(self, seed: int, date: dt.date) -> Decimal:
        return Decimal(min(1000, self.used_per_mille + draw(seed, self.id, date) % 60)).scaleb(-3)

    @property
    def hourly_cost(self) -> Decimal:
        """What an hour costs, what was paid at once spread over the term."""
        hours = (self.end - self.start) // dt.timedelta(hours=1)
        return (self.upfront_fee / hours + self.hourly_fee).quantize(SMALLEST)


@dataclass(frozen=True, slots=True)
class Reservation(Commitment):
    """A reserved instance of a service."""

    subscription: str
    service: str
    platform: str
    instance_type: str
    count: int
    region: str
    offering_class: str | None
    """Of EC2 alone."""


@dataclass(frozen=True, slots=True)
class SavingsPlan(Commitment):
    """A Savings Plan; one of a kind that is bound to a region and a family has both."""

    kind: str
    region: str | None
    family: str | None
    offering_id: str

    @property
    def arn(self) -> str:
        return f"arn:aws:savingsplans::{self.account_id}:savingsplan/{self.id}"


@lru_cache(maxsize=1024)
def reservations(seed: int, account_id: str, region: str, count: int, settled: dt.datetime) -> tuple[Reservation, ...]:
    """That many, paid in every way there is."""
    rng = chance(seed, account_id, "reservations")
    return tuple(_reservation(rng, account_id, region, number, settled) for number in range(count))


@lru_cache(maxsize=1024)
def savings_plans(seed: int, account_id: str, region: str, count: int, settled: dt.datetime) -> tuple[SavingsPlan, ...]:
    """That many, paid in every way there is."""
    rng = chance(seed, account_id, "savings plans")
    return tuple(_savings_plan(rng, account_id, region, number, settled) for number in range(count))


def _reservation(rng: random.Random, account_id: str, region: str, number: int, settled: dt.datetime) -> Reservation:
    service, platform, types = RESERVABLE[number % len(RESERVABLE)]
    count = rng.randrange(1, 6)
    return Reservation(
        **_terms(rng, account_id, number, settled, Decimal(count)),
        subscription=str(rng.randrange(10**9, 10**10)),
        service=service,
        platform=platform,
        instance_type=rng.choice(types),
        count=count,
        region=region,
        offering_class=rng.choice(("standard", "convertible")) if service == EC2 else None,
    )


def _savings_plan(rng: random.Random, account_id: str, region: str, number: int, settled: dt.datetime) -> SavingsPlan:
    kind = PLAN_KINDS[number % len(PLAN_KINDS)]
    is_bound = kind == "EC2Instance"
    return SavingsPlan(
        **_terms(rng, account_id, number, settled, Decimal(rng.randrange(1, 9))),
        kind=kind,
        region=region if is_bound else None,
        family=rng.choice(("m6i", "c7g")) if is_bound else None,
        offering_id=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    )


def _terms(rng: random.Random, account_id: str, number: int, settled: dt.datetime, scale: Decimal) -> dict[str, Any]:
    payment = PAYMENTS[number // 2 % len(PAYMENTS)]
    hourly = Decimal(rng.randrange(30, 900)).scaleb(-4) * scale
    yearly = (hourly * 365 * HOURS_A_DAY).quantize(Decimal("0.01"))
    upfront = {"All Upfront": yearly, "Partial Upfront": yearly / 2, "No Upfront": Decimal(0)}[payment]
    by_the_hour = {"All Upfront": Decimal(0), "Partial Upfront": hourly / 2, "No Upfront": hourly}[payment]
    start = before(rng, settled, 300)
    return {
        "account_id": account_id,
        "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "payment": payment,
        "start": start,
        "end": start + YEAR * (3 if number % 2 else 2),
        "upfront_fee": upfront,
        "hourly_fee": by_the_hour,
        "used_per_mille": rng.randrange(300, 990),
    }
