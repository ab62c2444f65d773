"""What was got, what was not, and why: one record per account, region, section and day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any

GLOBAL = "Global"
"""The region under which facts of a whole account or organization are filed."""
# The greatest whole number that every reader of JSON keeps; a sum over the ledger still fits a bigint.
MAX_FIGURE = 2**53


class Status(StrEnum):
    """How the collection of one section of one account, region and day ended."""

    OK = "ok"
    EMPTY = "empty"
    DENIED = "denied"
    SCP_DENIED = "scp_denied"
    NOT_SUBSCRIBED = "not_subscribed"
    NOT_ENABLED = "not_enabled"
    REGION_DISABLED = "region_disabled"
    THROTTLED = "throttled"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED_BUDGET = "skipped_budget"

    @property
    def is_gap(self) -> bool:
        """Whether facts are missing: everything but `ok` and `empty`."""
        return self not in (Status.OK, Status.EMPTY)

    @property
    def has_facts(self) -> bool:
        """Whether what came is a statement about the section, though perhaps not a whole one."""
        return self in (Status.OK, Status.EMPTY, Status.PARTIAL)


class Unavailable(Exception):
    """AWS answered, and the answer says that the facts are not to be had: raised by a section instead of "nothing"."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Effort:
    """What collecting cost. `seconds` is wall time; `paid_calls` are those AWS bills by request."""

    calls: int = 0
    retries: int = 0
    throttles: int = 0
    paid_calls: int = 0
    seconds: float = 0.0

    def __sub__(self, earlier: Effort) -> Effort:
        return Effort(*(getattr(self, f.name) - getattr(earlier, f.name) for f in fields(self)))


def _figure(wire: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    value = wire.get(name)
    if value is None:
        return kind(0)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(f"{name} is {type(value).__name__}, where a number is expected")
    # Compared before it is converted: 1e999999999 as an integer would take all memory there is.
    if not 0 <= value <= MAX_FIGURE or (kind is int and value != int(value)):
        raise ValueError(f"{name} is {value}, which counts nothing")
    return kind(value)


@dataclass(frozen=True, slots=True)
class SectionCoverage:
    """One section's outcome as it travels in a snapshot under `coverage`."""

    status: Status
    rows: int = 0
    message: str | None = None
    effort: Effort = Effort()

    def to_wire(self) -> dict[str, Any]:
        effort = asdict(self.effort) | {"seconds": round(self.effort.seconds, 3)}
        return {"status": str(self.status), "rows": self.rows, "message": self.message} | effort

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> SectionCoverage:
        """Raises ValueError or TypeError on a status or a figure that is none."""
        effort = Effort(**{f.name: _figure(wire, f.name, type(f.default)) for f in fields(Effort)})
        message = wire.get("message")
        return cls(
            status=Status(wire["status"]),
            rows=_figure(wire, "rows", int),
            message=None if message is None else str(message),
            effort=effort,
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """One place in the coverage ledger: an account, a region (or `Global`), a section and a day."""

    account: str
    region: str
    section: str
    date: dt.date
