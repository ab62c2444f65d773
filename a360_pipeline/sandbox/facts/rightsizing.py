"""What could be of another size: instances, volumes, functions, groups, services and databases of a region."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from a360_pipeline.sandbox.facts.chance import before, chance

SIZES = ("medium", "large", "xlarge", "2xlarge")
FAMILIES = {"EC2": "m6i", "AutoScaling": "c6i", "RDS": "db.r6g"}
RISKS = ("VeryLow", "Low", "Medium", "High")
NAMES = ("invoice", "tracking", "routing", "label", "customs", "dispatch")
KINDS = ("EC2", "EBS", "Lambda", "AutoScaling", "ECS", "RDS")


@dataclass(frozen=True, slots=True)
class Size:
    """How large a resource is, in what its kind is measured by: the rest is None."""

    instance_type: str | None = None
    memory_size: int | None = None
    cpu_units: int | None = None
    volume_type: str | None = None
    volume_size: int | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommendation. One of a resource that is of the right size recommends nothing."""

    kind: str
    arn: str
    name: str | None
    finding: str
    reasons: tuple[str, ...]
    current: Size
    recommended: Size | None
    performance_risk: Decimal | None
    migration_effort: str | None
    savings_percentage: Decimal | None
    monthly_savings: Decimal | None
    monthly_savings_after_discounts: Decimal | None
    """None where AWS does not know the account's discounts."""
    cpu_max: Decimal | None
    memory_max: Decimal | None
    """None where no agent reports it."""
    refreshed: dt.datetime


@lru_cache(maxsize=4096)
def advice(
    seed: int, account_id: str, region: str, kind: str, instances: tuple[str, ...], count: int, settled: dt.datetime
) -> tuple[Advice, ...]:
    """That many of a kind; those of EC2 are of the instances that there are, as far as they reach."""
    rng = chance(seed, account_id, region, "advice", kind)
    found = []
    for number in range(count):
        known = instances[number] if kind == "EC2" and number < len(instances) else f"i-{rng.getrandbits(68):017x}"
        name, resource = RESOURCES[kind](rng, number, known)
        arn = f"arn:aws:{ARN_SERVICE[kind]}:{region}:{account_id}:{resource}"
        found.append(_advice(rng, kind, arn, name, number, settled))
    return tuple(found)


@lru_cache(maxsize=4096)
def storage(seed: int, database: Advice) -> Advice | None:
    """What is advised on a database's storage; of every third, an Aurora one, nothing."""
    rng = chance(seed, database.arn, "storage")
    if rng.randrange(3) == 0:
        return None
    of_disk = _advice(rng, "RDSStorage", database.arn, None, rng.randrange(1, 9), database.refreshed)
    return replace(of_disk, refreshed=database.refreshed)


def _advice(rng: random.Random, kind: str, arn: str, name: str | None, number: int, settled: dt.datetime) -> Advice:
    current, recommended = _sizes(rng, kind)
    is_right = number % 4 == 3
    savings = Decimal(rng.randrange(100, 40_000)).scaleb(-2)
    reports_memory = number % 3 != 0
    is_machine = kind in ("EC2", "AutoScaling", "ECS", "RDS")
    in_two_findings = kind in ("EBS", "Lambda", "RDSStorage")
    wrong = "NotOptimized" if in_two_findings else "Overprovisioned"
    return Advice(
        kind=kind,
        arn=arn,
        name=name,
        finding="Optimized" if is_right else wrong,
        reasons=() if is_right else REASONS[kind],
        current=current,
        recommended=None if is_right else recommended,
        performance_risk=None if is_right or kind in ("Lambda", "ECS", "RDSStorage") else Decimal(rng.randrange(5)),
        migration_effort=None if is_right or kind not in ("EC2", "AutoScaling") else rng.choice(RISKS),
        savings_percentage=None if is_right else Decimal(rng.randrange(100, 7_000)).scaleb(-2),
        monthly_savings=None if is_right else savings,
        monthly_savings_after_discounts=None if is_right or number % 5 == 4 else savings / 2,
        cpu_max=Decimal(rng.randrange(100, 9_900)).scaleb(-2) if is_machine else None,
        memory_max=Decimal(rng.randrange(100, 9_900)).scaleb(-2) if is_machine and reports_memory else None,
        refreshed=before(rng, settled, 2),
    )


def _sizes(rng: random.Random, kind: str) -> tuple[Size, Size]:
    """The present size, and the next smaller one."""
    if kind in FAMILIES:
        at = rng.randrange(1, len(SIZES))
        present, smaller = (Size(instance_type=f"{FAMILIES[kind]}.{SIZES[place]}") for place in (at, at - 1))
        return present, smaller
    if kind in ("EBS", "RDSStorage"):
        size = rng.randrange(20, 2_000)
        return Size(volume_type="gp2", volume_size=size), Size(volume_type="gp3", volume_size=size)
    memory = 512 * rng.randrange(2, 9)
    if kind == "Lambda":
        return Size(memory_size=memory), Size(memory_size=memory // 2)
    return Size(memory_size=memory, cpu_units=1024), Size(memory_size=memory // 2, cpu_units=512)


def _named(rng: random.Random, number: int) -> str:
    return f"{rng.choice(NAMES)}-{number}"


Resource = Callable[[random.Random, int, str], tuple[str | None, str]]
RESOURCES: dict[str, Resource] = {
    # Not every instance has a name.
    "EC2": lambda rng, number, known: (_named(rng, number) if number % 5 else None, f"instance/{known}"),
    "EBS": lambda rng, _number, _known: (None, f"volume/vol-{rng.getrandbits(68):017x}"),
    "Lambda": lambda rng, number, _known: (None, f"function:{_named(rng, number)}:$LATEST"),
    "AutoScaling": lambda rng, number, _known: _group(rng, _named(rng, number)),
    "ECS": lambda rng, number, _known: (None, f"service/freight/{_named(rng, number)}"),
    "RDS": lambda rng, number, _known: (None, f"db:{_named(rng, number)}"),
}
"""The name of a resource, where Compute Optimizer tells one, and the last part of its ARN."""
ARN_SERVICE = {
    "EC2": "ec2",
    "EBS": "ec2",
    "Lambda": "lambda",
    "AutoScaling": "autoscaling",
    "ECS": "ecs",
    "RDS": "rds",
}
REASONS = {
    "EC2": ("CPUOverprovisioned", "MemoryOverprovisioned"),
    "EBS": (),
    "Lambda": ("MemoryOverprovisioned",),
    "AutoScaling": (),
    "ECS": ("CPUOverprovisioned", "MemoryOverprovisioned"),
    "RDS": ("CPUOverprovisioned",),
    "RDSStorage": ("NewGenerationStorageTypeAvailable",),
}
"""Compute Optimizer gives none of volumes, and of groups not always."""


def _group(rng: random.Random, name: str) -> tuple[str, str]:
    return name, f"autoScalingGroup:{rng.getrandbits(48):012x}:autoScalingGroupName/{name}"
