"""Organizations of any size behind a stand-in, asked as a section of the whole organization asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.served import ANSWERS, Answer
from a360_pipeline.sections.model import AccountRows, Window
from a360_pipeline.sections.registry import SECTIONS, is_paid
from a360_pipeline.settings import load_settings

TOKENS = {"NextPageToken", "NextToken", "nextToken"}


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


class Asked:
    """The questions that the sandbox was asked, pages of an answer apart."""

    def __init__(self) -> None:
        self._questions: list[tuple[str, str, dict[str, Any]]] = []

    def note(self, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        if not TOKENS & set(parameters):
            self._questions.append((service, operation, dict(parameters)))

    def clear(self) -> None:
        self._questions.clear()

    def counts(self, service: str) -> Counter[str]:
        """How often each operation of a service was asked."""
        return Counter(operation for asked, operation, _ in self._questions if asked == service)

    def parameters(self, service: str) -> list[dict[str, Any]]:
        """What a service was asked, in order."""
        return [parameters for asked, _, parameters in self._questions if asked == service]


def watch(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Notes what every stand-in that is started from now on is asked."""
    asked = Asked()
    for (service, operation), answer in list(ANSWERS.items()):

        def noted(
            organization: Organization,
            caller: Caller,
            params: Mapping[str, Any],
            what: tuple[str, str] = (service, operation),
            answer: Answer = answer,
        ) -> dict[str, Any]:
            asked.note(*what, params)
            return answer(organization, caller, params)

        monkeypatch.setitem(ANSWERS, (service, operation), noted)
    return asked
