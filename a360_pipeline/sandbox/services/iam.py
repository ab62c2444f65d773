"""What IAM answers about an account's users, their access keys, and its root user."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.facts.accounts import FIRST_NAMES, LAST_NAMES
from a360_pipeline.sandbox.facts.chance import before, chance, draw
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

LISTING = Paging(
    default=8,
    most=8,
    invalid="ValidationError",
    cursor="Marker",
    next_cursor="Marker",
    size="MaxItems",
)
"""IAM may give fewer than it is asked for."""
ROOT = "<root_account>"
KEYS_A_USER = 2
USED = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
REPORT = (
    *("user", "arn", "user_creation_time", "password_enabled", "password_last_used"),
    *("password_last_changed", "password_next_rotation", "mfa_active"),
    *(f"access_key_{number}_{what}" for number in (1, 2) for what in USED),
    *(f"cert_{number}_{what}" for number in (1, 2) for what in ("active", "last_rotated")),
)
"""The columns of a credential report."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key; `last_used_date` is None where it never was."""

    access_key_id: str
    status: str
    create_date: dt.datetime
    last_used_date: dt.datetime | None
    last_used_service: str | None
    last_used_region: str | None


@dataclass(frozen=True, slots=True)
class User:
    """A user. One who is new is not in the credential report yet."""

    user_name: str
    arn: str
    user_id: str
    path: str
    create_date: dt.datetime
    has_password: bool
    password_last_used: dt.datetime | None
    mfa_active: bool
    keys: tuple[AccessKey, ...]
    is_new: bool


USER_MEMBERS = {
    "UserName": "user_name",
    "Arn": "arn",
    "UserId": "user_id",
    "Path": "path",
    "CreateDate": "create_date",
    "PasswordLastUsed": "password_last_used",
}


def _users(organization: Organization, account_id: str) -> Mapping[str, User]:
    count = organization.share(account_id, GLOBAL, "iam")
    region = organization.region_names[0]
    return _drawn(organization.seed, account_id, region, count, organization.settled, organization.now)


@lru_cache(maxsize=256)
def _drawn(
    seed: int, account_id: str, region: str, count: int, settled: dt.datetime, now: dt.datetime
) -> Mapping[str, User]:
    rng = chance(seed, account_id, "iam")
    users = (_user(rng, account_id, region, place, settled, now) for place in range(count))
    return {user.user_name: user for user in users}


def _user(rng: random.Random, account_id: str, region: str, place: int, settled: dt.datetime, now: dt.datetime) -> User:
    """Every third is a machine without a password, every fourth person has no second factor, the third is new."""
    is_machine, is_new = place % 3 == 1, place == 2
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    name = f"ci-{place:03}" if is_machine else f"{first}.{last}.{place}".lower().replace("ø", "o")
    path = "/machines/" if is_machine else "/"
    created = now - dt.timedelta(hours=1) if is_new else before(rng, settled, 900)
    used = not is_machine and not is_new and place % 5 != 0
    key_count = 0 if is_new else 1 + place % KEYS_A_USER if is_machine or place % 4 == 0 else 0
    return User(
        user_name=name,
        arn=f"arn:aws:iam::{account_id}:user{path}{name}",
        user_id=f"AIDA{_letters(rng, 17)}",
        path=path,
        create_date=created,
        has_password=not is_machine,
        password_last_used=now - dt.timedelta(hours=rng.randrange(1, 2000)) if used else None,
        mfa_active=not is_machine and place % 4 != 3,
        keys=tuple(_key(rng, region, created, now, place + number) for number in range(key_count)),
        is_new=is_new,
    )


def _key(rng: random.Random, region: str, created: dt.datetime, now: dt.datetime, place: int) -> AccessKey:
    is_used = place % 3 != 2
    return AccessKey(
        access_key_id=f"AKIA{_letters(rng, 16)}",
        status="Inactive" if place % 5 == 4 else "Active",
        create_date=created + dt.timedelta(days=rng.randrange(1, 30)),
        last_used_date=now - dt.timedelta(hours=rng.randrange(1, 500)) if is_used else None,
        last_used_service=rng.choice(("s3", "ecr", "sts")) if is_used else None,
        last_used_region=region if is_used else None,
    )


def _letters(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.ascii_uppercase + "234567", k=count))


def _root_has_mfa(organization: Organization, account_id: str) -> bool:
    return draw(organization.seed, account_id, "root") % 3 != 0


