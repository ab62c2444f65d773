"""Section `logs`: what senders in the field say of their own work: a status per section, and messages.

Snapshots of ours say in `coverage` what was got and what was not. They have `logs` too, drawn from it, for readers
of the field's tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from a360_pipeline.sections.model import (
    Column,
    History,
    Kept,
    Payload,
    Reference,
    Row,
    Scope,
    Section,
    Table,
    Type,
)
from a360_pipeline.sections.shapes import ACCOUNT, elements

REPORTED = (
    "account",
    "cost",
    "service",
    "security",
    "config",
    "inventory",
    "marketplace",
    "trusted_advisor",
    "health",
    "application",
    "resilience_hub",
    "compute_optimizer",
    "ri_sp_savings",
    "service_resources",
    "config_inventory",
    "support_tickets",
)
"""What senders report on. The last five have columns that the field's own receiver lacks (R28)."""

LOGS = Table(
    "logs",
    "What a sender said of each section of a snapshot: Pass or Fail.",
    columns=(
        ACCOUNT,
        Column("date_created", Type.TIMESTAMPTZ, "The day of the snapshot.", field="@date"),
        *(Column(f"{name}_status", Type.TEXT) for name in REPORTED),
        Column("interval", Type.TEXT, "DAILY, WEEKLY, MONTHLY or YEARLY.", field="@interval"),
    ),
    # A month's snapshot is written on the same day as that day's.
    key=("account_id", "date_created", "interval"),
    kept=Kept.DATED,
    # Unpacked, so that a list where the object belongs is refused rather than taken for no log.
    rows=lambda payload: [{**payload}],
    # They have a table of their own.
    ignored=("message",),
)


def _messages(payload: Payload) -> Iterator[Row]:
    """The messages in their order: each is an object that names one section and says what happened."""
    numbers = count(1)
    for message in elements(payload.get("message")):
        if not isinstance(message, Mapping):
            yield message
            continue
        for section, text in message.items():
            yield {"message": text, "message_type": section, "number": next(numbers)}


LOG_MESSAGES = Table(
    "log_messages",
    "What a sender had to say, message by message.",
    columns=(
        Reference("log_id", "logs", on=(("date_created", "@date"), ("interval", "@interval"))),
        Column("message", Type.TEXT),
        Column("message_type", Type.TEXT, "The section it is about."),
        Column("number", Type.BIGINT, "Its place among the snapshot's messages, from 1: two may be alike."),
    ),
    # Not by its kind, of which there may be several (R27).
    key=("log_id", "number"),
    kept=Kept.DATED,
    set_of=("log_id",),
    rows=_messages,
    stamps=("created_at",),
)

SECTION = Section(
    name="logs",
    title="What senders say of their own work",
    wire="logs",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(LOGS, LOG_MESSAGES),
)
