"""Organizations of any size behind a stand-in, asked as a section of the whole organization asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sections.model import AccountRows, Window
from a360_pipeline.sections.registry import SECTIONS, is_paid
from a360_pipeline.settings import load_settings


@contextmanager
def sessions_of(organization: Organization, **settings: Any) -> Iterator[Sessions]:
    """The hub's sessions in an organization of one's own."""
    with serve(organization, bucket="a360-snapshots", member_role="a360-member") as stand_in:
        yield sessions_in(stand_in, **settings)


def sessions_in(stand_in: StandIn, **settings: Any) -> Sessions:
    """The hub's sessions in a running stand-in."""
    ways_in = ("endpoint_url", "access_key_id", "secret_access_key", "external_id")
    return Sessions(load_settings(**{name: getattr(stand_in, name) for name in ways_in}, **settings), is_paid)


def accounts_of(organization: Organization) -> list[Account]:
    return [Account(id=one.id, name=one.name, arn=one.arn) for one in organization.accounts]


def ask(name: str, hub: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
    """What a section of organization scope answers."""
    collect_all = SECTIONS[name].collect_all
    assert collect_all is not None
    return collect_all(hub, window, accounts)


def watch(hub: AccountSession, service: str) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Counts the questions put to a service by operation, pages of an answer apart, and keeps what was asked."""
    asked: Counter[str] = Counter()
    parameters: list[dict[str, Any]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        if not {"NextPageToken", "NextToken"} & set(params):
            asked[model.name] += 1
            parameters.append(params)

    hub.client(service).meta.events.register(f"provide-client-params.{service}.*", note)
    return asked, parameters
