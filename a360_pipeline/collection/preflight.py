"""Tries what collecting needs, without collecting and without a paid call: what is allowed, what not, what mends it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.errors import AWS_ERRORS, UNREACHABLE, error_code, error_message, explain, status_of
from a360_pipeline.aws.sampling import Sample, Samples
from a360_pipeline.collection.answers import Day, Outcome, ask, in_short, region_disabled
from a360_pipeline.collection.order import Order
from a360_pipeline.collection.policy import ASSUME_ROLE
from a360_pipeline.collection.turns import Turns
from a360_pipeline.coverage import GLOBAL, Cell, Status, Unavailable
from a360_pipeline.gaps import AcceptedGaps
from a360_pipeline.sections.model import Operation, Scope, Section, Window

HUB = "hub"
"""Stands for an account id where the hub asks in its own name."""
FEW = 2
"""So many accounts an administrator is asked of: it answers for one as for all."""
NAMED = re.compile(r"not authorized to perform:? ([\w-]+:\w+)")
EXPLICIT = "explicit deny"
"""In a refusal that no further permission mends."""


class Verdict(StrEnum):
    """What trying a section came to."""

    ALLOWED = "allowed"
    DENIED = "denied"
    SCP_DENIED = "denied by SCP"
    NOT_SUBSCRIBED = "needs a support plan"
    NOT_ENABLED = "not enabled"
    REGION_DISABLED = "region disabled"
    UNREACHABLE = "unreachable"
    PAID = "paid, not tried"
    FAILED = "failed"


VERDICTS = {
    Status.OK: Verdict.ALLOWED,
    Status.DENIED: Verdict.DENIED,
    Status.SCP_DENIED: Verdict.SCP_DENIED,
    Status.NOT_SUBSCRIBED: Verdict.NOT_SUBSCRIBED,
    Status.NOT_ENABLED: Verdict.NOT_ENABLED,
    Status.REGION_DISABLED: Verdict.REGION_DISABLED,
    Status.SKIPPED_BUDGET: Verdict.PAID,
}
"""Any other status is a failure of its own."""


@dataclass(frozen=True, slots=True)
class Lack:
    """One IAM action that was refused. `mends` says whether a statement that allows it would help."""

    action: str
    resource: str = "*"
    mends: bool = True


@dataclass(frozen=True, slots=True)
class Trial:
    """One section in one place: what came of it, what it lacks, and the IAM actions of the calls that were made.

    `account` is an id, or HUB. `policy_of` is whose policy lacks what is lacking: the hub's, where it may not assume
    the account's role.
    """

    account: str
    region: str
    section: str
    verdict: Verdict
    statuses: frozenset[Status]
    message: str | None = None
    lacks: tuple[Lack, ...] = ()
    tried: frozenset[str] = frozenset()
    policy_of: str = ""

    def is_accepted(self, gaps: AcceptedGaps, today: dt.date) -> bool:
        """Whether somebody accepted that this is missing, by what it is or by what collecting will call it."""
        cell = Cell(self.account, self.region, self.section, today)
        return any(gaps.find(cell, status) for status in self.statuses)


class NothingPaid:
    """Of what AWS bills by request nothing is tried."""

    def afford(self, section: Section) -> None:
        """Raises Unavailable where the section makes a paid request."""
        if section.usd_at_least:
            raise Unavailable(Status.SKIPPED_BUDGET, f"costs at least ${section.usd_at_least}, and was not tried")

    def spend(self, service: str, operation: str) -> None:
        """Raises Unavailable, always."""
        raise Unavailable(Status.SKIPPED_BUDGET, f"{service} {operation} is paid, and was not tried")


def preflight(sessions: Samples, order: Order, regions: tuple[str, ...] = ()) -> Iterator[Trial]:
    """Tries each section of an order once in each account, in the first region that it has enabled or in `regions`.

    Yields trials as they are done; what fails is in them, not an exception.
    """
    day = Day(sessions, Window.daily(order.today), order.today, NothingPaid())
    tasks: list[tuple[str, Callable[[], list[Trial]]]] = [(HUB, partial(_hub, day, sessions, order))]
    tasks += [(each.id, partial(_account, day, sessions, order, each, regions)) for each in order.accounts]
    for trials in Turns(tasks).run(order.threads):
        yield from trials


def _hub(day: Day, sessions: Samples, order: Order) -> list[Trial]:
    aws = sessions.hub(day.purse.spend)
    return [
        _try(day, section, aws, (HUB, GLOBAL), partial(section.collect_all, aws, day.window, order.organization[:FEW]))
        for section in order.of_scope(Scope.ORGANIZATION)
        if section.collect_all is not None
    ]


Errand = tuple[Section, str, Callable[..., Any]]
"""A section, the region to try it in, and the question, which takes a session and a window."""


def _account(day: Day, sessions: Samples, order: Order, account: Account, chosen: tuple[str, ...]) -> list[Trial]:
    regions = _regions(account, chosen, order.regions)
    errands = list(_errands(order, account, regions))
    refusal = _role_refused(sessions, account.id) if errands else None
    if refusal is not None:
        return [_locked_out(sessions, account.id, region, section, refusal) for section, region, _ in errands]
    trials = []
    seen: dict[str, Sample] = {}
    for section, region, question in errands:
        place = (account.id, region)
        if not regions.get(region, True):
            trials.append(_disabled(section, place))
            continue
        if region not in seen:
            seen[region] = sessions.account(account.id, None if region == GLOBAL else region, day.purse.spend)
        trials.append(_try(day, section, seen[region], place, partial(question, seen[region], day.window)))
    return trials


def _regions(account: Account, chosen: tuple[str, ...], wanted: tuple[str, ...]) -> Mapping[str, bool]:
    """Where to try, and whether that is enabled: where one asks for it, else in one region for all."""
    if chosen:
        return account.wanted_regions(chosen)
    return dict([(region, True) for region, enabled in account.wanted_regions(wanted).items() if enabled][:1])


def _errands(order: Order, account: Account, regions: Iterable[str]) -> Iterator[Errand]:
    places = [*((GLOBAL, each) for each in order.of_account())]
    places += [(region, each) for region in regions for each in order.of_scope(Scope.REGION)]
    yield from ((section, region, section.collect) for region, section in places if section.collect is not None)
    for section in order.administered():
        if order.administrators[section.name] == account.id and section.collect_members is not None:
            question = partial(_of_members, section.collect_members, order.organization[:FEW])
            yield from (
                (section, region, question) for region in (regions if section.scope is Scope.REGION else [GLOBAL])
            )


def _of_members(collect_members: Callable[..., Any], accounts: Iterable[Account], aws: Sample, window: Window) -> Any:
    return collect_members(aws, window, accounts)


def _role_refused(sessions: Samples, account_id: str) -> Exception | None:
    """Why the role may not be assumed, asked once and not by every section."""
    try:
        sessions.credentials(account_id).get_frozen_credentials()
    except AWS_ERRORS as error:
        refused: Exception = error
        return refused
    return None


def _locked_out(sessions: Samples, account_id: str, region: str, section: Section, error: Exception) -> Trial:
    status = status_of(error)
    lacks = (Lack(ASSUME_ROLE, sessions.role_arn(account_id)),) if status is Status.DENIED else ()
    return Trial(
        account_id,
        region,
        section.name,
        _verdict(status, [error]),
        frozenset({status}),
        f"the role cannot be assumed, or is not there, or does not trust the hub: {explain(error)}",
        lacks,
        policy_of=HUB,
    )


def _disabled(section: Section, place: tuple[str, str]) -> Trial:
    status = Status.REGION_DISABLED
    return Trial(*place, section.name, VERDICTS[status], frozenset({status}), region_disabled(*place))


def _try(day: Day, section: Section, aws: Sample, place: tuple[str, str], question: Callable[[], Any]) -> Trial:
    aws.tried.clear()
    outcome = ask(day, section, aws, question)
    if section.scope is Scope.ORGANIZATION:
        # Its first call is a paid one, and so the others were not reached.
        for each in section.operations:
            if not each.usd_per_request and (each.service, each.name) not in aws.tried:
                aws.try_alone(each.service, each.name)
    return _trial(section, aws, place, outcome)


def _trial(section: Section, aws: Sample, place: tuple[str, str], outcome: Outcome) -> Trial:
    operations = {(each.service, each.name): each for each in section.operations}
    errors = [error for error in aws.tried.values() if error is not None]
    denied = {
        operations.get(called, Operation(*called)): error
        for called, error in aws.tried.items()
        if error is not None and _status(section, error) in (Status.DENIED, Status.SCP_DENIED)
    }
    status, message = outcome.failure or (Status.OK, None)
    if denied:
        statuses = {_status(section, error) for error in denied.values()}
        status = Status.DENIED if Status.DENIED in statuses else Status.SCP_DENIED
        message = in_short([explain(error) for error in denied.values()])
    elif outcome.failure is None and outcome.failed_parts:
        status, message = Status.FAILED, in_short(outcome.failed_parts)
    collected_as = {Status.PARTIAL} if outcome.failure is None and outcome.failed_parts else set()
    return Trial(
        *place,
        section.name,
        _verdict(status, errors),
        frozenset({status, *collected_as}),
        message,
        tuple(_lack(operation, error) for operation, error in denied.items()),
        frozenset(operations[called].action for called in aws.tried if called in operations),
        place[0],
    )


def _status(section: Section, error: Exception) -> Status:
    return section.errors.get(error_code(error)) or status_of(error)


def _verdict(status: Status, errors: Iterable[Exception]) -> Verdict:
    if status is Status.FAILED and any(isinstance(error, UNREACHABLE) for error in errors):
        return Verdict.UNREACHABLE
    return VERDICTS.get(status, Verdict.FAILED)


def _lack(operation: Operation, error: Exception) -> Lack:
    """What to allow: what AWS names, where the operation takes other services' actions, else its own."""
    said = error_message(error)
    named = NAMED.search(said)
    action = named[1] if named and named[1] in operation.also else operation.action
    return Lack(action, mends=EXPLICIT not in said)
