"""Section `application`: services that CloudWatch Application Signals watches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import (
    Column,
    History,
    Operation,
    Payload,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
    whole,
)
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
        Column("namespace", Type.TEXT, "The namespace of its metrics; null where it has none."),
        Column("key_attributes", Type.JSONB, "What tells it from others: Type, Name, Environment and the like."),
        Column("service_key", Type.TEXT, "The key attributes as text, sorted by name."),
        Column("attribute_map", Type.JSONB, "Its attributes in one object; of a name that stands twice, the first."),
        Column("metric_references", Type.JSONB),
        Column("attribute_maps", Type.JSONB, "Its attributes as AWS groups them: by platform, application, telemetry."),
        Column("service_groups", Type.JSONB, "The groups that it is in."),
    ),
    # A name alone is not unique: the same service runs in several environments. What AWS knows a service by is its
    # key attributes; the name is there for senders that leave them out, and the namespace follows from them.
    key=("account_id", "service_name", "service_key"),
    rows=_services,
    stamps=("created_at",),
)


def collect(aws: AccountSession, window: Window) -> Payload:
    """Application Signals ListServices: those that it saw in the window."""
    start, end = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (window.start, window.end))
    listed = aws.pages("application-signals", "list_services", "ServiceSummaries", StartTime=start, EndTime=end)
    return [_service(service) for service in listed]


def _service(service: Mapping[str, Any]) -> Row:
    maps: Sequence[Mapping[str, str]] = service.get("AttributeMaps", ())
    metrics: Sequence[Mapping[str, Any]] = service["MetricReferences"]
    return {
        "service_name": service["KeyAttributes"].get("Name"),
        "namespace": next((metric["Namespace"] for metric in metrics), None),
        "key_attributes": service["KeyAttributes"],
        "attribute_map": {name: value for each in reversed(maps) for name, value in each.items()},
        "metric_references": list(metrics),
        "attribute_maps": list(maps),
        "service_groups": service.get("ServiceGroups", []),
    }


SECTION = Section(
    name="application",
    title="Application Signals services",
    wire="application",
    scope=Scope.REGION,
    history=History.EXACT,
    operations=(Operation("application-signals", "ListServices"),),
    tables=(APPLICATION_SIGNALS,),
    collect=collect,
    status_field="application",
)
