"""What Support knows of an account: its cases, and the checks of Trusted Advisor with their results."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from a360_pipeline.sandbox.facts.chance import before, chance

RESOLVED = "resolved"
OPEN = ("opened", "pending-customer-action", "work-in-progress", "reopened", "unassigned", "customer-action-completed")
SEVERITIES = ("low", "normal", "high", "urgent", "critical")
SUBJECTS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("amazon-elastic-compute-cloud-linux", "instance-issue"): ("Machine lost after a reboot", "Clock of a host drifts"),
    ("amazon-relational-database-service-postgresql", "failover"): ("Failover took four minutes", "Replica lags"),
    ("amazon-simple-storage-service", "access-denied"): ('Upload answers "403" for one prefix',),
    ("billing", "invoice"): ("Which service is this line of October?", "Rechnung fehlt für März"),
    ("service-limit-increase", "general-guidance"): ("Limit Increase: EC2 Instances",),
}
"""By the codes of service and category."""
SERVICES = ("EC2", "EBS", "RDS", "S3", "Lambda", "CloudFront", "Route 53", "Redshift", "DynamoDB", "VPC", "IAM", "EKS")
CONCERNS: Mapping[str, str] = {
    "Idle Capacity": "cost_optimizing",
    "Reserved Capacity": "cost_optimizing",
    "Public Access": "security",
    "Encryption at Rest": "security",
    "Deprecated Versions": "security",
    "Zone Balance": "fault_tolerance",
    "Backups": "fault_tolerance",
    "Throughput": "performance",
    "Resources per Region": "service_limits",
    "Request Rate": "service_limits",
    "Logging": "operational_excellence",
}
"""What checks look for, and the category that such checks are of."""
RESULTS = ("ok", "ok", "ok", "warning", "error", "not_available")


@dataclass(frozen=True, slots=True)
class Case:
    """A case with Support. AWS opened those that nobody submitted."""

    case_id: str
    display_id: str
    subject: str
    status: str
    severity_code: str
    service_code: str
    category_code: str
    time_created: dt.datetime
    submitted_by: str | None
    language: str
    cc_email_addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A check of Trusted Advisor."""

    check_id: str
    check_name: str
    category: str
    description: str


@dataclass(frozen=True, slots=True)
class Result:
    """How a check came out. What is not available counts nothing."""

    status: str
    timestamp: dt.datetime
    processed: int
    flagged: int
    suppressed: int
    savings: float


@lru_cache(maxsize=1024)
def cases(seed: int, account_id: str, count: int, month: dt.datetime) -> tuple[Case, ...]:
    """Cases of the twenty months before, the latest first."""
    rng = chance(seed, account_id, "support")
    made = (_case(rng, account_id, place, month) for place in range(count))
    return tuple(sorted(made, key=lambda case: case.time_created, reverse=True))


def _case(rng: random.Random, account_id: str, place: int, month: dt.datetime) -> Case:
    service, category = rng.choice(list(SUBJECTS))
    created = before(rng, month, 600) + dt.timedelta(milliseconds=rng.randrange(1000))
    return Case(
        case_id=f"case-{account_id}-muen-{created.year}-{rng.getrandbits(64):016x}",
        display_id=str(rng.randrange(10**9, 10**10)),
        subject=rng.choice(SUBJECTS[service, category]),
        # The second of an account is open, so that even the smallest has one of each.
        status=rng.choice(OPEN) if place % 3 == 1 else RESOLVED,
        severity_code=rng.choice(SEVERITIES),
        service_code=service,
        category_code=category,
        time_created=created,
        submitted_by=None if place % 5 == 4 else "operations@corp.example",
        language="ja" if place % 7 == 6 else "en",
        cc_email_addresses=("audit@corp.example",) if rng.random() < 0.3 else (),
    )


@lru_cache(maxsize=64)
def checks(seed: int, count: int) -> tuple[Check, ...]:
    """The checks there are: the same for every account."""
    kinds = [(service, concern) for concern in CONCERNS for service in SERVICES]
    chance(seed, "checks").shuffle(kinds)
    return tuple(_check(seed, *kinds[place % len(kinds)], generation=place // len(kinds) + 1) for place in range(count))


def _check(seed: int, service: str, concern: str, generation: int) -> Check:
    name = f"{service} {concern}" if generation == 1 else f"{service} {concern} {generation}"
    return Check(
        check_id=f"{chance(seed, 'check', name).getrandbits(40):010x}",
        check_name=name,
        category=CONCERNS[concern],
        description=f"Looks at {concern.lower()} of {service}.<br/>\r\n<h4 class='headerBodyStyle'>"
        f'Recommended Action</h4>\r\nOpen <a href="https://console.example/{service}">{service}</a> & mend it.',
    )


@lru_cache(maxsize=4096)
def results(seed: int, account_id: str, count: int, now: dt.datetime) -> Mapping[str, tuple[Check, Result]]:
    """The checks of an account and how they came out, by the check's id."""
    return {
        check.check_id: (check, _result(chance(seed, account_id, check.check_id), now, RESULTS[place % len(RESULTS)]))
        for place, check in enumerate(checks(seed, count))
    }


def _result(rng: random.Random, now: dt.datetime, status: str) -> Result:
    is_told = status != "not_available"
    flagged = rng.randrange(1, 40) if status in ("warning", "error") else 0
    return Result(
        status=status,
        timestamp=before(rng, now, 1),
        processed=flagged + rng.randrange(60) if is_told else 0,
        flagged=flagged,
        suppressed=rng.randrange(3) if flagged else 0,
        savings=round(flagged * rng.uniform(1, 90), 2),
    )
