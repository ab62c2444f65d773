"""What came of collecting: what is stored, rows and calls by section, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from a360_pipeline.aws.accounts import Skipped
from a360_pipeline.collection.collect import Collected
from a360_pipeline.collection.shelf import Shelf
from a360_pipeline.gaps import AcceptedGaps


@dataclass(slots=True)
class Result:
    """What came of an order, without the facts themselves."""

    shelf: Shelf
    accepted: AcceptedGaps
    skipped: Sequence[Skipped] = ()
    parts: list[Collected] = field(default_factory=list)

    @property
    def gaps(self) -> list[dict[str, str]]:
        """What is missing and accepted by nobody."""
        return [
            {
                "account": cell.account,
                "region": cell.region,
                "section": cell.section,
                "status": str(status),
                "message": message,
            }
            for part in self.parts
            for cell, status, message in part.open_gaps(self.accepted)
        ]

    @property
    def errors(self) -> list[str]:
        return [f"{part.snapshot.key.path}: {part.error}" for part in self.parts if part.error]

    def missing(self) -> list[str]:
        """What keeps it from being whole; empty when all went well."""
        counts = {"gaps that nobody has accepted": len(self.gaps), "snapshots not written": len(self.errors)}
        return [f"{count} {what}" for what, count in counts.items() if count]

    def sections(self) -> dict[str, dict[str, Any]]:
        """By section: how often each status, and sums of rows and of what it cost."""
        found: dict[str, dict[str, Any]] = {}
        for part in self.parts:
            for name, covered in part.snapshot.coverage.items():
                one = found.setdefault(name, {"statuses": Counter(), "rows": 0, "calls": 0, "paid_calls": 0})
                one["statuses"][str(covered.status)] += 1
                one["rows"] += covered.rows
                one["calls"] += covered.effort.calls
                one["paid_calls"] += covered.effort.paid_calls
        return dict(sorted(found.items()))

    def to_dict(self) -> dict[str, Any]:
        stored = [self.shelf.uri(part.stored_as) for part in self.parts if part.stored_as]
        return {
            "stored": stored,
            "sections": self.sections(),
            "gaps": self.gaps,
            "errors": self.errors,
            "skipped": [asdict(one) for one in self.skipped],
        }
