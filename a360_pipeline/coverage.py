"""What was got, what was not, and why: one record per account, region, section and day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

GLOBAL = "Global"
"""The region under which facts of a whole account or organization are filed."""


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
        effort = Effort(**{f.name: type(f.default)(wire.get(f.name) or 0) for f in fields(Effort)})
        message = wire.get("message")
        return cls(
            status=Status(wire["status"]),
            rows=int(wire.get("rows") or 0),
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
