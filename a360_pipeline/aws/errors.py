"""What an AWS error says about the facts that did not come."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from a360_pipeline.coverage import Status

AWS_ERRORS = (ClientError, BotoCoreError)
"""Whatever a call of AWS raises: a refusal, or no answer."""

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
    code: str = error.response.get("Error", {}).get("Code", "Unknown")
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
    """One line for the ledger: what was called and what came of it."""
    named = isinstance(error, AWS_ERRORS)
    said = str(error) if named else f"{type(error).__name__}: {error}"
    return " ".join(said.split())
