"""What lies in the organization's buckets, and what S3 says of it."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from a360_pipeline.inventory.layout import FIELDS
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.buckets import Bucket
from a360_pipeline.sandbox.facts.keys_of_objects import AWKWARD
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.facts.objects import Fill, ObjectVersion
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline_tests.sandbox.clients import BUCKET, ROLE, Clients

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
TINY = Sizes(keys=6, instances=2, applications=3, patches=3, others=12)


@pytest.fixture(scope="module")
def organization() -> Organization:
    return Organization.seeded(now=NOW, regions=("us-east-1", "eu-west-1"), sizes=TINY)


@pytest.fixture(scope="module")
def running(organization: Organization) -> Iterator[StandIn]:
    with serve(organization, bucket=BUCKET, member_role=ROLE) as stand_in:
        yield stand_in


@pytest.fixture
def clients(running: StandIn) -> Iterator[Clients]:
    clients = Clients(running)
    yield clients
    clients.close()
    running.faults.set()


def bucket_of(organization: Organization, purpose: str = "", fill: Fill = Fill.ORDINARY) -> Bucket:
    """The first of the management account's buckets of that kind."""
    owner = organization.management.id
    return next(
        bucket
        for bucket in organization.buckets(owner)
        if purpose in bucket.name and organization.content(owner, bucket.name).fill is fill
    )


def true(organization: Organization, bucket: Bucket) -> tuple[ObjectVersion, ...]:
    return organization.objects(organization.management.id, bucket.name)


def current(versions: tuple[ObjectVersion, ...]) -> list[ObjectVersion]:
    return [each for each in versions if each.is_latest and not each.is_delete_marker]


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_equal_seeds_have_equal_objects_with_every_field_of_the_layout(organization: Organization) -> None:
    again = Organization.seeded(now=NOW, regions=("us-east-1", "eu-west-1"), sizes=TINY)
    every = [each for place in organization.contents for each in organization.objects(*place)]
    assert every == [each for place in again.contents for each in again.objects(*place)]
    delivered = {field.name for field in FIELDS if any(getattr(each, field.name, None) is not None for each in every)}
    never = {"bucket", "object_lock_event_hold_status", "object_lock_event_hold_duration"}
    assert delivered == {field.name for field in FIELDS} - never
    assert {each.replication_status for each in every} == {None, "COMPLETED", "PENDING", "FAILED"}
    assert any(each.storage_class == "STANDARD_IA" and (each.size or 0) < 1024 for each in every)
    contents = Counter((each.e_tag, each.size) for each in every if each.size)
    assert max(contents.values()) > 1
    assert {name for name in AWKWARD for each in every if each.key.endswith(name)} == set(AWKWARD)


def test_of_one_key_one_version_is_the_latest_and_no_two_share_an_id(organization: Organization) -> None:
    for place in organization.contents:
        versions = organization.objects(*place)
        assert len({(each.key, each.version_id) for each in versions}) == len(versions)
        assert Counter(each.key for each in versions if each.is_latest) == dict.fromkeys(
            {each.key for each in versions}, 1
        )
        assert all(
            one.key.encode() < other.key.encode() or one.last_modified_date > other.last_modified_date
            for one, other in pairwise(versions)
        )


def test_some_buckets_are_empty_and_one_holds_old_versions_alone(organization: Organization) -> None:
    """I9. Such a bucket is not empty, though no object is listed in it."""
    old = true(organization, bucket_of(organization, fill=Fill.OLD_ONLY))
    assert old
    assert current(old) == []
    assert any(not each.is_delete_marker for each in old)
    assert true(organization, bucket_of(organization, fill=Fill.EMPTY)) == ()
    assert 0 < len(true(organization, bucket_of(organization, fill=Fill.TINY))) < 15


def test_from_one_day_to_the_next_a_few_objects_come_and_go(organization: Organization) -> None:
    place = (organization.management.id, bucket_of(organization).name)
    today, before = organization.objects(*place), organization.objects(*place, NOW.date() - dt.timedelta(days=7))
    new, kept = {each.key for each in today}, {each.key for each in before}
    assert 0 < len(new - kept) < len(kept) / 4
    assert len(new & kept) > len(kept) * 3 / 4
    assert max(each.last_modified_date for each in before) < NOW - dt.timedelta(days=7)


