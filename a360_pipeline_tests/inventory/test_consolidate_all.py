"""Manifests, folders and prefixes are consolidated to a folder or a bucket; so are the deliveries that are real."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.inventory.consolidate import consolidate_all
from a360_pipeline.inventory.delivery import consolidated_below
from a360_pipeline.inventory.manifest import Format
from a360_pipeline.inventory.places import BucketPlace, Folder
from a360_pipeline.settings import Settings
from a360_pipeline_tests.conftest import BUCKET
from a360_pipeline_tests.inventory.deliveries import (
    CREATED,
    FOLDER,
    ROWS,
    VERSIONED,
    WHO,
    announce,
    deliver,
    rows_of,
    table_of,
)

REAL = Path(__file__).parents[3] / "shared" / "data" / "s3-inventory"


@pytest.fixture
def s3(settings: Settings, sessions: Sessions) -> Any:
    return sessions.client("s3", None, settings.home_region)


def test_good_deliveries_are_consolidated_though_others_fail(tmp_path: Path) -> None:
    """I14. One bad delivery does not fail the others, and each says what came of it."""
    source = Folder(tmp_path / "a bucket")
    keys = {kind: deliver(source, kind=kind, folder=f"lists/films/{kind}") for kind in Format}
    source.delete([f"lists/films/{Format.ORC}/data/20260301T0100-0.orc"])
    source.write("lists/films/none/D/manifest.json", b"{}")
    (tmp_path / "empty").mkdir()
    wanted = [str(source.path), str(source.path / keys[Format.CSV]), str(tmp_path / "empty"), str(tmp_path / "absent")]
    outcomes = {each.uri: each for each in consolidate_all(wanted, str(tmp_path / "out"), None, WHO)}
    assert len(outcomes) == 6
    messages = {uri.removeprefix(source.uri("")): each.message for uri, each in outcomes.items()}
    assert messages[f"/{keys[Format.CSV]}"] == messages[f"/{keys[Format.PARQUET]}"] == ""
    assert "is listed, and is not there" in messages[f"/{keys[Format.ORC]}"]
    assert messages["/lists/films/none/D/manifest.json"].endswith("manifest.checksum is not there")
    for nothing in ("empty", "absent"):
        assert messages[str(tmp_path / nothing)] == f"there is no manifest.json below {tmp_path / nothing}"
    target = Folder(tmp_path / "out")
    done = list(consolidated_below(target))
    assert done == sorted(
        (each.consolidated for each in outcomes.values() if each.consolidated), key=lambda each: each.delivery.folder
    )
    assert [rows_of(target, each).equals(table_of(ROWS, VERSIONED)) for each in done] == [True, True]


@pytest.mark.parametrize("named", ["{}", "{}/", "{}/2026-03-01T01-00Z", "{}/2026-03-01T01-00Z/manifest.json"])
@pytest.mark.parametrize("copied", ["", "elsewhere/"])
def test_a_delivery_is_found_from_wherever_in_it_and_also_when_it_was_copied(
    named: str, copied: str, tmp_path: Path
) -> None:
    source = Folder(tmp_path / "source")
    deliver(source)
    for entry in list(source.list("")):
        source.write(copied + entry.key.replace(FOLDER, "copy"), source.read(entry.key))
    folder = f"{copied}copy" if copied else FOLDER
    uri = named.format(source.path / folder)
    (outcome,) = consolidate_all([uri], f"file://{tmp_path}/out", None, WHO)
    assert outcome.message == ""
    assert outcome.consolidated is not None
    assert outcome.consolidated.rows == 10


def test_from_a_bucket_to_a_bucket_is_as_from_a_folder_to_a_folder(s3: Any, tmp_path: Path) -> None:
    local, bucket = Folder(tmp_path / "source"), BucketPlace(s3, BUCKET)
    for place in (local, bucket):
        deliver(place, kind=Format.PARQUET, files=2)
    deliver(bucket, folder="lists/films/all-others")
    found = {}
    for uri, out in (
        (str(local.path), str(tmp_path / "out")),
        (f"s3://{BUCKET}/{FOLDER}", f"s3://{BUCKET}/warehouse"),
    ):
        (outcome,) = consolidate_all([uri], out, s3, WHO)
        assert outcome.consolidated is not None, outcome.message
        found[out] = outcome.consolidated
    here, there = found.values()
    assert there.location == f"s3://{BUCKET}/warehouse/{here.delivery.folder}/"
    target = BucketPlace(s3, BUCKET, "warehouse/")
    assert [target.read(key) for key in there.parts] == [Folder(tmp_path / "out").read(key) for key in here.parts]
    assert list(consolidated_below(target)) == [there]


def test_a_bucket_that_cannot_be_read_is_not_an_empty_one(s3: Any, tmp_path: Path) -> None:
    outcomes = consolidate_all(["s3://no-such-bucket/lists", "ftp://x"], str(tmp_path), s3, WHO)
    assert "NoSuchBucket" in outcomes[0].message
    assert outcomes[1].message == "'ftp://x' is no file, no folder and no s3://BUCKET/KEY"


@pytest.fixture
def real() -> Path:
    if not REAL.is_dir():
        pytest.skip("the real deliveries are not at hand")
    return REAL


def _at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def test_a_real_delivery_in_csv_and_in_orc_comes_out_as_one_truth(real: Path, tmp_path: Path) -> None:
    outcomes = consolidate_all([str(real / "umccr-filemanager")], str(tmp_path), None, WHO)
    assert [each.message for each in outcomes] == ["", ""]
    csv, orc = (each.consolidated for each in outcomes)
    assert csv is not None
    assert orc is not None
    target = Folder(tmp_path)
    table = rows_of(target, csv)
    assert table.equals(rows_of(target, orc))
    assert [target.read(key) for key in csv.parts] == [target.read(key) for key in orc.parts]
    assert (csv.format, orc.format, csv.rows, csv.object_bytes) == ("CSV", "ORC", 5, 10)
    assert csv.delivery.delivered_at == _at("2024-05-07T01:00:00")
    assert csv.fields == orc.fields
    assert len(csv.fields) == 18
    assert csv.unknown_fields == ()
    names = ("key", "version_id", "is_latest", "is_delete_marker", "size", "last_modified_date", "e_tag")
    key1, key2 = "inventory-test/key1", "inventory-test/key2"
    new1, new2, old2 = (
        "tpinzcbxOfWpZsmjvVgdHEvSohsY4TA0",
        "gdN1exfZmD7m713patv8dlQ7fTNwle3v",
        "zl_C7NLxrkBsMFD5HQUdybrmuV9VpvkN",
    )
    empty, five = "d41d8cd98f00b204e9800998ecf8427e", "d8e8fca2dc0f896fd7cb4cb0031ba249"
    assert [tuple(each[name] for name in names) for each in table.to_pylist()] == [
        ("inventory-test/", None, True, False, 0, _at("2024-05-06T22:37:48"), empty),
        (key1, None, False, False, 0, _at("2024-05-06T22:38:00"), empty),
        (key1, new1, True, False, 5, _at("2024-05-06T22:44:22"), five),
        (key2, new2, True, True, None, _at("2024-05-06T22:46:14"), None),
        (key2, old2, False, False, 5, _at("2024-05-06T22:45:34"), five),
    ]
    assert table.column("encryption_status").to_pylist() == ["SSE-S3", "SSE-S3", "SSE-S3", None, "SSE-S3"]
    assert table.column("storage_class").to_pylist() == ["STANDARD", "STANDARD", "STANDARD", None, "STANDARD"]
    assert set(table.column("bucket_key_status").to_pylist()) == {"DISABLED"}
    for name in ("replication_status", "object_lock_mode", "checksum_algorithm", "object_owner"):
        assert table.column(name).null_count == 5


def test_real_rows_of_a_versioned_bucket_have_decoded_keys_and_instants_in_utc(real: Path, tmp_path: Path) -> None:
    source = Folder(tmp_path / "source")
    body = gzip.compress((real / "dandi-rows" / "dandi_versioned_rows.csv").read_bytes())
    source.write(f"{FOLDER}/data/a.csv.gz", body)
    manifest = {
        "sourceBucket": "dandiarchive",
        "destinationBucket": "arn:aws:s3:::destination",
        "creationTimestamp": str(int(CREATED.timestamp() * 1000)),
        "fileFormat": "CSV",
        "fileSchema": (real / "dandi-rows" / "fileSchema.txt").read_text().strip(),
        "files": [{"key": f"{FOLDER}/data/a.csv.gz", "size": len(body), "MD5checksum": hashlib.md5(body).hexdigest()}],
    }
    uri = source.uri(announce(source, manifest))
    (outcome,) = consolidate_all([uri], str(tmp_path / "out"), None, WHO)
    assert outcome.consolidated is not None, outcome.message
    rows = rows_of(Folder(tmp_path / "out"), outcome.consolidated).to_pylist()
    names = ("key", "is_latest", "is_delete_marker", "size", "last_modified_date", "is_multipart_uploaded")
    zarr = "zarr/73fb586f-b58a-49fc-876e-282ba962d310/0/0/0/14/4/100"
    hive = "dandiarchive/dandiarchive/hive/dt=2024-05-07-01-00/symlink.txt"
    assert [tuple(each[name] for name in names) for each in rows] == [
        (zarr, True, False, 1511723, _at("2022-12-12T13:20:39"), False),
        (zarr, False, True, None, _at("2022-12-11T17:55:08"), None),
        (hive, True, False, 38129, _at("2024-05-07T21:12:55"), False),
        ("dandiarchive/dandiarchive/data/", True, False, 0, _at("2024-12-18T15:23:29"), False),
    ]
    assert all(each["version_id"] for each in rows)
    assert [each["storage_class"] for each in rows] == [None] * 4
