"""What an AWS error says about the facts that did not come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    EndpointProviderError,
    HTTPClientError,
    ParamValidationError,
    UnknownEndpointError,
)
from botocore.parsers import ResponseParserError

from a360_pipeline.coverage import Status, Unavailable

AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
"""Whatever a call of AWS raises: a refusal, no answer, or one that cannot be read."""
UNREACHABLE = (ConnectionError, HTTPClientError, EndpointProviderError, UnknownEndpointError)
"""No answer came: the line is down, or the service does not exist in the region."""
SHAPE_ERRORS = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What reading an answer raises that has another shape than it used to have."""
SECTIONS = "a360_pipeline.sections."

THROTTLING = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
"""Credentials that were good until now."""
UNKNOWN_THERE = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "InvalidAccessKeyId"})
"""What a region says of the credentials of an account that has not enabled it."""
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
STATUS_BY_CODE = {
    **dict.fromkeys(THROTTLING, Status.THROTTLED),
    **dict.fromkeys(DENIED, Status.DENIED),
    "SubscriptionRequiredException": Status.NOT_SUBSCRIBED,
    "OptInRequired": Status.NOT_ENABLED,
}


def error_code(error: BaseException) -> str:
    """The code AWS gave, or the name of the error where no answer came."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    return code_of(error.response) or "Unknown"


def code_of(answer: Mapping[str, Any]) -> str | None:
    """The error code in an answer as botocore parses it; None in a good one."""
    code: str | None = answer.get("Error", {}).get("Code")
    return code


def error_message(error: BaseException) -> str:
    """What AWS said without its code, or what the error says where no answer came."""
    if not isinstance(error, ClientError):
        return str(error)
    message: str = error.response.get("Error", {}).get("Message", "")
    return message


def status_of(error: BaseException) -> Status:
    """The ledger's status for a failed call. An error nobody foresaw is `failed`."""
    code = error_code(error)
    status = STATUS_BY_CODE.get(code, Status.FAILED)
    if status is Status.DENIED and "service control policy" in str(error):
        return Status.SCP_DENIED
    return status


def explain(error: BaseException) -> str:
    """One line for the ledger: what was called and what came of it, and whose fault it is if it is not plain."""
    return " ".join(f"{_kind(error)}{_said(error)}".split())


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, (*AWS_ERRORS, Unavailable)) else f"{type(error).__name__}: {error}"


def _kind(error: BaseException) -> str:
    if isinstance(error, UNREACHABLE):
        return "unreachable: "
    if isinstance(error, ResponseParserError):
        return "changed API: the answer has another shape than AWS documents: "
    if isinstance(error, ParamValidationError):
        return "bug: "
    if isinstance(error, (*AWS_ERRORS, Unavailable)):
        return ""
    if isinstance(error, SHAPE_ERRORS) and _raised_in(error).startswith(SECTIONS):
        return "changed API: the answer has another shape than the section expects: "
    return "bug: "


def _raised_in(error: BaseException) -> str:
    """The module whose line raised the error."""
    trace, module = error.__traceback__, ""
    while trace is not None:
        module, trace = str(trace.tb_frame.f_globals.get("__name__", "")), trace.tb_next
    return module