def test_objects_of_a_large_bucket_come_one_at_a_time(organization: Organization) -> None:
    content = organization.content(organization.management.id, bucket_of(organization).name)
    large = replace(content, objects=10**9)
    assert len(list(islice(large.versions(NOW.date()), 20))) == 20


@pytest.mark.parametrize("fill", [Fill.ORDINARY, Fill.OLD_ONLY, Fill.EMPTY])
def test_versions_are_listed_to_the_last_page(organization: Organization, clients: Clients, fill: Fill) -> None:
    bucket = bucket_of(organization, fill=fill)
    pages = clients.hub("s3").get_paginator("list_object_versions")
    said = list(pages.paginate(Bucket=bucket.name, PaginationConfig={"PageSize": 70}))
    listed = [each for page in said for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))]
    assert sorted((each["Key"], each["VersionId"], each["IsLatest"], each.get("Size")) for each in listed) == sorted(
        (each.key, each.version_id or "null", each.is_latest, each.size) for each in true(organization, bucket)
    )


def test_current_objects_are_listed_in_order_by_page_and_by_folder(
    organization: Organization, clients: Clients
) -> None:
    bucket = bucket_of(organization)
    wanted = current(true(organization, bucket))
    client = clients.hub("s3")
    pages = client.get_paginator("list_objects_v2")
    said = list(pages.paginate(Bucket=bucket.name, PaginationConfig={"PageSize": 100}))
    assert [len(page["Contents"]) for page in said][:-1] == [100] * (len(said) - 1)
    assert [
        (each["Key"], each["Size"], each["ETag"].strip('"'), each["LastModified"], each["StorageClass"])
        for page in said
        for each in page["Contents"]
    ] == [(each.key, each.size, each.e_tag, each.last_modified_date, each.storage_class) for each in wanted]
    top = client.list_objects_v2(Bucket=bucket.name, Delimiter="/")
    assert {each["Prefix"] for each in top["CommonPrefixes"]} == {each.key.split("/")[0] + "/" for each in wanted}
    under = client.list_objects_v2(Bucket=bucket.name, Prefix="misc/", StartAfter=wanted[0].key)
    assert [each["Key"] for each in under["Contents"]] == [e.key for e in wanted if e.key.startswith("misc/")]


def test_one_object_is_described_and_its_tags_can_be_put(organization: Organization, clients: Clients) -> None:
    client = clients.hub("s3")
    bucket = bucket_of(organization, "invoices")
    wanted = [each for each in current(true(organization, bucket)) if "%" in each.key or "\n" in each.key or each.tags]
    assert len(wanted) > 2
    for each in wanted:
        head = client.head_object(Bucket=bucket.name, Key=each.key)
        assert (head["ContentLength"], head["ETag"], head.get("TagCount", 0)) == (
            each.size,
            f'"{each.e_tag}"',
            len(each.tags),
        )
    key, tags = wanted[0].key, [{"Key": "flagged", "Value": "secret"}]
    client.put_object_tagging(Bucket=bucket.name, Key=key, Tagging={"TagSet": tags})
    assert client.get_object_tagging(Bucket=bucket.name, Key=key)["TagSet"] == tags
    client.delete_object_tagging(Bucket=bucket.name, Key=key)
    assert client.get_object_tagging(Bucket=bucket.name, Key=key)["TagSet"] == []
    with pytest.raises(ClientError) as error:
        client.get_object_tagging(Bucket=bucket.name, Key="missing")
    assert code(error) == "NoSuchKey"


def test_what_is_put_into_a_bucket_of_the_organization_is_listed_with_the_rest(
    organization: Organization, clients: Clients
) -> None:
    client, bucket = clients.hub("s3"), bucket_of(organization, fill=Fill.TINY)
    client.put_object(Bucket=bucket.name, Key="!new", Body=b"12345")
    listed = client.list_objects_v2(Bucket=bucket.name)["Contents"]
    assert [each["Key"] for each in listed] == ["!new", *(e.key for e in current(true(organization, bucket)))]
    client.delete_object(Bucket=bucket.name, Key="!new")


