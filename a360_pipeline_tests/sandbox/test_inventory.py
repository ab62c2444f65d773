"""What the sandbox delivers of S3 Inventory, in all formats, and what can go wrong with it."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pyarrow import orc, parquet

from a360_pipeline.inventory.arrow import SCHEMA
from a360_pipeline.inventory.layout import BY_WIRE, FIELDS, OPTIONAL_FIELDS
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.facts.objects import Fill
from a360_pipeline.sandbox.inventory.formats import FORMATS
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline_tests.sandbox.clients import BUCKET, ROLE, Clients

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
DAY, NEXT_DAY = dt.date(2026, 11, 23), dt.date(2026, 11, 24)
TINY = Sizes(keys=24, instances=2, applications=3, patches=3, others=12)
GENUINE = Path(__file__).parents[3] / "shared" / "data" / "s3-inventory"
TO = "inventory-destination"
AT = f"{DAY}T01-00Z"


@pytest.fixture(scope="module")
def organization() -> Organization:
    return Organization.seeded(now=NOW, regions=("us-east-1",), sizes=TINY)


@pytest.fixture
def stand_in(organization: Organization) -> Iterator[StandIn]:
    with serve(organization, bucket=BUCKET, member_role=ROLE) as stand_in:
        yield stand_in


@pytest.fixture
def client(stand_in: StandIn) -> Iterator[Any]:
    clients = Clients(stand_in)
    client = clients.hub("s3")
    client.create_bucket(Bucket=TO)
    client.put_bucket_policy(Bucket=TO, Policy=json.dumps(policy(stand_in.organization.management.id)))
    yield client
    clients.close()


def policy(account_id: str) -> dict[str, Any]:
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{TO}/*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": [account_id], "s3:x-amz-acl": "bucket-owner-full-control"},
            "ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"},
        },
    }
    over_tls = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{TO}", f"arn:aws:s3:::{TO}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [allowed, over_tls]}


def source(organization: Organization, fill: Fill = Fill.ORDINARY) -> str:
    return next(
        name
        for (owner, name), content in organization.contents.items()
        if owner == organization.management.id
        and content.fill is fill
        and content.is_versioned is (fill is Fill.ORDINARY)
    )


def configure(client: Any, bucket: str, kind: str = "Parquet", name: str = "all", **more: Any) -> None:
    destination = {"Bucket": f"arn:aws:s3:::{TO}", "Format": kind, "Prefix": "to/here"}
    client.put_bucket_inventory_configuration(
        Bucket=bucket,
        Id=name,
        InventoryConfiguration={
            "Id": name,
            "IsEnabled": True,
            "IncludedObjectVersions": "All",
            "Schedule": {"Frequency": "Daily"},
            "OptionalFields": list(OPTIONAL_FIELDS),
            "Destination": {"S3BucketDestination": destination | more.pop("destination", {})},
        }
        | more,
    )


def read(client: Any, key: str) -> bytes:
    body: bytes = client.get_object(Bucket=TO, Key=key)["Body"].read()
    return body


def keys(client: Any) -> list[str]:
    return [each["Key"] for each in client.list_objects_v2(Bucket=TO).get("Contents", ())]


def manifest_of(client: Any, folder: str, at: str = AT) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(read(client, f"{folder}/{at}/manifest.json"))
    return manifest


def rows_of(kind: str, body: bytes, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows by the layout's names, all as text: null and the empty text are one, as CSV has it."""
    if kind == "CSV":
        lines = csv.reader(io.StringIO(gzip.decompress(body).decode(), newline=""))
        rows = [dict(zip(fields, line, strict=True)) for line in lines]
        return [row | {"key": unquote(row["key"])} for row in rows]
    table = (orc.ORCFile if kind == "ORC" else parquet.read_table)(io.BytesIO(body))
    read_rows = (table.read() if kind == "ORC" else table).to_pylist()
    return [{name: as_text(value) for name, value in row.items()} for row in read_rows]


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.000Z"
    return "" if value is None else str(value)


