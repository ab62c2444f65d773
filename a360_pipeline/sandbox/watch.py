"""Who watches over whom: the security services have one administrator account for the whole organization."""

from __future__ import annotations

from a360_pipeline.sandbox.facts.assembly import SETTLED
from a360_pipeline.sandbox.facts.chance import chance
from a360_pipeline.sandbox.facts.findings import Place
from a360_pipeline.sandbox.facts.model import Account
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization


def administrator(organization: Organization) -> Account:
    """The delegated administrator: the second account; of an organization of one account that one."""
    return organization.accounts[min(1, len(organization.accounts) - 1)]


def accounts_seen(organization: Organization, caller: Caller, region: str) -> list[Account]:
    """Those whose findings a caller is told of in a region: its own, an administrator all that have the region."""
    is_administrator = caller.account_id == administrator(organization).id
    return [
        account
        for account in organization.accounts
        if (is_administrator or account.id == caller.account_id) and organization.region_enabled(account.id, region)
    ]


def members_of(organization: Organization, caller: Caller) -> list[Account]:
    """Whom the caller administers in the region: nobody, unless it is the administrator."""
    return [seen for seen in accounts_seen(organization, caller, caller.region) if seen.id != caller.account_id]


def place_of(organization: Organization, account_id: str, region: str) -> Place:
    """Where findings are drawn for: the first region of the first account has as many as sizes say, others fewer."""
    first = organization.management
    most = organization.sizes.others
    full = (account_id, region) == (first.id, first.regions[0].name)
    fewer = chance(organization.seed, account_id, region, "findings").randint(-(-most // 4), -(-most // 2))
    instances = organization.region(account_id, region).instances
    return Place(
        seed=organization.seed,
        account_id=account_id,
        region=region,
        count=most if full else fewer,
        settled=min(organization.now, SETTLED),
        now=organization.now,
        machines=tuple(each.instance_id for each in instances if each.instance_type == "EC2Instance"),
    )
