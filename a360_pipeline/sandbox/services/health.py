"""What AWS Health answers about events: to the account that they concern, and in the organization's view."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.errors import denied, not_served
from a360_pipeline.sandbox.facts import events
from a360_pipeline.sandbox.facts.chance import chance
from a360_pipeline.sandbox.facts.events import Entity, Event
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

SHORT, LONG = (
    Paging(
        default=most,
        most=most,
        invalid="InvalidPaginationToken",
        cursor="nextToken",
        next_cursor="nextToken",
        size="maxResults",
    )
    for most in (3, 10)
)
"""AWS gives up to 100 events, accounts or entities a page."""
EVENT_MEMBERS = {
    "arn": "arn",
    "service": "service",
    "eventTypeCode": "event_type_code",
    "eventTypeCategory": "event_type_category",
    "region": "region",
    "startTime": "start_time",
    "endTime": "end_time",
    "lastUpdatedTime": "last_updated_time",
    "statusCode": "status_code",
    "eventScopeCode": "event_scope_code",
    "actionability": "actionability",
}
ENTITY_MEMBERS = {
    "entityValue": "value",
    "entityArn": "arn",
    "statusCode": "status",
    "lastUpdatedTime": "last_updated_time",
}


def _events(organization: Organization, account_id: str) -> dict[str, Event]:
    """The events that an account is told of, by ARN, the latest first: others' accounts are told of fewer."""
    most, seed, now = organization.sizes.others, organization.seed, organization.now
    is_first = account_id == organization.management.id
    public = max(1, most // 4)
    own = most - public
    if not is_first:
        own = chance(seed, account_id, "events").randint(-(-own // 3), -(-own // 2))
    machines = tuple(
        (region.name, next((one.instance_id for one in region.instances if one.name is None), "UNKNOWN"))
        for region in organization.by_id[account_id].regions
    )
    told = [
        *events.public_events(seed, public, organization.region_names, now),
        *events.own_events(seed, account_id, own, machines, most if is_first else 2, now),
    ]
    return {event.arn: event for event in sorted(told, key=lambda event: event.last_updated_time, reverse=True)}


def describe_events(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    found = _chosen(_events(organization, caller.account_id), params.get("filter", {}))
    page, more = SHORT.page(caller, params, found)
    return {"events": [_listed(event) for event in page]} | more


def _chosen(told: Mapping[str, Event], chosen: Params) -> list[Event]:
    beyond = chosen.keys() - {"eventStatusCodes", "lastUpdatedTimes", "lastUpdatedTime"}
    if beyond:
        raise not_served(f"{', '.join(sorted(beyond))} in a filter of health:DescribeEvents")
    ranges = chosen.get("lastUpdatedTimes") or [chosen.get("lastUpdatedTime", {})]
    return [
        event
        for event in told.values()
        if event.status_code in chosen.get("eventStatusCodes", (event.status_code,))
        and any(_within(event.last_updated_time, each) for each in ranges)
    ]


def _within(instant: dt.datetime, times: Params) -> bool:
    first, last = (_utc(times.get(name, instant)) for name in ("from", "to"))
    return first <= instant <= last


def _utc(instant: dt.datetime) -> dt.datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)


def _listed(event: Event) -> dict[str, Any]:
    described = members(event, EVENT_MEMBERS)
    return described | ({"personas": ["OPERATIONS"]} if event.actionability else {})


def _detailed(event: Event) -> dict[str, Any]:
    zone = {"availabilityZone": event.availability_zone} if event.availability_zone else {}
    return {
        "event": _listed(event) | zone,
        "eventDescription": {"latestDescription": event.description},
        "eventMetadata": dict(event.metadata),
    }


def describe_event_details(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    told = _events(organization, caller.account_id)
    return {
        "successfulSet": [_detailed(told[arn]) for arn in params["eventArns"] if arn in told],
        "failedSet": [_unknown({"eventArn": arn}) for arn in params["eventArns"] if arn not in told],
    }


def _unknown(asked: Params) -> dict[str, str]:
    return {**asked, "errorName": "InvalidEventArn", "errorMessage": "We couldn't find an event for your request."}


def describe_affected_entities(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    beyond = params["filter"].keys() - {"eventArns"}
    if beyond:
        raise not_served(f"{', '.join(sorted(beyond))} in a filter of health:DescribeAffectedEntities")
    told = _events(organization, caller.account_id)
    found = [
        _entity(told[arn], entity, caller.account_id)
        for arn in params["filter"]["eventArns"]
        if arn in told
        for entity in told[arn].entities
    ]
    page, more = LONG.page(caller, params, found)
    return {"entities": page} | more


def _entity(event: Event, entity: Entity, account_id: str) -> dict[str, Any]:
    return {**members(entity, ENTITY_MEMBERS), "eventArn": event.arn, "awsAccountId": account_id}


def _of_everybody(organization: Organization, caller: Caller, operation: str) -> dict[str, dict[str, Event]]:
    """The events of every account, by account. Raises AwsError where the caller has no organization's view."""
    if caller.account_id != organization.management.id:
        raise denied("json", caller.arn, f"health:{operation}", "because it has no view of the organization")
    return {account.id: _events(organization, account.id) for account in organization.accounts}


def describe_events_for_organization(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    everybody = _of_everybody(organization, caller, "DescribeEventsForOrganization")
    told = {arn: event for own in everybody.values() for arn, event in own.items()}
    page, more = SHORT.page(caller, params, _chosen(told, params.get("filter", {})))
    return {"events": [_listed(event) for event in page]} | more


def describe_affected_accounts(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    everybody = _of_everybody(organization, caller, "DescribeAffectedAccountsForOrganization")
    found = [
        (account_id, own[params["eventArn"]]) for account_id, own in everybody.items() if params["eventArn"] in own
    ]
    scope = found[0][1].event_scope_code if found else "NONE"
    affected = [account_id for account_id, event in found if event.event_scope_code == "ACCOUNT_SPECIFIC"]
    page, more = SHORT.page(caller, params, affected)
    return {"affectedAccounts": page, "eventScopeCode": scope} | more


def describe_details_for_organization(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    everybody = _of_everybody(organization, caller, "DescribeEventDetailsForOrganization")
    good: list[dict[str, Any]] = []
    bad: list[dict[str, str]] = []
    for asked in params["organizationEventDetailFilters"]:
        account_id = asked.get("awsAccountId")
        event = everybody.get(account_id or caller.account_id, {}).get(asked["eventArn"])
        if event is None or (event.event_scope_code == "PUBLIC") is (account_id is not None):
            bad.append(_unknown(asked))
        else:
            good.append(_detailed(event) | ({"awsAccountId": account_id} if account_id else {}))
    return {"successfulSet": good, "failedSet": bad}


def describe_entities_for_organization(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    everybody = _of_everybody(organization, caller, "DescribeAffectedEntitiesForOrganization")
    wanted: Sequence[Params] = params["organizationEntityAccountFilters"]
    found = [
        _entity(event, entity, asked["awsAccountId"])
        for asked in wanted
        for event in _asked(everybody, asked)
        for entity in event.entities
    ]
    page, more = LONG.page(caller, params, found)
    return {"entities": page, "failedSet": [_unknown(asked) for asked in wanted if not _asked(everybody, asked)]} | more


def _asked(everybody: Mapping[str, Mapping[str, Event]], asked: Params) -> list[Event]:
    event = everybody.get(asked.get("awsAccountId", ""), {}).get(asked["eventArn"])
    return [event] if event else []


def _told(organization: Organization, account_id: str, region: str) -> Iterator[Event]:
    """What a collector must know of: all but what was over long ago."""
    lately = organization.now - dt.timedelta(days=7)
    for event in _events(organization, account_id).values() if region == GLOBAL else ():
        if event.status_code != "closed" or event.last_updated_time >= lately:
            yield event


def events_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `health_events`."""
    columns = (*EVENT_MEMBERS.values(), "availability_zone", "description")
    return [
        {name: getattr(event, name) for name in columns} | {"metadata": dict(event.metadata)}
        for event in _told(organization, account_id, region)
    ]


def entities_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `health_affected_entities`."""
    return [
        {
            "health_event_id.arn": event.arn,
            "entity_value": entity.value,
            "entity_arn": entity.arn,
            "status_code": entity.status,
            "last_updated_time": entity.last_updated_time,
        }
        for event in _told(organization, account_id, region)
        for entity in event.entities
    ]


ANSWERS = {
    ("health", "DescribeEvents"): describe_events,
    ("health", "DescribeEventDetails"): describe_event_details,
    ("health", "DescribeAffectedEntities"): describe_affected_entities,
    ("health", "DescribeEventsForOrganization"): describe_events_for_organization,
    ("health", "DescribeAffectedAccountsForOrganization"): describe_affected_accounts,
    ("health", "DescribeEventDetailsForOrganization"): describe_details_for_organization,
    ("health", "DescribeAffectedEntitiesForOrganization"): describe_entities_for_organization,
}

TRUTH = {"health_events": events_truth, "health_affected_entities": entities_truth}