@pytest.mark.parametrize("kind", ["CSV", "ORC", "Parquet"])
def test_a_delivery_holds_every_version_as_it_was_when_the_day_began(
    organization: Organization, stand_in: StandIn, client: Any, kind: str
) -> None:
    bucket, owner = source(organization), organization.management.id
    configure(client, bucket, kind)
    done = stand_in.deliverer.deliver(DAY)
    (delivered,) = done.delivered
    folder = f"to/here/{bucket}/all"
    manifest = manifest_of(client, folder)
    assert delivered.manifest_key == f"{folder}/{AT}/manifest.json"
    assert (manifest["sourceBucket"], manifest["destinationBucket"]) == (bucket, f"arn:aws:s3:::{TO}")
    assert manifest["creationTimestamp"] == str(int(dt.datetime(2026, 11, 23, 1, tzinfo=dt.UTC).timestamp()) * 1000)
    raw = read(client, delivered.manifest_key)
    checksum = read(client, delivered.manifest_key.replace(".json", ".checksum"))
    assert checksum == hashlib.md5(raw, usedforsecurity=False).hexdigest().encode() + b"\n"
    rows = []
    for file in manifest["files"]:
        body = read(client, file["key"])
        assert (len(body), hashlib.md5(body, usedforsecurity=False).hexdigest()) == (file["size"], file["MD5checksum"])
        rows += rows_of(kind, body, tuple(SCHEMA.names))
    assert len(manifest["files"]) > 1
    symlink = read(client, f"{folder}/hive/dt={DAY}-01-00/symlink.txt").decode()
    assert symlink == "\n".join(f"s3://{TO}/{file['key']}" for file in manifest["files"])
    true = organization.objects(owner, bucket, DAY)
    assert sorted(rows, key=lambda row: (row["key"], row["version_id"])) == sorted(
        (
            {field.name: as_text(getattr(each, field.name, bucket)) for field in FIELDS} | {"bucket": bucket}
            for each in true
        ),
        key=lambda row: (row["key"], row["version_id"]),
    )
    assert delivered.rows == len(true)


def test_schemas_are_described_as_aws_describes_them() -> None:
    if not GENUINE.is_dir():
        pytest.skip("the genuine deliveries are not at hand")
    genuine = {
        "CSV": GENUINE / "umccr-filemanager" / "csv_inventory_manifest.json",
        "ORC": GENUINE / "umccr-filemanager" / "orc_inventory_manifest.json",
        "Parquet": GENUINE / "manifest-fragments" / "lakefs-example-data.parquet.manifest.json",
    }
    csv_manifest = json.loads(genuine["CSV"].read_text())
    fields = [BY_WIRE[name] for name in csv_manifest["fileSchema"].split(", ")]
    until = {"CSV": len(fields), "ORC": len(fields), "Parquet": 10}
    for kind, path in genuine.items():
        manifest = json.loads(path.read_text())
        assert FORMATS[kind].describe(fields[: until[kind]]) == manifest["fileSchema"]


def test_only_what_is_asked_for_is_delivered(organization: Organization, stand_in: StandIn, client: Any) -> None:
    bucket, owner = source(organization), organization.management.id
    only = {"IncludedObjectVersions": "Current", "OptionalFields": ["Size", "ETag"], "Filter": {"Prefix": "misc/"}}
    configure(client, bucket, "CSV", "some", **only)
    configure(client, bucket, "CSV", "off", IsEnabled=False)
    stand_in.deliverer.deliver(DAY)
    manifest = manifest_of(client, f"to/here/{bucket}/some")
    assert manifest["fileSchema"] == "Bucket, Key, Size, ETag"
    rows = rows_of("CSV", read(client, manifest["files"][0]["key"]), ("bucket", "key", "size", "e_tag"))
    assert {row["key"] for row in rows} == {
        each.key
        for each in organization.objects(owner, bucket, DAY)
        if each.key.startswith("misc/") and each.is_latest and not each.is_delete_marker
    }
    assert not [key for key in keys(client) if "/off/" in key]


def test_an_empty_bucket_gets_no_report_and_no_day_has_two(
    organization: Organization, stand_in: StandIn, client: Any
) -> None:
    for fill in (Fill.EMPTY, Fill.TINY):
        configure(
            client, source(organization, fill), Schedule={"Frequency": "Weekly" if fill is Fill.TINY else "Daily"}
        )
    done = stand_in.deliverer.deliver(DAY)
    assert [each.bucket for each in done.delivered] == [source(organization, Fill.TINY)]
    assert [(each.bucket, each.reason) for each in done.skipped] == [
        (source(organization, Fill.EMPTY), "there is nothing to report")
    ]
    assert stand_in.deliverer.deliver(DAY).delivered == []
    # A week is not over after a day.
    assert stand_in.deliverer.deliver(NEXT_DAY).delivered == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"StringEquals": {"aws:SourceAccount": "111111111111"}}, "does not let S3 write"),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::another-*"}}, "does not let S3 write"),
        (None, "does not let S3 write"),
    ],
)
def test_nothing_is_delivered_where_the_policy_of_the_destination_is_silent(
    organization: Organization, stand_in: StandIn, client: Any, change: dict[str, Any] | None, reason: str
) -> None:
    """I18. Conditions on account and ARN are what they seem."""
    said = policy(organization.management.id)
    if change is None:
        client.delete_bucket_policy(Bucket=TO)
    else:
        said["Statement"][0]["Condition"] |= change
        client.put_bucket_policy(Bucket=TO, Policy=json.dumps(said))
    configure(client, source(organization))
    done = stand_in.deliverer.deliver(DAY)
    assert (done.delivered, keys(client)) == ([], [])
    assert reason in str(done.skipped[0].reason)


