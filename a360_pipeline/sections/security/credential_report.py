"""IAM's credential report: asked for, waited for, and read."""

from __future__ import annotations

import csv
import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status, Unavailable

ROOT = "<root_account>"
WAITS = (1, 2, 4, 8, 15, 30)
"""Seconds between one look and the next; IAM takes a few for a thousand users."""
UNSAID = frozenset({"", "N/A", "no_information", "not_supported"})
"""What the report writes where there is nothing to say."""
Reported = Mapping[str, str]
KEYS = ("access_key_1", "access_key_2")
CERTIFICATES = ("cert_1", "cert_2")
INSTANTS = ("password_last_used", "password_last_changed", "password_next_rotation")


@dataclass(frozen=True, slots=True)
class Report:
    """Lines of the report by the user's ARN, as they are written; none where it could not be had."""

    users: Mapping[str, Reported] = field(default_factory=dict)
    generated: dt.datetime | None = None


def ask(aws: AccountSession, sleep: Callable[[float], None] | None = None) -> Report:
    """IAM GenerateCredentialReport until it is complete, then GetCredentialReport.

    Raises Unavailable if IAM is not done after a minute, ClientError when it refuses.
    """
    for wait in (*WAITS, None):
        if aws.call("iam", "generate_credential_report")["State"] == "COMPLETE":
            answer = aws.call("iam", "get_credential_report")
            return Report(read(answer["Content"]), answer.get("GeneratedTime"))
        if wait is not None:
            (sleep or time.sleep)(wait)
    raise Unavailable(Status.FAILED, f"IAM did not complete its credential report within {sum(WAITS)} seconds")


def read(content: bytes) -> dict[str, Reported]:
    """The lines of a report, by ARN."""
    return {line["arn"]: line for line in csv.DictReader(content.decode().splitlines())}


def said(reported: Reported | None, name: str) -> str | None:
    """What a line says under a name; None where that is nothing, or where there is no line."""
    value = (reported or {}).get(name, "")
    return None if value in UNSAID else value


def columns(reported: Reported | None) -> dict[str, Any]:
    """The columns of `iam_users` that the report fills."""
    return {
        "mfa_active": _flag(reported, "mfa_active"),
        "password_enabled": _flag(reported, "password_enabled"),
        **{name: said(reported, name) for name in INSTANTS},
        "active_access_keys": _count(reported, KEYS),
        "active_signing_certificates": _count(reported, CERTIFICATES),
    }


def may_have_keys(reported: Reported | None) -> bool:
    """Whether a user may have an access key: an inactive one has an age, and of an unknown user nothing is said."""
    return reported is None or any(
        _flag(reported, f"{key}_active") or said(reported, f"{key}_last_rotated") for key in KEYS
    )


def _flag(reported: Reported | None, name: str) -> bool | None:
    value = said(reported, name)
    return None if value is None else value.lower() == "true"


def _count(reported: Reported | None, names: tuple[str, ...]) -> int | None:
    flags = [_flag(reported, f"{name}_active") for name in names]
    return None if None in flags else sum(flag is True for flag in flags)
