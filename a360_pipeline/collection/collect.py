"""Asks every section of a range of accounts and writes one snapshot per account and region."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.collection.answers import Answer, Day, ask, of_one, region_disabled
from a360_pipeline.collection.logs import coverage_of, logs_of
from a360_pipeline.collection.order import Order
from a360_pipeline.collection.shared import SharedAnswers, ask_shared
from a360_pipeline.collection.shelf import Shelf
from a360_pipeline.collection.spending import Purse
from a360_pipeline.collection.turns import Turns
from a360_pipeline.coverage import GLOBAL, Cell, SectionCoverage, Status
from a360_pipeline.gaps import AcceptedGaps
from a360_pipeline.sections.account import identity
from a360_pipeline.sections.model import Payload, Scope, Section, Window
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.snapshot.key import SnapshotKey
from a360_pipeline.snapshot.wire import Snapshot


@dataclass(frozen=True, slots=True)
class Collected:
    """One account and region: the snapshot, and its key on the shelf or why it could not be written."""

    snapshot: Snapshot
    stored_as: str | None
    error: str | None = None

    def without_facts(self) -> Collected:
        """What is to be told of it: facts that are stored need not be held in memory until the run ends."""
        return replace(self, snapshot=replace(self.snapshot, content={}))

    def open_gaps(self, accepted: AcceptedGaps) -> Iterator[tuple[Cell, Status, str]]:
        """What is missing and accepted by nobody, with the reason."""
        key = self.snapshot.key
        cells = {Cell(key.account, key.region, name, key.date): one for name, one in self.snapshot.coverage.items()}
        for cell, status in accepted.unaccepted((cell, covered.status) for cell, covered in cells.items()):
            yield cell, status, cells[cell].message or ""


def ask_organization(sessions: Sessions, shelf: Shelf, order: Order) -> SharedAnswers:
    """Asks just what is asked once for all accounts, so that the runs that collect them find it on the shelf."""
    return ask_shared(_day(sessions, shelf, order), shelf, order)


def collect_accounts(sessions: Sessions, shelf: Shelf, order: Order) -> Iterator[Collected]:
    """Collects and stores, yielding each account and region as it is done.

    What fails is in the coverage of the snapshot, not an exception; a snapshot that cannot be stored
    says so in `error`.
    """
    day = _day(sessions, shelf, order)
    shared = ask_shared(day, shelf, order)
    tasks = [
        (account.id, partial(_and_store, shelf, partial(_collect, day, order, shared, account, region, enabled)))
        for account, region, enabled in order.places()
    ]
    yield from Turns(tasks).run(order.threads)


def _day(sessions: Sessions, shelf: Shelf, order: Order) -> Day:
    purse = Purse(shelf, order.today, order.daily_paid_usd)
    window = replace(Window.daily(order.run_date), is_now=order.run_date == order.today)
    return Day(sessions, window, order.today, purse)


def _and_store(shelf: Shelf, task: Callable[[], Snapshot]) -> Collected:
    snapshot = task()
    try:
        return Collected(snapshot, shelf.write(snapshot))
    except (*AWS_ERRORS, OSError, TypeError, ValueError) as error:
        return Collected(snapshot, None, f"the snapshot could not be written: {explain(error)}")


def _collect(day: Day, order: Order, shared: SharedAnswers, account: Account, region: str, enabled: bool) -> Snapshot:
    told = {name: answers[account.id] for (name, where), answers in shared.items() if where == region}
    sections = order.of_account() if region == GLOBAL else order.of_scope(Scope.REGION)
    if enabled:
        aws = day.sessions.account(account.id, None if region == GLOBAL else region, day.purse.spend)
        answers = told | {section.name: _answer(day, section, aws) for section in sections}
    else:
        gap = Answer(None, SectionCoverage(Status.REGION_DISABLED, message=region_disabled(account.id, region)))
        answers = dict.fromkeys([*told, *(section.name for section in sections)], gap)
    return _snapshot(account, region, day.window, answers, with_logs=order.is_whole)


def _answer(day: Day, section: Section, aws: AccountSession) -> Answer:
    assert section.collect is not None  # noqa: S101 - a test holds every section to its scope
    return of_one(section, ask(day, section, aws, partial(section.collect, aws, day.window)))


def _snapshot(
    account: Account, region: str, window: Window, answers: Mapping[str, Answer], *, with_logs: bool
) -> Snapshot:
    content: dict[str, Any] = {"account": {**identity(account), "region": region}}
    for name, answer in answers.items():
        if answer.payload is not None:
            _place(content, SECTIONS[name].wire.split("."), answer.payload)
    coverage = {name: answer.coverage for name, answer in answers.items()}
    # The logs speak of all sections at once: of a few asked again they would unsay what the day's first said.
    if with_logs:
        content["logs"] = logs_of(coverage)
        coverage["logs"] = coverage_of(content["logs"])
    return Snapshot(
        key=SnapshotKey(account.id, region, window.run_date, window.interval),
        content=content,
        coverage=coverage,
        is_ours=True,
    )


def _place(content: dict[str, Any], names: Sequence[str], payload: Payload) -> None:
    for name in names[:-1]:
        content = content.setdefault(name, {})
    last = names[-1]
    content[last] = {**content[last], **payload} if last in content else payload
