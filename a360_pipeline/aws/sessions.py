"""Sessions: who is asked, in which region; listings to their last page, and a count of what was called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, TypeVar

import botocore
import botocore.session
from botocore.config import Config
from botocore.exceptions import PaginationError

from a360_pipeline.aws.clients import Caller, Clients, Spend, asking
from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.aws.meter import Meter
from a360_pipeline.aws.rates import UNHURRIED, Buckets
from a360_pipeline.aws.roles import RoleCredentials
from a360_pipeline.coverage import Unavailable
from a360_pipeline.settings import Choices, Profile, Settings

T = TypeVar("T")

TOKENS = (
    ("NextToken", "NextToken"),
    ("nextToken", "nextToken"),
    ("NextPageToken", "NextPageToken"),
    ("NextPageToken", "PageToken"),
    ("nextPageToken", "pageToken"),
    ("NextMarker", "NextMarker"),
    ("NextMarker", "Marker"),
    ("Marker", "Marker"),
    ("NextContinuationToken", "ContinuationToken"),
    ("PaginationToken", "PaginationToken"),
    ("position", "position"),
)
"""What listings call the token of the next page in their answer, and in the request for that page."""


class AccountSession:
    """One account (and region) to ask: its calls counted, its failed parts noted."""

    def __init__(self, clients: Clients, caller: Caller, region: str, choices: Choices) -> None:
        self._clients = clients
        self._caller = caller
        self.account_id = caller.account_id
        self.region = region
        self.choices = choices
        self.meter = caller.meter
        self.failed_parts: list[str] = []
        self._own: dict[str, Any] = {}
        self._once: dict[str, Any] = {}
        self._elsewhere: dict[str, AccountSession] = {}

    def at(self, region: str) -> AccountSession:
        """The same account in another region: what is called and what fails there is noted here."""
        if region == self.region:
            return self
        if region not in self._elsewhere:
            there = type(self)(self._clients, self._caller, region, self.choices)
            there.failed_parts = self.failed_parts
            self._elsewhere[region] = there
        return self._elsewhere[region]

    def client(self, service: str) -> Any:
        """A boto3-style client of a service for this session alone: dear to build, so only for what `call` cannot."""
        if service not in self._own:
            self._own[service] = self._clients.of(self._caller, service, self.region)
        return self._own[service]

    def call(self, service: str, method: str, **parameters: Any) -> dict[str, Any]:
        """One answer. Raises ClientError when AWS refuses, after the retries that settings allow."""
        client = self._clients.shared(service, self.region)
        with asking(self._caller):
            answer: dict[str, Any] = getattr(client, method)(**parameters)
        return answer

    def pages(self, service: str, method: str, result: str, **parameters: Any) -> Iterator[Any]:
        """Every item of a listing, to its last page. Raises ClientError on whichever page fails.

        `result` is the member that holds the items; dotted, where it lies within another.
        """
        for page in self.answers(service, method, **parameters):
            yield from items_of(page, result)

    def answers(self, service: str, method: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every page of a listing as a whole, for those that say more than items. Raises ClientError as `pages`."""
        client = self._clients.shared(service, self.region)
        if client.can_paginate(method):
            pages = iter(client.get_paginator(method).paginate(**parameters))
        else:
            pages = self._followed(service, method, parameters)
        while True:
            with asking(self._caller):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _followed(self, service: str, method: str, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The pages of a listing for which botocore has no paginator."""
        told, asked = _token_names(self._clients.shared(service, self.region), method)
        token: dict[str, str] = {}
        while True:
            page = self.call(service, method, **parameters, **token)
            yield page
            following = page.get(told)
            if not following:
                return
            if following == token.get(asked):
                raise PaginationError(message=f"{service} {method} gave the same {told} twice: {following}")
            token = {asked: following}

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


def items_of(page: Mapping[str, Any], result: str) -> Iterable[Any]:
    """The items of a page, under a member that may be dotted."""
    found: Any = page
    for name in result.split("."):
        found = (found or {}).get(name)
    return found or ()


def _token_names(client: Any, method: str) -> tuple[str, str]:
    """What this operation calls the token in its answer and in its request."""
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    known = [set(shape.members) if shape else set() for shape in (model.output_shape, model.input_shape)]
    # An operation with neither has one page.
    return next((pair for pair in TOKENS if pair[0] in known[0] and pair[1] in known[1]), TOKENS[0])


def unbounded(_service: str, _operation: str) -> None:
    """Whatever a call may cost."""


class Sessions:
    """Credentials and clients for the hub and for the role in every account, from the settings.

    `own_account` is one that is asked with the credentials at hand, without a role.
    """

    def __init__(
        self,
        settings: Settings,
        paid: Callable[[str, str], bool] = lambda _service, _name: False,
        own_account: str | None = None,
    ) -> None:
        self._settings = settings
        self._own_account = own_account
        self._lock = threading.Lock()
        self._hub = botocore.session.Session()
        if settings.access_key_id and settings.secret_access_key:
            self._hub.set_credentials(settings.access_key_id, settings.secret_access_key.get_secret_value())
        config = Config(
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=settings.collect_threads,
            # CloudTrail shows who called; and botocore's own is put together for each request, a tenth of its CPU.
            user_agent=f"a360-pipeline/{version('a360-pipeline')} Botocore/{botocore.__version__}",
            # The stand-in answers for buckets by path, and AWS accepts it too.
            s3={"addressing_style": "path"} if settings.endpoint_url else None,
        )
        buckets = Buckets({}, UNHURRIED) if settings.profile is Profile.LOCAL else Buckets()
        self.clients = Clients(config, settings.endpoint_url, paid, settings.max_attempts, buckets)
        self._members: dict[str, RoleCredentials] = {}

    def hub(self, spend: Spend = unbounded) -> AccountSession:
        """The account this runs in: the organization's management account or its delegate."""
        return self._session(self._caller(None, spend), None)

    def own_id(self) -> str:
        """The account of the credentials at hand: STS GetCallerIdentity. Raises ClientError."""
        account_id: str = self.hub().call("sts", "get_caller_identity")["Account"]
        return account_id

    def account(self, account_id: str, region: str | None = None, spend: Spend = unbounded) -> AccountSession:
        """The member role of an account, in a region or in the home region for what has none."""
        return self._session(self._caller(account_id, spend), region)

    def _session(self, caller: Caller, region: str | None) -> AccountSession:
        return AccountSession(self.clients, caller, region or self._settings.home_region, self._settings.choices)

    def client(self, service: str, account_id: str | None, region: str) -> Any:
        """A client that nobody counts: for the bucket of snapshots."""
        return self.clients.of(self._caller(account_id, unbounded), service, region)

    def _caller(self, account_id: str | None, spend: Spend) -> Caller:
        return Caller(account_id, self.credentials(account_id), Meter(), spend)

    def credentials(self, account_id: str | None) -> Any:
        """What to sign an account's requests with: one set for all its sessions. Asks AWS for nothing yet."""
        with self._lock:
            if account_id is None or account_id == self._own_account:
                return self._hub.get_credentials()
            if account_id not in self._members:
                self._members[account_id] = RoleCredentials(lambda: self._assume(account_id))
            return self._members[account_id]

    def role_arn(self, account_id: str) -> str:
        """The role that the hub assumes in an account."""
        partition = self._hub.get_partition_for_region(self._settings.home_region)
        return f"arn:{partition}:iam::{account_id}:role/{self._settings.member_role}"

    def _assume(self, account_id: str) -> dict[str, Any]:
        external_id = self._settings.external_id
        answer: dict[str, Any] = self.hub().call(
            "sts",
            "assume_role",
            RoleArn=self.role_arn(account_id),
            RoleSessionName="a360-pipeline",
            DurationSeconds=3600,
            **({"ExternalId": external_id.get_secret_value()} if external_id else {}),
        )["Credentials"]
        return answer
