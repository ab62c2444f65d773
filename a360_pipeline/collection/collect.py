"""Asks every section of a range of accounts and writes one snapshot per account and region."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.errors import AWS_ERRORS, error_code, explain, status_of
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.collection.logs import coverage_of, logs_of
from a360_pipeline.coverage import GLOBAL, Effort, SectionCoverage, Status, Unavailable
from a360_pipeline.sections.account import identity
from a360_pipeline.sections.model import History, Payload, Scope, Section, Window
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.snapshot.key import BadSnapshot, SnapshotKey
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import Snapshot, count_rows

SHOWN_PARTS = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What a section yielded: its payload, where there is one, and how it went."""

    payload: Payload | None
    coverage: SectionCoverage


@dataclass(frozen=True, slots=True)
class Collected:
    """One account and region: the snapshot, and its key in the bucket or why it could not be written."""

    snapshot: Snapshot
    stored_as: str | None
    error: str | None = None


def collect_accounts(
    sessions: Sessions,
    store: SnapshotStore,
    accounts: Sequence[Account],
    *,
    run_date: dt.date,
    today: dt.date,
    regions: tuple[str, ...],
    threads: int,
) -> Iterator[Collected]:
    """Collects and stores, yielding each account and region as it is done.

    What fails is in the coverage of the snapshot, not an exception; a snapshot that cannot be stored
    says so in `error`. `today` decides what can still be known: see History.
    """
    window = Window.daily(run_date)
    asked_once = _ask_organization(sessions.hub(), window, accounts, today)
    tasks: list[Callable[[], Snapshot]] = []
    for account in accounts:
        tasks.append(partial(_collect_global, sessions, account, window, today, asked_once))
        tasks += [
            partial(_collect_region, sessions, account, region, window, today, enabled)
            for region, enabled in account.wanted_regions(regions).items()
        ]
    with ThreadPoolExecutor(threads) as pool:
        for done in as_completed([pool.submit(_and_store, store, task) for task in tasks]):
            yield done.result()


def _and_store(store: SnapshotStore, task: Callable[[], Snapshot]) -> Collected:
    snapshot = task()
    try:
        return Collected(snapshot, store.write(snapshot))
    except (*AWS_ERRORS, TypeError, ValueError) as error:
        return Collected(snapshot, None, f"the snapshot could not be written: {explain(error)}")


def _of_scope(scope: Scope) -> list[Section]:
    return [section for section in SECTIONS.values() if section.scope is scope and section.is_collected]


def _ask_organization(
    hub: AccountSession, window: Window, accounts: Sequence[Account], today: dt.date
) -> Mapping[str, Mapping[str, Answer]]:
    """The answers of the sections that ask once for all accounts: by section, then by account id."""
    answers: dict[str, dict[str, Answer]] = {}
    for section in _of_scope(Scope.ORGANIZATION):
        assert section.collect_all is not None  # noqa: S101 - a test holds every section to its scope
        ask = partial(section.collect_all, hub, window, accounts)
        whole = _attempt(section, hub, window, today, ask)
        answers[section.name] = dict(_by_account(section, whole, accounts))
    return answers


def _by_account(section: Section, whole: Answer, accounts: Sequence[Account]) -> Iterator[tuple[str, Answer]]:
    # The effort was made once: it stands with the first account, so that sums over the ledger are true.
    effort = whole.coverage.effort
    for account in accounts:
        payload = None if whole.payload is None else whole.payload.get(account.id)
        coverage = replace(whole.coverage, effort=effort)
        if whole.payload is not None:
            coverage = _judge(section, payload, [], effort)
        yield account.id, Answer(payload, coverage)
        effort = Effort()


