"""Asking one section, and turning whatever happens into an answer with an honest status."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from a360_pipeline.aws.accounts import Account, regions_now
from a360_pipeline.aws.errors import AWS_ERRORS, UNKNOWN_THERE, error_code, explain, status_of
from a360_pipeline.aws.sessions import AccountSession, Sessions
from a360_pipeline.coverage import Effort, SectionCoverage, Status, Unavailable
from a360_pipeline.sections.model import AccountRows, History, Payload, Scope, Section, Window
from a360_pipeline.snapshot.key import BadSnapshot
from a360_pipeline.snapshot.wire import count_rows

SHOWN_PARTS = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What a section yielded of one account (and region): its payload, where there is one, and how it went."""

    payload: Payload | None
    coverage: SectionCoverage


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question: an answer with the parts it lacks, or why there is none."""

    effort: Effort
    answer: Any = None
    failed_parts: tuple[str, ...] = ()
    failure: tuple[Status, str] | None = None


class Spending(Protocol):
    """Who says what may be paid: Purse does."""

    def afford(self, section: Section) -> None:
        """Raises Unavailable where the section may not be asked for what it costs."""

    def spend(self, service: str, operation: str) -> None:
        """Told of a request that AWS bills, before it is made. Raises Unavailable to prevent it."""


@dataclass(frozen=True, slots=True)
class Day:
    """What every question of a run has in common."""

    sessions: Sessions
    window: Window
    today: dt.date
    purse: Spending


def ask(day: Day, section: Section, aws: AccountSession, question: Callable[[], Any]) -> Outcome:
    """Asks, whatever happens. A day of which AWS knows nothing any more is not asked for."""
    if section.history is History.SNAPSHOT and day.window.run_date != day.today:
        message = f"snapshot-only: AWS tells how it is now, not how it was on {day.window.run_date}"
        return Outcome(Effort(), failure=(Status.FAILED, message))
    before, started = aws.meter.effort, time.monotonic()
    aws.failed_parts.clear()
    answer, failure = None, None
    try:
        day.purse.afford(section)
        answer = question()
    except Unavailable as error:
        failure = error.status, str(error)
    except AWS_ERRORS as error:
        failure = _refused(day, section, aws, error)
    except Exception as error:  # noqa: BLE001 - the boundary: a bug in one section is a gap in the ledger
        failure = Status.FAILED, explain(error)
    effort = replace(aws.meter.effort - before, seconds=time.monotonic() - started)
    return Outcome(effort, answer, tuple(aws.failed_parts), failure)


def _refused(day: Day, section: Section, aws: AccountSession, error: Exception) -> tuple[Status, str]:
    code = error_code(error)
    if code in UNKNOWN_THERE and section.scope is Scope.REGION and _is_disabled(day, aws):
        return Status.REGION_DISABLED, region_disabled(aws.account_id, aws.region)
    return section.errors.get(code) or status_of(error), explain(error)


def _is_disabled(day: Day, aws: AccountSession) -> bool:
    """Whether the account has turned the region off since the organization was discovered."""
    account_id = aws.account_id
    if account_id is None:
        return False
    try:
        enabled = aws.once("regions enabled now", lambda: regions_now(day.sessions, account_id))
    except AWS_ERRORS:
        return False
    return not enabled.get(aws.region, False)


def region_disabled(account_id: str | None, region: str) -> str:
    return f"{region} is not enabled in account {account_id}"


def of_one(section: Section, outcome: Outcome) -> Answer:
    """The answer of a question that one account (and region) was asked."""
    return _judged(section, outcome, outcome.answer, outcome.effort, "the answer is empty where facts are due")


def of_many(
    section: Section, outcome: Outcome, accounts: Sequence[Account], left_out: str
) -> Iterator[tuple[str, Answer]]:
    """The answer of each account to a question that was asked once for all."""
    # The effort was made once: it stands with the first account, so that sums over the ledger are true.
    effort = outcome.effort
    answers: AccountRows = outcome.answer or {}
    for account in accounts:
        yield account.id, _judged(section, outcome, answers.get(account.id), effort, left_out)
        effort = Effort()


def _judged(section: Section, outcome: Outcome, payload: Payload, effort: Effort, left_out: str) -> Answer:
    if outcome.failure is not None:
        status, message = outcome.failure
        return Answer(None, SectionCoverage(status, message=message, effort=effort))
    if payload is None:
        return Answer(None, SectionCoverage(Status.FAILED, message=left_out, effort=effort))
    try:
        rows = count_rows(section, payload)
    except BadSnapshot as error:
        return Answer(None, SectionCoverage(Status.FAILED, message=f"bug: {error}", effort=effort))
    untold = section.untold(payload) if section.untold is not None else None
    missing = (*outcome.failed_parts, *([untold] if untold else []))
    if missing:
        coverage = SectionCoverage(Status.PARTIAL, rows, in_short(missing), effort)
    else:
        coverage = SectionCoverage(Status.OK if rows else Status.EMPTY, rows, effort=effort)
    return Answer(payload, coverage)


def in_short(parts: Sequence[str]) -> str:
    """The first few of a long list of what failed, and how many more there are."""
    more = len(parts) - SHOWN_PARTS
    return "; ".join(parts[:SHOWN_PARTS]) + (f"; and {more} more" if more > 0 else "")
