"""Events of AWS Health as the account itself sees them, each with its description and what it affects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status, Unavailable
from a360_pipeline.sections.model import Payload, Row, Window

T = TypeVar("T")
PAGE = 100
AT_ONCE = 10
"""Events that Health describes in one call."""
LOOK_BACK = dt.timedelta(days=7)
"""How long before the window closings are asked for: a run that failed must leave no event open for ever."""


def collect(aws: AccountSession, window: Window) -> Payload:
    """Health DescribeEvents, then DescribeEventDetails and DescribeAffectedEntities of ten events at a time."""
    events = current(aws, "describe_events", {"lastUpdatedTimes": [since(window)]})
    details: dict[str, Row] = {}
    entities: dict[str, list[Row]] = {}
    for arns in batches(list(events)):
        with aws.part(f"details of {named(arns)}"):
            answer = aws.call("health", "describe_event_details", eventArns=arns)
            details |= {each["event"]["arn"]: each for each in answer.get("successfulSet", ())}
            note_failures(aws, answer)
        with aws.part(f"entities of {named(arns)}"):
            entities |= _entities(aws, arns)
    return [event_row(event, details.get(arn, {}), entities.get(arn)) for arn, event in events.items()]


def _entities(aws: AccountSession, arns: Sequence[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {arn: [] for arn in arns}
    chosen = {"eventArns": arns}
    for entity in aws.pages("health", "describe_affected_entities", "entities", filter=chosen, maxResults=PAGE):
        found[entity["eventArn"]].append(entity)
    return found


def current(aws: AccountSession, method: str, lately: Row) -> dict[str, Row]:
    """What is open or to come, and what was closed lately, by ARN; `lately` is the filter of the method's own shape."""
    # In this order: what is closed between the two is told by both, and the second is right.
    filters = ({"eventStatusCodes": ["open", "upcoming"]}, {"eventStatusCodes": ["closed"], **lately})
    return {
        event["arn"]: event
        for chosen in filters
        for event in aws.pages("health", method, "events", filter=chosen, maxResults=PAGE)
    }


def since(window: Window) -> dict[str, dt.datetime]:
    """The times within which a closed event must have been updated last, to be told of again."""
    return {"from": dt.datetime.combine(window.start - LOOK_BACK, dt.time(), dt.UTC)}


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items, as many at a time as Health describes at once."""
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))


def named(arns: Sequence[str]) -> str:
    """What a part is called that is about these events."""
    return arns[0] if len(arns) == 1 else f"{arns[0]} and {len(arns) - 1} more"


def note_failures(aws: AccountSession, answer: Row) -> None:
    """What Health could not describe, though it answered: each is a failed part."""
    for failed in answer.get("failedSet", ()):
        with aws.part(f"event {failed.get('eventArn')}"):
            raise Unavailable(Status.PARTIAL, f"{failed.get('errorName')}: {failed.get('errorMessage')}")


def event_row(event: Row, detail: Row, entities: Iterable[Row] | None) -> Row:
    """An event as snapshots have it: as it was listed, then as it was described. None: entities nobody told of."""
    event = {**event, **detail.get("event", {})}
    return {
        "arn": event["arn"],
        "service": event.get("service"),
        "event_type_code": event.get("eventTypeCode"),
        "event_type_category": event.get("eventTypeCategory"),
        "region": event.get("region"),
        "availability_zone": event.get("availabilityZone"),
        "start_time": _instant(event.get("startTime")),
        "end_time": _instant(event.get("endTime")),
        "last_updated_time": _instant(event.get("lastUpdatedTime")),
        "status_code": event.get("statusCode"),
        "event_scope_code": event.get("eventScopeCode"),
        "actionability": event.get("actionability"),
        "personas": event.get("personas"),
        "description": detail.get("eventDescription", {}).get("latestDescription"),
        "metadata": detail.get("eventMetadata"),
        "affected_entities": None if entities is None else [_entity_row(entity) for entity in entities],
    }


def _entity_row(entity: Row) -> Row:
    return {
        "entity_value": entity.get("entityValue"),
        "entity_arn": entity.get("entityArn"),
        "entity_url": entity.get("entityUrl"),
        "status_code": entity.get("statusCode"),
        "last_updated_time": _instant(entity.get("lastUpdatedTime")),
        "metadata": entity.get("entityMetadata"),
    }


def _instant(value: Any) -> str | None:
    return value.isoformat() if isinstance(value, dt.datetime) else None
