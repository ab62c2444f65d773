"""Asks one section of one account and region of a stand-in, as collecting does, without all the others."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.collection.answers import Answer, Day, ask, of_one
from a360_pipeline.collection.shelf import Folder
from a360_pipeline.collection.spending import Purse
from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sections.model import Section, Window
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.settings import Settings

TODAY = dt.datetime.now(dt.UTC).date()
BUCKET = "a360-snapshots"
ROLE = "a360-member"
NO_NOTES = Folder(Path(os.devnull))
"""Nothing is kept of what is asked here, and nothing may be spent."""
LARGE = Sizes(keys=8, instances=2, applications=1, patches=1, others=120)


def answer_of(
    section: Section,
    aws: AccountSession,
    collect: Callable[..., Any] | None = None,
    sessions: Any = None,
    today: dt.date = TODAY,
) -> Answer:
    """What collecting makes of the section: its payload, if there is one, and how it went."""
    question = collect or section.collect
    assert question is not None
    window = Window.daily(today)
    day = Day(sessions, window, today, Purse(NO_NOTES, today, Decimal(0)))
    return of_one(section, ask(day, section, aws, partial(question, aws, window)))


@dataclass(frozen=True)
class Asking:
    """A stand-in, and the product's sessions with it, which try a call once."""

    stand_in: StandIn
    sessions: Sessions

    @property
    def organization(self) -> Organization:
        return self.stand_in.organization

    @property
    def first(self) -> str:
        """The account that has as much as the sizes allow."""
        return self.organization.accounts[0].id

    def session(self, account_id: str, region: str = GLOBAL) -> AccountSession:
        return self.sessions.account(account_id, None if region == GLOBAL else region)

    def answer(
        self, name: str, account_id: str | None = None, region: str = "us-east-1", aws: AccountSession | None = None
    ) -> Answer:
        """What the section yields, and its coverage. `Global` asks for what is the whole account's."""
        section = SECTIONS[name]
        aws = aws or self.session(account_id or self.first, region)
        collect: Callable[..., Any] | None = section.collect
        if region == GLOBAL:
            collect = section.collect_account or section.collect
        assert collect is not None
        return answer_of(section, aws, collect, self.sessions)

    def rows(self, name: str, account_id: str | None = None, region: str = "us-east-1") -> list[Any]:
        """The payload of a section that misses nothing."""
        answer = self.answer(name, account_id, region)
        assert not answer.coverage.status.is_gap, answer.coverage.message
        rows: list[Any] = answer.payload
        return rows

    def deny(self, *actions: str) -> None:
        """Denies actions in the first account."""
        self.stand_in.faults.set(denied={self.first: list(actions)})


@contextmanager
def asking(sizes: Sizes = LARGE, regions: tuple[str, ...] = ("us-east-1", "eu-central-2")) -> Iterator[Asking]:
    """Two accounts of a stand-in that is there as long as the context."""
    organization = Organization.seeded(accounts=2, regions=regions, sizes=sizes)
    with serve(organization, bucket=BUCKET, member_role=ROLE) as stand_in:
        settings = Settings.model_validate(
            {
                "endpoint_url": stand_in.endpoint_url,
                "access_key_id": stand_in.access_key_id,
                "secret_access_key": stand_in.secret_access_key,
                "external_id": stand_in.external_id,
                "max_attempts": 1,
            }
        )
        yield Asking(stand_in, Sessions(settings))
