"""What goes wrong on the way: it is made good where it can be, and never passes for facts where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ParamValidationError
from botocore.parsers import ResponseParserError

from a360_pipeline.aws.errors import explain, status_of
from a360_pipeline.aws.retries import KNOCKS
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.coverage import Status
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.settings import Settings


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which nobody sleeps."""
    pauses: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=pauses.append))
    return pauses


@pytest.fixture
def aws(sessions: Sessions, stand_in: StandIn) -> AccountSession:
    return sessions.account(stand_in.organization.accounts[1].id, "us-east-1")


def listed(aws: AccountSession, **parameters: Any) -> list[str]:
    return [key["KeyId"] for key in aws.pages("kms", "list_keys", "Keys", **parameters)]


def held(aws: AccountSession, stand_in: StandIn) -> list[str]:
    return sorted(key.key_id for key in stand_in.organization.region(str(aws.account_id), aws.region).kms_keys)


def test_credentials_that_expire_in_the_middle_are_renewed_and_the_call_is_repeated(
    aws: AccountSession, stand_in: StandIn
) -> None:
    stand_in.faults.set(expire_after={str(aws.account_id): 1})
    assert sorted(listed(aws, Limit=1)) == held(aws, stand_in)
    effort = aws.meter.effort
    assert (effort.calls, effort.retries) == (len(held(aws, stand_in)), 1)


def test_credentials_that_expire_while_a_call_is_tried_again_are_renewed_too(
    aws: AccountSession, stand_in: StandIn
) -> None:
    listed(aws)
    stand_in.faults.set(cut={"kms:ListKeys": 1}, expire_after={str(aws.account_id): 1})
    before = aws.meter.effort
    assert sorted(listed(aws)) == held(aws, stand_in)
    effort = aws.meter.effort - before
    assert (effort.calls, effort.retries) == (1, 2)


def test_credentials_that_stay_refused_are_told_after_one_renewal(aws: AccountSession, stand_in: StandIn) -> None:
    stand_in.faults.set(errors={"kms:ListKeys": "ExpiredTokenException"})
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        listed(aws)
    assert aws.meter.effort.retries == 1


@pytest.mark.parametrize(("cut", "retries"), [("kms:ListKeys", 2), ("sts:AssumeRole", 0)], ids=["JSON", "XML"])
def test_half_an_answer_is_asked_for_again_and_the_listing_is_whole(
    aws: AccountSession, stand_in: StandIn, cut: str, retries: int
) -> None:
    """botocore reads half a listing in JSON as an empty one: the rows of the account would be retired."""
    stand_in.faults.set(cut={cut: 2})
    assert sorted(listed(aws)) == held(aws, stand_in)
    assert aws.meter.effort.retries == retries, "the role is assumed by the hub"


def test_a_line_that_is_always_cut_is_an_error_and_no_empty_listing(settings: Settings, stand_in: StandIn) -> None:
    few = Sessions(settings.model_copy(update={"max_attempts": 3}))
    aws = few.account(stand_in.organization.accounts[1].id, "us-east-1")
    stand_in.faults.set(cut={"kms:ListKeys": 99})
    with pytest.raises(ConnectionClosedError) as caught:
        listed(aws)
    assert status_of(caught.value) is Status.FAILED
    assert explain(caught.value).startswith("unreachable: ")
    assert aws.meter.effort.retries == 2


def test_throttling_is_waited_out_and_counted(aws: AccountSession, stand_in: StandIn, slept: list[float]) -> None:
    stand_in.faults.set(throttle_rate=0.4)
    for _ in range(5):
        assert sorted(listed(aws, Limit=3)) == held(aws, stand_in)
    effort = aws.meter.effort
    assert effort.throttles == effort.retries == len(slept) > 0
    assert effort.calls == 5 * -(-len(held(aws, stand_in)) // 3)


def test_throttling_without_end_is_throttled(settings: Settings, stand_in: StandIn) -> None:
    few = Sessions(settings.model_copy(update={"max_attempts": 4}))
    aws = few.account(stand_in.organization.accounts[1].id, "us-east-1")
    stand_in.faults.set(errors={"kms:*": "ThrottlingException"})
    with pytest.raises(ClientError) as caught:
        listed(aws)
    assert status_of(caught.value) is Status.THROTTLED
    assert "(reached max retries: 3)" in explain(caught.value)
    assert (aws.meter.effort.calls, aws.meter.effort.throttles) == (1, 4)


def test_a_refusal_that_is_not_tried_again_does_not_speak_of_retries(aws: AccountSession, stand_in: StandIn) -> None:
    stand_in.faults.set(denied={str(aws.account_id): ["kms:ListKeys"]})
    with pytest.raises(ClientError) as caught:
        listed(aws)
    assert explain(caught.value).startswith("An error occurred (AccessDeniedException) when calling the ListKeys op")
    assert "retries" not in explain(caught.value)


def test_where_nobody_answers_we_knock_a_few_times_only(settings: Settings) -> None:
    """A service that does not exist in a region must not hold a thread up for minutes."""
    nowhere = Sessions(settings.model_copy(update={"endpoint_url": "http://127.0.0.1:9"}))
    hub = nowhere.hub()
    with pytest.raises(EndpointConnectionError) as caught:
        hub.call("kms", "list_keys")
    assert status_of(caught.value) is Status.FAILED
    assert explain(caught.value).startswith("unreachable: ")
    assert hub.meter.effort.retries == KNOCKS - 1


def test_a_parameter_that_aws_does_not_know_is_our_bug(aws: AccountSession) -> None:
    """S14."""
    with pytest.raises(ParamValidationError) as caught:
        aws.call("cloudtrail", "lookup_events", LookupAttribute=[])
    assert explain(caught.value).startswith("bug: ")


def test_an_answer_that_botocore_cannot_read_is_a_changed_api() -> None:
    assert explain(ResponseParserError("no XML")).startswith("changed API: the answer has another shape than ")


def test_what_shared_clients_call_is_counted_with_whoever_asked(sessions: Sessions, stand_in: StandIn) -> None:
    one, two = (sessions.account(account.id, "us-east-1") for account in stand_in.organization.accounts[1:3])
    interleaved: list[Callable[[], Any]] = []
    for aws in (one, two):
        pages = aws.pages("kms", "list_keys", "Keys", Limit=1)
        interleaved.append(lambda pages=pages: next(pages, None))
    ended = [False, False]
    found: list[list[str]] = [[], []]
    while not all(ended):
        for number, ask in enumerate(interleaved):
            key = None if ended[number] else ask()
            ended[number] = key is None
            found[number] += [key["KeyId"]] if key else []
    for aws, keys in zip((one, two), found, strict=True):
        assert sorted(keys) == held(aws, stand_in)
        assert aws.meter.effort.calls == len(keys)
