"""Sessions: the role is assumed with its external id, renewed in time, and every call is counted."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from botocore.exceptions import ClientError, PaginationError
from pydantic import SecretStr

from a360_pipeline.aws.regions import ONE_REGION
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.settings import Choices, Settings


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
        def wrapped(wanted: str) -> dict[str, Any]:
            assumed.append(wanted)
            return {**assume(wanted), "Expiration": dt.datetime.now(dt.UTC) + lifetime}

        return wrapped

    # Within the minutes in which they are renewed, well before they really expire.
    monkeypatch.setattr(sessions, "_assume", expiring(dt.timedelta(minutes=5)))
    session = sessions.account(account_id)
    session.call("kms", "list_keys")
    session.call("ssm", "describe_instance_information")
    assert len(assumed) == 2, "credentials about to expire are renewed at the next call"

    monkeypatch.setattr(sessions, "_assume", expiring(dt.timedelta(hours=1)))
    session.call("kms", "list_keys")
    session.call("kms", "list_keys")
    sessions.account(account_id, "eu-central-2").call("kms", "list_keys")
    assert len(assumed) == 3, "fresh credentials serve every session of the account"


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
        TimePeriod={"Start": "2026-01-01", "End": "2026-02-15"},
        Granularity="DAILY",
        Metrics=["UnblendedCost"],
        GroupBy=[{"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}, {"Type": "DIMENSION", "Key": "SERVICE"}],
    )
    groups = [(p["TimePeriod"]["Start"], *g["Keys"]) for p in periods for g in p["Groups"]]
    assert len(groups) == len(set(groups)) > 1000
    effort = hub.meter.effort
    assert (effort.calls, effort.paid_calls) == (4, 4)


def test_sections_are_told_what_to_ask_beyond_the_usual_and_no_secret(settings: Settings) -> None:
    chosen = settings.model_copy(update={"forecast_accounts": 3, "seller_product_codes": ("a", "b")})
    assert Sessions(chosen).hub().choices == Choices(forecast_accounts=3, seller_product_codes=("a", "b"))
    assert Sessions(settings).hub().choices == Choices()


@pytest.mark.parametrize(
    ("service", "method", "told", "asked"),
    [
        ("ce", "get_cost_and_usage", "NextPageToken", "NextPageToken"),
        ("wafv2", "list_web_acls", "NextMarker", "NextMarker"),
        ("wafv2", "list_resources_for_web_acl", "NextToken", "NextToken"),
        ("servicecatalog", "search_provisioned_products", "NextPageToken", "PageToken"),
        ("savingsplans", "describe_savings_plans", "nextToken", "nextToken"),
        ("route53", "list_reusable_delegation_sets", "NextMarker", "Marker"),
        ("cognito-idp", "list_devices", "PaginationToken", "PaginationToken"),
    ],
)
def test_every_name_that_aws_gives_a_token_is_followed(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch, service: str, method: str, told: str, asked: str
) -> None:
    given: list[str | None] = []
    answers = [{"Items": [1], told: "two"}, {"Items": [2], told: "three"}, {"Items": [3]}]

    def call(_aws: AccountSession, _service: str, _method: str, **parameters: Any) -> dict[str, Any]:
        given.append(parameters.get(asked))
        return answers[len(given) - 1]

    monkeypatch.setattr(AccountSession, "call", call)
    monkeypatch.setattr(type(sessions.clients.shared(service, "us-east-1")), "can_paginate", lambda *_: False)
    assert list(sessions.hub().pages(service, method, "Items")) == [1, 2, 3]
    assert given == [None, "two", "three"]


def test_a_listing_that_leads_to_itself_is_an_error_and_no_loop(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AccountSession, "call", lambda *_, **__: {"Items": [1], "NextPageToken": "again"})
    with pytest.raises(PaginationError, match="the same NextPageToken twice"):
        list(sessions.hub().pages("ce", "get_cost_and_usage", "Items"))


def test_clients_are_shared_by_accounts_and_apart_by_region(sessions: Sessions, stand_in: StandIn) -> None:
    """S29."""
    built: list[tuple[str, str]] = []
    whole = sessions.clients._build

    def counted(session: Any, who: Any, service: str, region: str) -> Any:
        built.append((service, region))
        return whole(session, who, service, region)

    sessions.clients._build = counted
    for account in stand_in.organization.accounts[:3]:
        for region in ("us-east-1", "eu-central-2"):
            for _ in range(2):
                sessions.account(account.id, region).call("kms", "list_keys")
    assert sorted(built) == [("kms", "eu-central-2"), ("kms", "us-east-1"), ("sts", "us-east-1")]


def test_what_is_asked_in_another_region_counts_and_fails_here(sessions: Sessions, stand_in: StandIn) -> None:
    account = stand_in.organization.accounts[0]
    here = sessions.account(account.id, "us-east-1")
    there = here.at("eu-central-2")
    assert here.at("us-east-1") is here
    assert here.at("eu-central-2") is there
    arns = [key["KeyArn"] for key in there.pages("kms", "list_keys", "Keys")]
    assert {arn.split(":")[3] for arn in arns} == {"eu-central-2"}
    with there.part("key none"):
        there.call("kms", "describe_key", KeyId="none")
    assert here.meter.effort.calls == 2
    assert len(here.failed_parts) == 1


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
