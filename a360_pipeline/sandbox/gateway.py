"""The WSGI application in front of moto: who asks, may they, and who answers."""

from __future__ import annotations

import http
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from moto.backend_index import backend_url_patterns
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from a360_pipeline.sandbox import errors, wire
from a360_pipeline.sandbox.errors import AwsError, LeftToMoto
from a360_pipeline.sandbox.faults import CONTROL, LARGEST_BODY, NO_ROUTES, Calls, Control, Faults, Route
from a360_pipeline.sandbox.identity import Caller, Identities, Signature, target_account
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.served import ANSWERS, Answer
from a360_pipeline.sandbox.wire import BadAnswer, Call, Response

log = logging.getLogger(__name__)

MANAGEMENT_ONLY = frozenset({"ce", "organizations"})
NO_REGION = frozenset(
    {
        "account",
        "ce",
        "cost-optimization-hub",
        "health",
        "iam",
        "license-manager",
        "marketplace-entitlement",
        "organizations",
        "s3",
        "s3control",
        "savingsplans",
        "sts",
        "support",
        "trustedadvisor",
    }
)
"""Services of a whole account, whichever region a request is signed for."""
ASSUME_ROLE = "sts:AssumeRole"
NOTHING_BOUND: Mapping[tuple[str, str], Answer] = {}
STRANGER = "nobody"
"""The account under which calls of unknown callers are counted."""

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class Gateway:
    """Answers from `answers` where the operation is there, and lets moto answer the rest.

    `bound` are answers of something that this stand-in alone has, such as a database, and `controls` what else can
    be asked of it under `/_a360/`.
    """

    def __init__(
        self,
        organization: Organization,
        identities: Identities,
        faults: Faults,
        answers: Mapping[tuple[str, str], Answer] = ANSWERS,
        bound: Mapping[tuple[str, str], Answer] = NOTHING_BOUND,
        controls: Mapping[tuple[str, str], Route] = NO_ROUTES,
    ) -> None:
        self._organization = organization
        self._identities = identities
        self._faults = faults
        self._calls = Calls()
        self._control = Control(organization, faults, self._calls, controls)
        self._seeded = frozenset(answers)
        self._answers = {**answers, **bound, ("sts", "AssumeRole"): identities.assume_role}
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith(CONTROL):
            length = min(int(environ.get("CONTENT_LENGTH") or 0), LARGEST_BODY)
            body = environ["wsgi.input"].read(length)
            return _send(
                self._control.answer(environ["REQUEST_METHOD"], path, environ["REMOTE_ADDR"], body),
                start_response,
            )
        if self._faults.latency:
            time.sleep(self._faults.latency)
        signature = Signature.of(environ)
        call = wire.route(environ, signature)
        try:
            caller = self._caller(call, signature)
            operation = call.operation
            answer = self._answers.get((call.service, operation.name)) if operation else None
            if operation is None or answer is None:
                self._permit(call, caller, {})
                return self._ask_moto(call, environ, start_response)
            params = wire.parameters(call, operation, environ)
            self._permit(call, caller, params)
            try:
                result = answer(self._organization, caller, params)
            except LeftToMoto:
                return self._ask_moto(call, environ, start_response)
            sent = _send(wire.answer(call, operation, result), start_response)
            return _cut(sent) if self._faults.cuts(call.action) else sent
        except AwsError as problem:
            return _send(wire.error(call, problem), start_response)
        except Exception as problem:  # A fault of the sandbox, whatever it is: said once and clearly.
            log.error("%s: %s", call.action, problem, exc_info=not isinstance(problem, BadAnswer))
            broken = AwsError("SandboxError", f"The sandbox failed to answer {call.action}: {problem}", 500)
            return _send(wire.error(call, broken), start_response)

    def _caller(self, call: Call, signature: Signature | None) -> Caller:
        try:
            caller = self._identities.caller(signature)
        except AwsError:
            self._calls.add(STRANGER, call.action)
            raise
        self._calls.add(caller.account_id, call.action)
        if self._faults.expires(caller.account_id):
            self._identities.expire(caller.account_id)
            caller = self._identities.caller(signature)
        return caller

    def _permit(self, call: Call, caller: Caller, params: Mapping[str, Any]) -> None:
        """Raises AwsError where the caller may not do this, not here or not now."""
        organization, action = self._organization, call.action
        if call.service not in NO_REGION and not organization.region_enabled(caller.account_id, caller.region):
            message = "The security token included in the request is invalid."
            raise AwsError("UnrecognizedClientException", message, 400 if call.protocol == "json" else 403)
        if call.service in MANAGEMENT_ONLY and caller.account_id != organization.management.id:
            raise AwsError("AccessDeniedException", f"Only the management account may call {action}.")
        resource = params["RoleArn"] if action == ASSUME_ROLE else "*"
        account_id = (target_account(params) if action == ASSUME_ROLE else None) or caller.account_id
        reasons = {
            errors.POLICY_DENIES: account_id in organization.by_id
            and organization.denied_by_policy(account_id, action),
            errors.no_policy(action): self._faults.denies(account_id, action),
        }
        for reason, applies in reasons.items():
            if applies:
                raise errors.denied(call.protocol, caller.arn, action, reason, resource)
        code = self._faults.error(action)
        if code is not None:
            raise errors.on_demand(call.protocol, code, action)
        seeded = call.operation is not None and (call.service, call.operation.name) in self._seeded
        if seeded and self._faults.throttles(caller.account_id):
            self._calls.add_throttled(action)
            raise errors.throttled(call.service)

    def _ask_moto(self, call: Call, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """moto's answer as it comes, or one clear error where moto has none."""
        said: list[Any] = []
        what = f"{call.action} (asked as {environ['REQUEST_METHOD']} {environ['PATH_INFO']})"
        if call.operation is None and call.service != "s3":
            raise errors.not_served(what)
        host = self._moto.infer_service_region_host(environ, environ["PATH_INFO"])
        if host is not None and not _known_to_moto(host):
            raise errors.not_served(call.action)
        # A header that would let moto answer for another account than the caller's.
        environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)
        try:
            body: Iterable[bytes] = self._moto(environ, lambda *given: said.extend(given[:2]))
        except NotImplementedError:
            raise errors.not_served(call.action) from None
        status, headers = said
        html = any(name.lower() == "content-type" and "html" in value for name, value in headers)
        if html and status[:3] in ("404", "405", "500") and call.service != "s3":
            raise errors.not_served(call.action)
        start_response(status, headers)
        return body


@lru_cache(maxsize=4096)
def _known_to_moto(host: str) -> bool:
    return "." not in host or any(pattern.match(f"http://{host}") for _, pattern in backend_url_patterns)


def _cut(body: Iterable[bytes]) -> Iterable[bytes]:
    """Half of an answer, and then the line is dead."""
    whole = b"".join(body)
    yield whole[: len(whole) // 2]
    raise ConnectionAbortedError("cut off on demand")


def _send(response: Response, start_response: StartResponse) -> Iterable[bytes]:
    status, headers, body = response
    phrase = http.HTTPStatus(status).phrase
    # The answer to a HEAD tells the length of what it does not send.
    start_response(f"{status} {phrase}", [*({"Content-Length": str(len(body))} | headers).items()])
    return [body]
