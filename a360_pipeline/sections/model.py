"""The contract of a section: what it calls, what it may cost, what rows it yields, into which tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from a360_pipeline.coverage import Status

if TYPE_CHECKING:
    from a360_pipeline.aws.accounts import Account
    from a360_pipeline.aws.sessions import AccountSession

Row = Mapping[str, Any]
Payload = Any
"""What a section puts into the snapshot: JSON-able, in the wire format's shape."""


class Scope(StrEnum):
    """Whom AWS answers for when the section asks."""

    ORGANIZATION = "organization"
    ACCOUNT = "account"
    REGION = "region"


class History(StrEnum):
    """What AWS can say about a past date."""

    EXACT = "exact"
    """The API answers for a past date."""
    TRAILING = "trailing"
    """The API answers for a past date, and later answers differently: a window is read again."""
    SNAPSHOT = "snapshot"
    """Only now exists: a past date is refused, never relabelled."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One AWS API operation that a section calls. `service` is botocore's name of it."""

    service: str
    name: str
    iam_action: str | None = None
    usd_per_request: Decimal = Decimal(0)
    at_least: int = 1
    """Calls that one asking of the section makes at the least; 0 for what is called only where there is something."""
    also: tuple[str, ...] = ()
    """IAM actions of other services that AWS wants the caller to have besides, and checks in this call."""

    @property
    def action(self) -> str:
        """The IAM action that permits the call, where it is not simply service:Operation."""
        return self.iam_action or f"{self.service}:{self.name}"

    @property
    def actions(self) -> tuple[str, ...]:
        """All IAM actions that the call takes, its own first."""
        return (self.action, *self.also)


class Interval(StrEnum):
    """How long a period is."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


@dataclass(frozen=True, slots=True)
class Window:
    """The days a snapshot speaks of: facts of [start, end), collected on `run_date`."""

    run_date: dt.date
    start: dt.date
    end: dt.date
    interval: Interval = Interval.DAILY
    is_now: bool = True
    """False where a past day is asked for again: what AWS knows only of now is not told of it."""

    @classmethod
    def daily(cls, run_date: dt.date) -> Window:
        """The day before the run date, as senders in the field have it."""
        return cls(run_date, run_date - dt.timedelta(days=1), run_date)

    @classmethod
    def weekly(cls, run_date: dt.date) -> Window:
        """The last full week before the run date, Monday to Sunday."""
        end = run_date - dt.timedelta(days=run_date.weekday())
        return cls(run_date, end - dt.timedelta(days=7), end, Interval.WEEKLY)

    @classmethod
    def monthly(cls, run_date: dt.date) -> Window:
        """The month before that of the run date."""
        end = run_date.replace(day=1)
        return cls(run_date, month_before(end), end, Interval.MONTHLY)

    @classmethod
    def yearly(cls, run_date: dt.date) -> Window:
        """The year before that of the run date."""
        end = run_date.replace(month=1, day=1)
        return cls(run_date, end.replace(year=end.year - 1), end, Interval.YEARLY)

    @property
    def previous_start(self) -> dt.date:
        """The first day of the period before this one, which ends where this one starts."""
        if self.interval is Interval.MONTHLY:
            return month_before(self.start)
        if self.interval is Interval.YEARLY:
            return self.start.replace(year=self.start.year - 1)
        return self.start - (self.end - self.start)

    @property
    def day(self) -> str | None:
        """The day that the figures are of, where they are of one."""
        return self.start.isoformat() if self.interval is Interval.DAILY else None


def month_before(day: dt.date) -> dt.date:
    """The first day of the month before that of the day."""
    return (day.replace(day=1) - dt.timedelta(days=1)).replace(day=1)


def month_after(day: dt.date) -> dt.date:
    """The first day of the month after that of the day."""
    return (day.replace(day=1) + dt.timedelta(days=31)).replace(day=1)


class Type(StrEnum):
    """Column types: PostgreSQL's own names."""

    TEXT = "text"
    BIGINT = "bigint"
    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMPTZ = "timestamptz"
    JSONB = "jsonb"


@dataclass(frozen=True, slots=True)
class Column:
    """A column and the field of the row that fills it: its own name unless `field` says otherwise."""

    name: str
    type: Type
    description: str = ""
    field: str | None = None
    unset: str | None = None
    """A text that senders write where they mean NULL."""
    is_loaded: bool = True
    """False for what people set by hand: a load never writes it."""
    is_volatile: bool = False
    """True for what changes by itself, such as a time of last contact: no change worth remembering."""

    @property
    def source(self) -> str:
        return self.field or self.name


@dataclass(frozen=True, slots=True)
class Reference:
    """A column that holds the id of a parent row, found by the parent's natural key.

    `on` maps columns of the parent to fields of the row. A parent that belongs to an account is
    looked for among the rows of the same account and region.
    """

    name: str
    table: str
    on: tuple[tuple[str, str], ...]
    description: str = ""


class Kept(StrEnum):
    """What a later snapshot does to what an earlier one said."""

    CURRENT = "current"
    """A listing of what is: rows are updated in place, and what a complete listing leaves out is retired."""
    DELTA = "delta"
    """What is new or changed: rows are updated in place and closed by their own status alone."""
    DATED = "dated"
    """Each day has its own rows; the set of a day is replaced as a whole."""
    ADDED = "added"
    """Rows are added when first seen and then belong to people: a load never changes them."""
    LEDGER = "ledger"
    """Rows of the product's own accounts of what it did: written as they are."""


