"""Section `health`: events of AWS that concern an account, such as outages and planned maintenance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from a360_pipeline.coverage import Status
from a360_pipeline.sections.health.events import collect
from a360_pipeline.sections.health.organization import collect_members
from a360_pipeline.sections.model import (
    Column,
    History,
    Kept,
    Operation,
    Payload,
    Reference,
    Row,
    Scope,
    Section,
    Table,
    Type,
)
from a360_pipeline.sections.shapes import ACCOUNT, elements

HEALTH_EVENTS = Table(
    "health_events",
    "Events of AWS Health, as they were last told of.",
    columns=(
        ACCOUNT,
        Column("arn", Type.TEXT),
        Column("service", Type.TEXT),
        Column("event_type_code", Type.TEXT),
        Column("region", Type.TEXT, "Where it happens; `global` for what has no region."),
        Column("start_time", Type.TIMESTAMPTZ),
        Column("end_time", Type.TIMESTAMPTZ),
        Column("status_code", Type.TEXT, "open, upcoming or closed."),
        Column("event_type_category", Type.TEXT, "Such as issue or scheduledChange."),
        Column("availability_zone", Type.TEXT),
        Column("event_scope_code", Type.TEXT, "PUBLIC or ACCOUNT_SPECIFIC."),
        Column("last_updated_time", Type.TIMESTAMPTZ),
        Column("actionability", Type.TEXT, "ACTION_REQUIRED, ACTION_MAY_BE_REQUIRED or INFORMATIONAL."),
        Column("personas", Type.JSONB, "Whom it is for: OPERATIONS, SECURITY, BILLING."),
        Column("description", Type.TEXT, "What AWS last wrote about it."),
        Column("metadata", Type.JSONB, "What else AWS says of events of this type, by name."),
    ),
    # A public event has one ARN for all accounts.
    key=("account_id", "arn"),
    kept=Kept.DELTA,
    # They have a table of their own.
    ignored=("affected_entities",),
    stamps=("created_at",),
)


def _entities(events: Payload) -> Iterator[Row]:
    for event in elements(events):
        if isinstance(event, Mapping):
            yield from _of_event(event)


def _of_event(event: Row) -> Iterable[Row]:
    for entity in elements(event.get("affected_entities")):
        yield {**entity, "event_arn": event.get("arn")} if isinstance(entity, Mapping) else entity


HEALTH_AFFECTED_ENTITIES = Table(
    "health_affected_entities",
    "What an event of AWS Health affects in its account: mostly resources.",
    columns=(
        Reference("health_event_id", "health_events", on=(("arn", "event_arn"),)),
        Column("entity_value", Type.TEXT, "Such as the id of an instance; UNKNOWN or AWS_ACCOUNT for more than one."),
        Column("entity_arn", Type.TEXT, "How AWS Health names it; it is no ARN of the resource."),
        Column("entity_url", Type.TEXT),
        Column("status_code", Type.TEXT, "IMPAIRED, UNIMPAIRED, UNKNOWN, PENDING or RESOLVED."),
        Column("last_updated_time", Type.TIMESTAMPTZ),
        Column("metadata", Type.JSONB),
    ),
    key=("health_event_id", "entity_value", "entity_arn"),
    kept=Kept.DELTA,
    rows=_entities,
)

SECTION = Section(
    name="health",
    title="Health events",
    wire="health",
    scope=Scope.ACCOUNT,
    history=History.SNAPSHOT,
    operations=(
        Operation("health", "DescribeEvents"),
        Operation("health", "DescribeEventDetails"),
        Operation("health", "DescribeAffectedEntities"),
        Operation("health", "DescribeEventsForOrganization"),
        Operation("health", "DescribeAffectedAccountsForOrganization", also=("organizations:ListAccounts",)),
        Operation("health", "DescribeEventDetailsForOrganization"),
        Operation("health", "DescribeAffectedEntitiesForOrganization"),
    ),
    tables=(HEALTH_EVENTS, HEALTH_AFFECTED_ENTITIES),
    collect=collect,
    collect_members=collect_members,
    errors={"SubscriptionRequiredException": Status.NOT_SUBSCRIBED},
    status_field="health",
)
