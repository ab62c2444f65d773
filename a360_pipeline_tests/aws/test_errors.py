"""Errors of AWS: what each says of the facts that did not come."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.retries.standard import ThrottledRetryableChecker
from hypothesis import given
from hypothesis import strategies as st

from a360_pipeline.aws.errors import DENIED, STATUS_BY_CODE, THROTTLING, error_code, explain, status_of
from a360_pipeline.coverage import Status

NO_ANSWER = [
    EndpointConnectionError(endpoint_url="https://kms.xx-nowhere-1.example"),
    ConnectTimeoutError(endpoint_url="https://kms.example"),
    ReadTimeoutError(endpoint_url="https://kms.example"),
    NoCredentialsError(),
    BotoCoreError(),
]
SCP_MESSAGES = [
    "User: arn:aws:sts::123456789012:assumed-role/a360-member/a360-pipeline is not authorized to perform: "
    "kms:ListKeys on resource: * with an explicit deny in a service control policy",
    "User: arn:aws:sts::123456789012:assumed-role/a360-member/a360-pipeline is not authorized to perform: "
    "kms:ListKeys on resource: * because no service control policy allows the kms:ListKeys action",
]
IDENTITY_MESSAGE = (
    "User: arn:aws:sts::123456789012:assumed-role/a360-member/a360-pipeline is not authorized to perform: "
    "kms:ListKeys on resource: * because no identity-based policy allows the kms:ListKeys action"
)


def refusal(code: str, message: str = "No.", operation: str = "ListKeys") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize("code", sorted(DENIED))
def test_a_denial_by_the_accounts_own_policies_is_denied(code: str) -> None:
    assert status_of(refusal(code, IDENTITY_MESSAGE)) is Status.DENIED


@pytest.mark.parametrize("code", sorted(DENIED))
@pytest.mark.parametrize("message", SCP_MESSAGES)
def test_a_denial_by_a_service_control_policy_is_told_from_one_by_the_account(code: str, message: str) -> None:
    assert status_of(refusal(code, message)) is Status.SCP_DENIED


@pytest.mark.parametrize("code", ["ThrottlingException", "ValidationException", "OptInRequired"])
def test_only_a_denial_can_come_from_a_service_control_policy(code: str) -> None:
    message = "The service control policy p-1234 could not be read"
    assert status_of(refusal(code, message)) is status_of(refusal(code))


@pytest.mark.parametrize("code", sorted({*THROTTLING, *ThrottledRetryableChecker._THROTTLED_ERROR_CODES}))
def test_whatever_botocore_retries_as_throttled_is_throttled(code: str) -> None:
    assert status_of(refusal(code, "Rate exceeded")) is Status.THROTTLED


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("SubscriptionRequiredException", Status.NOT_SUBSCRIBED),
        ("OptInRequired", Status.NOT_ENABLED),
        ("AccessDeniedException", Status.DENIED),
        ("UnauthorizedOperation", Status.DENIED),
        ("ThrottlingException", Status.THROTTLED),
        ("TooManyRequestsException", Status.THROTTLED),
        ("InternalFailure", Status.FAILED),
        ("ValidationException", Status.FAILED),
        ("ExpiredTokenException", Status.FAILED),
        ("404", Status.FAILED),
        ("", Status.FAILED),
        ("accessdenied", Status.FAILED),
    ],
)
def test_a_code_has_the_status_that_it_means(code: str, status: Status) -> None:
    assert status_of(refusal(code)) is status


@given(st.text().filter(lambda code: code not in STATUS_BY_CODE), st.text())
def test_a_code_that_nobody_foresaw_is_failed(code: str, message: str) -> None:
    assert status_of(refusal(code, message)) is Status.FAILED


@given(st.sampled_from(sorted(STATUS_BY_CODE)), st.text())
def test_a_refusal_never_passes_for_facts(code: str, message: str) -> None:
    assert not status_of(refusal(code, message)).has_facts


@pytest.mark.parametrize("error", NO_ANSWER, ids=error_code)
def test_where_no_answer_came_it_is_failed_under_the_errors_own_name(error: BotoCoreError) -> None:
    assert status_of(error) is Status.FAILED
    assert error_code(error) == type(error).__name__


@pytest.mark.parametrize("error", [KeyError("Keys"), RuntimeError(), TimeoutError(), RecursionError()])
def test_an_error_of_our_own_is_failed(error: Exception) -> None:
    assert status_of(error) is Status.FAILED


@pytest.mark.parametrize("response", [{}, {"Error": {}}, {"Error": {"Message": "No."}}])
def test_a_refusal_without_a_code_is_failed_and_explained(response: Any) -> None:
    error = ClientError(response, "ListKeys")
    assert error_code(error) == "Unknown"
    assert status_of(error) is Status.FAILED
    assert "ListKeys" in explain(error)


def test_a_refusal_is_explained_with_its_operation_code_and_message() -> None:
    said = explain(refusal("AccessDenied", "Not you.", "GetKeyRotationStatus"))
    assert all(part in said for part in ("GetKeyRotationStatus", "AccessDenied", "Not you."))


@pytest.mark.parametrize("error", [*NO_ANSWER, RuntimeError(), KeyError("Keys"), ValueError("\n")])
def test_an_explanation_is_never_empty(error: Exception) -> None:
    assert explain(error).strip()


def test_an_error_of_our_own_is_explained_by_its_name() -> None:
    assert explain(KeyError("Keys")) == "bug: KeyError: 'Keys'"
    assert "RuntimeError" in explain(RuntimeError())


@given(st.text(), st.text(), st.sampled_from([RuntimeError, ValueError, OSError]))
def test_an_explanation_is_one_line(code: str, message: str, kind: type[Exception]) -> None:
    for error in (refusal(code, message), kind(message)):
        said = explain(error)
        assert said.strip()
        assert len(said.splitlines()) == 1