def test_destinations_and_keys_that_are_not_there_are_said(
    organization: Organization, stand_in: StandIn, client: Any
) -> None:
    bucket, owner = source(organization), organization.management.id
    usable = next(
        key
        for key in organization.keys(owner, "us-east-1").values()
        if (key.enabled, key.key_manager, key.key_usage) == (True, "CUSTOMER", "ENCRYPT_DECRYPT")
    )
    for name, more in {
        "none": {"Bucket": "arn:aws:s3:::nowhere"},
        "other": {"AccountId": organization.accounts[1].id},
        "locked": {"Encryption": {"SSEKMS": {"KeyId": usable.arn.replace("key/", "key/not-")}}},
        "keyed": {"Encryption": {"SSEKMS": {"KeyId": usable.arn}}},
    }.items():
        configure(client, bucket, name=name, destination=more)
    done = stand_in.deliverer.deliver(DAY)
    assert [each.configuration_id for each in done.delivered] == ["keyed"]
    assert {each.configuration_id for each in done.skipped} == {"locked", "none", "other"}
    head = client.head_object(Bucket=TO, Key=done.delivered[0].manifest_key)
    assert head["SSEKMSKeyId"] == usable.arn


def test_a_late_delivery_comes_with_the_next_round(organization: Organization, stand_in: StandIn, client: Any) -> None:
    bucket = source(organization)
    configure(client, bucket)
    assert stand_in.deliverer.deliver(DAY, {bucket: ["late"]}).delivered == []
    assert keys(client) == []
    came = stand_in.deliverer.deliver(NEXT_DAY)
    assert [each.date for each in came.delivered] == [DAY.isoformat(), NEXT_DAY.isoformat()]
    assert manifest_of(client, f"to/here/{bucket}/all")["files"]


def test_a_duplicate_is_a_second_delivery_of_the_day(
    organization: Organization, stand_in: StandIn, client: Any
) -> None:
    bucket = source(organization)
    configure(client, bucket)
    stand_in.deliverer.deliver(DAY, {bucket: ["duplicate"]})
    first = manifest_of(client, f"to/here/{bucket}/all")
    second = manifest_of(client, f"to/here/{bucket}/all", f"{DAY}T13-00Z")
    assert {file["key"] for file in first["files"]}.isdisjoint(file["key"] for file in second["files"])
    assert [file["MD5checksum"] for file in first["files"]] == [file["MD5checksum"] for file in second["files"]]


def test_a_corrupt_file_has_the_right_size_and_other_bytes(
    organization: Organization, stand_in: StandIn, client: Any
) -> None:
    bucket = source(organization)
    configure(client, bucket)
    stand_in.deliverer.deliver(DAY, {bucket: ["corrupt"]})
    first, *others = manifest_of(client, f"to/here/{bucket}/all")["files"]
    spoiled = read(client, first["key"])
    assert len(spoiled) == first["size"]
    assert hashlib.md5(spoiled, usedforsecurity=False).hexdigest() != first["MD5checksum"]
    assert all(
        hashlib.md5(read(client, f["key"]), usedforsecurity=False).hexdigest() == f["MD5checksum"] for f in others
    )


def test_a_file_can_be_missing_for_good_and_data_can_come_after_its_manifest(
    organization: Organization, stand_in: StandIn, client: Any
) -> None:
    bucket = source(organization)
    configure(client, bucket, name="a")
    stand_in.deliverer.deliver(DAY, {bucket: ["missing_file"]})
    listed = {file["key"] for file in manifest_of(client, f"to/here/{bucket}/a")["files"]}
    assert len(listed - set(keys(client))) == 1
    stand_in.deliverer.deliver(NEXT_DAY, {bucket: ["manifest_first"]})
    later = {file["key"] for file in manifest_of(client, f"to/here/{bucket}/a", f"{NEXT_DAY}T01-00Z")["files"]}
    assert later.isdisjoint(keys(client))
    stand_in.deliverer.deliver(NEXT_DAY + dt.timedelta(days=1))
    assert later <= set(keys(client))


def test_the_control_takes_a_round_and_refuses_what_is_none(
    organization: Organization, stand_in: StandIn, client: Any
) -> None:
    bucket = source(organization)
    configure(client, bucket)

    def control(body: Any) -> Any:
        address = f"{stand_in.endpoint_url}/_a360/inventory"
        request = urllib.request.Request(address, json.dumps(body).encode(), method="PUT")
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    for wrong in (
        {"date": "yesterday"},
        {"date": "2026-11-23", "faults": {bucket: ["lost"]}},
        {"date": "2026-11-23", "faults": {"no-such-bucket": ["late"]}},
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            control(wrong)
        with refused.value as response:
            assert response.code == 400
    answer = control({"date": "2026-11-23", "faults": {bucket: ["out_of_order"]}})
    assert [each["manifest_key"].split("/")[-2] for each in answer["delivered"]] == [AT, "2026-11-22T01-00Z"]
    assert answer["delivered"][0]["faults"] == ["out_of_order"]
