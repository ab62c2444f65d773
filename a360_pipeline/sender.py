"""The other way in: a Lambda function that collects the account it runs in and writes its snapshots to the bucket.

Built into a package by `package_sender`. It knows neither Dagster nor the warehouse.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from a360_pipeline.aws.accounts import Account, accounts_of_file, name_now, regions_now
from a360_pipeline.aws.accounts_file import AccountId, RegionName
from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.collection.collect import collect_accounts
from a360_pipeline.collection.order import Order
from a360_pipeline.collection.result import Result
from a360_pipeline.collection.shelf import NotesApart
from a360_pipeline.gaps import read_accepted_gaps
from a360_pipeline.sections.registry import is_paid
from a360_pipeline.settings import Settings, load_settings
from a360_pipeline.snapshot.store import SnapshotStore

NOTES = "senders/"
"""Where the bucket holds what a sender notes for its later runs, in a folder of its account."""
SHOWN = 10

log = logging.getLogger(__name__)


class NotSent(Exception):
    """Something is missing that nobody has accepted, or the event cannot be meant. The message says what."""


class Wish(BaseModel):
    """What an event asks for; empty: the account the function runs in, all its regions and sections, today."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accounts: tuple[AccountId, ...] = ()
    regions: tuple[RegionName, ...] = ()
    sections: tuple[str, ...] = ()
    date: dt.date | None = None

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Wish:
        """The wish of an invocation, or of an event of EventBridge in its `detail`. Raises NotSent."""
        wished = event.get("detail") or {} if "detail-type" in event else event
        try:
            return cls.model_validate_json(json.dumps(wished), strict=True)
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
            raise NotSent(f"the event cannot be meant: {'; '.join(problems)}") from None


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Collects what the event asks for, and returns what is stored and what is missing, as `a360 collect --json` does.

    The account it runs in is asked with the function's own credentials; any other through the member role of the
    settings. Raises NotSent at the end, with all else stored, when something is missing that nobody has accepted:
    Lambda tries again and its alarms see it. Raises SettingsError, UnknownSection, GapsError and ClientError where
    there is nothing to begin with.
    """
    wish = Wish.of(event)
    settings = load_settings()
    own = Sessions(settings).own_id()
    sessions = Sessions(settings, is_paid, own_account=own)
    store = SnapshotStore.of(settings, sessions.client("s3", None, settings.home_region))
    accepted = read_accepted_gaps(settings.accepted_gaps)
    accounts, unnamed = _accounts(sessions, settings, own, wish.accounts or (own,))
    order = _order(settings, accounts, wish)
    result = Result(NotesApart(store, f"{NOTES}{own}/"), accepted)
    for each in collect_accounts(sessions, result.shelf, order):
        result.parts.append(each.without_facts())
        log.info("collected %s", each.snapshot.key.path)
    result.parts.sort(key=lambda part: part.snapshot.key.path)
    missing = [*unnamed, *result.errors, *(_said(gap) for gap in result.gaps)]
    if missing:
        more = f"; and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        stored = sum(part.stored_as is not None for part in result.parts)
        raise NotSent(f"{stored} snapshots are written, but {'; '.join(missing[:SHOWN])}{more}")
    return {"account": own, "date": order.run_date.isoformat(), **result.to_dict()}


def _order(settings: Settings, accounts: Sequence[Account], wish: Wish) -> Order:
    today = dt.datetime.now(dt.UTC).date()
    run_date = wish.date or today
    if run_date > today:
        raise NotSent(f"the event cannot be meant: {run_date} is still to come")
    order = Order.of(settings, accounts, accounts, run_date, today, wish.sections)
    return replace(order, regions=wish.regions or order.regions)


def _accounts(
    sessions: Sessions, settings: Settings, own: str, wanted: Sequence[str]
) -> tuple[list[Account], list[str]]:
    """The accounts, of the settings' file or as each tells of itself, and whose names could not be had."""
    if settings.accounts_file is None:
        told = [_described(sessions, own, account_id) for account_id in dict.fromkeys(wanted)]
        return [account for account, _ in told], [problem for _, problem in told if problem]
    accounts = accounts_of_file(sessions, settings, wanted)
    unknown = sorted(set(wanted) - {account.id for account in accounts})
    if unknown:
        raise NotSent(f"{settings.accounts_file} does not list {', '.join(unknown)}")
    return accounts, []


def _described(sessions: Sessions, own: str, account_id: str) -> tuple[Account, str]:
    regions = regions_now(sessions, account_id)
    name, problem = None, ""
    try:
        name = name_now(sessions, account_id)
    except AWS_ERRORS as error:
        problem = f"the name of {account_id} is unknown: {explain(error)}"
    return Account(account_id, name, payer=own, regions=regions), problem


def _said(gap: Mapping[str, str]) -> str:
    return f"{gap['section']} of {gap['account']} in {gap['region']} is {gap['status']}: {gap['message']}"
