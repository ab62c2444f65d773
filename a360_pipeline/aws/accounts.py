"""The accounts of the organization, with their attributes and the regions they have enabled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from a360_pipeline.aws.sessions import AccountSession, Sessions

ENABLED = ("ENABLED", "ENABLED_BY_DEFAULT")


@dataclass(frozen=True, slots=True)
class Account:
    """An account as AWS Organizations describes it; `regions` maps each region to whether it is enabled."""

    id: str
    name: str
    email: str | None = None
    arn: str | None = None
    status: str | None = None
    joined_method: str | None = None
    joined_timestamp: dt.datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)
    regions: dict[str, bool] = field(default_factory=dict)

    def wanted_regions(self, wanted: tuple[str, ...]) -> dict[str, bool]:
        """The regions to collect: those wished for, enabled or not, or else all that are enabled."""
        if wanted:
            return {region: self.regions.get(region, False) for region in wanted}
        return {region: True for region, enabled in self.regions.items() if enabled}


def payer_of(accounts: Iterable[Account]) -> str | None:
    """The management account, which pays for all: the ARN of each account names it."""
    return next((account.arn.split(":")[4] for account in accounts if account.arn), None)


def discover_accounts(hub: AccountSession) -> list[Account]:
    """Every account that is not suspended, in the order of their ids, asked of the management account.

    Operations: organizations ListAccounts and ListTagsForResource, account ListRegions.
    Raises botocore's ClientError: an organization that cannot be read is no empty organization.
    """
    described = [
        account
        for account in hub.pages("organizations", "list_accounts", "Accounts")
        if account["Status"] != "SUSPENDED"
    ]
    management = hub.call("organizations", "describe_organization")["Organization"]["MasterAccountId"]
    return [
        Account(
            id=account["Id"],
            name=account["Name"],
            email=account.get("Email"),
            arn=account.get("Arn"),
            status=account["Status"],
            joined_method=account.get("JoinedMethod"),
            joined_timestamp=account.get("JoinedTimestamp"),
            tags={
                tag["Key"]: tag["Value"]
                for tag in hub.pages("organizations", "list_tags_for_resource", "Tags", ResourceId=account["Id"])
            },
            regions=_regions(hub, account["Id"], management),
        )
        for account in sorted(described, key=lambda account: str(account["Id"]))
    ]


def regions_now(sessions: Sessions, account_id: str) -> dict[str, bool]:
    """Account ListRegions, asked of the account itself: which regions it has enabled by now. Raises ClientError."""
    return _enabled(sessions.account(account_id))


def _regions(hub: AccountSession, account_id: str, management_id: str) -> dict[str, bool]:
    # The Account API refuses AccountId when it names the caller's own account.
    return _enabled(hub, **({} if account_id == management_id else {"AccountId": account_id}))


def _enabled(aws: AccountSession, **whose: str) -> dict[str, bool]:
    regions = aws.pages("account", "list_regions", "Regions", **whose)
    return {region["RegionName"]: region["RegionOptStatus"] in ENABLED for region in regions}


_LISTING = TypeAdapter(list[Account])


def accounts_to_json(accounts: list[Account]) -> bytes:
    return _LISTING.dump_json(accounts)


def accounts_from_json(body: bytes) -> list[Account]:
    """Raises ValueError when the bytes are no listing of accounts."""
    return _LISTING.validate_json(body)
