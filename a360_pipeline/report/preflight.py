"""Says, before anything is collected, what will be allowed and what not, and the least that mends it."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as Grid

from a360_pipeline.aws.accounts import Discovered, discover
from a360_pipeline.aws.errors import AWS_ERRORS
from a360_pipeline.aws.sampling import Samples
from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.collection import policy
from a360_pipeline.collection.order import Order
from a360_pipeline.collection.preflight import HUB, Lack, Trial, Verdict, preflight
from a360_pipeline.gaps import AcceptedGaps
from a360_pipeline.report.collected import chosen, find_accounts
from a360_pipeline.sections.registry import is_paid
from a360_pipeline.settings import Settings
from a360_pipeline.snapshot.store import SnapshotStore

ATTEMPTS = 2
"""Attempts of a call: a service that is not there is not waited for as long as when it is collected."""
SHOWN = 20
SHOWN_IDS = 3
GOOD = (Verdict.ALLOWED, Verdict.PAID)
GRAVEST_FIRST = (
    Verdict.DENIED,
    Verdict.SCP_DENIED,
    Verdict.FAILED,
    Verdict.UNREACHABLE,
    Verdict.NOT_SUBSCRIBED,
    Verdict.NOT_ENABLED,
    Verdict.REGION_DISABLED,
    Verdict.PAID,
    Verdict.ALLOWED,
)


@dataclass(frozen=True, slots=True)
class Preflight:
    """The trials of an order, and what somebody accepted of them."""

    trials: Sequence[Trial]
    accepted: AcceptedGaps
    order: Order

    def is_missing(self, trial: Trial) -> bool:
        """Whether it is required, not to be had, and accepted by nobody."""
        return trial.verdict not in GOOD and not self.is_accepted(trial)

    def is_accepted(self, trial: Trial) -> bool:
        return trial.verdict not in GOOD and trial.is_accepted(self.accepted, self.order.today)

    @property
    def missing(self) -> list[Trial]:
        return [trial for trial in self.trials if self.is_missing(trial)]

    def mends(self) -> list[dict[str, Any]]:
        """The least that is to be added to policies, and to whose: those that lack the same stand together."""
        lacking: dict[str, set[Lack]] = defaultdict(set)
        for trial in self.missing:
            lacking[trial.policy_of] |= {lack for lack in trial.lacks if lack.mends}
        alike: dict[frozenset[Lack], list[str]] = defaultdict(list)
        for whose, lacks in sorted(lacking.items()):
            if lacks:
                alike[frozenset(lacks)].append(whose)
        return [{"add_to": whose, "policy": _policy(lacks)} for lacks, whose in alike.items()]

    def not_tried(self) -> list[str]:
        """Actions of which nothing is known: they are paid, or there was nothing to ask them of."""
        tried = {action for trial in self.trials for action in trial.tried}
        wanted = {each.action for section in self.order.wanted() for each in section.operations}
        return sorted(wanted - tried)

    def to_dict(self) -> dict[str, Any]:
        return {
            "trials": [self._told(trial) for trial in self.trials],
            "mends": self.mends(),
            "not_tried": self.not_tried(),
            "missing": len(self.missing),
        }

    def _told(self, trial: Trial) -> dict[str, Any]:
        return {
            "account": trial.account,
            "region": trial.region,
            "section": trial.section,
            "verdict": str(trial.verdict),
            "accepted": self.is_accepted(trial),
            "message": trial.message,
            "lacks": sorted(lack.action for lack in trial.lacks),
        }


def _policy(lacks: frozenset[Lack]) -> policy.Policy:
    resources: dict[str, list[str]] = defaultdict(list)
    for lack in lacks:
        resources[lack.resource].append(lack.action)
    return policy.of([policy.allow(actions, resource) for resource, actions in sorted(resources.items())])


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for; empty: all accounts and sections, each account in the first region that it has."""

    accounts: Sequence[str] = ()
    regions: Sequence[str] = ()
    sections: Sequence[str] = ()


