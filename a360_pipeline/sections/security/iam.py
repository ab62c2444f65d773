"""Section `iam`: users of an account and the root user, with what they sign in with, and their access keys."""

from __future__ import annotations

from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import Column, History, Operation, Payload, Row, Scope, Section, Table, Type, Window
from a360_pipeline.sections.security import credential_report
from a360_pipeline.sections.shapes import ACCOUNT, at, instant

NOT_YET = "Null for a user who is newer than the credential report, which is up to four hours old."

USERS = Table(
    "iam_users",
    "Users of Identity and Access Management, and each account's root user.",
    columns=(
        ACCOUNT,
        Column("arn", Type.TEXT),
        Column("user_name", Type.TEXT, "`<root_account>` for the root user, as IAM has it."),
        Column("user_id", Type.TEXT, "Null for the root user."),
        Column("path", Type.TEXT),
        Column("is_root", Type.BOOLEAN),
        Column("create_date", Type.TIMESTAMPTZ),
        Column("mfa_active", Type.BOOLEAN, f"Whether it signs in with a second factor. {NOT_YET}"),
        Column("password_enabled", Type.BOOLEAN, f"Null for the root user. {NOT_YET}"),
        Column("password_last_used", Type.TIMESTAMPTZ, "Null where it was never used.", is_volatile=True),
        Column("password_last_changed", Type.TIMESTAMPTZ, NOT_YET),
        Column("password_next_rotation", Type.TIMESTAMPTZ, "Null where no policy asks for it."),
        Column("active_access_keys", Type.BIGINT, NOT_YET),
        Column("active_signing_certificates", Type.BIGINT, NOT_YET),
        Column("reported_at", Type.TIMESTAMPTZ, "When IAM made the credential report.", is_volatile=True),
    ),
    key=("account_id", "arn"),
    rows=at("users"),
)

ACCESS_KEYS = Table(
    "iam_access_keys",
    "Access keys of users. Their ids alone: IAM tells a secret once, to who makes it.",
    columns=(
        ACCOUNT,
        Column("access_key_id", Type.TEXT),
        Column("user_name", Type.TEXT),
        Column("user_arn", Type.TEXT),
        Column("status", Type.TEXT, "Active, Inactive or Expired."),
        Column("create_date", Type.TIMESTAMPTZ),
        Column("last_used_date", Type.TIMESTAMPTZ, "Null where it was never used.", is_volatile=True),
        Column("last_used_service", Type.TEXT, "Such as s3.", is_volatile=True),
        Column("last_used_region", Type.TEXT, is_volatile=True),
    ),
    key=("account_id", "access_key_id"),
    rows=at("access_keys"),
)


def collect(aws: AccountSession, _window: Window) -> Payload:
    """IAM ListUsers, the credential report and GetAccountSummary; ListAccessKeys and GetAccessKeyLastUsed for keys.

    The report knows of the factors and passwords of all users at once. It has no ids of keys, but says who has some.
    """
    listed = list(aws.pages("iam", "list_users", "Users", MaxItems=1000))
    report = credential_report.Report()
    with aws.part("credential report"):
        report = credential_report.ask(aws)
    users: list[Row] = [user_row(user, report) for user in listed]
    with aws.part("root user"):
        users.append(_root(aws, report))
    keys: list[Row] = []
    for user in listed:
        if credential_report.may_have_keys(report.users.get(user["Arn"])):
            with aws.part(f"access keys of {user['Arn']}"):
                keys += [_key(aws, user, key) for key in _keys(aws, user)]
    return {"users": users, "access_keys": keys}


def user_row(user: Row, report: credential_report.Report) -> dict[str, Any]:
    """A row of what ListUsers and, if it knows of the user, the report say."""
    last_used = instant(user.get("PasswordLastUsed"))
    reported = credential_report.columns(report.users.get(user["Arn"]))
    return {
        "arn": user["Arn"],
        "user_name": user["UserName"],
        "user_id": user["UserId"],
        "path": user["Path"],
        "is_root": False,
        "create_date": instant(user["CreateDate"]),
        **reported,
        "password_last_used": last_used or reported["password_last_used"],
        "reported_at": instant(report.generated),
    }


def _root(aws: AccountSession, report: credential_report.Report) -> Row:
    # As it is now: the report may be some hours old.
    summary = aws.call("iam", "get_account_summary")["SummaryMap"]
    arn = f"arn:{aws.client('iam').meta.partition}:iam::{aws.account_id}:root"
    reported = report.users.get(arn)
    return {
        "arn": arn,
        "user_name": credential_report.ROOT,
        "user_id": None,
        "path": None,
        "is_root": True,
        "create_date": credential_report.said(reported, "user_creation_time"),
        **credential_report.columns(reported),
        "mfa_active": bool(summary["AccountMFAEnabled"]),
        "reported_at": instant(report.generated),
    }


def _keys(aws: AccountSession, user: Row) -> list[Row]:
    return list(aws.pages("iam", "list_access_keys", "AccessKeyMetadata", UserName=user["UserName"]))


def _key(aws: AccountSession, user: Row, key: Row) -> Row:
    used: Row = {}
    with aws.part(f"last use of {key['AccessKeyId']}"):
        used = aws.call("iam", "get_access_key_last_used", AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
    return key_row(user, key, used)


def key_row(user: Row, key: Row, used: Row) -> Row:
    """A row of an access key: its id, its state and, if it was ever used, what it was last used for."""
    # Of a key that was never used IAM says "N/A" where no date is.
    last = used if "LastUsedDate" in used else {}
    return {
        "access_key_id": key["AccessKeyId"],
        "user_name": user["UserName"],
        "user_arn": user["Arn"],
        "status": key.get("Status"),
        "create_date": instant(key.get("CreateDate")),
        "last_used_date": instant(last.get("LastUsedDate")),
        "last_used_service": last.get("ServiceName"),
        "last_used_region": last.get("Region"),
    }


SECTION = Section(
    name="iam",
    title="Users and access keys",
    wire="security.iam",
    scope=Scope.ACCOUNT,
    history=History.SNAPSHOT,
    operations=tuple(
        Operation("iam", name)
        for name in (
            "ListUsers",
            "GenerateCredentialReport",
            "GetCredentialReport",
            "GetAccountSummary",
            "ListAccessKeys",
            "GetAccessKeyLastUsed",
        )
    ),
    tables=(USERS, ACCESS_KEYS),
    collect=collect,
    parts=("users", "access_keys"),
    is_only_ours=True,
)
