"""The same events from the organization's view of AWS Health, filed under every account that they concern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.health.events import (
    PAGE,
    batches,
    current,
    event_row,
    named,
    note_failures,
    since,
)
from a360_pipeline.sections.model import AccountRows, Row, Window


class Told(NamedTuple):
    """An event and whom it is about; a public event is about no account."""

    arn: str
    account_id: str | None

    @property
    def as_filter(self) -> dict[str, str]:
        return {"eventArn": self.arn, **({"awsAccountId": self.account_id} if self.account_id else {})}


def collect_members(aws: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
    """Health DescribeEventsForOrganization and DescribeAffectedAccountsForOrganization of each event, then
    DescribeEventDetailsForOrganization and DescribeAffectedEntitiesForOrganization of ten at a time.

    A public event concerns every account, as in what each account is told itself.
    """
    ids = [account.id for account in accounts]
    events = current(aws, "describe_events_for_organization", {"lastUpdatedTime": since(window)})
    told: list[Told] = []
    for arn, event in events.items():
        with aws.part(f"accounts of {arn}"):
            told += _told(aws, event, ids)
    details: dict[Told, Row] = {}
    entities: dict[Told, list[Row]] = {}
    for batch in batches(told):
        with aws.part(f"details of {named([each.arn for each in batch])}"):
            details |= _details(aws, batch)
    # Health names no entities of a public event: it is about whoever uses the service.
    for batch in batches([each for each in told if each.account_id]):
        with aws.part(f"entities of {named([each.arn for each in batch])}"):
            entities |= _entities(aws, batch)
    return {account_id: _rows_of(account_id, told, events, details, entities) for account_id in ids}


def _told(aws: AccountSession, event: Row, ids: Sequence[str]) -> list[Told]:
    if event.get("eventScopeCode") == "PUBLIC":
        return [Told(event["arn"], None)]
    affected = aws.pages(
        "health",
        "describe_affected_accounts_for_organization",
        "affectedAccounts",
        eventArn=event["arn"],
        maxResults=PAGE,
    )
    return [Told(event["arn"], account_id) for account_id in affected if account_id in ids]


def _details(aws: AccountSession, batch: Sequence[Told]) -> dict[Told, Row]:
    filters = [each.as_filter for each in batch]
    answer = aws.call("health", "describe_event_details_for_organization", organizationEventDetailFilters=filters)
    note_failures(aws, answer)
    return {Told(each["event"]["arn"], each.get("awsAccountId")): each for each in answer.get("successfulSet", ())}


def _entities(aws: AccountSession, batch: Sequence[Told]) -> dict[Told, list[Row]]:
    found: dict[Told, list[Row]] = {each: [] for each in batch}
    for answer in aws.answers(
        "health",
        "describe_affected_entities_for_organization",
        organizationEntityAccountFilters=[each.as_filter for each in batch],
        maxResults=PAGE,
    ):
        note_failures(aws, answer)
        for entity in answer.get("entities", ()):
            found[Told(entity["eventArn"], entity["awsAccountId"])].append(entity)
    return found


def _rows_of(
    account_id: str,
    told: Sequence[Told],
    events: Mapping[str, Row],
    details: Mapping[Told, Row],
    entities: Mapping[Told, list[Row]],
) -> list[Row]:
    return [
        event_row(events[each.arn], details.get(each, {}), entities.get(each))
        for each in told
        if each.account_id in (None, account_id)
    ]
