"""The made-up organization that the sandbox's AWS answers for, and the truth that tests compare with."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cached_property
from types import MappingProxyType
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.facts import assembly, buckets, costs, objects, recorded, resources
from a360_pipeline.sandbox.facts.buckets import Bucket
from a360_pipeline.sandbox.facts.chance import chance, draw
from a360_pipeline.sandbox.facts.listed import Resources
from a360_pipeline.sandbox.facts.model import Account, Gap, Instance, Key, Region, Sizes
from a360_pipeline.sandbox.facts.objects import FILLS, PLACES, Content, Fill, ObjectVersion
from a360_pipeline.sandbox.facts.recorded import Recorded
from a360_pipeline.sandbox.facts.units import Units

ENABLED = ("ENABLED", "ENABLED_BY_DEFAULT")
ALWAYS_ENABLED = "us-east-1"
"""Nobody can disable it: what AWS has once for the world is asked there."""
NOTHING = Region("", (), (), (), ())


@dataclass(frozen=True)
class Organization:
    """All that is true. Equal arguments of `seeded` give equal organizations."""

    seed: int
    now: dt.datetime
    region_names: tuple[str, ...]
    id: str
    accounts: tuple[Account, ...]
    gaps: tuple[Gap, ...]
    sizes: Sizes
    suspended: tuple[Account, ...] = ()
    """Listed like the others, and nobody can assume a role in them."""

    @classmethod
    def seeded(
        cls,
        seed: int = 7,
        accounts: int = 4,
        regions: tuple[str, ...] = ("us-east-1", "eu-central-2"),
        now: dt.datetime | None = None,
        sizes: Sizes | None = None,
    ) -> Organization:
        """An organization drawn from a seed; without `now` as of the last midnight, UTC."""
        if accounts < 1 or not regions:
            raise ValueError("an organization has at least one account and one region")
        at = now or dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        organization_id = f"o-{draw(seed, 'organization'):016x}"[:12]
        most = sizes or Sizes()
        recipe = assembly.Recipe(seed, organization_id, regions, at, most)
        made = tuple(recipe.account(index) for index in range(accounts))
        return cls(seed, at, regions, organization_id, made, recipe.gaps(made), most, (recipe.suspended(),))

    @property
    def management(self) -> Account:
        """The account that pays for all and may ask for all."""
        return self.accounts[0]

    def share(self, account_id: str, region: str, what: str) -> int:
        """How much of `what` the account has: all that the sizes allow in its first place, some in any other.

        `region` is a region, or `Global` for what belongs to none.
        """
        most, first = self.sizes.others, self.accounts[0].id
        if (account_id, region) in ((first, self.region_names[0]), (first, GLOBAL)):
            return most
        return max(1, most // 4 + draw(self.seed, account_id, region, what) % max(1, most // 4))

    @property
    def units(self) -> Units:
        return Units(self.seed)

    @cached_property
    def by_id(self) -> Mapping[str, Account]:
        return MappingProxyType({account.id: account for account in self.accounts})

    def region_enabled(self, account_id: str, region: str) -> bool:
        """Whether the account has enabled the region; a region that it does not list it has not."""
        return region == ALWAYS_ENABLED or dict(self.by_id[account_id].opt_status).get(region) in ENABLED

    def denied_by_policy(self, account_id: str, action: str) -> bool:
        """Whether a service control policy denies the action `service:Operation` in the account."""
        return any(fnmatchcase(action, pattern) for pattern in self.by_id[account_id].denied)

    def region(self, account_id: str, region: str) -> Region:
        """What the account has in the region: nothing where it is not enabled."""
        return self._regions.get((account_id, region), NOTHING)

    def keys(self, account_id: str, region: str) -> Mapping[str, Key]:
        """The account's KMS keys in the region, by id."""
        return self._keys.get((account_id, region), {})

    def instance(self, account_id: str, region: str, instance_id: str) -> Instance | None:
        """The managed instance, if the account has it in the region."""
        return self._instances.get((account_id, region, instance_id))

    def rows_of(self, kind: str, account_id: str, region: str, instance_id: str) -> tuple[Any, ...]:
        """The `applications` or `patches` of one instance."""
        return self._by_instance[kind].get((account_id, region, instance_id), ())

    def resources(self, account_id: str, region: str) -> Resources:
        """What the account runs in the region, as the services list it: nothing where it is not enabled."""
        machines = self.region(account_id, region)
        if machines is NOTHING:
            return Resources()
        known = tuple((m.instance_id, m.platform_type) for m in machines.instances if m.instance_id.startswith("i-"))
        full = (account_id, region) == (self.management.id, self.management.regions[0].name)
        count = self._others(full, account_id, region)
        return resources.resources_at(resources.Place(self.seed, account_id, region, count, self.settled), known)

    def buckets(self, account_id: str) -> tuple[Bucket, ...]:
        """The account's S3 buckets by name, in all the regions that it has enabled."""
        regions = tuple(region.name for region in self.by_id[account_id].regions)
        count = self._others(account_id == self.management.id, account_id, "buckets")
        return buckets.buckets(self.seed, account_id, regions, count, self.settled)

    def objects(self, account_id: str, bucket_name: str, date: dt.date | None = None) -> tuple[ObjectVersion, ...]:
        """All that a bucket holds when the day begins, as S3 lists it; without a day as of now.

        Raises KeyError for a bucket that is none of the organization's.
        """
        return objects.listed(self.content(account_id, bucket_name), date or self.now.date())

    def content(self, account_id: str, bucket_name: str) -> Content:
        """What the bucket's objects are drawn from, for those who read them one by one. Raises KeyError."""
        return self.contents[account_id, bucket_name]

    @cached_property
    def contents(self) -> Mapping[tuple[str, str], Content]:
        """What every bucket's objects are drawn from, by account and bucket."""
        return {
            (account.id, bucket.name): self._content(account, bucket, place)
            for account in self.accounts
            for place, bucket in enumerate(self.buckets(account.id))
        }

    def _content(self, account: Account, bucket: Bucket, place: int) -> Content:
        fill = FILLS[account is self.management].get(place % PLACES, Fill.ORDINARY)
        most = self.sizes.objects
        some = most // 2 + draw(self.seed, bucket.name, "objects") % max(1, most)
        return Content(self.seed, account.id, bucket, fill, most if place == 0 else some, self.settled)

    def recorded(self, account_id: str, region: str) -> tuple[Recorded, ...]:
        """What AWS Config records of the account in the region."""
        place = (account_id, region)
        if place not in self._recorded:
            here, is_home = self.resources(*place), region == self.region_names[0]
            self._recorded[place] = recorded.recorded(
                *place, here, self.buckets(account_id), self.settled, is_home=is_home
            )
        return self._recorded[place]

    @cached_property
    def _recorded(self) -> dict[tuple[str, str], tuple[Recorded, ...]]:
        return {}

    def _others(self, full: bool, *names: str) -> int:
        most = self.sizes.others
        return most if full else chance(self.seed, *names, "others").randint(max(most // 4, 1), max(most // 2, 1))

    @property
    def settled(self) -> dt.datetime:
        """What was made was made by then: an organization of another day says the same of it."""
        return min(self.now, assembly.SETTLED)

    def cost(self, account_id: str, service: str, date: dt.date) -> Decimal:
        """What the account paid for the service on a day, whatever the day; zero for others' accounts."""
        return costs.cost(self.seed, account_id, service, date) if account_id in self.by_id else Decimal(0)

    def truth(self) -> dict[str, Any]:
        """Everything as plain JSON: by account, within it by region, fields named as snapshots name them."""
        return {
            "organization": {
                "id": self.id,
                "seed": self.seed,
                "now": self.now.isoformat(),
                "regions": list(self.region_names),
                "management_account": self.management.id,
                "services": list(costs.SERVICES),
            },
            "accounts": {account.id: _truth_of(account) for account in self.accounts},
            "suspended": [account.id for account in self.suspended],
            "gaps": [_plain(asdict(gap)) for gap in self.gaps],
        }

    def accepted_gaps_toml(self) -> str:
        """The planned gaps as the file in which a team accepts them."""
        tables = ([f"{name} = {_toml(value)}" for name, value in asdict(gap).items()] for gap in self.gaps)
        return "\n".join("\n".join(["[[gap]]", *lines, ""]) for lines in tables)

    @cached_property
    def _regions(self) -> dict[tuple[str, str], Region]:
        return {(account.id, region.name): region for account in self.accounts for region in account.regions}

    @cached_property
    def _keys(self) -> dict[tuple[str, str], dict[str, Key]]:
        return {place: {key.key_id: key for key in region.kms_keys} for place, region in self._regions.items()}

    @cached_property
    def _instances(self) -> dict[tuple[str, str, str], Instance]:
        return {
            (*place, instance.instance_id): instance
            for place, region in self._regions.items()
            for instance in region.instances
        }

    @cached_property
    def _by_instance(self) -> dict[str, dict[tuple[str, str, str], tuple[Any, ...]]]:
        found: dict[str, dict[tuple[str, str, str], tuple[Any, ...]]] = {"applications": {}, "patches": {}}
        for place, region in self._regions.items():
            for kind, rows in (("applications", region.applications), ("patches", region.patches)):
                grouped: dict[str, list[Any]] = {}
                for row in rows:
                    grouped.setdefault(row.instance_id, []).append(row)
                found[kind].update({(*place, instance): tuple(own) for instance, own in grouped.items()})
        return found


def _truth_of(account: Account) -> dict[str, Any]:
    plain = _plain(asdict(account))
    plain["tags"] = dict(account.tags)
    plain["opt_status"] = dict(account.opt_status)
    plain["alternate_contacts"] = {contact.pop("type").lower(): contact for contact in plain["alternate_contacts"]}
    plain["regions"] = {region.pop("name"): region for region in plain["regions"]}
    truth: dict[str, Any] = plain
    return truth


def _plain(value: Any) -> Any:
    """The value as JSON has it; instants keep their offset."""
    return json.loads(json.dumps(value, default=lambda instant: instant.isoformat()))


def _toml(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.date) else json.dumps(value)
