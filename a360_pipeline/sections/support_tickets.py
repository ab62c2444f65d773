"""Section `support_tickets`: cases that an account opened with AWS Support."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status
from a360_pipeline.sections.model import (
    Column,
    History,
    Kept,
    Operation,
    Payload,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
)
from a360_pipeline.sections.shapes import ACCOUNT, elements

REMEMBERED = dt.timedelta(days=729)
"""A day less than the 24 months for which Support keeps a case: further back it may answer with an error."""


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
        Column("cc_email_addresses", Type.JSONB, "Who gets copies of what is written about it."),
    ),
    key=("case_id",),
    # Support forgets old cases and senders ask for a period's: a case ends by its status, not by not being listed.
    kept=Kept.DELTA,
    rows=_tickets,
    # It is how many tickets there are.
    ignored=("total_tickets",),
)


def collect(aws: AccountSession, window: Window) -> Payload:
    """Support DescribeCases: every case that Support remembers, open or resolved, without what was written in it."""
    first = window.run_date - REMEMBERED
    period = {"date_from": first.isoformat(), "date_to": (window.run_date + dt.timedelta(days=1)).isoformat()}
    cases = aws.pages(
        "support",
        "describe_cases",
        "cases",
        afterTime=f"{first.isoformat()}T00:00:00Z",
        # A case that is resolved would else stay as it was when it was last open.
        includeResolvedCases=True,
        includeCommunications=False,
        maxResults=100,
    )
    return [{**ticket(case), **period} for case in cases]


def ticket(case: Row) -> Row:
    """A case as snapshots have it. `timeCreated` is text already, in ISO 8601."""
    return {
        "case_id": case["caseId"],
        "display_id": case.get("displayId"),
        "subject": case.get("subject"),
        "status": case.get("status"),
        "severity_code": case.get("severityCode"),
        "service_code": case.get("serviceCode"),
        "category_code": case.get("categoryCode"),
        "time_created": case.get("timeCreated"),
        "submitted_by": case.get("submittedBy"),
        "language": case.get("language"),
        "cc_email_addresses": case.get("ccEmailAddresses"),
    }


SECTION = Section(
    name="support_tickets",
    title="Support cases",
    wire="support_tickets",
    scope=Scope.ACCOUNT,
    history=History.SNAPSHOT,
    operations=(Operation("support", "DescribeCases"),),
    tables=(SUPPORT_TICKETS,),
    collect=collect,
    errors={"SubscriptionRequiredException": Status.NOT_SUBSCRIBED},
    parts=("tickets",),
    status_field="support_tickets",
)
