"""Configurations of inventories: compared before they are put, removed by whoever put them, refused with a reason."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.inventory.harvest.configurations import ConfigurationOfAnother, configure, deconfigure
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import BucketRow
from a360_pipeline.inventory.harvest.states import BucketState, RegionState, Way
from a360_pipeline.inventory.layout import OPTIONAL_FIELDS
from a360_pipeline.inventory.means import Means
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline_tests.inventory.harvest.conftest import HOME, Store, asked_for, configured, planned
from a360_pipeline_tests.inventory.harvest.making.conftest import remove_bucket

KEY = f"arn:aws:kms:{HOME}:100000000001:key/ab"


@pytest.fixture
def member(accounts: list[Account]) -> str:
    return accounts[1].id


@pytest.fixture
def row(means: Means, registry: Registry, member: str, store_of_buckets: Store) -> BucketRow:
    """A planned bucket of a harvest whose region is ready."""
    store_of_buckets.make(member, "held")
    bucket = replace(configured("spring", member, "held"), region=HOME, destination_bucket=f"a360-spring-{HOME}")
    plan = planned("spring", bucket, regions=(HOME,))
    encrypted = tuple(replace(one, kms_key=KEY) for one in plan.regions)
    registry.create(asked_for(format="ORC"), replace(plan, regions=encrypted))
    registry.set_region("spring", HOME, RegionState.READY)
    return registry.bucket("spring", member, "held")


def held(member: str) -> dict[str, Any]:
    found: dict[str, Any] = s3_backends[member]["aws"].buckets["held"].inventory_configs
    return found


def puts(stand_in: StandIn) -> int:
    with urlopen(f"{stand_in.endpoint_url}/_a360/calls") as response:
        return Counter(json.load(response)["by_action"])["s3:PutBucketInventoryConfiguration"]


def test_a_bucket_is_asked_for_all_that_s3_can_tell(means: Means, row: BucketRow, member: str) -> None:
    told = configure(means, "spring", row)
    assert (told.state, told.message) == (BucketState.IN_PROGRESS, None)
    assert held(member)["a360-spring"] == {
        "Id": "a360-spring",
        "IsEnabled": True,
        "IncludedObjectVersions": "All",
        "Schedule": {"Frequency": "Daily"},
        "OptionalFields": list(OPTIONAL_FIELDS),
        "Destination": {
            "S3BucketDestination": {
                "AccountId": means.hub_account,
                "Bucket": f"arn:aws:s3:::a360-spring-{HOME}",
                "Format": "ORC",
                "Prefix": f"spring/{member}",
                "Encryption": {"SSEKMS": {"KeyId": KEY}},
            }
        },
    }


def test_what_is_there_already_is_not_put_again(means: Means, row: BucketRow, member: str, stand_in: StandIn) -> None:
    configure(means, "spring", row)
    held(member)["a360-spring"]["OptionalFields"].reverse()
    before = puts(stand_in)
    assert configure(means, "spring", row).state is BucketState.IN_PROGRESS
    assert puts(stand_in) == before


def test_what_was_changed_is_put_right(means: Means, row: BucketRow, member: str) -> None:
    """Nothing is assumed of a bucket that was seen once."""
    configure(means, "spring", row)
    held(member)["a360-spring"]["IsEnabled"] = False
    configure(means, "spring", row)
    assert held(member)["a360-spring"]["IsEnabled"] is True


def test_a_bucket_whose_delivery_came_keeps_its_state(means: Means, row: BucketRow, registry: Registry) -> None:
    registry.set_bucket("spring", row.account_id, "held", BucketState.DONE, manifest_key="m")
    assert configure(means, "spring", row).state is BucketState.DONE


def refusing(monkeypatch: pytest.MonkeyPatch, unknown: set[str], *, is_named: bool) -> None:
    """S3 as it was before it knew some fields: it names them, or just does not like what it reads."""
    call = AccountSession.call

    def old(self: AccountSession, service: str, method: str, **parameters: Any) -> dict[str, Any]:
        fields = parameters.get("InventoryConfiguration", {}).get("OptionalFields", ())
        found = [name for name in fields if name in unknown]
        if found:
            message = f"Unknown field {found[0]}." if is_named else "The XML you provided was not well-formed."
            raise ClientError({"Error": {"Code": "MalformedXML", "Message": message}}, method)
        return call(self, service, method, **parameters)

    monkeypatch.setattr(AccountSession, "call", old)


@pytest.mark.parametrize(
    ("unknown", "is_named"),
    [
        ({"ObjectOwner", "ReplicationStatus"}, True),
        ({"ObjectLockEventHoldStatus", "ObjectLockEventHoldDuration", "IntelligentTieringReferenceDate"}, False),
    ],
)
def test_a_field_that_a_region_does_not_know_is_left_out_and_named(
    means: Means, row: BucketRow, member: str, monkeypatch: pytest.MonkeyPatch, unknown: set[str], is_named: bool
) -> None:
    refusing(monkeypatch, unknown, is_named=is_named)
    told = configure(means, "spring", row)
    assert told.state is BucketState.IN_PROGRESS
    assert told.message is not None
    assert {name for name in OPTIONAL_FIELDS if name in told.message} == unknown
    assert set(held(member)["a360-spring"]["OptionalFields"]) == set(OPTIONAL_FIELDS) - unknown


def test_a_configuration_that_s3_refuses_whatever_is_left_out_is_not_created(
    means: Means, row: BucketRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, set(OPTIONAL_FIELDS), is_named=False)
    told = configure(means, "spring", row)
    assert told.state is BucketState.NOT_CREATED
    assert "MalformedXML" in str(told.message)


def test_a_full_quota_is_the_buckets_state(means: Means, row: BucketRow, member: str) -> None:
    held(member).update({f"c{number}": {} for number in range(1_000)})
    told = configure(means, "spring", row)
    assert told.state is BucketState.NOT_CREATED
    assert "TooManyConfigurations" in str(told.message)


def test_a_denial_is_the_buckets_state(means: Means, row: BucketRow, member: str, stand_in: StandIn) -> None:
    stand_in.faults.set(denied={member: ["s3:PutBucketInventoryConfiguration"]})
    told = configure(means, "spring", row)
    assert told.state is BucketState.ACCESS_LOST
    assert "PutBucketInventoryConfiguration" in str(told.message)


def test_a_bucket_that_is_gone_is_not_available(means: Means, row: BucketRow, member: str) -> None:
    remove_bucket(member, "held")
    told = configure(means, "spring", row)
    assert told.state is BucketState.NOT_AVAILABLE
    assert "NoSuchBucket" in str(told.message)
    assert deconfigure(means, "spring", row) is False


def test_without_its_destination_a_bucket_gets_no_configuration(
    means: Means, row: BucketRow, member: str, registry: Registry
) -> None:
    registry.set_region("spring", HOME, RegionState.FAILED, "the stack was rolled back")
    told = configure(means, "spring", row)
    assert (told.state, told.message) == (
        BucketState.NOT_CREATED,
        f"its destination in {HOME} is failed: the stack was rolled back",
    )
    assert held(member) == {}
    registry.set_region("spring", HOME, RegionState.READY)
    assert configure(means, "spring", told).state is BucketState.IN_PROGRESS


def test_the_harvests_own_configuration_is_removed_and_no_other(means: Means, row: BucketRow, member: str) -> None:
    configure(means, "spring", row)
    held(member)["theirs"] = {**held(member)["a360-spring"], "Id": "theirs"}
    assert deconfigure(means, "spring", row) is True
    assert set(held(member)) == {"theirs"}
    assert deconfigure(means, "spring", row) is False
    assert "held" in s3_backends[member]["aws"].buckets


def test_a_configuration_that_delivers_elsewhere_is_left_alone(means: Means, row: BucketRow, member: str) -> None:
    configure(means, "spring", row)
    held(member)["a360-spring"]["Destination"]["S3BucketDestination"]["Bucket"] = "arn:aws:s3:::elsewhere"
    told = configure(means, "spring", row)
    assert told.state is BucketState.NOT_CREATED
    assert "delivers to arn:aws:s3:::elsewhere" in str(told.message)
    with pytest.raises(ConfigurationOfAnother, match="is left alone"):
        deconfigure(means, "spring", row)
    assert set(held(member)) == {"a360-spring"}


def test_a_refused_removal_is_said(means: Means, row: BucketRow, member: str, stand_in: StandIn) -> None:
    configure(means, "spring", row)
    stand_in.faults.set(denied={member: ["s3:DeleteBucketInventoryConfiguration"]})
    with pytest.raises(ClientError, match="AccessDenied"):
        deconfigure(means, "spring", row)
    assert set(held(member)) == {"a360-spring"}


@pytest.mark.parametrize("way", [Way.REUSED, Way.LISTED, Way.EMPTY, Way.EXCLUDED, None])
def test_a_bucket_whose_inventory_is_had_otherwise_is_left_alone(
    means: Means, row: BucketRow, stand_in: StandIn, member: str, way: Way | None
) -> None:
    configure(means, "spring", row)
    before = puts(stand_in)
    other = replace(row, way=way)
    assert configure(means, "spring", other) == other
    assert deconfigure(means, "spring", other) is False
    assert puts(stand_in) == before
    assert set(held(member)) == {"a360-spring"}
