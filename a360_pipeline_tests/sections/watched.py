"""What the tests of findings ask: a sandbox with much to find, and a session that says what a test tells it to."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from a360_pipeline.aws.accounts import Account, discover_accounts
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.coverage import SectionCoverage
from a360_pipeline.sandbox.aws import serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.served import TRUTH
from a360_pipeline.sandbox.watch import administrator
from a360_pipeline.sections.model import Window
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.settings import Settings
from a360_pipeline_tests.sections import scripted
from a360_pipeline_tests.sections.asking import answer_of

TODAY = dt.date(2026, 3, 2)
WINDOW = Window.daily(TODAY)
ACCOUNT, REGION = "111122223333", "us-east-1"
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "api"
MUCH = Sizes(keys=4, instances=4, applications=3, patches=3, others=120)


@dataclass
class Watched:
    """The organization, and sessions of its accounts."""

    organization: Organization
    sessions: Sessions

    @property
    def first(self) -> str:
        """The account that has the most."""
        return self.organization.management.id

    @property
    def administrator(self) -> str:
        return administrator(self.organization).id

    @cached_property
    def accounts(self) -> list[Account]:
        return discover_accounts(self.sessions.hub())

    @staticmethod
    def accounts_of(*account_ids: str) -> list[Account]:
        return [Account(account_id, "a") for account_id in account_ids]

    def truth(self, table: str, account_id: str, region: str) -> list[Mapping[str, Any]]:
        return list(TRUTH[table](self.organization, account_id, region))

    def collect(self, section: str, account_id: str, region: str) -> Any:
        collect = SECTIONS[section].collect
        assert collect is not None
        return collect(self.sessions.account(account_id, region), WINDOW)

    def collect_members(self, section: str, region: str) -> Mapping[str, Any]:
        """Of all accounts, and of one that nobody knows."""
        collect_members = SECTIONS[section].collect_members
        assert collect_members is not None
        asked = [*self.accounts, Account("999999999999", "stranger")]
        return collect_members(self.sessions.account(self.administrator, region), WINDOW, asked)


@contextmanager
def watching() -> Iterator[Watched]:
    """A stand-in as of `TODAY`, whose answers are tried once."""
    organization = Organization.seeded(now=dt.datetime.combine(TODAY, dt.time(), dt.UTC), sizes=MUCH)
    with serve(organization, bucket="a360-snapshots", member_role="a360-member") as running:
        said = {name: getattr(running, name) for name in ("endpoint_url", "access_key_id", "secret_access_key")}
        settings = Settings.model_validate(said | {"external_id": running.external_id, "max_attempts": 1})
        yield Watched(organization, Sessions(settings))


class Scripted(scripted.Scripted):
    """Answers by `service.method`: a listing with its items, a call with its answer, either of what was asked."""

    def __init__(self, said: Mapping[str, Any], account_id: str = ACCOUNT) -> None:
        super().__init__({name: _keyed(one) if callable(one) else one for name, one in said.items()}, account_id)

    def pages(self, service: str, method: str, result: str, **parameters: Any) -> Iterator[Any]:
        yield from cast(list[Any], self.call(service, method, **parameters))


def _keyed(said: Callable[[Mapping[str, Any]], Any]) -> Callable[..., Any]:
    return lambda **parameters: said(parameters)


def refusal(code: str, message: str, operation: str = "Operation") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def covered(section: str, aws: AccountSession) -> SectionCoverage:
    """How collecting a section ends."""
    return answer_of(SECTIONS[section], aws, today=TODAY).coverage


def collected(section: str, aws: AccountSession) -> Any:
    """The payload of a section that ends well."""
    answer = answer_of(SECTIONS[section], aws, today=TODAY)
    assert not answer.coverage.status.is_gap, answer.coverage
    return answer.payload


def recorded(name: str) -> Any:
    """What AWS once answered, from the recordings beside the repository."""
    path = RECORDED / name
    if not path.is_file():
        pytest.skip("the recorded answers of AWS are not at hand")
    read = json.loads(path.read_text(encoding="utf-8"), object_hook=_instant)
    return read.get("data", read)


def _instant(value: dict[str, Any]) -> Any:
    if value.pop("__class__", None) != "datetime":
        return value
    return dt.datetime(**value, tzinfo=dt.UTC)


class Counted(str):
    """A text that counts how often one of its kind is compared with another."""

    __slots__ = ()
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__
