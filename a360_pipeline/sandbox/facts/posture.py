"""What Security Hub holds of an account and region: findings of its own controls and of other products."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from a360_pipeline.sandbox.facts.chance import before
from a360_pipeline.sandbox.facts.findings import Place, threats, vulnerabilities


@dataclass(frozen=True, slots=True)
class HubFinding:
    """A finding in Security Hub. `product` is its name, `told_name` where the finding says it, if it does."""

    finding_id: str
    account_id: str
    region: str
    product: str
    product_arn: str
    told_name: str | None
    company: str
    generator_id: str
    title: str
    description: str
    severity: str
    normalized: int
    status: str
    record_state: str
    compliance_status: str | None
    security_control_id: str | None
    resources: tuple[tuple[str, str], ...]
    """Type and id."""
    recommendation: str | None
    first_observed_at: dt.datetime | None
    last_observed_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @property
    def is_closed(self) -> bool:
        return self.status == "RESOLVED" or self.record_state == "ARCHIVED"


class State(NamedTuple):
    """How a finding stands, and whether it came to that this day."""

    status: str
    record_state: str
    passed: bool
    today: bool


STATES = (
    State("NEW", "ACTIVE", passed=False, today=False),
    State("NOTIFIED", "ACTIVE", passed=False, today=True),
    State("RESOLVED", "ACTIVE", passed=True, today=True),
    # Resolved by hand, which leaves the time of its last update as it was.
    State("RESOLVED", "ACTIVE", passed=False, today=False),
    State("SUPPRESSED", "ACTIVE", passed=False, today=False),
    State("NEW", "ARCHIVED", passed=False, today=True),
    State("RESOLVED", "ACTIVE", passed=True, today=False),
    State("NEW", "ARCHIVED", passed=False, today=False),
)
CONTROLS = (
    ("EC2.8", "EC2 instances should use Instance Metadata Service Version 2", "HIGH", 70),
    ("SSM.1", "EC2 instances should be managed by Systems Manager", "MEDIUM", 40),
    ("EC2.9", "EC2 instances should not have a public IPv4 address", "CRITICAL", 90),
    ("EC2.17", "EC2 instances should not use multiple network interfaces", "LOW", 1),
)
NORMALIZED = {"CRITICAL": 90, "HIGH": 70, "MEDIUM": 40, "LOW": 1, "INFORMATIONAL": 0, "UNTRIAGED": 0}


@lru_cache(maxsize=256)
def hub_findings(at: Place) -> tuple[HubFinding, ...]:
    """Most of its own controls, the others of GuardDuty, of Inspector and of a tool of the company's own.

    There are seven kinds in turn and eight states, so that every kind is in every state.
    """
    rng = at.rng("securityhub")
    makers = (_of_control, _of_guard_duty, _of_control, _of_inspector, _of_control, _of_own_tool, _of_control)
    return tuple(
        _in_state(makers[place % len(makers)](rng, at, place), STATES[place % len(STATES)], at, place)
        for place in range(at.count)
    )


def _in_state(finding: HubFinding, state: State, at: Place, place: int) -> HubFinding:
    is_control = finding.security_control_id is not None
    # Only a control passes: what another product found is resolved by hand.
    compliance = ("PASSED" if state.passed else "FAILED") if is_control else None
    updated = at.now + dt.timedelta(seconds=place) if state.today else finding.updated_at
    return replace(
        finding,
        status=state.status,
        record_state=state.record_state,
        compliance_status=compliance,
        updated_at=updated,
    )


def _of_control(rng: random.Random, at: Place, place: int) -> HubFinding:
    control, title, severity, normalized = CONTROLS[place % len(CONTROLS)]
    made = before(rng, at.settled, 80)
    more = (("AwsEc2Instance", at.machine(place + 1)),) if place % 4 == 2 else ()
    return HubFinding(
        finding_id=f"arn:aws:securityhub:{at.region}:{at.account_id}:security-control/{control}/finding/"
        f"{uuid.UUID(int=rng.getrandbits(128), version=4)}",
        account_id=at.account_id,
        region=at.region,
        product="Security Hub",
        product_arn=f"arn:aws:securityhub:{at.region}::product/aws/securityhub",
        told_name="Security Hub",
        company="AWS",
        generator_id=f"security-control/{control}",
        title=title,
        description=f"This control looks at each instance: {title.lower()}.",
        severity=severity,
        normalized=normalized,
        status="NEW",
        record_state="ACTIVE",
        compliance_status=None,
        security_control_id=control,
        resources=(("AwsEc2Instance", at.machine(place)), *more),
        recommendation=f"How to correct it is told in the documentation of {control}.",
        first_observed_at=made,
        last_observed_at=made + dt.timedelta(hours=12),
        created_at=made,
        updated_at=made + dt.timedelta(hours=12),
    )


def _of_guard_duty(rng: random.Random, at: Place, place: int) -> HubFinding:
    threat = threats(at)[place // 2]
    return replace(
        _of_control(rng, at, place),
        finding_id=threat.arn,
        product="GuardDuty",
        product_arn=f"arn:aws:securityhub:{at.region}::product/aws/guardduty",
        told_name="GuardDuty",
        company="Amazon",
        generator_id=threat.arn.rpartition("/finding/")[0],
        title=threat.title,
        description=threat.description or threat.title,
        severity=threat.severity_label,
        normalized=NORMALIZED[threat.severity_label],
        security_control_id=None,
        resources=(("AwsEc2Instance" if threat.resource_type == "Instance" else "AwsIamUser", threat.resource),),
        recommendation=None,
        created_at=threat.created_at,
        updated_at=threat.updated_at,
    )


def _of_inspector(rng: random.Random, at: Place, place: int) -> HubFinding:
    found = vulnerabilities(at)[place // 2]
    severity = "INFORMATIONAL" if found.severity == "UNTRIAGED" else found.severity
    return replace(
        _of_control(rng, at, place),
        finding_id=found.finding_arn,
        product="Inspector",
        product_arn=f"arn:aws:securityhub:{at.region}::product/aws/inspector",
        told_name="Inspector",
        company="Amazon",
        generator_id="AWSInspector",
        title=found.title or found.description,
        description=found.description,
        severity=severity,
        normalized=NORMALIZED[severity],
        security_control_id=None,
        resources=(("AwsEc2Instance", at.machine(place)),),
        recommendation=found.remediation,
        created_at=found.first_observed_at,
        updated_at=found.last_observed_at,
    )


def _of_own_tool(rng: random.Random, at: Place, place: int) -> HubFinding:
    """A finding with no more than AWS demands: its product's name is told among the fields of the product alone."""
    return replace(
        _of_control(rng, at, place),
        finding_id=f"{at.region}/{at.account_id}/{rng.getrandbits(128):032x}",
        product="Default",
        product_arn=f"arn:aws:securityhub:{at.region}:{at.account_id}:product/{at.account_id}/default",
        told_name=None,
        company="Personal",
        generator_id="tag-compliance",
        title="A tag is missing",
        description="The resource has no tag that says whose it is.",
        severity="LOW",
        normalized=10,
        security_control_id=None,
        recommendation=None,
        first_observed_at=None,
        last_observed_at=None,
    )
