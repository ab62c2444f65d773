"""The plan of a harvest: every bucket has its row, and what cannot be asked is not left out."""

from __future__ import annotations

from typing import Any

import pytest
from moto.s3.models import s3_backends

from a360_pipeline.aws.accounts import Account
from a360_pipeline.inventory.harvest.plan import plan_harvest, region_named
from a360_pipeline.inventory.harvest.planned import (
    Plan,
    PlannedBucket,
    configuration_id,
    destination_bucket,
    plan_from_json,
    plan_to_json,
    stack_name,
)
from a360_pipeline.inventory.harvest.request import HarvestRequest
from a360_pipeline.inventory.harvest.reuse import NEEDED
from a360_pipeline.inventory.harvest.states import BucketState, Way
from a360_pipeline.inventory.layout import OPTIONAL_FIELDS
from a360_pipeline.inventory.means import Means
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline_tests.inventory.harvest.conftest import HOME, Store, asked_for

OPT_IN = "eu-central-2"


def of(account_id: str, *names: str, run_id: str = "spring", **fields: Any) -> HarvestRequest:
    """A request for some buckets of one account; buckets of three versions are large."""
    given = {"listed_objects": 2, "accounts": [{"account_id": account_id, "include": names or ("*",)}]}
    return asked_for(run_id, **(given | fields))


def rows(plan: Plan) -> dict[str, PlannedBucket]:
    """By name, without those that the request leaves out."""
    return {one.bucket: one for one in plan.buckets if one.message != "the request does not include it"}


def configuration(place: str, **fields: Any) -> dict[str, Any]:
    delivers = {"Bucket": f"arn:aws:s3:::{place}", "Format": "CSV", "Prefix": "inv"}
    return {
        "Id": "daily",
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
        "OptionalFields": list(OPTIONAL_FIELDS),
        "Destination": {"S3BucketDestination": delivers | fields.pop("destination", {})},
        **fields,
    }


def put(s3: Any, bucket: str, told: dict[str, Any]) -> None:
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id=told["Id"], InventoryConfiguration=told)


@pytest.fixture
def member(accounts: list[Account]) -> str:
    """An account that has enabled an opt-in region, and is not the hub's."""
    return accounts[1].id


def test_every_bucket_of_every_account_has_a_row(
    means: Means, accounts: list[Account], member: str, store_of_buckets: Store
) -> None:
    for number in range(9):
        # More than the sandbox lists on a page.
        store_of_buckets.make(member, f"one-of-many-{number}")
    plan = plan_harvest(means, asked_for(), accounts)
    there = {(one.id, name) for one in accounts for name in s3_backends[one.id]["aws"].buckets}
    assert {(one.account_id, one.bucket) for one in plan.buckets} == there
    assert {one.region for one in plan.buckets} >= set(means.settings.regions)


def test_a_bucket_of_only_old_versions_is_not_empty(
    means: Means, accounts: list[Account], member: str, store_of_buckets: Store
) -> None:
    """I9."""
    s3 = store_of_buckets.make(member, "only-old", objects=3)
    for number in range(3):
        s3.delete_object(Bucket="only-old", Key=f"{number}")
    s3 = store_of_buckets.make(member, "one-marker", objects=1)
    s3.delete_object(Bucket="one-marker", Key="0")
    told = s3.list_object_versions(Bucket="one-marker")["Versions"][0]
    s3.delete_object(Bucket="one-marker", Key="0", VersionId=told["VersionId"])
    store_of_buckets.make(member, "nothing")
    found = rows(plan_harvest(means, of(member, "only-old", "one-marker", "nothing"), accounts))
    assert {name: one.way for name, one in found.items()} == {
        "only-old": Way.CONFIGURED,
        "one-marker": Way.LISTED,
        "nothing": Way.EMPTY,
    }
    assert found["nothing"].state is BucketState.EMPTY


@pytest.mark.parametrize(
    ("objects", "most", "way"),
    [(2, 2, Way.LISTED), (3, 2, Way.CONFIGURED), (1, 0, Way.CONFIGURED), (0, 0, Way.EMPTY)],
)
def test_a_small_bucket_is_listed_and_a_large_one_gets_a_configuration(
    means: Means, accounts: list[Account], member: str, store_of_buckets: Store, objects: int, most: int, way: Way
) -> None:
    store_of_buckets.make(member, "some", objects=objects)
    found = rows(plan_harvest(means, of(member, "some", listed_objects=most), accounts))
    assert found["some"].way is way


