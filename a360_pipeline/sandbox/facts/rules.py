"""Config rules of an account in a region, their conformance packs, and what they found."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from a360_pipeline.sandbox.facts.chance import chance, draw

CHECKS = (
    ("encrypted-volumes", "AWS::EC2::Volume"),
    ("ec2-imdsv2-check", "AWS::EC2::Instance"),
    ("cmk-backing-key-rotation-enabled", "AWS::KMS::Key"),
    ("s3-bucket-ssl-requests-only", "AWS::S3::Bucket"),
    ("root-account-mfa-enabled", "AWS::::Account"),
)
"""Managed rules, and the type of resource that each looks at."""
PACKS = ("Operational-Best-Practices-for-CIS", "Operational-Best-Practices-for-PCI-DSS", "Northlight-Baseline")
OUTCOMES = ("NON_COMPLIANT", "COMPLIANT", "NON_COMPLIANT", "INSUFFICIENT_DATA")
PURPOSES = ("manifests", "invoices", "telemetry", "exports")
STANDALONE = "Standalone"


@dataclass(frozen=True, slots=True)
class Result:
    """What a rule found a resource to be, whenever that was."""

    resource_type: str
    resource_id: str
    compliance_type: str
    config_rule_invoked_time: dt.datetime
    annotation: str | None
    evaluation_mode: str | None
    """None where AWS leaves it out, as it did before there was a choice."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A Config rule. `conformance_pack` is the name of its pack; `last_evaluated` is None until it has data."""

    rule_name: str
    rule_arn: str
    description: str | None
    source_owner: str
    source_identifier: str
    state: str
    created_by: str | None
    conformance_pack: str
    compliance_type: str
    last_evaluated: dt.datetime | None
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Pack:
    """A conformance pack and the rules in it."""

    name: str
    arn: str
    created_by: str | None
    last_update_requested: dt.datetime
    compliance_status: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where rules look, as of when, and what there is to be found."""

    seed: int
    account_id: str
    region: str
    settled: dt.datetime
    now: dt.datetime
    count: int
    instances: tuple[str, ...]
    keys: tuple[str, ...]


@lru_cache(maxsize=4096)
def rules(place: Place) -> tuple[Rule, ...]:
    """`count` rules, each fourth of no pack; the first is broken by `count` resources."""
    return tuple(_rule(place, number) for number in range(place.count))


@lru_cache(maxsize=4096)
def packs(place: Place) -> tuple[Pack, ...]:
    """A pack for every four rules, none without a rule."""
    held: dict[str, list[Rule]] = {}
    for rule in rules(place):
        if rule.conformance_pack != STANDALONE:
            held.setdefault(rule.conformance_pack, []).append(rule)
    return tuple(_pack(place, name, tuple(inside)) for name, inside in held.items())


def _pack_name(place: Place, number: int) -> str:
    chosen = (number - number // 4) % max(1, place.count // 4)
    turn, which = divmod(chosen, len(PACKS))
    return f"{PACKS[which]}-{turn + 1}" if turn else PACKS[which]


def _rule(place: Place, number: int) -> Rule:
    rng = chance(place.seed, place.account_id, place.region, "config rule", number)
    check, resource_type = CHECKS[number % len(CHECKS)]
    is_standalone = number % 4 == 3
    suffix = f"{rng.getrandbits(40):010x}"
    is_custom = number % 8 == 3
    outcome = OUTCOMES[number % len(OUTCOMES)]
    results = _results(rng, place, resource_type, outcome, place.count if number == 0 else 1 + number % 3)
    function = f"arn:aws:lambda:{place.region}:{place.account_id}:function:{check}"
    return Rule(
        rule_name=f"{check}-{number}" if is_standalone else f"{check}-conformance-pack-{suffix}",
        rule_arn=f"arn:aws:config:{place.region}:{place.account_id}:config-rule/config-rule-{suffix[:6]}{number}",
        description=None if number % 5 == 1 else f"Checks {resource_type} with {check}.",
        source_owner="CUSTOM_LAMBDA" if is_custom else "AWS",
        source_identifier=function if is_custom else check.upper().replace("-", "_"),
        state="EVALUATING" if number % 9 == 2 else "ACTIVE",
        created_by=None if is_standalone else "config-conforms.amazonaws.com",
        conformance_pack=STANDALONE if is_standalone else _pack_name(place, number),
        compliance_type=outcome,
        last_evaluated=max((result.config_rule_invoked_time for result in results), default=None),
        results=results,
    )


def _results(rng: random.Random, place: Place, resource_type: str, outcome: str, count: int) -> tuple[Result, ...]:
    """Results in AWS's order, which is none: of a rule that is broken some resources still keep it."""
    if outcome == "INSUFFICIENT_DATA":
        return ()
    states = [outcome] * count + ["COMPLIANT", "NOT_APPLICABLE"]
    found = list(zip(_resources(place, resource_type, len(states)), states, strict=False))
    rng.shuffle(found)
    return tuple(_result(rng, place, resource_type, name, state) for name, state in found)


def _result(rng: random.Random, place: Place, resource_type: str, resource_id: str, state: str) -> Result:
    # Most rules look again only when something changes: many a result is older than a day, some than a year.
    age = rng.choice((3600, 86_400, 86_400 * 30)) * rng.randrange(1, 20)
    invoked = place.now - dt.timedelta(seconds=age, minutes=7)
    return Result(
        resource_type=resource_type,
        resource_id=resource_id,
        compliance_type=state,
        config_rule_invoked_time=invoked,
        annotation=f"{resource_type} does not comply." if state == "NON_COMPLIANT" and rng.random() < 0.5 else None,
        evaluation_mode="DETECTIVE" if rng.random() < 0.8 else None,
    )


def _resources(place: Place, resource_type: str, count: int) -> list[str]:
    """At most `count` names of resources of a type; of an account there is one, and of machines what there are."""
    where = (place.seed, place.account_id, place.region)
    there: Mapping[str, tuple[str, ...]] = {
        "AWS::EC2::Instance": place.instances,
        "AWS::KMS::Key": place.keys,
        "AWS::::Account": (place.account_id,),
    }
    made = (
        [f"northlight-{PURPOSES[n % len(PURPOSES)]}-{place.account_id}-{n}" for n in range(count)]
        if resource_type == "AWS::S3::Bucket"
        else [f"vol-{draw(*where, 'volume', n):017x}" for n in range(count)]
    )
    return list(there.get(resource_type, made))[:count]


def _pack(place: Place, name: str, inside: tuple[Rule, ...]) -> Pack:
    number = draw(place.seed, place.account_id, place.region, "pack", name)
    outcomes = {rule.compliance_type for rule in inside}
    return Pack(
        name=name,
        arn=f"arn:aws:config:{place.region}:{place.account_id}:conformance-pack/{name}/conformance-pack-{number:09x}"[
            :120
        ],
        created_by="securityhub.amazonaws.com" if number % 3 == 0 else None,
        last_update_requested=place.settled - dt.timedelta(minutes=number % 500_000),
        compliance_status=next(
            (each for each in ("NON_COMPLIANT", "INSUFFICIENT_DATA") if each in outcomes), "COMPLIANT"
        ),
        rules=inside,
    )
