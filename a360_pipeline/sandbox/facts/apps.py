"""Applications that Resilience Hub watches in a region: their policies, and what it assessed them to be."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from functools import lru_cache

from a360_pipeline.sandbox.facts.chance import before, chance

NAMES = ("payments", "parcel-tracking", "route-planning", "data-lake", "identity", "notifications")
DISRUPTIONS = ("AZ", "Hardware", "Region", "Software")
TIERS = ("MissionCritical", "Important", "NonCritical")
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Policy:
    """A resiliency policy: what may be lost, and for how long, by what fails. Some leave regions out."""

    arn: str
    name: str
    tier: str
    objectives: tuple[tuple[str, int, int], ...]
    """Disruption, RPO and RTO in seconds."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """One assessment of an app; one that failed has no cost."""

    arn: str
    status: str
    start: dt.datetime
    cost: float | None


@dataclass(frozen=True, slots=True)
class App:
    """An app. One that was never assessed has no score, no times and no assessments."""

    arn: str
    name: str
    description: str | None
    creation_time: dt.datetime
    status: str
    compliance_status: str
    drift_status: str
    assessment_schedule: str
    score: float | None
    rpo: int | None
    rto: int | None
    policy: Policy | None
    assessments: tuple[Assessment, ...]
    """Oldest first."""

    @property
    def last_assessed(self) -> dt.datetime | None:
        return self.assessments[-1].start if self.assessments else None


@lru_cache(maxsize=4096)
def apps(
    seed: int, account_id: str, region: str, count: int, settled: dt.datetime, now: dt.datetime
) -> tuple[App, ...]:
    """Every fourth was never assessed, every fifth has no policy."""
    policies = _policies(seed, account_id, region)
    made = []
    for number in range(count):
        rng = chance(seed, account_id, region, "app", number)
        created = before(rng, settled, 700)
        policy = None if number % 5 == 4 else policies[number % len(policies)]
        is_assessed = number % 4 != 3 and policy is not None
        made.append(
            App(
                arn=_arn(region, account_id, "app", rng.getrandbits(128)),
                name=f"{NAMES[number % len(NAMES)]}-{number}",
                description=None if number % 3 == 0 else f"The {NAMES[number % len(NAMES)]} product.",
                creation_time=created,
                status="Deleting" if number % 11 == 10 else "Active",
                compliance_status=_compliance(number, policy, is_assessed),
                drift_status=rng.choice(("NotDetected", "Detected")) if is_assessed else "NotChecked",
                assessment_schedule=rng.choice(("Daily", "Disabled")),
                score=rng.randrange(100) / 100 if is_assessed else None,
                rpo=rng.choice((0, 300, HOUR)) if is_assessed else None,
                rto=rng.choice((60, HOUR, 4 * HOUR)) if is_assessed else None,
                policy=policy,
                assessments=_assessments(seed, account_id, region, number, now) if is_assessed else (),
            )
        )
    return tuple(made)


@lru_cache(maxsize=1024)
def _policies(seed: int, account_id: str, region: str) -> tuple[Policy, ...]:
    rng = chance(seed, account_id, region, "resiliency policies")
    return tuple(
        Policy(
            arn=_arn(region, account_id, "resiliency-policy", rng.getrandbits(128)),
            name=f"tier-{place}",
            tier=tier,
            objectives=tuple(
                (disruption, rng.choice((0, 300, HOUR)), rng.choice((900, HOUR, 24 * HOUR)))
                for disruption in DISRUPTIONS
                if tier == "MissionCritical" or disruption != "Region"
            ),
        )
        for place, tier in enumerate(TIERS, start=1)
    )


def _compliance(number: int, policy: Policy | None, is_assessed: bool) -> str:
    if policy is None:
        return "MissingPolicy"
    return ("PolicyMet", "PolicyBreached", "ChangesDetected")[number % 3] if is_assessed else "NotAssessed"


def _assessments(seed: int, account_id: str, region: str, number: int, now: dt.datetime) -> tuple[Assessment, ...]:
    """Up to six days running; now and then the latest failed."""
    rng = chance(seed, account_id, region, "assessments", number)
    days = range(rng.randrange(1, 6), -1, -1)
    return tuple(
        Assessment(
            arn=_arn(region, account_id, "app-assessment", rng.getrandbits(128)),
            status="Failed" if day == 0 and number % 6 == 1 else "Success",
            start=now - dt.timedelta(days=day, minutes=rng.randrange(1, 600)),
            cost=None if day == 0 and number % 6 == 1 else rng.randrange(1, 90_000) / 100,
        )
        for day in days
    )


def _arn(region: str, account_id: str, kind: str, bits: int) -> str:
    return f"arn:aws:resiliencehub:{region}:{account_id}:{kind}/{uuid.UUID(int=bits, version=4)}"
