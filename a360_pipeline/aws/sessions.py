"""Sessions: credentials of each account, clients built once, and a count of what they call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, DeferredRefreshableCredentials

from a360_pipeline.aws.errors import AWS_ERRORS, THROTTLING, explain
from a360_pipeline.coverage import Effort, Unavailable
from a360_pipeline.settings import Settings

T = TypeVar("T")

ONE_REGION: Mapping[str, str] = dict.fromkeys(
    ("ce", "cost-optimization-hub", "health", "organizations", "support", "trustedadvisor"), "us-east-1"
)
"""Services that the `aws` partition has in one region alone, and that region. Other partitions have their own."""


class Meter:
    """Counts what clients call: shared by the clients of one session, read before and after a section."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._effort = Effort()

    @property
    def effort(self) -> Effort:
        return self._effort

    def watch(self, client: Any, paid: Callable[[str, str], bool]) -> None:
        service = client.meta.service_model.service_name

        def called(model: Any, **_: Any) -> None:
            self._add(calls=1, paid_calls=int(paid(service, model.name)))

        def answered(response: Any, attempts: int, **_: Any) -> None:
            code = response[1].get("Error", {}).get("Code") if response else None
            self._add(retries=int(attempts > 1), throttles=int(code in THROTTLING))

        client.meta.events.register("before-call.*.*", called)
        client.meta.events.register("needs-retry.*.*", answered)

    def _add(self, **more: int) -> None:
        with self._lock:
            have = self._effort
            self._effort = replace(have, **{name: getattr(have, name) + n for name, n in more.items()})


class AccountSession:
    """One account (and region) to ask: its clients, its calls counted, its failed parts noted."""

    def __init__(self, sessions: Sessions, account_id: str | None, region: str) -> None:
        self._sessions = sessions
        self.account_id = account_id
        self.region = region
        self.meter = Meter()
        self.failed_parts: list[str] = []
        self._clients: dict[str, Any] = {}
        self._once: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The boto3-style client of a service, where it lives in one region in that one; built at the first call."""
        if service not in self._clients:
            self._clients[service] = self._sessions.client(service, self.account_id, self.region, self.meter)
        return self._clients[service]

    def call(self, service: str, method: str, **parameters: Any) -> dict[str, Any]:
        """One answer. Raises ClientError when AWS refuses, after the retries that settings allow."""
        answer: dict[str, Any] = getattr(self.client(service), method)(**parameters)
        return answer

    def pages(self, service: str, method: str, result: str, **parameters: Any) -> Iterator[Any]:
        """Every item of a listing, to its last page. Raises ClientError on whichever page fails."""
        for answer in self.answers(service, method, **parameters):
            yield from answer.get(result) or ()

    def answers(self, service: str, method: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every page of a listing as a whole, for those that say more than items. Raises ClientError as `pages`."""
        client = self.client(service)
        if client.can_paginate(method):
            yield from client.get_paginator(method).paginate(**parameters)
            return
        token: dict[str, str] = {}
        while True:
            page = getattr(client, method)(**parameters, **token)
            yield page
            name = next((name for name in ("NextPageToken", "NextToken") if page.get(name)), None)
            if name is None:
                return
            token = {name: page[name]}

    def once(self, key: str, ask: Callable[[], T]) -> T:
        """What `ask` answers, asked at most once in this session, for sections that share a question."""
        if key not in self._once:
            self._once[key] = ask()
        answer: T = self._once[key]
        return answer

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Keeps the rest of a section when one part of it fails: the section becomes `partial`."""
        try:
            yield
        except (*AWS_ERRORS, Unavailable) as error:
            self.failed_parts.append(f"{name}: {explain(error)}")


class MemberRole(CredentialProvider):  # type: ignore[misc]  # botocore has no types
    """The credentials of a member role: assumed at the first call, again before they expire."""

    METHOD = "a360-member-role"

    def __init__(self, assume: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._assume = assume

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(self._assume, self.METHOD)


class Sessions:
    """Credentials and clients for the hub and for the role in every account, from the settings."""

    def __init__(self, settings: Settings, paid: Callable[[str, str], bool] = lambda _service, _name: False) -> None:
        self._settings = settings
        self._paid = paid
        self._lock = threading.RLock()
        self._hub = botocore.session.Session()
        if settings.access_key_id and settings.secret_access_key:
            self._hub.set_credentials(settings.access_key_id, settings.secret_access_key.get_secret_value())
        self._config = Config(
            retries={"mode": "standard", "total_max_attempts": settings.max_attempts},
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=settings.collect_threads,
            # The stand-in answers for buckets by path, and AWS accepts it too.
            s3={"addressing_style": "path"} if settings.endpoint_url else None,
        )
        self._members: dict[str, Any] = {}

    def hub(self) -> AccountSession:
        """The account this runs in: the organization's management account or its delegate."""
        return AccountSession(self, None, self._settings.home_region)

    def account(self, account_id: str, region: str | None = None) -> AccountSession:
        """The member role of an account, in a region or in the home region for what has none."""
        return AccountSession(self, account_id, region or self._settings.home_region)

    def client(self, service: str, account_id: str | None, region: str, meter: Meter | None = None) -> Any:
        with self._lock:  # botocore sessions are not thread-safe; their clients are.
            session = self._hub if account_id is None else self._member(account_id)
            client = session.create_client(
                service,
                region_name=self._region_of(service, region),
                endpoint_url=self._settings.endpoint_url,
                config=self._config,
            )
        if meter is not None:
            meter.watch(client, self._paid)
        return client

    def _region_of(self, service: str, region: str) -> str:
        lives_in = ONE_REGION.get(service)
        if lives_in is None or self._hub.get_partition_for_region(region) != "aws":
            return region
        return lives_in

    def _member(self, account_id: str) -> Any:
        if account_id not in self._members:
            session = botocore.session.Session()
            # One loader for all: the service models are read from disk once, not once an account.
            session.register_component("data_loader", self._hub.get_component("data_loader"))
            sts = self.client("sts", None, self._settings.home_region)
            role = MemberRole(lambda: self._assume(sts, account_id))
            session.register_component("credential_provider", CredentialResolver([role]))
            self._members[account_id] = session
        return self._members[account_id]

    def _assume(self, sts: Any, account_id: str) -> dict[str, str]:
        external_id = self._settings.external_id
        answer = sts.assume_role(
            RoleArn=f"arn:{sts.meta.partition}:iam::{account_id}:role/{self._settings.member_role}",
            RoleSessionName="a360-pipeline",
            DurationSeconds=3600,
            **({"ExternalId": external_id.get_secret_value()} if external_id else {}),
        )["Credentials"]
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": answer["Expiration"].isoformat(),
        }
