"""KMS keys of an account in a region: of every kind whose answers differ."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from dataclasses import replace

from a360_pipeline.sandbox.facts.chance import before, chance
from a360_pipeline.sandbox.facts.model import Key

MANAGED_FOR = ("ebs", "s3", "rds", "secretsmanager", "sns")
PURPOSES = ("ledger", "snapshots", "manifests", "customer-files", "queue", "backups", "tokens", "reports")


def keys(
    seed: int, account_id: str, region: str, count: int, settled: dt.datetime, now: dt.datetime
) -> tuple[Key, ...]:
    """At most `count` keys, the peculiar ones first in line, ordered by id as a listing is by chance."""
    rng = chance(seed, account_id, region, "kms")
    plain = [_symmetric(rng, account_id, region, settled) for _ in range(count)]
    peculiar = [
        _signing(plain[0]) if plain else None,
        _pending_deletion(plain[1], now) if count > 1 else None,
        replace(plain[2], enabled=False, key_state="Disabled", key_rotation_enabled=False) if count > 2 else None,
        *(_managed(key, service) for key, service in zip(plain[3:], MANAGED_FOR, strict=False)),
    ]
    chosen = [key for key in peculiar if key is not None]
    return tuple(sorted([*chosen, *plain[len(chosen) :]], key=lambda key: key.key_id))


def multi_region_keys(seed: int, account_id: str, regions: tuple[str, ...], settled: dt.datetime) -> dict[str, Key]:
    """One key that lives under one id in the account's first two regions, by region."""
    if len(regions) < 2:
        return {}
    primary, replica = regions[:2]
    rng = chance(seed, account_id, "mrk")
    key = replace(
        _symmetric(rng, account_id, primary, settled),
        key_id=f"mrk-{rng.getrandbits(128):032x}",
        description="ledger across regions",
        key_rotation_enabled=True,
        primary_region=primary,
        replica_regions=(replica,),
    )
    return {region: replace(key, arn=_arn(account_id, region, key.key_id)) for region in (primary, replica)}


def _arn(account_id: str, region: str, key_id: str) -> str:
    return f"arn:aws:kms:{region}:{account_id}:key/{key_id}"


def _symmetric(rng: random.Random, account_id: str, region: str, settled: dt.datetime) -> Key:
    key_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    return Key(
        key_id=key_id,
        arn=_arn(account_id, region, key_id),
        description=rng.choice(("", f"{rng.choice(PURPOSES)} {rng.randrange(100)}")),
        key_manager="CUSTOMER",
        key_usage="ENCRYPT_DECRYPT",
        key_spec="SYMMETRIC_DEFAULT",
        key_state="Enabled",
        enabled=True,
        creation_date=before(rng, settled, 1000),
        deletion_date=None,
        key_rotation_enabled=rng.random() < 0.6,
    )


def _signing(key: Key) -> Key:
    return replace(
        key,
        description="signs release manifests",
        key_usage="SIGN_VERIFY",
        key_spec="RSA_2048",
        key_rotation_enabled=None,
    )


def _pending_deletion(key: Key, now: dt.datetime) -> Key:
    return replace(
        key,
        enabled=False,
        key_state="PendingDeletion",
        deletion_date=now + dt.timedelta(days=12),
        key_rotation_enabled=False,
    )


def _managed(key: Key, service: str) -> Key:
    # AWS rotates its own keys every year and nobody can turn that off.
    return replace(key, description=f"Default key for {service}", key_manager="AWS", key_rotation_enabled=True)