def whole(payload: Payload) -> Iterable[Row]:
    """The rows of a payload that is a list of rows, or one row."""
    return payload if isinstance(payload, list) else (payload,)


@dataclass(frozen=True)
class Table:
    """A warehouse table, declared once: DDL, staging, upsert and docs derive from it."""

    name: str
    description: str
    columns: tuple[Column | Reference, ...]
    key: tuple[str, ...]
    kept: Kept = Kept.CURRENT
    frames: bool = False
    """True for what every snapshot says of its account, whatever its region: it frames the facts."""
    rows: Callable[[Payload], Iterable[Row]] = whole
    ignored: tuple[str, ...] = ()
    """Fields of a row that need no column, because another field or column says the same."""
    scope_of: Callable[[Row], Scope] | None = None
    """Where AWS gives the rows of one listing different scopes: that of a row."""
    closes: str | None = None
    """DELTA only: a row whose column of this name says RESOLVED updates what is there and adds nothing."""
    set_of: tuple[str, ...] = ()
    """DATED only: the columns that name the set which a newer snapshot replaces as a whole."""
    stamps: tuple[str, ...] = ("created_at", "updated_at")

    @property
    def has_history(self) -> bool:
        """Whether rows say when they were first and last seen, and when they were retired."""
        return self.kept in (Kept.CURRENT, Kept.DELTA)

    @property
    def is_listing(self) -> bool:
        """Whether a snapshot lists all there is, so that what it leaves out says something."""
        return self.kept is Kept.CURRENT and not self.frames

    @property
    def memory(self) -> tuple[Column, ...]:
        """The columns in which the warehouse keeps when a row was told of."""
        if self.kept is Kept.DATED:
            return (
                Column("told_on", Type.DATE, "The day of the snapshot that told it; a later one's word stands."),
                Column("told_by", Type.TEXT, "The interval of that snapshot."),
            )
        if not self.has_history:
            return ()
        still = "; null while it still is" if self.is_listing else ""
        return (
            Column("first_seen", Type.DATE, "The first day it was seen."),
            Column("last_seen", Type.DATE, f"The last day it was told of{still}."),
            Column("retired_at", Type.DATE, "The day a complete listing left it out."),
        )

    @cached_property
    def known_fields(self) -> frozenset[str]:
        """The fields of a row that something is made of; any other is counted in the load ledger."""
        named = [column.source for column in self.values]
        named += [source for reference in self.references for _, source in reference.on]
        return frozenset(name.partition(".")[0] for name in named) | frozenset(self.ignored)

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(column for column in self.columns if isinstance(column, Reference))

    @property
    def values(self) -> tuple[Column, ...]:
        """The columns that a load writes from the rows themselves."""
        return tuple(column for column in self.columns if isinstance(column, Column) and column.is_loaded)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if isinstance(column, Column) and column.name == name)


AccountRows = Mapping[str, Payload]


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of fact. `wire` is its place in the snapshot, dotted."""

    name: str
    title: str
    wire: str
    scope: Scope
    history: History
    operations: tuple[Operation, ...]
    tables: tuple[Table, ...]
    collect: Callable[[AccountSession, Window], Payload] | None = None
    """Account and region scope: the payload of one account (and region)."""
    collect_account: Callable[[AccountSession, Window], Payload] | None = None
    """Region scope with rows that are the whole account's (see `Table.scope_of`): those, asked once an account."""
    collect_all: Callable[[AccountSession, Window, Sequence[Account]], AccountRows] | None = None
    """Organization scope: the payloads of all accounts, by account id, asked at once."""
    collect_members: Callable[[AccountSession, Window, Sequence[Account]], AccountRows] | None = None
    """Where an administrator account answers for its members: their payloads, asked there once (a region)."""
    errors: Mapping[str, Status] = field(default_factory=dict)
    """What an error code means here, where it says more than the same code elsewhere: such as a service not enabled."""
    by_owner: Callable[[Payload, str], Mapping[str, Payload]] | None = None
    """Where an administrator's listing holds its members' rows too: the payload of each account, given its own id."""
    untold: Callable[[Payload], str | None] | None = None
    """What a payload does not tell, though nothing failed: the section is `partial` then, with this as the reason."""
    lists_all_open: Callable[[Payload], bool] | None = None
    """Whether a payload that is `partial` lists all that is open, of the tables whose rows close by their own word."""
    parts: tuple[str, ...] = ()
    """For a payload that is an object holding lists: the names of those that tables are filled from."""
    status_field: str | None = None
    """The prefix of this section's status in the `logs` of senders in the field."""
    is_only_ours: bool = False
    """True for what no sender in the field ever told: their snapshots are not found wanting for it."""

    @property
    def usd_at_least(self) -> Decimal:
        """What asking once costs at the least."""
        return sum((each.usd_per_request * each.at_least for each in self.operations), Decimal(0))

    @property
    def is_collected(self) -> bool:
        """Whether we collect it ourselves; what only senders in the field write is loaded all the same."""
        return self.collect is not None or self.collect_all is not None
