"""Questions that are asked once for many accounts, once a day: of the organization, and of administrators."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.collection.answers import Answer, Day, Outcome, ask, of_many, region_disabled
from a360_pipeline.collection.order import Order
from a360_pipeline.collection.shelf import Shelf
from a360_pipeline.collection.turns import Turns
from a360_pipeline.coverage import GLOBAL, Effort, SectionCoverage, Status
from a360_pipeline.sections.model import AccountRows, Scope, Section, Window
from a360_pipeline.snapshot.wire import to_json

Place = tuple[str, str]
"""A section and a region, or `Global`."""
SharedAnswers = Mapping[Place, Mapping[str, Answer]]
"""By place, the answer of each account by its id."""


@dataclass(frozen=True, slots=True)
class Question:
    """One section asked for all accounts, in a session that may be shared with other questions."""

    section: Section
    region: str
    ask: Callable[[], AccountRows]
    left_out: str

    @property
    def place(self) -> Place:
        return self.section.name, self.region


def ask_shared(day: Day, shelf: Shelf, order: Order) -> SharedAnswers:
    """The answers to all shared questions of an order, asked now or by an earlier run of the day.

    The first run asks for the whole organization and keeps the answers on the shelf for the others: Cost
    Explorer bills by request, whatever the number of accounts. Only whole answers are kept.
    """
    answers: dict[Place, Mapping[str, Answer]] = {}
    groups = [*_of_organization(day, order), *_of_administrators(day, order)]
    tasks = [(aws.account_id, partial(_ask_group, day, shelf, order, aws, questions)) for aws, questions in groups]
    for found in Turns(tasks).run(order.threads):
        answers |= found
    return answers


Group = tuple[AccountSession, list[Question]]


def _of_organization(day: Day, order: Order) -> Iterator[Group]:
    hub = day.sessions.hub(day.purse.spend)
    questions = [
        Question(
            section,
            GLOBAL,
            partial(section.collect_all, hub, day.window, order.organization),
            "the answer leaves this account out",
        )
        for section in order.of_scope(Scope.ORGANIZATION)
        if section.collect_all is not None
    ]
    if questions:
        yield hub, questions


def _of_administrators(day: Day, order: Order) -> Iterator[Group]:
    """A session for each administrator and region, with the sections that it answers for."""
    regions = sorted({region for account in order.accounts for region in account.wanted_regions(order.regions)})
    wanted: dict[Place, list[Section]] = {}
    for section in order.administered():
        for region in regions if section.scope is Scope.REGION else [GLOBAL]:
            wanted.setdefault((order.administrators[section.name], region), []).append(section)
    for (account_id, region), sections in wanted.items():
        aws = day.sessions.account(account_id, None if region == GLOBAL else region, day.purse.spend)
        yield (
            aws,
            [
                Question(
                    section,
                    region,
                    partial(section.collect_members, aws, day.window, order.organization),
                    f"{account_id}, which administers {section.name}, does not have it as a member",
                )
                for section in sections
                if section.collect_members is not None
            ],
        )


def _ask_group(
    day: Day, shelf: Shelf, order: Order, aws: AccountSession, questions: list[Question]
) -> dict[Place, Mapping[str, Answer]]:
    return {question.place: _answers(day, shelf, order, aws, question) for question in questions}


def _answers(day: Day, shelf: Shelf, order: Order, aws: AccountSession, question: Question) -> Mapping[str, Answer]:
    key = _kept_under(day.today, day.window, question.place)
    kept = answers_at_hand(shelf, order, day.window, question.place)
    if kept:
        return kept
    outcome = _outcome(day, order, aws, question)
    answers = dict(of_many(question.section, outcome, order.organization, question.left_out))
    if outcome.failure is None and not outcome.failed_parts:
        shelf.put(key, _to_json(answers))
    return answers


def _outcome(day: Day, order: Order, aws: AccountSession, question: Question) -> Outcome:
    administrator = next((one for one in order.organization if one.id == aws.account_id), None)
    if administrator is not None and question.region != GLOBAL and not administrator.regions.get(question.region):
        return Outcome(Effort(), failure=(Status.REGION_DISABLED, region_disabled(administrator.id, question.region)))
    return ask(day, question.section, aws, question.ask)


def answers_at_hand(shelf: Shelf, order: Order, window: Window, place: Place) -> Mapping[str, Answer]:
    """What an earlier run of the day was answered for all accounts of the order; empty where it was not."""
    kept = _from_json(shelf.get(_kept_under(order.today, window, place)))
    return kept if all(account.id in kept for account in order.accounts) else {}


def _kept_under(today: dt.date, window: Window, place: Place) -> str:
    # AWS restates the past, so another day asks anew.
    section, region = place
    return f"organization/{today}/answers/{section}/{region}_{window.run_date}_{window.start}_{window.end}"


def _to_json(answers: Mapping[str, Answer]) -> bytes:
    return to_json({name: [one.payload, one.coverage.to_wire()] for name, one in answers.items()})


def _from_json(body: bytes | None) -> Mapping[str, Answer]:
    if body is None:
        return {}
    kept = json.loads(body, parse_float=Decimal)
    return {name: Answer(payload, SectionCoverage.from_wire(wire)) for name, (payload, wire) in kept.items()}
