"""Section `iam`: every user with its second factor, every key with its age, and no secret."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, cast

import pytest

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import GLOBAL, Status, Unavailable
from a360_pipeline.sections.security import credential_report
from a360_pipeline.sections.security.credential_report import WAITS, Report
from a360_pipeline.sections.security.iam import key_row, user_row
from a360_pipeline_tests.sections.asking import Asking, asking

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
USER = {
    "UserName": "amara",
    "UserId": "AIDAEXAMPLE",
    "Arn": "arn:aws:iam::111122223333:user/amara",
    "Path": "/",
    "CreateDate": NOW,
}


@pytest.fixture(scope="module")
def running() -> Iterator[Asking]:
    with asking() as found:
        yield found


@pytest.fixture
def aws(running: Asking) -> Iterator[Asking]:
    yield running
    running.stand_in.faults.set()


def payload(aws: Asking) -> dict[str, list[dict[str, Any]]]:
    return cast("dict[str, list[dict[str, Any]]]", aws.rows("iam", region=GLOBAL))


def test_a_listing_of_many_pages_is_read_to_its_end(aws: Asking) -> None:
    """S3: users and keys are collected, all of them."""
    found = payload(aws)
    assert len({row["arn"] for row in found["users"]}) == len(found["users"]) == 120 + 1
    assert len({row["access_key_id"] for row in found["access_keys"]}) == len(found["access_keys"]) > 60
    assert {row["user_arn"] for row in found["access_keys"]} <= {row["arn"] for row in found["users"]}
    assert {row["status"] for row in found["access_keys"]} == {"Active", "Inactive"}


def test_the_root_user_is_one_of_them_and_has_its_second_factor_as_it_is_now(aws: Asking) -> None:
    for account in aws.organization.accounts:
        (root,) = [row for row in aws.answer("iam", account.id, GLOBAL).payload["users"] if row["is_root"]]
        assert root["arn"] == f"arn:aws:iam::{account.id}:root"
        summary = aws.session(account.id).call("iam", "get_account_summary")["SummaryMap"]
        assert root["mfa_active"] is bool(summary["AccountMFAEnabled"])
        assert root["password_enabled"] is None, "not supported is not FALSE"


def test_a_user_without_a_second_factor_is_not_one_of_whom_nothing_is_known(aws: Asking) -> None:
    """R31: FALSE is found by who filters for it, and what the report has not yet is unknown."""
    users = [row for row in payload(aws)["users"] if not row["is_root"]]
    assert {row["mfa_active"] for row in users} == {True, False, None}
    (new,) = [row for row in users if row["mfa_active"] is None]
    assert (new["active_access_keys"], new["password_enabled"]) == (None, None)
    assert new["create_date"] is not None


def test_without_the_report_users_keys_and_the_root_user_stay(aws: Asking) -> None:
    """S4, S5."""
    whole = payload(aws)
    aws.deny("iam:GenerateCredentialReport")
    answer = aws.answer("iam", region=GLOBAL)
    assert answer.coverage.status is Status.PARTIAL
    assert "credential report: " in str(answer.coverage.message)
    assert answer.payload["access_keys"] == whole["access_keys"]
    by_root = {row["is_root"]: row["mfa_active"] for row in answer.payload["users"]}
    assert by_root[False] is None
    assert by_root[True] is not None
    assert len(answer.payload["users"]) == 121


def test_a_key_whose_last_use_is_refused_is_a_key_all_the_same(aws: Asking) -> None:
    """S5."""
    whole = payload(aws)["access_keys"]
    aws.deny("iam:GetAccessKeyLastUsed")
    answer = aws.answer("iam", region=GLOBAL)
    assert answer.coverage.status is Status.PARTIAL
    keys = answer.payload["access_keys"]
    assert [row["access_key_id"] for row in keys] == [row["access_key_id"] for row in whole]
    assert {row["last_used_date"] for row in keys} == {None}


def test_a_denied_listing_is_denied(aws: Asking) -> None:
    aws.deny("iam:ListUsers")
    answer = aws.answer("iam", region=GLOBAL)
    assert (answer.coverage.status, answer.payload) == (Status.DENIED, None)


def test_users_that_have_no_key_are_not_asked_for_keys(aws: Asking) -> None:
    """Of a thousand users most have none, which the report says of all of them at once."""
    answer = aws.answer("iam", region=GLOBAL)
    owners = {row["user_arn"] for row in answer.payload["access_keys"]}
    pages_of_users, of_the_account, new_users = 15, 3, 1
    keys = len(answer.payload["access_keys"])
    assert answer.coverage.effort.calls == pages_of_users + of_the_account + len(owners) + new_users + keys


# --- The report


class Patient:
    """An account whose report takes a while."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)

    def call(self, _service: str, method: str) -> dict[str, Any]:
        if method == "generate_credential_report":
            return {"State": self.states.pop(0) if len(self.states) > 1 else self.states[0]}
        return {"Content": b"user,arn,mfa_active\na,arn:1,true\n", "GeneratedTime": NOW}


def ask(*states: str) -> tuple[Report, list[float]]:
    slept: list[float] = []
    return credential_report.ask(cast("AccountSession", Patient(*states)), slept.append), slept


def test_a_report_that_is_being_made_is_waited_for() -> None:
    report, slept = ask("STARTED", "INPROGRESS", "INPROGRESS", "COMPLETE")
    assert report == Report({"arn:1": {"user": "a", "arn": "arn:1", "mfa_active": "true"}}, NOW)
    assert slept == list(WAITS[:3])
    assert ask("COMPLETE")[1] == []


def test_a_report_that_is_never_made_is_not_waited_for_for_ever() -> None:
    slept: list[float] = []
    with pytest.raises(Unavailable, match="60 seconds") as raised:
        credential_report.ask(cast("AccountSession", Patient("INPROGRESS")), slept.append)
    assert raised.value.status is Status.FAILED
    assert slept == list(WAITS)


@pytest.mark.parametrize("unsaid", ["N/A", "no_information", "not_supported", ""])
def test_what_the_report_writes_for_nothing_is_null(unsaid: str) -> None:
    """R23, R24: no text stands where a fact is missing."""
    names = ("password_enabled", "password_last_used", "password_last_changed", "mfa_active", "access_key_1_active")
    row = user_row(USER, Report({USER["Arn"]: dict.fromkeys(names, unsaid)}, NOW))
    for name in ("password_enabled", "password_last_used", "password_last_changed", "mfa_active", "active_access_keys"):
        assert row[name] is None


def test_flags_and_counts_are_read_whatever_their_case() -> None:
    flags = {"access_key_1_active": "TRUE", "access_key_2_active": "false", "cert_1_active": "false"}
    row = user_row(USER, Report({USER["Arn"]: {**flags, "cert_2_active": "false", "mfa_active": "true"}}, NOW))
    assert (row["active_access_keys"], row["active_signing_certificates"], row["mfa_active"]) == (1, 0, True)


def test_a_key_that_was_never_used_was_used_for_nothing() -> None:
    """R23: IAM says N/A where it means never."""
    row = key_row(USER, {"AccessKeyId": "AKIAEXAMPLE", "CreateDate": NOW}, {"ServiceName": "N/A", "Region": "N/A"})
    assert (row["last_used_date"], row["last_used_service"], row["last_used_region"]) == (None, None, None)


def test_no_secret_of_a_key_is_sent_on() -> None:
    listed = {"AccessKeyId": "AKIAEXAMPLE", "SecretAccessKey": "hunter2"}
    assert "hunter2" not in str(key_row({**USER, "Password": "hunter2"}, listed, {}))