def _attempt(section: Section, aws: AccountSession, window: Window, today: dt.date, ask: Callable[[], Any]) -> Answer:
    """Asks, and turns whatever happens into an answer."""
    if section.history is History.SNAPSHOT and window.run_date != today:
        message = f"snapshot-only: AWS tells how it is now, not how it was on {window.run_date}"
        return Answer(None, SectionCoverage(Status.FAILED, message=message))
    before, started = aws.meter.effort, time.monotonic()
    aws.failed_parts.clear()

    def effort() -> Effort:
        return replace(aws.meter.effort - before, seconds=time.monotonic() - started)

    try:
        payload = ask()
        if section.scope is Scope.ORGANIZATION:
            return Answer(payload, SectionCoverage(Status.OK, effort=effort()))
        return Answer(payload, _judge(section, payload, aws.failed_parts, effort()))
    except Unavailable as error:
        return Answer(None, SectionCoverage(error.status, message=str(error), effort=effort()))
    except AWS_ERRORS as error:
        status = section.errors.get(error_code(error)) or status_of(error)
        return Answer(None, SectionCoverage(status, message=explain(error), effort=effort()))
    except Exception as error:  # noqa: BLE001 - the boundary: a bug in one section is a gap in the ledger
        return Answer(None, SectionCoverage(Status.FAILED, message=f"bug: {explain(error)}", effort=effort()))


def _judge(section: Section, payload: Payload, failed_parts: Sequence[str], effort: Effort) -> SectionCoverage:
    if payload is None:
        return SectionCoverage(Status.FAILED, message="the answer leaves this account out", effort=effort)
    try:
        rows = count_rows(section, payload)
    except BadSnapshot as error:
        return SectionCoverage(Status.FAILED, message=f"bug: {error}", effort=effort)
    if failed_parts:
        more = len(failed_parts) - SHOWN_PARTS
        message = "; ".join(failed_parts[:SHOWN_PARTS]) + (f"; and {more} more" if more > 0 else "")
        return SectionCoverage(Status.PARTIAL, rows, message, effort)
    return SectionCoverage(Status.OK if rows else Status.EMPTY, rows, effort=effort)


def _collect_global(
    sessions: Sessions,
    account: Account,
    window: Window,
    today: dt.date,
    asked_once: Mapping[str, Mapping[str, Answer]],
) -> Snapshot:
    aws = sessions.account(account.id)
    answers = {name: by_account[account.id] for name, by_account in asked_once.items()}
    answers |= _ask_sections(_of_scope(Scope.ACCOUNT), aws, window, today)
    return _snapshot(account, GLOBAL, window, answers)


def _collect_region(
    sessions: Sessions, account: Account, region: str, window: Window, today: dt.date, enabled: bool
) -> Snapshot:
    sections = _of_scope(Scope.REGION)
    if enabled:
        answers = _ask_sections(sections, sessions.account(account.id, region), window, today)
    else:
        message = f"{region} is not enabled in account {account.id}"
        gap = Answer(None, SectionCoverage(Status.REGION_DISABLED, message=message))
        answers = {section.name: gap for section in sections}
    return _snapshot(account, region, window, answers)


def _ask_sections(
    sections: Sequence[Section], aws: AccountSession, window: Window, today: dt.date
) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    for section in sections:
        assert section.collect is not None  # noqa: S101 - a test holds every section to its scope
        answers[section.name] = _attempt(section, aws, window, today, partial(section.collect, aws, window))
    return answers


def _snapshot(account: Account, region: str, window: Window, answers: Mapping[str, Answer]) -> Snapshot:
    content: dict[str, Any] = {"account": {**identity(account), "region": region}}
    for name, answer in answers.items():
        if answer.payload is not None:
            _place(content, SECTIONS[name].wire.split("."), answer.payload)
    coverage = {name: answer.coverage for name, answer in answers.items()}
    logs = logs_of(coverage)
    return Snapshot(
        key=SnapshotKey(account.id, region, window.run_date),
        content={**content, "logs": logs},
        coverage={**coverage, "logs": coverage_of(logs)},
        is_ours=True,
    )


def _place(content: dict[str, Any], names: Sequence[str], payload: Payload) -> None:
    for name in names[:-1]:
        content = content.setdefault(name, {})
    last = names[-1]
    content[last] = {**content[last], **payload} if last in content else payload
