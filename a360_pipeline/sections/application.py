"""Section `application`: services that CloudWatch Application Signals watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from a360_pipeline.sections.model import Column, History, Payload, Row, Scope, Section, Table, Type, whole
from a360_pipeline.sections.shapes import ACCOUNT


def _services(payload: Payload) -> Iterator[Row]:
    """The services, each with its key attributes as one text as well."""
    rows: Iterable[Any] = whole(payload)
    for row in rows:
        attributes = row.get("key_attributes") if isinstance(row, Mapping) else None
        if isinstance(attributes, Mapping):
            text = ",".join(f"{name}={value}" for name, value in sorted(attributes.items()))
            yield {**row, "service_key": text}
        else:
            yield row


APPLICATION_SIGNALS = Table(
    "application_signals",
    "Services of CloudWatch Application Signals.",
    columns=(
        ACCOUNT,
        Column("service_name", Type.TEXT),
        Column("namespace", Type.TEXT, "The namespace of its metrics."),
        Column("key_attributes", Type.JSONB, "What tells it from others: Type, Name, Environment and the like."),
        Column("service_key", Type.TEXT, "The key attributes as text, sorted by name."),
        Column("attribute_map", Type.JSONB),
        Column("metric_references", Type.JSONB),
    ),
    # A name alone is not unique: the same service runs in several environments. What AWS knows a service by is its
    # key attributes; the name is there for senders that leave them out, and the namespace follows from them.
    key=("account_id", "service_name", "service_key"),
    rows=_services,
    stamps=("created_at",),
)

SECTION = Section(
    name="application",
    title="Application Signals services",
    wire="application",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(APPLICATION_SIGNALS,),
    status_field="application",
)