def test_only_its_own_account_sees_into_a_bucket_and_even_that_can_be_denied(
    organization: Organization, running: StandIn, clients: Clients
) -> None:
    bucket = bucket_of(organization)
    with pytest.raises(ClientError) as error:
        clients.member(organization.accounts[1].id, "s3").list_objects_v2(Bucket=bucket.name)
    assert code(error) == "AccessDenied"
    running.faults.set(denied={organization.management.id: ["s3:ListObjectVersions"]})
    with pytest.raises(ClientError) as error:
        clients.hub("s3").list_object_versions(Bucket=bucket.name)
    assert code(error) == "AccessDenied"


def test_a_policy_that_denies_everybody_closes_one_bucket_alone(organization: Organization, clients: Clients) -> None:
    client = clients.hub("s3")
    closed, open_ = (bucket_of(organization, fill=fill).name for fill in (Fill.TINY, Fill.ORDINARY))
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{closed}"}
    client.put_bucket_policy(Bucket=closed, Policy=json.dumps({"Version": "2012-10-17", "Statement": [denied]}))
    for operation in ("list_objects_v2", "list_object_versions", "list_bucket_inventory_configurations"):
        with pytest.raises(ClientError) as error:
            getattr(client, operation)(Bucket=closed)
        assert code(error) == "AccessDenied"
        getattr(client, operation)(Bucket=open_)
    s3_backends[organization.management.id]["aws"].delete_bucket_policy(closed)


def test_places_are_told_as_s3_tells_them(organization: Organization, clients: Clients) -> None:
    """I8. The first region is no constraint at all, and an old bucket in Ireland says EU."""
    client = clients.hub("s3")
    said: dict[str, set[str | None]] = {}
    for bucket in organization.buckets(organization.management.id):
        place = client.get_bucket_location(Bucket=bucket.name)["LocationConstraint"]
        said.setdefault(bucket.region, set()).add(place)
    assert said == {"us-east-1": {None}, "eu-west-1": {"EU", "eu-west-1"}}


def configuration(name: str, **more: Any) -> dict[str, Any]:
    destination = {"Bucket": "arn:aws:s3:::somewhere", "Format": "ORC", "Prefix": "a b"}
    return {
        "Id": name,
        "IsEnabled": True,
        "IncludedObjectVersions": "Current",
        "Schedule": {"Frequency": "Weekly"},
        "OptionalFields": ["Size"],
        "Filter": {"Prefix": "a/"},
        "Destination": {"S3BucketDestination": destination},
    } | more


def test_inventory_configurations_are_kept_whole_and_listed_by_the_hundred(
    organization: Organization, clients: Clients
) -> None:
    client, name = clients.hub("s3"), bucket_of(organization).name
    wanted = [configuration(f"n{number:03}") for number in range(101)]
    for each in wanted:
        client.put_bucket_inventory_configuration(Bucket=name, Id=each["Id"], InventoryConfiguration=each)
    first = client.list_bucket_inventory_configurations(Bucket=name)
    assert (len(first["InventoryConfigurationList"]), first["IsTruncated"]) == (100, True)
    rest = client.list_bucket_inventory_configurations(Bucket=name, ContinuationToken=first["NextContinuationToken"])
    assert first["InventoryConfigurationList"] + rest["InventoryConfigurationList"] == wanted
    assert client.get_bucket_inventory_configuration(Bucket=name, Id="n007")["InventoryConfiguration"] == wanted[7]
    for each in wanted:
        client.delete_bucket_inventory_configuration(Bucket=name, Id=each["Id"])
    assert "InventoryConfigurationList" not in client.list_bucket_inventory_configurations(Bucket=name)
    with pytest.raises(ClientError) as error:
        client.get_bucket_inventory_configuration(Bucket=name, Id="n007")
    assert code(error) == "NoSuchConfiguration"
    client.head_bucket(Bucket=name)
