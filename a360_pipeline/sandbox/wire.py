"""Requests and answers on the wire, read and written from botocore's models through moto's machinery."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from botocore.exceptions import DataNotFoundError
from botocore.validate import ParamValidator
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException

from a360_pipeline.sandbox.checks import out_of_bounds, unlike_json
from a360_pipeline.sandbox.errors import FORMATS, AwsError, invalid
from a360_pipeline.sandbox.identity import Signature

SIGNED_AS: Mapping[str, tuple[str, ...]] = {
    "access-analyzer": ("accessanalyzer",),
    "apigateway": ("apigateway", "apigatewayv2"),
    "aws-marketplace": ("marketplace-entitlement", "meteringmarketplace", "marketplace-catalog"),
    "dynamodb": ("dynamodb", "dynamodbstreams"),
    "elasticfilesystem": ("efs",),
    "elasticloadbalancing": ("elbv2", "elb"),
    "elasticmapreduce": ("emr",),
    "es": ("opensearch", "es"),
    "monitoring": ("cloudwatch",),
    "rds": ("rds", "docdb", "neptune"),
    "servicecatalog": ("servicecatalog", "servicecatalog-appregistry"),
    "servicequotas": ("service-quotas",),
    "ses": ("ses", "sesv2"),
    "sso": ("sso-admin",),
    "states": ("stepfunctions",),
    "tagging": ("resourcegroupstaggingapi",),
}
"""Signing names that are not simply the name of one service, with botocore's names of what they sign."""
S3_CONTROL = "/v20180820/"
BODY_PROTOCOLS = ("query", "ec2")
"""Protocols that name the operation in the body."""

Response = tuple[int, dict[str, str], bytes]


class BadAnswer(Exception):
    """An answer of ours that AWS could not have given."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request and the operation it is for; an operation that no model knows is None."""

    service: str
    protocol: str
    operation: OperationModel | None
    uri_params: dict[str, Any]

    @property
    def action(self) -> str:
        """`service:Operation`, as faults and counts name it."""
        return f"{self.service}:{self.operation.name if self.operation else 'Unknown'}"


# A service's first request compiles its routes, which CPython 3.11 cannot do in several threads at once.
_ROUTING = threading.Lock()


def read_body(environ: dict[str, Any]) -> bytes:
    """The body, put back so that whoever comes next reads it again."""
    length = None if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read() if length is None else environ["wsgi.input"].read(length)
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def route(environ: dict[str, Any], signature: Signature | None) -> Call:
    """The operation that a request asks for. Of S3 no body is read: it may be large and must stream."""
    signed_as = signature.service if signature else "s3"
    services = SIGNED_AS.get(signed_as, (signed_as,))
    if signed_as == "s3" and environ["PATH_INFO"].startswith(S3_CONTROL):
        services = ("s3control",)
    guess = Call(signed_as, "rest-xml" if signed_as == "s3" else "json", None, {})
    for service in services:
        try:
            model: ServiceModel = get_service_model(service)
        except DataNotFoundError:
            continue
        guess = Call(service, str(model.protocol), None, {})
        try:
            protocol = determine_request_protocol(model, environ.get("CONTENT_TYPE"))
            body = read_body(environ) if protocol in BODY_PROTOCOLS else b""
            request = Request(_with_body(environ, body))
            with _ROUTING:
                operation, uri_params = get_service_router(service).match(request)
        except (HTTPException, NotImplementedError):
            continue
        # Both generations of load balancers are asked by the same name; their versions tell them apart.
        if protocol in BODY_PROTOCOLS and request.values.get("Version", model.api_version) != model.api_version:
            continue
        return Call(service, protocol, operation, uri_params)
    return guess


def parameters(call: Call, operation: OperationModel, environ: dict[str, Any]) -> dict[str, Any]:
    """The operation's input. Raises AwsError for members and values that its model does not allow."""
    body = read_body(environ)
    request = Request(_with_body(environ, body))
    shape = operation.input_shape
    if shape is None:
        return {}
    problems = unlike_json(shape, _json(body)) if "json" in call.protocol else []
    if problems:
        raise invalid(call.service, " ".join(problems))
    parser = PROTOCOL_PARSERS[call.protocol](operation)
    params: dict[str, Any] = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": call.uri_params,
        }
    )
    params = {name: value for name, value in params.items() if not _is_absent(shape, name, value)}
    if call.protocol in BODY_PROTOCOLS:
        given = {name.split(".")[0] for name in request.values} - {"Action", "Version"}
        problems += [f"Unknown parameter: {name}." for name in sorted(given - set(shape.members))]
    report = ParamValidator().validate(params, shape)
    problems += [report.generate_report()] if report.has_errors() else out_of_bounds(shape, params)
    if problems:
        raise invalid(call.service, f"{len(problems)} validation error(s) detected: {' '.join(problems)}")
    return params


def _is_absent(shape: Any, name: str, value: Any) -> bool:
    """Whether nobody gave the parameter: the parser takes a list that is not in a query string for an empty one."""
    location = shape.members[name].serialization.get("location") if name in shape.members else None
    return value is None or (location == "querystring" and value == [])


def answer(call: Call, operation: OperationModel, result: Mapping[str, Any]) -> Response:
    """The answer in the protocol of the call. Raises BadAnswer where the output has another shape."""
    if operation.output_shape is not None:
        report = ParamValidator().validate(result, operation.output_shape)
        if report.has_errors():
            raise BadAnswer(f"AWS would answer otherwise: {report.generate_report()}")
    request_id = str(uuid.uuid4())
    serializer = get_serializer_class(call.service, call.protocol)(operation, context=SerializationContext(request_id))
    written = serializer.serialize(result)
    body = written["body"]
    headers = {**written["headers"], "x-amzn-RequestId": request_id}
    return written["status_code"], headers, body if isinstance(body, bytes) else body.encode()


def error(call: Call, problem: AwsError) -> Response:
    """The refusal in the protocol of the call."""
    protocol = "s3" if call.service == "s3" else call.protocol
    write, content_type = FORMATS.get(protocol, FORMATS["json"])
    headers = {"Content-Type": content_type, "x-amzn-ErrorType": problem.code}
    headers["x-amzn-RequestId"] = str(uuid.uuid4())
    return problem.status, headers, write(problem.code, problem.message).encode()


def _with_body(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    return {**environ, "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError:
        raise AwsError("SerializationException", "The body is not JSON.") from None
