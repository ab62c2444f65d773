"""Machines that Systems Manager manages, with what is installed on them and what should be."""

from __future__ import annotations

import datetime as dt
import random

from a360_pipeline.sandbox.facts import software
from a360_pipeline.sandbox.facts.chance import before, chance
from a360_pipeline.sandbox.facts.model import Application, Instance, Patch

LINUX = (("Amazon Linux", "2023"), ("Ubuntu", "24.04"), ("Red Hat Enterprise Linux Server", "9.4"))
WINDOWS = (
    ("Microsoft Windows Server 2022 Datacenter", "10.0.20348"),
    ("Microsoft Windows Server 2019 Datacenter", "10.0.17763"),
)
AGENTS = ("3.3.3050.0", "3.3.2746.0", "3.2.2303.0")
"""The first is the latest."""
ASSOCIATION = ("Success", "Success", "Success", "Failed", "Pending")
NOT_INSTALLED = ("Missing", "NotApplicable")


def instances(
    seed: int, account_id: str, region: str, count: int, settled: dt.datetime, now: dt.datetime
) -> tuple[Instance, ...]:
    """Every third machine runs Windows, every eighth is not AWS's own, every ninth lost its connection."""
    rng = chance(seed, account_id, region, "ssm")
    return tuple(
        sorted(
            (_instance(rng, place, settled, now) for place in range(count)),
            key=lambda instance: instance.instance_id,
        )
    )


def _instance(rng: random.Random, place: int, settled: dt.datetime, now: dt.datetime) -> Instance:
    windows = place % 3 == 1
    ours = place % 8 == 7
    lost = place % 9 == 5
    platform, version = rng.choice(WINDOWS if windows else LINUX)
    seen = before(rng, now - dt.timedelta(days=2), 60) if lost else now - dt.timedelta(seconds=rng.randrange(300))
    ran = seen - dt.timedelta(minutes=rng.randrange(1, 1800))
    status = rng.choice(ASSOCIATION)
    agent = rng.choice(AGENTS)
    address = f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
    prefix = "WIN" if windows else "ip"
    return Instance(
        instance_id=f"{'mi' if ours else 'i'}-{rng.getrandbits(68):017x}",
        instance_type="ManagedInstance" if ours else "EC2Instance",
        name=f"depot-{rng.randrange(1000):03}" if ours else None,
        activation_id=f"{rng.getrandbits(128):032x}" if ours else None,
        computer_name=f"{prefix}-{address.replace('.', '-')}.corp.example",
        ip_address=address,
        platform_type="Windows" if windows else "Linux",
        platform=platform,
        platform_version=version,
        ping_status="ConnectionLost" if lost else "Online",
        last_ping_date_time=seen,
        agent_version=agent,
        is_latest_version=agent == AGENTS[0],
        association_status=status,
        association_execution_date=ran,
        association_success_date=ran if status == "Success" else None,
        registration_date=before(rng, settled, 900),
    )


def applications(seed: int, instance: Instance, count: int, settled: dt.datetime) -> tuple[Application, ...]:
    """Programs of one instance, one of them in two versions. Instances share names, never rows."""
    rng = chance(seed, instance.instance_id, "applications")
    wanted = rng.randint(count - count // 3, count + count // 3)
    known = software.PROGRAMS[instance.platform_type]
    names = rng.sample(sorted(known), min(wanted - 1, len(known))) if wanted > 1 else []
    twice = software.IN_TWO_VERSIONS[instance.platform_type]
    versions = [(name, _version(rng)) for name in names if name != twice]
    both = [(twice, "14.40.33810"), (twice, "14.29.30139")][: max(wanted - len(versions), 0)]
    return tuple(_application(rng, instance, name, version, settled) for name, version in [*both, *versions])


def _version(rng: random.Random) -> str:
    return f"{rng.randrange(1, 30)}.{rng.randrange(20)}.{rng.randrange(400)}"


def _application(rng: random.Random, instance: Instance, name: str, version: str, settled: dt.datetime) -> Application:
    publisher = software.PROGRAMS[instance.platform_type][name]
    windows = instance.platform_type == "Windows"
    named_twice = name == software.IN_TWO_VERSIONS[instance.platform_type]
    silent = rng.random()
    return Application(
        instance_id=instance.instance_id,
        name=name,
        application_type="" if windows else rng.choice(software.LINUX_TYPES),
        # Windows hands over what its registry holds, and some installers write a closing NUL into it.
        publisher=f"{publisher}\x00" if windows and named_twice else publisher,
        version=version if named_twice or silent > 0.06 else None,
        architecture=None if silent < 0.1 else ("x86_64", "i386")[windows and silent < 0.3],
        install_time=None if windows and silent < 0.4 else before(rng, settled, 700),
    )


def patches(seed: int, instance: Instance, count: int, settled: dt.datetime) -> tuple[Patch, ...]:
    """Patches of one instance in every state that the sandbox has."""
    rng = chance(seed, instance.instance_id, "patches")
    wanted = rng.randint(count - count // 4, count + count // 4)
    make = _windows_patch if instance.platform_type == "Windows" else _linux_patch
    made = {patch.kb_id: patch for patch in (make(rng, instance, settled) for _ in range(wanted))}
    return tuple(made.values())


def _state(rng: random.Random, settled: dt.datetime) -> tuple[str, dt.datetime | None]:
    state = rng.choices(("Installed", "Missing", "Failed", "NotApplicable"), weights=(70, 14, 5, 11))[0]
    return state, before(rng, settled, 400) if state == "Installed" else None


def _windows_patch(rng: random.Random, instance: Instance, settled: dt.datetime) -> Patch:
    kb_id = f"KB{rng.randrange(5_000_000, 5_100_000)}"
    month = f"{settled.year - 1 - rng.randrange(2)}-{rng.randrange(1, 13):02}"
    state, installed = _state(rng, settled)
    return Patch(
        instance_id=instance.instance_id,
        title=f"{month} {rng.choice(software.WINDOWS_UPDATES)} ({kb_id})",
        kb_id=kb_id,
        classification=rng.choice(("SecurityUpdates", "CriticalUpdates", "Updates")),
        severity=rng.choice(("Critical", "Important", "Moderate", "Unspecified")),
        state=state,
        installed_time=installed,
    )


def _linux_patch(rng: random.Random, instance: Instance, settled: dt.datetime) -> Patch:
    package = f"{rng.choice(sorted(software.PROGRAMS['Linux']))}.x86_64"
    version = f"{_version(rng)}-{rng.randrange(1, 9)}"
    state, installed = _state(rng, settled)
    return Patch(
        instance_id=instance.instance_id,
        title=f"{package}:0:{version}",
        kb_id=package,
        classification=rng.choice(("Security", "Bugfix", "Enhancement")),
        severity=rng.choice(("Critical", "Important", "Medium", "Low")),
        state=state,
        installed_time=installed,
    )