def prepare(asked: Asked, settings: Settings) -> Order:
    """Finds the accounts. Raises NotToBeCollected, UnknownSection, SettingsError, and ClientError where nobody may."""
    discovered = _discovered(settings)
    accounts, today = chosen(asked.accounts, discovered), dt.datetime.now(dt.UTC).date()
    return Order.of(settings, accounts, discovered.accounts, today, today, asked.sections)


def _discovered(settings: Settings) -> Discovered:
    sessions = Sessions(settings)
    try:
        store = SnapshotStore.of(settings, sessions.client("s3", None, settings.home_region))
        return find_accounts(store, sessions, settings)
    except AWS_ERRORS:
        # Whether the bucket can be read is another question than which accounts there are.
        return discover(sessions, settings)


def carry_out(asked: Asked, order: Order, settings: Settings, accepted: AcceptedGaps) -> Preflight:
    """Tries everything."""
    sessions = Samples(settings.model_copy(update={"max_attempts": ATTEMPTS}), is_paid)
    trials = preflight(sessions, order, tuple(asked.regions))
    in_order = sorted(trials, key=lambda one: (one.account == HUB, one.account, one.section, one.region))
    return Preflight(in_order, accepted, order)


def print_preflight(found: Preflight, console: Console) -> None:
    """Prints a row a section and a column for all accounts that answer alike; then reasons, and what mends them."""
    console.print(_grid(found))
    for line in _lines(found):
        console.print(line, markup=False, soft_wrap=True)
    for mend in found.mends():
        console.print(f"\nAdd to the policy of {_whose(mend['add_to'])}:", markup=False, soft_wrap=True)
        console.print(json.dumps(mend["policy"], indent=2), markup=False, soft_wrap=True)


def _grid(found: Preflight) -> Grid:
    columns: dict[str, dict[str, list[Trial]]] = defaultdict(lambda: defaultdict(list))
    for trial in found.trials:
        columns[trial.account][trial.section].append(trial)
    shown = {
        account: {section: _cell(found, trials) for section, trials in sections.items()}
        for account, sections in columns.items()
    }
    alike: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
    for account, cells in shown.items():
        alike[tuple(sorted(cells.items()))].append(account)
    grid = Grid(title="Preflight", title_justify="left", title_style="bold", box=SIMPLE)
    grid.add_column("section")
    for accounts in alike.values():
        grid.add_column(_header(accounts), overflow="fold")
    for section in sorted({trial.section for trial in found.trials}):
        grid.add_row(section, *(dict(cells).get(section, "") for cells in alike))
    return grid


def _cell(found: Preflight, trials: list[Trial]) -> str:
    """The gravest of what a section came to in the account and its regions; what is accepted is less grave."""
    gravest = min(trials, key=lambda one: (not found.is_missing(one), GRAVEST_FIRST.index(one.verdict)))
    return f"{gravest.verdict}{' (accepted)' if found.is_accepted(gravest) else ''}"


def _header(accounts: list[str]) -> str:
    more = len(accounts) - SHOWN_IDS
    return "\n".join([*accounts[:SHOWN_IDS], *([f"and {more} more"] if more > 0 else [])])


def _lines(found: Preflight) -> Iterator[str]:
    missing = found.missing
    for trial in missing[:SHOWN]:
        actions = ", ".join(sorted(lack.action for lack in trial.lacks))
        what = f" ({actions})" if actions else ""
        yield f"{trial.account} {trial.region} {trial.section}: {trial.verdict}{what}: {trial.message}"
    if len(missing) > SHOWN:
        yield f"and {len(missing) - SHOWN} more"
    accepted = sum(found.is_accepted(trial) for trial in found.trials)
    yield f"{len(found.trials)} tried, {len(missing)} missing, {accepted} missing and accepted"
    if found.not_tried():
        yield "not tried, for it is paid or there was nothing to ask of: " + ", ".join(found.not_tried())


def _whose(accounts: list[str]) -> str:
    if accounts == [HUB]:
        return "the hub"
    return f"the member role in {', '.join(accounts)}"