def list_users(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    page, more = LISTING.page(caller, params, list(_users(organization, caller.account_id).values()))
    return {"Users": [members(user, USER_MEMBERS) for user in page], "IsTruncated": bool(more)} | more


def list_access_keys(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    user = _users(organization, caller.account_id).get(params.get("UserName", ""))
    if user is None:
        raise _unknown("user", params.get("UserName", ""))
    page, more = LISTING.page(caller, params, user.keys)
    listed = [
        {
            "UserName": user.user_name,
            "AccessKeyId": key.access_key_id,
            "Status": key.status,
            "CreateDate": key.create_date,
        }
        for key in page
    ]
    return {"AccessKeyMetadata": listed, "IsTruncated": bool(more)} | more


def get_access_key_last_used(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    for user in _users(organization, caller.account_id).values():
        for key in user.keys:
            if key.access_key_id == params["AccessKeyId"]:
                return {"UserName": user.user_name, "AccessKeyLastUsed": _last_used(key)}
    raise _unknown("Access Key", params["AccessKeyId"])


def _last_used(key: AccessKey) -> dict[str, Any]:
    if key.last_used_date is None:
        return {"ServiceName": "N/A", "Region": "N/A"}
    return {
        "LastUsedDate": key.last_used_date,
        "ServiceName": key.last_used_service,
        "Region": key.last_used_region,
    }


def _unknown(kind: str, name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The {kind} with name {name} cannot be found.", 404)


def get_account_summary(organization: Organization, caller: Caller, _params: Params) -> dict[str, Any]:
    summary = {
        "Users": len(_users(organization, caller.account_id)),
        "AccountMFAEnabled": int(_root_has_mfa(organization, caller.account_id)),
        "AccountAccessKeysPresent": 0,
        "AccountSigningCertificatesPresent": 0,
        "UsersQuota": 5000,
    }
    return {"SummaryMap": summary}


def generate_credential_report(_organization: Organization, _caller: Caller, _params: Params) -> dict[str, Any]:
    return {"State": "COMPLETE"}


def get_credential_report(organization: Organization, caller: Caller, _params: Params) -> dict[str, Any]:
    text = io.StringIO()
    writer = csv.DictWriter(text, REPORT, restval="N/A", lineterminator="\n")
    writer.writeheader()
    writer.writerow(_root_line(organization, caller.account_id))
    writer.writerows(_line(user) for user in _users(organization, caller.account_id).values() if not user.is_new)
    return {
        "Content": text.getvalue().rstrip("\n").encode(),
        "ReportFormat": "text/csv",
        "GeneratedTime": organization.now,
    }


def _root_line(organization: Organization, account_id: str) -> dict[str, str]:
    return {
        "user": ROOT,
        "arn": f"arn:aws:iam::{account_id}:root",
        "user_creation_time": organization.by_id[account_id].joined_timestamp.isoformat(),
        "password_last_used": "no_information",
        **dict.fromkeys(("password_enabled", "password_last_changed", "password_next_rotation"), "not_supported"),
        **_flags(mfa_active=_root_has_mfa(organization, account_id)),
    }


def _line(user: User) -> dict[str, str]:
    keys: dict[str, str] = {}
    for number, key in enumerate(user.keys, 1):
        used = key.last_used_date
        keys |= {
            f"access_key_{number}_active": str(key.status == "Active").lower(),
            f"access_key_{number}_last_rotated": key.create_date.isoformat(),
            f"access_key_{number}_last_used_date": used.isoformat() if used else "N/A",
            f"access_key_{number}_last_used_region": key.last_used_region or "N/A",
            f"access_key_{number}_last_used_service": key.last_used_service or "N/A",
        }
    last_used = user.password_last_used.isoformat() if user.password_last_used else "no_information"
    password = {"password_last_used": last_used, "password_last_changed": user.create_date.isoformat()}
    return {
        "user": user.user_name,
        "arn": user.arn,
        "user_creation_time": user.create_date.isoformat(),
        **(password if user.has_password else {}),
        **_flags(mfa_active=user.mfa_active, password_enabled=user.has_password),
        **keys,
    }


def _flags(**said: bool) -> dict[str, str]:
    names = ("access_key_1_active", "access_key_2_active", "cert_1_active", "cert_2_active")
    return {name: str(flag).lower() for name, flag in (dict.fromkeys(names, False) | said).items()}


def users_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `iam_users`, the root user's last."""
    if region != GLOBAL:
        return []
    root = {
        "arn": f"arn:aws:iam::{account_id}:root",
        "user_name": ROOT,
        "user_id": None,
        "path": None,
        "is_root": True,
        "create_date": organization.by_id[account_id].joined_timestamp,
        "mfa_active": _root_has_mfa(organization, account_id),
        "password_enabled": None,
        "password_last_used": None,
        "password_last_changed": None,
        "active_access_keys": 0,
        "active_signing_certificates": 0,
    }
    return [*(_user_truth(user) for user in _users(organization, account_id).values()), root]


def _user_truth(user: User) -> dict[str, Any]:
    of_the_report = {
        "mfa_active": user.mfa_active,
        "password_enabled": user.has_password,
        "password_last_changed": user.create_date if user.has_password else None,
        "active_access_keys": sum(key.status == "Active" for key in user.keys),
        "active_signing_certificates": 0,
    }
    return {
        **{name: getattr(user, name) for name in USER_MEMBERS.values()},
        "is_root": False,
        **(dict.fromkeys(of_the_report) if user.is_new else of_the_report),
    }


def access_keys_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `iam_access_keys`."""
    names = ("access_key_id", "status", "create_date", "last_used_date", "last_used_service", "last_used_region")
    return [
        {name: getattr(key, name) for name in names} | {"user_name": user.user_name, "user_arn": user.arn}
        for user in (_users(organization, account_id).values() if region == GLOBAL else ())
        for key in user.keys
    ]


ANSWERS = {
    ("iam", "ListUsers"): list_users,
    ("iam", "ListAccessKeys"): list_access_keys,
    ("iam", "GetAccessKeyLastUsed"): get_access_key_last_used,
    ("iam", "GetAccountSummary"): get_account_summary,
    ("iam", "GenerateCredentialReport"): generate_credential_report,
    ("iam", "GetCredentialReport"): get_credential_report,
}

TRUTH = {"iam_users": users_truth, "iam_access_keys": access_keys_truth}
