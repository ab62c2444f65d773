"""Puts the facts of an organization together: which account has what, and which gaps are planned."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from a360_pipeline.sandbox.facts import accounts, keys, machines
from a360_pipeline.sandbox.facts.chance import chance
from a360_pipeline.sandbox.facts.model import Account, Gap, Key, Region, Sizes

DENIED_ACCOUNT = 2
DENIED_ACTIONS = ("ssm:*",)
DISABLED_ACCOUNT = 3
"""Places of the two accounts with a planned gap; a smaller organization goes without."""
SUSPENDED_PLACE = 9_993
"""Beyond every organization that somebody asks for."""
SUSPENDED_NAME = "tracking-legacy"
OWNER = "platform team"
SETTLED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""What was made, joined or installed was so by then: a sandbox started on another day says the same of it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What all accounts of one organization are drawn from."""

    seed: int
    organization_id: str
    regions: tuple[str, ...]
    now: dt.datetime
    sizes: Sizes

    @property
    def settled(self) -> dt.datetime:
        """`SETTLED`, for an organization as of an earlier day that day."""
        return min(self.now, SETTLED)

    def account(self, index: int) -> Account:
        """The account at a place of the organization; no other place changes it."""
        account_id = accounts.account_id(self.seed, index)
        management_id = accounts.account_id(self.seed, 0)
        name = accounts.profile(index).name
        disabled = frozenset(self.regions[1:2]) if index == DISABLED_ACCOUNT else frozenset()
        enabled = tuple(region for region in self.regions if region not in disabled)
        shared = keys.multi_region_keys(self.seed, account_id, enabled, self.settled) if index == 0 else {}
        return Account(
            id=account_id,
            name=name,
            email=f"aws+{name}@{accounts.DOMAIN}",
            arn=f"arn:aws:organizations::{management_id}:account/{self.organization_id}/{account_id}",
            status="ACTIVE",
            joined_method="CREATED" if index % 3 else "INVITED",
            joined_timestamp=accounts.joined(self.seed, index, self.settled),
            tags=accounts.tags(self.seed, index),
            contact_info=accounts.contact(self.seed, index),
            alternate_contacts=accounts.alternate_contacts(self.seed, index),
            opt_status=accounts.opt_status(self.regions, disabled),
            regions=tuple(
                self._region(account_id, region, shared.get(region), full=(index, place) == (0, 0))
                for place, region in enumerate(enabled)
            ),
            denied=DENIED_ACTIONS if index == DENIED_ACCOUNT else (),
        )

    def suspended(self) -> Account:
        """An account that somebody closed, which Organizations lists for some months more."""
        made = replace(self, regions=()).account(SUSPENDED_PLACE)
        email = f"aws+{SUSPENDED_NAME}@{accounts.DOMAIN}"
        return replace(made, name=SUSPENDED_NAME, email=email, status="SUSPENDED")

    def gaps(self, made: tuple[Account, ...]) -> tuple[Gap, ...]:
        """The planned gaps of those accounts, each accepted for a year."""
        expires = self.now.date() + dt.timedelta(days=365)
        policy = "a service control policy denies Systems Manager here"
        opt_in = "this account has not enabled the region"
        return (
            *(
                Gap(account.id, "*", "inventory", "scp_denied", OWNER, policy, expires)
                for account in made[DENIED_ACCOUNT : DENIED_ACCOUNT + 1]
            ),
            *(
                Gap(account.id, region, "*", "region_disabled", OWNER, opt_in, expires)
                for account in made[DISABLED_ACCOUNT : DISABLED_ACCOUNT + 1]
                for region in self.regions[1:2]
            ),
        )

    def _region(self, account_id: str, name: str, shared: Key | None, *, full: bool) -> Region:
        rng = chance(self.seed, account_id, name, "sizes")
        most = self.sizes
        key_count = most.keys if full else rng.randint(most.keys // 4, most.keys // 2)
        instance_count = most.instances if full else rng.randint(most.instances * 3 // 4, most.instances)
        own = keys.keys(self.seed, account_id, name, key_count, self.settled, self.now)
        instances = machines.instances(self.seed, account_id, name, instance_count, self.settled, self.now)
        return Region(
            name=name,
            kms_keys=(*own, shared) if shared else own,
            instances=instances,
            applications=tuple(
                application
                for instance in instances
                for application in machines.applications(self.seed, instance, most.applications, self.settled)
            ),
            patches=tuple(
                patch
                for instance in instances
                for patch in machines.patches(self.seed, instance, most.patches, self.settled)
            ),
        )