def test_a_transient_configuration_is_planned_with_all_its_names(
    means: Means, accounts: list[Account], member: str, store_of_buckets: Store
) -> None:
    store_of_buckets.make(member, "far", OPT_IN, objects=3)
    store_of_buckets.make(means.hub_account, "near", objects=3)
    key = f"arn:aws:kms:{HOME}:{means.hub_account}:key/ab"
    both = [{"account_id": member, "include": ["far"]}, {"account_id": means.hub_account, "include": ["near"]}]
    asked = asked_for(accounts=both, listed_objects=2, kms_keys={HOME: key})
    plan = plan_harvest(means, asked, accounts)
    place = destination_bucket("spring", means.hub_account, OPT_IN)
    assert rows(plan)["far"] == PlannedBucket(
        account_id=member,
        bucket="far",
        region=OPT_IN,
        way=Way.CONFIGURED,
        state=BucketState.PLANNED,
        configuration_id="a360-spring",
        destination_bucket=place,
        destination_prefix=f"spring/{member}/far/a360-spring/",
    )
    assert [(one.region, one.kms_key, one.configurations) for one in plan.regions] == [
        (OPT_IN, None, 1),
        (HOME, key, 1),
    ]
    assert plan.source_accounts == tuple(sorted((member, means.hub_account)))
    assert plan_from_json(plan_to_json(plan)) == plan
    told = plan.text()
    assert f"Will be made in {OPT_IN} of account {means.hub_account}: stack a360-harvest-spring with {place}" in (
        told.replace("with bucket ", "with ")
    )
    assert f"{member} {OPT_IN} far: configured" in told
    assert f"encrypted with {key}" in told


def test_names_of_a_harvest_fit_whatever_is_made_of_them() -> None:
    run_id = "a" * 40
    assert len(destination_bucket(run_id, "1" * 12, "ap-southeast-1")) <= 63
    assert destination_bucket(run_id, "1" * 12, "eu-west-1") != destination_bucket(run_id, "1" * 12, "eu-west-2")
    assert len(configuration_id(run_id)) <= 64
    assert len(stack_name(run_id)) <= 128


def test_an_existing_inventory_is_reused_and_what_it_lacks_is_said(
    means: Means, accounts: list[Account], member: str, store_of_buckets: Store
) -> None:
    store_of_buckets.make(means.hub_account, "their-inventories")
    s3 = store_of_buckets.make(member, "held", objects=3)
    fewer = [name for name in OPTIONAL_FIELDS if name != "ObjectOwner"]
    put(s3, "held", configuration("their-inventories", IncludedObjectVersions="Current", OptionalFields=fewer))
    found = rows(plan_harvest(means, of(member, "held"), accounts))["held"]
    assert (found.way, found.state, found.configuration_id) == (Way.REUSED, BucketState.REUSED, "daily")
    assert (found.destination_bucket, found.destination_prefix) == ("their-inventories", "inv/held/daily/")
    assert found.message == "it has no ObjectOwner; it tells of current versions alone"


def test_of_two_inventories_the_one_that_lacks_least_is_reused(
    means: Means, accounts: list[Account], member: str, store_of_buckets: Store
) -> None:
    store_of_buckets.make(means.hub_account, "their-inventories")
    s3 = store_of_buckets.make(member, "held", objects=3)
    put(s3, "held", configuration("their-inventories", Id="a-weekly", Schedule={"Frequency": "Weekly"}))
    put(s3, "held", configuration("their-inventories", Id="b-daily"))
    assert rows(plan_harvest(means, of(member, "held"), accounts))["held"].configuration_id == "b-daily"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"IsEnabled": False}, "daily is not used: it is disabled"),
        ({"Filter": {"Prefix": "logs/"}}, "daily is not used: it tells of a part of the bucket alone"),
        ({"OptionalFields": list(NEEDED[:2])}, "daily is not used: it has no StorageClass, ETag"),
        ({"destination": {"Prefix": "inv/"}}, "daily is not used: its prefix ends with a slash"),
        ({"destination": {"Bucket": "arn:aws:s3:::nobodys"}}, "daily is not used: its destination cannot be read: "),
        ({"Id": "a360-autumn"}, ""),
    ],
)
def test_an_inventory_that_cannot_be_used_is_not_and_why(
    means: Means,
    accounts: list[Account],
    member: str,
    store_of_buckets: Store,
    changed: dict[str, Any],
    reason: str,
) -> None:
    store_of_buckets.make(means.hub_account, "their-inventories")
    s3 = store_of_buckets.make(member, "held", objects=3)
    put(s3, "held", configuration("their-inventories", **changed))
    found = rows(plan_harvest(means, of(member, "held"), accounts))["held"]
    assert found.way is Way.CONFIGURED
    assert found.message.startswith(reason)
    assert bool(found.message) == bool(reason)


def test_an_account_that_denies_has_a_row_with_the_reason(
    means: Means, accounts: list[Account], member: str, stand_in: StandIn
) -> None:
    stand_in.faults.set(denied={member: ["s3:ListBuckets"]})
    plan = plan_harvest(means, asked_for(), accounts)
    (lost,) = [one for one in plan.buckets if one.account_id == member]
    assert (lost.bucket, lost.way, lost.state) == ("*", None, BucketState.ACCESS_LOST)
    assert "ListBuckets" in lost.message
    assert "AccessDenied" in lost.message
    assert {one.account_id for one in plan.buckets} == {one.id for one in accounts}


