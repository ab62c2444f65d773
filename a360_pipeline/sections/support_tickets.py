"""Section `support_tickets`: cases that an account opened with AWS Support."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from a360_pipeline.sections.model import Column, History, Kept, Payload, Row, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT, elements


def _tickets(payload: Payload) -> Iterable[Row]:
    """The cases of either shape: a list of them, or an object around it that tells the period once (R40)."""
    if isinstance(payload, list):
        return payload
    if payload.get("tickets") is None:
        raise TypeError("it has no tickets")
    period = {name: payload.get(name) for name in ("date_from", "date_to")}
    return [
        {**ticket, **{name: day for name, day in period.items() if ticket.get(name) is None}}
        if isinstance(ticket, Mapping)
        else ticket
        for ticket in elements(payload["tickets"])
    ]


SUPPORT_TICKETS = Table(
    "support_tickets",
    "Cases with AWS Support, as they were last told of.",
    columns=(
        ACCOUNT,
        Column("case_id", Type.TEXT),
        Column("display_id", Type.TEXT),
        Column("subject", Type.TEXT),
        Column("status", Type.TEXT, "Such as opened, pending-customer-action or resolved."),
        Column("severity_code", Type.TEXT),
        Column("service_code", Type.TEXT),
        Column("category_code", Type.TEXT),
        Column("time_created", Type.TIMESTAMPTZ),
        Column("submitted_by", Type.TEXT),
        Column("language", Type.TEXT),
        Column(
            "date_from", Type.DATE, "The period whose cases were asked for when it was last told of.", is_volatile=True
        ),
        Column("date_to", Type.DATE, "Exclusive.", is_volatile=True),
    ),
    key=("case_id",),
    # Support forgets old cases and senders ask for a period's: a case ends by its status, not by not being listed.
    kept=Kept.DELTA,
    rows=_tickets,
    # It is how many tickets there are.
    ignored=("total_tickets",),
)

SECTION = Section(
    name="support_tickets",
    title="Support cases",
    wire="support_tickets",
    scope=Scope.ACCOUNT,
    history=History.SNAPSHOT,
    operations=(),
    tables=(SUPPORT_TICKETS,),
    parts=("tickets",),
    status_field="support_tickets",
)
