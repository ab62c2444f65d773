"""What GuardDuty, Inspector and Security Hub found in an account and region, in every state that they have."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from functools import lru_cache

from a360_pipeline.sandbox.facts.chance import before, chance, draw


@dataclass(frozen=True, slots=True)
class Place:
    """Where findings are drawn for: equal places have equal findings. `machines` are ids of its instances."""

    seed: int
    account_id: str
    region: str
    count: int
    settled: dt.datetime
    now: dt.datetime
    machines: tuple[str, ...]

    def rng(self, *names: object) -> random.Random:
        return chance(self.seed, self.account_id, self.region, *names)

    def machine(self, place: int) -> str:
        """The ARN of an instance; of the account, where it has none."""
        if not self.machines:
            return f"arn:aws:iam::{self.account_id}:root"
        name = self.machines[place % len(self.machines)]
        return f"arn:aws:ec2:{self.region}:{self.account_id}:instance/{name}"


@dataclass(frozen=True, slots=True)
class Threat:
    """A finding of GuardDuty."""

    finding_id: str
    arn: str
    account_id: str
    region: str
    detector_id: str
    finding_type: str
    severity: float
    severity_label: str
    title: str
    description: str | None
    confidence: float | None
    resource_type: str
    resource: str
    archived: bool
    event_count: int
    event_first_seen: dt.datetime
    event_last_seen: dt.datetime
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """A finding of Inspector. `updated_at` is None where Inspector never changed it."""

    finding_arn: str
    account_id: str
    severity: str
    status: str
    type: str
    title: str | None
    description: str
    first_observed_at: dt.datetime
    last_observed_at: dt.datetime
    updated_at: dt.datetime | None
    vulnerability_id: str | None
    resource_type: str
    resource_id: str
    inspector_score: float | None
    epss_score: float | None
    fix_available: str | None
    exploit_available: str | None
    remediation: str | None


KINDS = (
    ("UnauthorizedAccess:EC2/SSHBruteForce", 2.0, "LOW", "Instance", "performs SSH brute force attacks"),
    ("CryptoCurrency:EC2/BitcoinTool.B!DNS", 8.0, "HIGH", "Instance", "queries a domain of a mining pool"),
    ("Recon:IAMUser/UserPermissions", 5.0, "MEDIUM", "AccessKey", "lists permissions as it never did"),
    ("AttackSequence:IAM/CompromisedCredentials", 9.5, "CRITICAL", "AttackSequence", "uses stolen credentials"),
    ("Policy:S3/BucketAnonymousAccessGranted", 6.9, "MEDIUM", "S3Bucket", "lets anybody read"),
)
"""Type, severity and its label, type of resource, and what the resource does."""


def detector_id(seed: int, account_id: str, region: str) -> str:
    """The id of GuardDuty's one detector of an account in a region."""
    return f"{draw(seed, account_id, region, 'detector'):016x}{draw(seed, region, account_id, 'detector'):016x}"


@lru_cache(maxsize=256)
def threats(at: Place) -> tuple[Threat, ...]:
    """Every fourth is archived, long after it was last updated; every third has no description."""
    rng = at.rng("guardduty")
    return tuple(_threat(rng, at, place) for place in range(at.count))


def _threat(rng: random.Random, at: Place, place: int) -> Threat:
    kind, severity, label, resource_type, does = KINDS[place % len(KINDS)]
    finding_id, detector = f"{rng.getrandbits(128):032x}", detector_id(at.seed, at.account_id, at.region)
    created = before(rng, at.settled, 80)
    last = created + dt.timedelta(hours=rng.randrange(1, 60))
    resource = at.machine(place) if resource_type == "Instance" else f"arn:aws:iam::{at.account_id}:user/depot-{place}"
    return Threat(
        finding_id=finding_id,
        arn=f"arn:aws:guardduty:{at.region}:{at.account_id}:detector/{detector}/finding/{finding_id}",
        account_id=at.account_id,
        region=at.region,
        detector_id=detector,
        finding_type=kind,
        severity=severity,
        severity_label=label,
        title=f"{resource.rpartition('/')[2]} {does}.",
        description=None if place % 3 == 2 else f"{resource} {does}, which it is not known for.",
        confidence=8.5 if place % 5 == 1 else None,
        resource_type=resource_type,
        resource=resource,
        archived=place % 4 == 3,
        event_count=rng.randrange(1, 900),
        event_first_seen=created - dt.timedelta(minutes=rng.randrange(5, 55)),
        event_last_seen=last,
        created_at=created,
        updated_at=last + dt.timedelta(minutes=15),
    )


STATES = ("ACTIVE", "ACTIVE", "SUPPRESSED", "CLOSED", "ACTIVE", "CLOSED")
"""Of a vulnerability. The first CLOSED was closed this day, the second long ago."""
CLOSED_TODAY = 3
PACKAGES = ("openssl", "log4j-core", "libxml2", "mariadb-libs", "kernel")
SCORES = ((9.8, "CRITICAL"), (7.5, "HIGH"), (5.3, "MEDIUM"), (3.1, "LOW"), (None, "UNTRIAGED"))


@lru_cache(maxsize=256)
def vulnerabilities(at: Place) -> tuple[Vulnerability, ...]:
    """In packages mostly; every fifth is a port open to the world, which has neither score nor fix."""
    rng = at.rng("inspector")
    return tuple(_vulnerability(rng, at, place) for place in range(at.count))


def _vulnerability(rng: random.Random, at: Place, place: int) -> Vulnerability:
    state = STATES[place % len(STATES)]
    first = before(rng, at.settled, 300)
    seen = first + dt.timedelta(days=rng.randrange(1, 20))
    closed_today = place % len(STATES) == CLOSED_TODAY
    changed = at.now + dt.timedelta(seconds=place) if closed_today else None if place % 6 == 1 else seen
    score, severity = SCORES[place % len(SCORES)]
    network = score is None
    cve = None if network else f"CVE-{rng.randrange(2021, 2026)}-{rng.randrange(1000, 60_000)}"
    package = rng.choice(PACKAGES)
    image = f"arn:aws:ecr:{at.region}:{at.account_id}:repository/depot/sha256:{rng.getrandbits(256):064x}"
    in_image = place % 4 == 3
    return Vulnerability(
        finding_arn=f"arn:aws:inspector2:{at.region}:{at.account_id}:finding/{rng.getrandbits(128):032x}",
        account_id=at.account_id,
        severity="MEDIUM" if network else severity if place % 9 else "UNTRIAGED",
        status=state,
        type="NETWORK_REACHABILITY" if network else "PACKAGE_VULNERABILITY",
        title=f"{cve} - {package}" if cve else None,
        description=f"{package} reads beyond its buffer." if cve else "Port 22 can be reached from the internet.",
        first_observed_at=first,
        last_observed_at=seen,
        updated_at=changed,
        vulnerability_id=cve,
        resource_type="AWS_ECR_CONTAINER_IMAGE" if in_image else "AWS_EC2_INSTANCE",
        resource_id=image if in_image else at.machine(place).rpartition("/")[2],
        inspector_score=score,
        epss_score=round(rng.random() / 10, 5) if cve and place % 3 else None,
        fix_available=rng.choice(("YES", "NO", "PARTIAL")) if cve else None,
        exploit_available=rng.choice(("YES", "NO")) if cve and place % 2 else None,
        remediation=None if place % 3 else f"Update {package}.",
    )
