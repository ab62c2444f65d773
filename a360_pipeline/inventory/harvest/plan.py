"""Plans a harvest: looks at every bucket of every account, and says how its inventory is to be had. Makes nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.inventory.harvest.asking import refused, session_of
from a360_pipeline.inventory.harvest.emptiness import Contents, look_into
from a360_pipeline.inventory.harvest.planned import (
    ALL_BUCKETS,
    Plan,
    PlannedBucket,
    PlannedRegion,
    configuration_id,
    configured_prefix,
    delivery_prefix,
    destination_bucket,
    stack_name,
)
from a360_pipeline.inventory.harvest.request import AccountBuckets, HarvestRequest
from a360_pipeline.inventory.harvest.reuse import Usable, usable_ones
from a360_pipeline.inventory.harvest.states import BucketState, Way
from a360_pipeline.inventory.means import Means

CONSTRAINTS: Mapping[str | None, str] = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}
"""Location constraints that are no names of regions."""
A_DESTINATION = re.compile(r"a360-(?P<harvest>[a-z0-9-]{3,40})-[0-9a-f]{12}")


def region_named(constraint: str | None) -> str:
    """The region that a location constraint means."""
    return CONSTRAINTS.get(constraint) or str(constraint)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A bucket as its account lists it."""

    account: Account
    choice: AccountBuckets
    name: str
    region: str | None


def plan_harvest(means: Means, request: HarvestRequest, accounts: Iterable[Account]) -> Plan:
    """Looks at every bucket of the accounts that the request names, some at a time.

    Operations: S3 ListBuckets, ListObjectVersions, ListBucketInventoryConfigurations and, where an account does not
    tell a bucket's region, GetBucketLocation; of the destinations of others ListObjectsV2 and HeadObject.
    What cannot be asked becomes a bucket that is lost or not available, with the reason.
    Raises ClientError where the hub does not know itself.
    """
    survey = _Survey(means, request, {account.id: account for account in accounts})
    with ThreadPoolExecutor(means.settings.collect_threads) as pool:
        listed = [each for found in pool.map(survey.list_buckets, survey.chosen()) for each in found]
        looked_at = list(pool.map(lambda each: each if isinstance(each, PlannedBucket) else survey.plan(each), listed))
    buckets = sorted([*survey.strangers(), *looked_at], key=lambda one: (one.account_id, one.bucket))
    if request.smoke_test:
        buckets = list(_one_an_account(buckets))
    return survey.whole(buckets)


def _one_an_account(buckets: Iterable[PlannedBucket]) -> Iterator[PlannedBucket]:
    """What a smoke test looks at: the first bucket of each account."""
    seen: Counter[str] = Counter()
    for one in buckets:
        if one.way is not Way.CONFIGURED:
            yield one
            continue
        seen[one.account_id] += 1
        if seen[one.account_id] == 1:
            yield one
        else:
            message = "a smoke test looks at one bucket of an account"
            yield PlannedBucket(one.account_id, one.bucket, one.region, Way.EXCLUDED, BucketState.EXCLUDED, message)


