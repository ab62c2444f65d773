"""Sessions: the role is assumed with its external id, renewed in time, and every call is counted."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr

from a360_pipeline.aws.sessions import ONE_REGION, Sessions
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.settings import Settings


def whoami(sessions: Sessions, account_id: str) -> str:
    answer = sessions.account(account_id).call("sts", "get_caller_identity")
    return str(answer["Account"])


def test_each_account_is_asked_with_its_own_role(sessions: Sessions, stand_in: StandIn) -> None:
    for account in stand_in.organization.accounts:
        assert whoami(sessions, account.id) == account.id


def test_a_wrong_external_id_is_refused(settings: Settings, stand_in: StandIn) -> None:
    wrong = Sessions(settings.model_copy(update={"external_id": SecretStr("guess")}))
    with pytest.raises(ClientError, match="AccessDenied"):
        whoami(wrong, stand_in.organization.accounts[1].id)


def test_the_role_is_assumed_once_for_many_clients_and_again_before_it_expires(
    sessions: Sessions, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = stand_in.organization.accounts[1].id
    assumed: list[str] = []
    assume = sessions._assume

    def expiring(lifetime: dt.timedelta) -> Any:
        def wrapped(sts: Any, wanted: str) -> dict[str, str]:
            assumed.append(wanted)
            expiry = (dt.datetime.now(dt.UTC) + lifetime).isoformat()
            return {**assume(sts, wanted), "expiry_time": expiry}

        return wrapped

    # Within the minutes in which botocore renews them, well before they really expire.
    monkeypatch.setattr(sessions, "_assume", expiring(dt.timedelta(minutes=5)))
    session = sessions.account(account_id)
    session.call("kms", "list_keys")
    session.call("ssm", "describe_instance_information")
    assert len(assumed) == 2, "credentials about to expire are renewed at the next call"

    monkeypatch.setattr(sessions, "_assume", expiring(dt.timedelta(hours=1)))
    session.call("kms", "list_keys")
    session.call("kms", "list_keys")
    sessions.account(account_id, "eu-central-2").call("kms", "list_keys")
    assert len(assumed) == 3, "fresh credentials serve every client of the account"


def test_listings_go_to_the_last_page(sessions: Sessions, stand_in: StandIn) -> None:
    account = stand_in.organization.accounts[0]
    session = sessions.account(account.id, "us-east-1")
    listed = [key["KeyId"] for key in session.pages("kms", "list_keys", "Keys", Limit=1)]
    assert sorted(listed) == sorted(key.key_id for key in account.regions[0].kms_keys)
    assert session.meter.effort.calls == len(listed)


def test_listings_without_a_paginator_follow_their_token(sessions: Sessions) -> None:
    hub = sessions.hub()
    assert not hub.client("ce").can_paginate("get_cost_and_usage")
    periods = hub.pages(
        "ce",
        "get_cost_and_usage",
        "ResultsByTime",
        TimePeriod={"Start": "2026-01-01", "End": "2026-01-04"},
        Granularity="DAILY",
        Metrics=["UnblendedCost"],
        GroupBy=[{"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}, {"Type": "DIMENSION", "Key": "SERVICE"}],
    )
    groups = [(p["TimePeriod"]["Start"], *g["Keys"]) for p in periods for g in p["Groups"]]
    assert len(groups) == len(set(groups)) > 60
    effort = hub.meter.effort
    assert (effort.calls, effort.paid_calls) == (3, 3)


def test_whole_pages_come_to_the_last_one_too(sessions: Sessions, stand_in: StandIn) -> None:
    account = stand_in.organization.accounts[0]
    session = sessions.account(account.id, "us-east-1")
    pages = list(session.answers("kms", "list_keys", Limit=1))
    assert [len(page["Keys"]) for page in pages] == [1] * len(account.regions[0].kms_keys)
    assert [page["Truncated"] for page in pages] == [True] * (len(pages) - 1) + [False]


@pytest.mark.parametrize(
    ("service", "region", "asked_in"),
    [
        *((service, region, "us-east-1") for service in sorted(ONE_REGION) for region in ("us-east-1", "eu-central-2")),
        ("support", "us-gov-west-1", "us-gov-west-1"),
        ("health", "cn-north-1", "cn-north-1"),
        ("kms", "eu-central-2", "eu-central-2"),
    ],
)
def test_a_service_of_one_region_is_asked_there_whatever_region_a_session_is_of(
    sessions: Sessions, stand_in: StandIn, service: str, region: str, asked_in: str
) -> None:
    session = sessions.account(stand_in.organization.accounts[1].id, region)
    assert session.client(service).meta.region_name == asked_in
    assert session.region == region


def test_a_question_that_sections_share_is_asked_once(sessions: Sessions) -> None:
    hub = sessions.hub()
    asked: list[int] = []
    for _ in range(2):
        assert hub.once("question", lambda: asked.append(1) or 42) == 42
    assert asked == [1]


def test_secrets_are_in_no_repr(settings: Settings, sessions: Sessions) -> None:
    assert settings.secret_access_key is not None
    shown = f"{settings!r} {sessions!r} {sessions.hub()!r} {vars(sessions)!r}"
    assert settings.secret_access_key.get_secret_value() not in shown