@pytest.mark.parametrize("operation", ["ListObjectVersions", "ListBucketInventoryConfigurations"])
def test_a_bucket_that_denies_keeps_its_row(
    means: Means, accounts: list[Account], member: str, store_of_buckets: Store, stand_in: StandIn, operation: str
) -> None:
    store_of_buckets.make(member, "closed", objects=3)
    stand_in.faults.set(denied={member: [f"s3:{operation}"]})
    found = rows(plan_harvest(means, of(member, "closed"), accounts))["closed"]
    assert (found.way, found.state, found.region) == (None, BucketState.ACCESS_LOST, HOME)
    assert operation in found.message


def test_throttling_is_waited_out(
    means: Means,
    accounts: list[Account],
    member: str,
    store_of_buckets: Store,
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """I7. A SlowDown is answered with patience, not with a lost bucket."""
    store_of_buckets.make(member, "busy", objects=1)
    codes = iter(["SlowDown"])
    monkeypatch.setattr(
        stand_in.faults, "error", lambda action: next(codes, None) if action == "s3:ListObjectVersions" else None
    )
    assert rows(plan_harvest(means, of(member, "busy"), accounts))["busy"].way is Way.LISTED
    assert next(codes, None) is None


def test_regions_are_those_of_the_account_and_not_of_a_list_of_ours(
    means: Means, accounts: list[Account], member: str, store_of_buckets: Store
) -> None:
    """I8. A region that nobody here has heard of is looked at; one that is not enabled is left out, and it is said."""
    for name, region in (("new", OPT_IN), ("off", "ap-southeast-5"), ("near", HOME)):
        store_of_buckets.make(member, name, region, objects=1)
    everywhere = rows(plan_harvest(means, of(member, "new", "off", "near"), accounts))
    assert {name: one.way for name, one in everywhere.items()} == {
        "new": Way.LISTED,
        "off": Way.EXCLUDED,
        "near": Way.LISTED,
    }
    assert everywhere["off"].message == "the account has not enabled ap-southeast-5"
    home = rows(plan_harvest(means, of(member, "new", "near", regions=[HOME]), accounts))
    assert home["new"].message == f"the request does not ask for {OPT_IN}"
    assert home["near"].way is Way.LISTED


@pytest.mark.parametrize(
    ("constraint", "region"),
    [(None, "us-east-1"), ("", "us-east-1"), ("EU", "eu-west-1"), ("eu-central-2", "eu-central-2")],
)
def test_legacy_constraints_are_regions(constraint: str | None, region: str) -> None:
    """I8."""
    assert region_named(constraint) == region


def test_what_the_request_names_and_nobody_has_is_said(means: Means, accounts: list[Account], member: str) -> None:
    asked = asked_for(accounts=[{"account_id": member, "include": ["gone"]}, {"account_id": "999999999999"}])
    found = rows(plan_harvest(means, asked, accounts))
    assert found["gone"].message == "the account has no bucket of this name"
    assert found["*"].message == "the account is not among those that the settings select"
    assert {found["gone"].state, found["*"].state} == {BucketState.NOT_AVAILABLE}


def test_buckets_that_the_request_leaves_out_keep_a_row_that_says_so(
    means: Means, accounts: list[Account], member: str, store_of_buckets: Store
) -> None:
    store_of_buckets.make(member, "scratch", objects=1)
    plan = plan_harvest(means, asked_for(exclude_buckets=["scr*"]), accounts)
    found = next(one for one in plan.buckets if one.bucket == "scratch")
    assert (found.way, found.state) == (Way.EXCLUDED, BucketState.EXCLUDED)
    assert found.message == "the request leaves it out in `exclude_buckets`"


def test_destinations_of_harvests_are_not_harvested(
    means: Means, accounts: list[Account], store_of_buckets: Store
) -> None:
    name = destination_bucket("autumn", means.hub_account, HOME)
    store_of_buckets.make(means.hub_account, name, objects=3)
    found = rows(plan_harvest(means, of(means.hub_account, name), accounts))[name]
    assert (found.way, found.message) == (Way.EXCLUDED, "it is the destination of harvest autumn")


def test_a_region_that_the_hub_has_not_enabled_is_no_place_for_a_destination(
    means: Means, accounts: list[Account], member: str, store_of_buckets: Store
) -> None:
    store_of_buckets.make(member, "far", OPT_IN, objects=3)
    next(one for one in accounts if one.id == means.hub_account).regions[OPT_IN] = False
    found = rows(plan_harvest(means, of(member, "far"), accounts))["far"]
    assert (found.way, found.state) == (None, BucketState.NOT_AVAILABLE)
    assert f"{means.hub_account} has not enabled {OPT_IN}" in found.message


def test_a_smoke_test_looks_at_one_bucket_of_every_account(
    means: Means, accounts: list[Account], store_of_buckets: Store
) -> None:
    """I12. Of every account, not of the first."""
    for one in accounts:
        for name in ("a", "b"):
            store_of_buckets.make(one.id, f"{name}-{one.id}", objects=1)
    asked = [{"account_id": one.id, "include": ["?-*", f"a-{one.id}", f"b-{one.id}"][1:]} for one in accounts]
    plan = plan_harvest(means, asked_for(accounts=asked, smoke_test=True), accounts)
    assert [one.bucket for one in plan.buckets if one.way is Way.CONFIGURED] == [f"a-{one.id}" for one in accounts]
