"""Marks the gaps that are accepted in the coverage ledger, where they show as accepted ever after."""

from __future__ import annotations

from a360_pipeline.coverage import Cell, Status
from a360_pipeline.gaps import AcceptedGaps
from a360_pipeline.warehouse.connection import Connection


def mark_accepted(connection: Connection, gaps: AcceptedGaps) -> int:
    """Notes owner and reason on every gap that an entry of the file covers; returns how many are newly so."""
    if not gaps.gaps:
        return 0
    open_gaps = connection.execute(
        "SELECT id, account_id, region, section, date, status FROM coverage "
        "WHERE accepted_by IS NULL AND status = ANY (%s::text[])",
        [[str(gap.status) for gap in gaps.gaps]],
    ).fetchall()
    found = [
        (number, gap.owner, gap.reason)
        for number, account, region, section, date, status in open_gaps
        if (gap := gaps.find(Cell(account, region, section, date), Status(status)))
    ]
    if found:
        connection.execute(
            "UPDATE coverage c SET accepted_by = a.owner, accepted_reason = a.reason "
            "FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS a (id, owner, reason) WHERE c.id = a.id",
            [list(column) for column in zip(*found, strict=True)],
        )
    return len(found)
