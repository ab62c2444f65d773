"""The `logs` of a snapshot of ours: what its coverage says, in the words that senders in the field use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a360_pipeline.coverage import SectionCoverage, Status
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.snapshot.wire import count_rows

SECTION = SECTIONS["logs"]


def logs_of(coverage: Mapping[str, SectionCoverage]) -> dict[str, Any]:
    """A status for each section or group of sections that was asked, and a message for each gap.

    {"security_status": "Fail", "cost_status": "Pass", "message": [{"security": "security.kms is denied: ..."}]}.
    A group passes if nothing of any of its sections is missing; what was not asked has no status.
    """
    statuses: dict[str, str] = {}
    messages: list[dict[str, str]] = []
    for name, covered in coverage.items():
        section = SECTIONS[name]
        if section.status_field is None:
            continue
        field = f"{section.status_field}_status"
        if covered.status.is_gap:
            statuses[field] = "Fail"
            because = f": {covered.message}" if covered.message else ""
            messages.append({section.status_field: f"{section.wire} is {covered.status}{because}"})
        else:
            statuses.setdefault(field, "Pass")
    return {**statuses, "message": messages}


def coverage_of(logs: Mapping[str, Any]) -> SectionCoverage:
    """The ledger's word on the logs themselves: they are whole, and hold that many rows."""
    return SectionCoverage(Status.OK, count_rows(SECTION, logs))
