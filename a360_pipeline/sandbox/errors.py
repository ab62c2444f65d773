"""Errors in AWS's own words: a code, a message, an HTTP status."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape


class AwsError(Exception):
    """What AWS would refuse with; the gateway writes it in the protocol of the service that was asked."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class LeftToMoto(Exception):
    """An answer finds that this request is for something of moto's, such as a bucket of nobody's."""


INVALID_INPUT = {
    "guardduty": "BadRequestException",
    "organizations": "InvalidInputException",
    "s3": "InvalidArgument",
    "securityhub": "InvalidInputException",
    "sts": "ValidationError",
    "wafv2": "WAFInvalidParameterException",
}
DENIED_BY_PROTOCOL = {
    "query": ("AccessDenied", 403),
    "rest-xml": ("AccessDenied", 403),
    "ec2": ("UnauthorizedOperation", 403),
    "rest-json": ("AccessDeniedException", 403),
}
THROTTLED = {
    "account": ("TooManyRequestsException", 429),
    "autoscaling": ("Throttling", 400),
    "ce": ("LimitExceededException", 400),
    "ec2": ("RequestLimitExceeded", 503),
    "elb": ("Throttling", 400),
    "elbv2": ("Throttling", 400),
    "guardduty": ("TooManyRequestsException", 429),
    "inspector2": ("ThrottlingException", 429),
    "lambda": ("TooManyRequestsException", 429),
    "organizations": ("TooManyRequestsException", 400),
    "rds": ("Throttling", 400),
    "s3": ("SlowDown", 503),
    "securityhub": ("LimitExceededException", 429),
}


def invalid(service: str, message: str) -> AwsError:
    """A parameter that the service would not accept."""
    return AwsError(INVALID_INPUT.get(service, "ValidationException"), message)


def denied(protocol: str, principal: str, action: str, because: str, resource: str = "*") -> AwsError:
    """The refusal of IAM, with what IAM gives as its reason."""
    code, status = DENIED_BY_PROTOCOL.get(protocol, ("AccessDeniedException", 400))
    message = f"User: {principal} is not authorized to perform: {action} on resource: {resource} {because}"
    return AwsError(code, message, status)


def no_policy(action: str) -> str:
    """The reason that IAM gives where nothing allows an action."""
    return f"because no identity-based policy allows the {action} action"


POLICY_DENIES = "with an explicit deny in a service control policy"


def throttled(service: str) -> AwsError:
    """Too many calls, in the words of the service that was called."""
    code, status = THROTTLED.get(service, ("ThrottlingException", 400))
    return AwsError(code, "Rate exceeded", status)


def on_demand(protocol: str, code: str, action: str) -> AwsError:
    """A refusal with a code that a test asks for, such as that of a service which is not enabled."""
    return AwsError(code, f"{action} is not to be had here.", DENIED_BY_PROTOCOL.get(protocol, ("", 400))[1])


def not_served(what: str) -> AwsError:
    """What neither the sandbox nor moto can answer. 501, because SDKs do not try that again."""
    return AwsError("NotImplemented", f"The sandbox does not serve {what}.", 501)


def _json_error(code: str, message: str) -> str:
    return json.dumps({"__type": code, "message": message})


def _s3_error(code: str, message: str) -> str:
    return f"<Error>{_xml(code, message)}</Error>"


def _xml_error(code: str, message: str) -> str:
    return f"<ErrorResponse><Error><Type>Sender</Type>{_xml(code, message)}</Error></ErrorResponse>"


def _ec2_error(code: str, message: str) -> str:
    return f"<Response><Errors><Error>{_xml(code, message)}</Error></Errors></Response>"


def _xml(code: str, message: str) -> str:
    return f"<Code>{code}</Code><Message>{escape(message)}</Message>"


Writer = Callable[[str, str], str]
FORMATS: Mapping[str, tuple[Writer, str]] = {
    "json": (_json_error, "application/x-amz-json-1.1"),
    "rest-json": (_json_error, "application/json"),
    "query": (_xml_error, "text/xml"),
    "rest-xml": (_xml_error, "text/xml"),
    "ec2": (_ec2_error, "text/xml"),
    "s3": (_s3_error, "application/xml"),
}
"""By protocol: how an error is written, and its content type. S3 has a form of its own."""