class _Survey:
    """What is asked of one account, and of one bucket."""

    def __init__(self, means: Means, request: HarvestRequest, accounts: Mapping[str, Account]) -> None:
        self._means = means
        self._request = request
        self._accounts = accounts
        self._hub = means.hub_account
        asked = request.listed_objects
        self._most = means.settings.listed_objects if asked is None else asked
        if request.smoke_test:
            self._most = 0

    def chosen(self) -> list[tuple[Account, AccountBuckets]]:
        """The accounts that the request names, each with its buckets."""
        found = ((account, self._request.account(account_id)) for account_id, account in self._accounts.items())
        return [(account, choice) for account, choice in found if choice is not None]

    def strangers(self) -> list[PlannedBucket]:
        """A row for each account that the request names and nobody knows."""
        asked = () if self._request.accounts == "all" else self._request.accounts
        message = "the account is not among those that the settings select"
        return [
            PlannedBucket(one.account_id, ALL_BUCKETS, None, None, BucketState.NOT_AVAILABLE, message)
            for one in asked
            if one.account_id not in self._accounts
        ]

    def list_buckets(self, chosen: tuple[Account, AccountBuckets]) -> list[_Listed | PlannedBucket]:
        """Every bucket of an account, and what the request names and the account does not have."""
        account, choice = chosen
        try:
            # With a parameter S3 tells the regions too.
            buckets = list(session_of(self._means, account.id).pages("s3", "list_buckets", "Buckets", MaxBuckets=1000))
        except AWS_ERRORS as error:
            return [PlannedBucket(account.id, ALL_BUCKETS, None, None, *refused(error))]
        regions = {each["Name"]: each.get("BucketRegion") for each in buckets}
        missing = [name for name in choice.include if "*" not in name and name not in regions]
        message = "the account has no bucket of this name"
        return [
            *(_Listed(account, choice, name, region) for name, region in regions.items()),
            *(PlannedBucket(account.id, name, None, None, BucketState.NOT_AVAILABLE, message) for name in missing),
        ]

    def plan(self, listed: _Listed) -> PlannedBucket:
        """How the inventory of a bucket is to be had."""
        one = PlannedBucket(listed.account.id, listed.name, listed.region, None, BucketState.PLANNED)
        try:
            return self._plan(one, listed)
        except AWS_ERRORS as error:
            state, message = refused(error)
            return replace(one, state=state, message=message)

    def _plan(self, one: PlannedBucket, listed: _Listed) -> PlannedBucket:
        left_out = self._request.left_out(listed.choice, listed.name)
        if left_out is None:
            one = replace(one, region=self._region_of(listed))
            left_out = self._not_there(listed.account, one)
        if left_out is not None:
            return replace(one, way=Way.EXCLUDED, state=BucketState.EXCLUDED, message=left_out)
        contents = look_into(
            session_of(self._means, one.account_id, one.region), one.account_id, one.bucket, self._most
        )
        if contents is Contents.NOTHING:
            return replace(one, way=Way.EMPTY, state=BucketState.EMPTY)
        if contents is Contents.FEW:
            return replace(one, way=Way.LISTED)
        return self._inventoried(one)

    def _region_of(self, listed: _Listed) -> str:
        if listed.region is not None:
            return region_named(listed.region)
        session = session_of(self._means, listed.account.id)
        told = session.call("s3", "get_bucket_location", Bucket=listed.name, ExpectedBucketOwner=listed.account.id)
        return region_named(told.get("LocationConstraint"))

    def _not_there(self, account: Account, one: PlannedBucket) -> str | None:
        """Why nothing is looked for in the bucket's region, or in this bucket of ours."""
        region = str(one.region)
        found = A_DESTINATION.fullmatch(one.bucket)
        if found and one.bucket == destination_bucket(found["harvest"], self._hub, region):
            return f"it is the destination of harvest {found['harvest']}"
        if account.regions and not account.regions.get(region, False):
            return f"the account has not enabled {region}"
        wanted = account.wanted_regions(self._request.regions)
        if (account.regions or self._request.regions) and region not in wanted:
            return f"the request does not ask for {region}"
        return None

    def _inventoried(self, one: PlannedBucket) -> PlannedBucket:
        session = session_of(self._means, one.account_id, one.region)
        configurations = session.pages(
            "s3",
            "list_bucket_inventory_configurations",
            "InventoryConfigurationList",
            Bucket=one.bucket,
            ExpectedBucketOwner=one.account_id,
        )
        usable, reasons = ([], []) if self._request.smoke_test else usable_ones(one.bucket, list(configurations))
        for each in usable:
            problem = self._unreadable(each, str(one.region))
            if problem is None:
                return replace(
                    one,
                    way=Way.REUSED,
                    state=BucketState.REUSED,
                    message="; ".join(each.lacks),
                    configuration_id=each.id,
                    destination_bucket=each.destination_bucket,
                    destination_prefix=each.destination_prefix,
                )
            reasons.append(f"{each.id} is not used: its destination cannot be read: {problem}")
        return self._configured(one, reasons)

    def _unreadable(self, usable: Usable, region: str) -> str | None:
        """Why the hub cannot read what a configuration delivers; None where it can, or nothing is there yet."""
        hub = self._means.sessions.hub().at(region)
        place = {"Bucket": usable.destination_bucket}
        try:
            found = hub.call("s3", "list_objects_v2", **place, Prefix=usable.destination_prefix, MaxKeys=1)
            for each in found.get("Contents", ()):
                hub.call("s3", "head_object", **place, Key=each["Key"])
        except AWS_ERRORS as error:
            return explain(error)
        return None

    def _configured(self, one: PlannedBucket, reasons: Sequence[str]) -> PlannedBucket:
        harvest_id, region = self._request.run_id, str(one.region)
        message = "; ".join(reasons)
        hub = self._accounts.get(self._hub)
        if hub is not None and hub.regions and not hub.regions.get(region, False):
            lost = f"the hub's account {self._hub} has not enabled {region}, where the destination would have to be"
            return replace(one, state=BucketState.NOT_AVAILABLE, message="; ".join([lost, *reasons]))
        prefix = configured_prefix(harvest_id, one.account_id)
        return replace(
            one,
            way=Way.CONFIGURED,
            message=message,
            configuration_id=configuration_id(harvest_id),
            destination_bucket=destination_bucket(harvest_id, self._hub, region),
            destination_prefix=delivery_prefix(prefix, one.bucket, configuration_id(harvest_id)),
        )

    def whole(self, buckets: Sequence[PlannedBucket]) -> Plan:
        """The plan, and the regions that it takes."""
        harvest_id = self._request.run_id
        configured = [one for one in buckets if one.way is Way.CONFIGURED]
        counted = Counter(str(one.region) for one in configured)
        return Plan(
            harvest_id=harvest_id,
            hub_account=self._hub,
            source_accounts=tuple(sorted({one.account_id for one in configured})),
            regions=tuple(
                PlannedRegion(
                    region=region,
                    stack_name=stack_name(harvest_id),
                    destination_bucket=destination_bucket(harvest_id, self._hub, region),
                    kms_key=self._request.kms_keys.get(region),
                    configurations=count,
                )
                for region, count in sorted(counted.items())
            ),
            buckets=tuple(buckets),
        )
