"""One client per service and region for all accounts: each request is signed, counted and paced for who asks.

A botocore client costs some 20 ms of CPU and megabytes to build, and is safe to share between threads. What
differs from account to account is looked up when a request is made: who asks is a context variable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver

from a360_pipeline.aws.errors import EXPIRED, THROTTLING, code_of
from a360_pipeline.aws.meter import Meter
from a360_pipeline.aws.rates import Bucket, Buckets
from a360_pipeline.aws.regions import region_of
from a360_pipeline.aws.retries import Retries, refuse_half
from a360_pipeline.aws.roles import RoleCredentials

Spend = Callable[[str, str], None]
"""Told of each paid request, service and operation, before it is made. Raises Unavailable to prevent it."""


class Credentials(Protocol):
    """What botocore signs with."""

    def get_frozen_credentials(self) -> Any:
        """Keys to sign one request with."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an account (None: the hub's), its credentials, and the meter that counts."""

    account_id: str | None
    credentials: Credentials | None
    meter: Meter
    spend: Spend


RENEWED = "a360_renewed"
"""Marks a call whose credentials were renewed: once is enough."""

_asking: ContextVar[Caller] = ContextVar("asking")
_signed_with: ContextVar[str | None] = ContextVar("signed_with", default=None)


@contextmanager
def asking(caller: Caller) -> Iterator[None]:
    """Whatever shared clients are called for inside is asked by this caller. No generator may yield inside."""
    token = _asking.set(caller)
    try:
        yield
    finally:
        _asking.reset(token)


class _CallersKeys(CredentialProvider):  # type: ignore[misc]  # botocore has no types
    """Credentials of whoever asks, looked up for each request."""

    METHOD = method = "a360-caller"

    def __init__(self, who: Callable[[], Caller]) -> None:
        super().__init__()
        self._who = who

    def load(self) -> _CallersKeys:
        return self

    def get_frozen_credentials(self) -> Any:
        credentials = self._who().credentials
        frozen = None if credentials is None else credentials.get_frozen_credentials()
        _signed_with.set(frozen and frozen.access_key)
        return frozen

    def get_deferred_property(self, _name: str) -> Callable[[], None]:
        """botocore would put the account into the endpoints of some services; ours are shared."""
        return lambda: None


@cache
def _loader() -> Any:
    return botocore.session.Session().get_component("data_loader")


def _session() -> Any:
    """A session of botocore. One loader serves all: a service's model, large as EC2's, is read from disk once."""
    session = botocore.session.Session()
    session.register_component("data_loader", _loader())
    return session


class Clients:
    """Builds clients, shared or of one caller, that count, keep to the rates, and try again."""

    def __init__(
        self,
        config: Config,
        endpoint_url: str | None,
        paid: Callable[[str, str], bool],
        max_attempts: int,
        buckets: Buckets,
    ) -> None:
        # All attempts are decided on here: see Retries.
        self._config = config.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
        self._endpoint_url = endpoint_url
        self._paid = paid
        self._retries = Retries(max_attempts)
        self._buckets = buckets
        self._lock = threading.RLock()
        self._session = _session()
        self._session.register_component("credential_provider", CredentialResolver([_CallersKeys(_asking.get)]))
        self._shared: dict[tuple[str, str], Any] = {}

    def shared(self, service: str, region: str) -> Any:
        """The client of all accounts, to be called inside `asking`; of a service of one region, in that one."""
        region = region_of(service, region)
        client = self._shared.get((service, region))
        if client is None:
            with self._lock:  # botocore sessions are not thread-safe; their clients are.
                client = self._shared.get((service, region))
                if client is None:
                    client = self._build(self._session, _asking.get, service, region)
                    self._shared[service, region] = client
        return client

    def of(self, caller: Caller, service: str, region: str) -> Any:
        """A client of this caller alone, for what is called without `asking`."""
        session = _session()
        session.register_component("credential_provider", CredentialResolver([_CallersKeys(lambda: caller)]))
        with self._lock:
            return self._build(session, lambda: caller, service, region_of(service, region))

    def _build(self, session: Any, who: Callable[[], Caller], service: str, region: str) -> Any:
        client = session.create_client(
            service, region_name=region, endpoint_url=self._endpoint_url, config=self._config
        )

        def bucket() -> Bucket:
            return self._buckets.of(who().account_id, region, service)

        def called(model: Any, **_: Any) -> None:
            is_paid = self._paid(service, model.name)
            if is_paid:
                who().spend(service, model.name)
            who().meter.add(calls=1, paid_calls=int(is_paid))

        def paced(**_: Any) -> None:
            wait = bucket().take()
            if wait:
                time.sleep(wait)

        def answered(response: Any, attempts: int, **details: Any) -> float | None:
            code = code_of(response[1]) if response else None
            throttled = code in THROTTLING
            who().meter.add(retries=int(attempts > 1), throttles=int(throttled))
            if throttled:
                bucket().throttled()
            credentials, context = who().credentials, details["request_dict"]["context"]
            if code in EXPIRED and isinstance(credentials, RoleCredentials) and RENEWED not in context:
                context[RENEWED] = True
                credentials.reject(_signed_with.get())
                return 0.0
            return self._retries.delay(response=response, attempts=attempts, **details)

        events = client.meta.events
        events.register("before-call.*.*", called)
        # Before each attempt, and before it is signed: no signature grows old while it waits.
        events.register("before-sign.*.*", paced)
        events.register("before-parse.*.*", refuse_half)
        # After botocore's own, which is registered for the service: what ours says of retries is what stands.
        events.register("needs-retry", answered)
        return client
