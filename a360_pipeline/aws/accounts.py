"""The accounts to collect, with their attributes and the regions they have enabled, and those that are skipped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from a360_pipeline.aws.accounts_file import read_accounts_file
from a360_pipeline.aws.units import Units
from a360_pipeline.settings import Selection, Settings, SettingsError

if TYPE_CHECKING:
    from a360_pipeline.aws.sessions import AccountSession, Sessions

ENABLED = ("ENABLED", "ENABLED_BY_DEFAULT")
AT_REST = ("SUSPENDED", "CLOSED", "PENDING_ACTIVATION")
"""States in which nobody can assume a role of an account."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as AWS Organizations or the accounts file describes it; what neither says is None.

    `regions` maps each region to whether it is enabled; where `regions_listed`, a file names those to collect.
    `payer` is who is asked about cost, where no ARN says who pays.
    """

    id: str
    name: str | None
    email: str | None = None
    arn: str | None = None
    status: str | None = None
    joined_method: str | None = None
    joined_timestamp: dt.datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)
    customer: str | None = None
    partner: str | None = None
    product: str | None = None
    category: str | None = None
    environment: str | None = None
    payer: str | None = None
    regions: dict[str, bool] = field(default_factory=dict)
    regions_listed: bool = False

    def wanted_regions(self, wanted: tuple[str, ...]) -> dict[str, bool]:
        """The regions to collect: those wished for, enabled or not, or else all that are enabled.

        Of regions that a file lists, those wished for; no other is looked at.
        """
        if wanted and not self.regions_listed:
            return {region: self.regions.get(region, False) for region in wanted}
        return {region: True for region, enabled in self.regions.items() if enabled and region in (wanted or (region,))}


@dataclass(frozen=True, slots=True)
class Skipped:
    """An account that is there and is not collected, with the reason."""

    id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Discovered:
    """Every account there is: those to collect, in the order of their ids, and those that are not."""

    accounts: list[Account]
    skipped: list[Skipped] = field(default_factory=list)


def payer_of(accounts: Iterable[Account]) -> str | None:
    """The account that pays for all: the management account, which each ARN names, or who is asked in its place."""
    return next((one.payer or str(one.arn).split(":")[4] for one in accounts if one.payer or one.arn), None)


def discover(sessions: Sessions, settings: Settings) -> Discovered:
    """The accounts that the settings select: of a file if they name one, or else of the organization.

    Raises SettingsError where they cannot be meant, and botocore's ClientError as `discover_organization` does.
    """
    if settings.accounts_file is not None:
        return Discovered(accounts_of_file(sessions, settings))
    return discover_organization(sessions.hub(), settings.selection)


def accounts_of_file(sessions: Sessions, settings: Settings, wanted: Iterable[str] = ()) -> list[Account]:
    """The accounts of the settings' file, or the wanted ones among them; each is asked for regions it does not list.

    Operations: STS GetCallerIdentity; account ListRegions, asked of the account itself: whoever has a file may have
    no organization.
    """
    assert settings.accounts_file is not None  # noqa: S101 - whoever calls this has looked
    chosen = set(wanted)
    payer = sessions.own_id()
    listed = [one for one in read_accounts_file(settings.accounts_file) if not chosen or one.id in chosen]
    return [
        Account(
            id=one.id,
            name=one.name,
            customer=one.customer,
            partner=one.partner,
            product=one.product,
            category=one.category,
            environment=one.environment,
            payer=payer,
            regions=dict.fromkeys(one.regions, True) if one.regions else regions_now(sessions, one.id),
            regions_listed=bool(one.regions),
        )
        for one in sorted(listed, key=lambda one: one.id)
    ]


def discover_accounts(hub: AccountSession) -> list[Account]:
    """Every account of the organization that is at work, whatever the settings select of them."""
    return discover_organization(hub, Selection()).accounts


def discover_organization(hub: AccountSession, selection: Selection) -> Discovered:
    """Every account of the organization, asked of the management account or its delegate.

    Operations: organizations ListAccounts, DescribeOrganization, ListTagsForResource, and those of Units where
    organizational units are chosen; account ListRegions.
    Raises botocore's ClientError: an organization that cannot be read is no empty organization. Raises
    SettingsError where a unit is not there, or nothing is left to collect.
    """
    described = sorted(hub.pages("organizations", "list_accounts", "Accounts"), key=lambda each: str(each["Id"]))
    management = hub.call("organizations", "describe_organization")["Organization"]["MasterAccountId"]
    reasons = dict(_not_meant(hub, selection, described))
    tags = {each["Id"]: _tags(hub, each["Id"]) for each in described if each["Id"] not in reasons}
    for account_id, own in tags.items():
        lacking = _lacking(selection.tags, own)
        if lacking:
            reasons[account_id] = lacking
    accounts = [
        Account(
            id=each["Id"],
            name=each["Name"],
            email=each.get("Email"),
            arn=each.get("Arn"),
            status=_state(each),
            joined_method=each.get("JoinedMethod"),
            joined_timestamp=each.get("JoinedTimestamp"),
            tags=tags[each["Id"]],
            regions=_regions(hub, each["Id"], management),
            **_attributes(selection, tags[each["Id"]]),
        )
        for each in described
        if each["Id"] not in reasons
    ]
    if not accounts:
        raise SettingsError(f"none of the {len(described)} accounts of the organization is selected: {selection.said}")
    names = {each["Id"]: each["Name"] for each in described}
    return Discovered(accounts, [Skipped(one, names[one], reason) for one, reason in reasons.items()])


def _state(described: Mapping[str, Any]) -> str:
    # AWS gives both for now, and has announced the end of Status.
    state: str = described.get("State") or described["Status"]
    return state


def _not_meant(
    hub: AccountSession, selection: Selection, described: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """The accounts that are out before anything is asked about them, each with the reason."""
    units = Units(hub)
    included = units.members(selection.include_ous, "A360_INCLUDE_OUS")
    excluded = units.members(selection.exclude_ous, "A360_EXCLUDE_OUS")
    for each in described:
        account_id, state = each["Id"], _state(each)
        if state in AT_REST:
            yield account_id, f"its state is {state}"
        elif account_id in excluded:
            yield account_id, f"it is in {excluded[account_id]}, which A360_EXCLUDE_OUS names"
        elif selection.include_ous and account_id not in included:
            yield account_id, "it is in no unit that A360_INCLUDE_OUS names"


def _tags(hub: AccountSession, account_id: str) -> dict[str, str]:
    tags = hub.pages("organizations", "list_tags_for_resource", "Tags", ResourceId=account_id)
    return {tag["Key"]: tag["Value"] for tag in tags}


def _attributes(selection: Selection, tags: Mapping[str, str]) -> dict[str, Any]:
    return {name: tags.get(tag) or None for name, tag in selection.attribute_tags.items()}


def _lacking(wanted: Mapping[str, str], tags: Mapping[str, str]) -> str:
    """The first tag that is not as wanted; empty where all are."""
    for key, value in wanted.items():
        if key not in tags:
            return f"it has no tag {key}, where A360_ACCOUNT_TAGS wants {value}"
        if tags[key] != value:
            return f"its tag {key} is {tags[key]}, where A360_ACCOUNT_TAGS wants {value}"
    return ""


def regions_now(sessions: Sessions, account_id: str) -> dict[str, bool]:
    """Account ListRegions, asked of the account itself: which regions it has enabled by now. Raises ClientError."""
    return _enabled(sessions.account(account_id))


def name_now(sessions: Sessions, account_id: str) -> str | None:
    """Account GetAccountInformation, asked of the account itself: what it is called. Raises ClientError."""
    name: str | None = sessions.account(account_id).call("account", "get_account_information").get("AccountName")
    return name


def _regions(hub: AccountSession, account_id: str, management_id: str) -> dict[str, bool]:
    # The Account API refuses AccountId when it names the caller's own account.
    return _enabled(hub, **({} if account_id == management_id else {"AccountId": account_id}))


def _enabled(aws: AccountSession, **whose: str) -> dict[str, bool]:
    regions = aws.pages("account", "list_regions", "Regions", **whose)
    return {region["RegionName"]: region["RegionOptStatus"] in ENABLED for region in regions}


_LISTING = TypeAdapter(Discovered)


def discovered_to_json(discovered: Discovered) -> bytes:
    return _LISTING.dump_json(discovered)


def discovered_from_json(body: bytes) -> Discovered:
    """Raises ValueError when the bytes are no listing of accounts."""
    return _LISTING.validate_json(body)
