"""What Secrets Manager answers about the secrets of the caller's account and region; their values it does not have."""

from __future__ import annotations

import datetime as dt
import random
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.errors import not_served
from a360_pipeline.sandbox.facts.chance import before, chance
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

SECRETS = Paging(default=8, most=100, invalid="InvalidNextTokenException")
ROTATION_DAYS = 30
LONG_NAME = 256
"""As long as a name may be."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret; what AWS leaves out of a listing is None, as is rotation that was never set up."""

    arn: str
    name: str
    description: str | None
    kms_key_id: str | None
    created_date: dt.datetime
    last_changed_date: dt.datetime
    last_accessed_date: dt.datetime | None
    rotation_enabled: bool | None
    rotation_lambda_arn: str | None
    last_rotated_date: dt.datetime | None
    next_rotation_date: dt.datetime | None
    deleted_date: dt.datetime | None
    owning_service: str | None
    primary_region: str | None
    tags: tuple[tuple[str, str], ...]


MEMBERS = {
    "ARN": "arn",
    "Name": "name",
    "Description": "description",
    "KmsKeyId": "kms_key_id",
    "CreatedDate": "created_date",
    "LastChangedDate": "last_changed_date",
    "LastAccessedDate": "last_accessed_date",
    "RotationEnabled": "rotation_enabled",
    "RotationLambdaARN": "rotation_lambda_arn",
    "LastRotatedDate": "last_rotated_date",
    "NextRotationDate": "next_rotation_date",
    "DeletedDate": "deleted_date",
    "OwningService": "owning_service",
    "PrimaryRegion": "primary_region",
}


def _secrets(organization: Organization, account_id: str, region: str) -> tuple[Secret, ...]:
    count = organization.share(account_id, region, "secretsmanager")
    keys = [key.arn for key in organization.region(account_id, region).kms_keys if key.enabled]
    key = keys[0] if keys else None
    return _drawn(organization.seed, account_id, region, count, organization.settled, organization.now, key)


@lru_cache(maxsize=256)
def _drawn(
    seed: int, account_id: str, region: str, count: int, settled: dt.datetime, now: dt.datetime, key: str | None
) -> tuple[Secret, ...]:
    rng = chance(seed, account_id, region, "secretsmanager")
    return tuple(_secret(rng, account_id, region, place, settled, now, key) for place in range(count))


def _secret(
    rng: random.Random,
    account_id: str,
    region: str,
    place: int,
    settled: dt.datetime,
    now: dt.datetime,
    key: str | None,
) -> Secret:
    """Every fourth rotates, every fifth no longer does, every sixth is about to go, every seventh was never read."""
    name = f"{rng.choice(('prod', 'staging'))}/{rng.choice(('orders', 'ledger', 'tracking'))}/token-{place:03}"
    name = name if place != 1 else name.ljust(LONG_NAME, "x")
    tail = "".join(rng.choices(string.ascii_letters + string.digits, k=6))
    created = before(rng, settled, 900)
    is_rotated, was_rotated, is_managed = place % 4 == 0, place % 5 == 3, place % 8 == 4
    rotated = created + dt.timedelta(days=(now - created).days // ROTATION_DAYS * ROTATION_DAYS)
    changed = rotated if is_rotated else created
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Secret(
        arn=f"arn:aws:secretsmanager:{region}:{account_id}:secret:{name}-{tail}",
        name=name,
        description=f"For {name.split('/')[1]}" if place % 3 else None,
        kms_key_id=key if place % 2 else None,
        created_date=created,
        last_changed_date=changed,
        last_accessed_date=midnight - dt.timedelta(days=rng.randrange(40)) if place % 7 else None,
        rotation_enabled=True if is_rotated else False if was_rotated else None,
        rotation_lambda_arn=f"arn:aws:lambda:{region}:{account_id}:function:rotate-tokens"
        if (is_rotated or was_rotated) and not is_managed
        else None,
        last_rotated_date=rotated if is_rotated else None,
        next_rotation_date=rotated + dt.timedelta(days=ROTATION_DAYS) if is_rotated else None,
        deleted_date=midnight - dt.timedelta(days=2) if place % 6 == 2 else None,
        owning_service="rds" if is_managed else None,
        primary_region=region if place % 9 == 5 else None,
        tags=(("team", rng.choice(("freight", "ports"))), ("empty", "")) if place % 2 else (),
    )


def list_secrets(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if "Filters" in params:
        raise not_served("the Filters of secretsmanager:ListSecrets")
    everything = params.get("IncludePlannedDeletion", False)
    secrets = _secrets(organization, caller.account_id, caller.region)
    page, more = SECRETS.page(caller, params, [each for each in secrets if everything or each.deleted_date is None])
    return {"SecretList": [_listed(secret) for secret in page]} | more


def _listed(secret: Secret) -> dict[str, Any]:
    listed = members(secret, MEMBERS) | {"Tags": _tags(secret)}
    rules = _rules(secret)
    return listed | ({"RotationRules": rules} if rules else {})


def _tags(secret: Secret) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in secret.tags]


def _rules(secret: Secret) -> dict[str, int] | None:
    return None if secret.rotation_enabled is None else {"AutomaticallyAfterDays": ROTATION_DAYS}


def secrets_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `secrets_manager_secrets`."""
    if region == GLOBAL:
        return []
    return [
        {name: getattr(secret, name) for name in MEMBERS.values()}
        | {
            "rotation_enabled": bool(secret.rotation_enabled),
            "rotation_rules": _rules(secret),
            "tags": _tags(secret),
        }
        for secret in _secrets(organization, account_id, region)
    ]


ANSWERS = {("secretsmanager", "ListSecrets"): list_secrets}

TRUTH = {"secrets_manager_secrets": secrets_truth}
