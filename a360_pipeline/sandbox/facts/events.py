"""Events of AWS Health: public ones, the same for everybody, and those of one account with what they affect."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from a360_pipeline.sandbox.facts.chance import before, chance


class Kind(NamedTuple):
    """A type of event."""

    service: str
    code: str
    category: str
    actionability: str | None
    says: str


PUBLIC = (
    Kind("EC2", "AWS_EC2_OPERATIONAL_ISSUE", "issue", None, "Launches take longer than usual."),
    Kind("S3", "AWS_S3_OPERATIONAL_ISSUE", "issue", "INFORMATIONAL", "Error rates of listings are increased."),
    Kind("CLOUDFRONT", "AWS_CLOUDFRONT_OPERATIONAL_ISSUE", "issue", None, "Changes of distributions are delayed."),
)
OWN = (
    Kind("LAMBDA", "AWS_LAMBDA_PLANNED_LIFECYCLE_EVENT", "scheduledChange", "ACTION_REQUIRED", "A runtime retires."),
    Kind("EC2", "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED", "scheduledChange", "ACTION_REQUIRED", "The host degrades."),
    Kind("BILLING", "AWS_BILLING_NOTIFICATION", "accountNotification", "INFORMATIONAL", "Prices change."),
    Kind("RDS", "AWS_RDS_MAINTENANCE_SCHEDULED", "scheduledChange", "ACTION_MAY_BE_REQUIRED", "Patches — due soon."),
    Kind("VPN", "AWS_VPN_REDUNDANCY_LOSS", "accountNotification", None, "One of two tunnels is down."),
)
EVERYWHERE = ("CLOUDFRONT", "BILLING")
"""Services whose events have no region."""
STATES = ("open", "closed lately", "upcoming", "closed long ago")


@dataclass(frozen=True, slots=True)
class Entity:
    """What an event affects. Not every one has an ARN or a status."""

    value: str
    arn: str | None
    status: str | None
    last_updated_time: dt.datetime


@dataclass(frozen=True, slots=True)
class Event:
    """An event, with what its details add."""

    arn: str
    service: str
    event_type_code: str
    event_type_category: str
    region: str
    availability_zone: str | None
    start_time: dt.datetime
    end_time: dt.datetime | None
    last_updated_time: dt.datetime
    status_code: str
    event_scope_code: str
    actionability: str | None
    description: str
    metadata: tuple[tuple[str, str], ...]
    entities: tuple[Entity, ...]


@lru_cache(maxsize=64)
def public_events(seed: int, count: int, regions: tuple[str, ...], now: dt.datetime) -> tuple[Event, ...]:
    """Events that are about a service, whoever uses it."""
    rng = chance(seed, "health")
    return tuple(
        _event(rng, PUBLIC[place % len(PUBLIC)], rng.choice(regions), STATES[place % len(STATES)], now, is_public=True)
        for place in range(count)
    )


@lru_cache(maxsize=1024)
def own_events(
    seed: int, account_id: str, count: int, machines: tuple[tuple[str, str], ...], most: int, now: dt.datetime
) -> tuple[Event, ...]:
    """Events of one account. `machines` are its regions with an instance in each; the first affects `most` things."""
    rng = chance(seed, account_id, "health")
    made = []
    for place in range(count):
        kind = OWN[place % len(OWN)]
        region, instance_id = rng.choice(machines)
        event = _event(rng, kind, region, STATES[place % len(STATES)], now, is_public=False)
        values = {
            "LAMBDA": [
                f"arn:aws:lambda:{region}:{account_id}:function:job-{number:03}"
                for number in range(most if place == 0 else 1)
            ],
            "EC2": [instance_id],
            "RDS": [f"arn:aws:rds:{region}:{account_id}:db:ledger-{place}"],
        }.get(kind.service, ["AWS_ACCOUNT"])
        made.append(_affecting(rng, event, account_id, values))
    return tuple(made)


def _event(rng: random.Random, kind: Kind, where: str, state: str, now: dt.datetime, *, is_public: bool) -> Event:
    # By the month, so that what lasts is the same on another day.
    month = now.replace(day=1)
    is_over = state.startswith("closed")
    ended = before(rng, now, 1) if state == "closed lately" else before(rng, now - dt.timedelta(days=20), 40)
    started = ended - dt.timedelta(minutes=rng.randrange(20, 600)) if is_over else before(rng, month, 30)
    starts = month + dt.timedelta(days=rng.randrange(40, 80)) if state == "upcoming" else started
    region = "global" if kind.service in EVERYWHERE else where
    number = uuid.UUID(int=rng.getrandbits(128), version=4)
    return Event(
        arn=f"arn:aws:health:{region}::event/{kind.service}/{kind.code}/{kind.code}_{number}",
        service=kind.service,
        event_type_code=kind.code,
        event_type_category=kind.category,
        region=region,
        availability_zone=f"{region}a" if kind.service == "VPN" else None,
        start_time=starts,
        end_time=ended if is_over else None,
        last_updated_time=ended if is_over else started,
        status_code=state.partition(" ")[0],
        event_scope_code="PUBLIC" if is_public else "ACCOUNT_SPECIFIC",
        actionability=kind.actionability,
        description=f"{'[RESOLVED] ' if is_over else ''}{kind.says}",
        metadata=(("deprecated_versions", "3"),) if kind.service == "LAMBDA" else (),
        entities=(),
    )


def _affecting(rng: random.Random, event: Event, account_id: str, values: Sequence[str]) -> Event:
    entities = tuple(
        Entity(
            value=value,
            arn=None if value == "AWS_ACCOUNT" else f"arn:aws:health:{event.region}:{account_id}:entity/{_name(rng)}",
            status=None if value == "AWS_ACCOUNT" else ("RESOLVED" if event.end_time else "PENDING"),
            last_updated_time=event.last_updated_time,
        )
        for value in values
    )
    return replace(event, entities=entities)


def _name(rng: random.Random) -> str:
    return f"{rng.getrandbits(128):032x}"
