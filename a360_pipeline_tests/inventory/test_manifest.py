"""A manifest is read when it has arrived whole, and refused where it is not what S3 writes."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.inventory import manifest as manifests
from a360_pipeline.inventory.layout import FIELDS
from a360_pipeline.inventory.manifest import Format, VerificationFailed, candidates, read_manifest
from a360_pipeline.inventory.places import Folder, NotThere
from a360_pipeline_tests.inventory.deliveries import BARE, FOLDER, announce, deliver, schema_of

KEY = f"{FOLDER}/D/manifest.json"
FILE = {"key": f"{FOLDER}/data/a.csv.gz", "size": 1, "MD5checksum": "0" * 32}
GOOD: dict[str, Any] = {
    "sourceBucket": "films",
    "destinationBucket": "arn:aws:s3:::destination",
    "creationTimestamp": "1715043600000",
    "fileFormat": "CSV",
    "fileSchema": "Bucket, Key, Size, Colour",
    "files": [FILE],
}


@pytest.fixture
def place(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_manifest_says_what_it_says(place: Folder) -> None:
    read = read_manifest(place, announce(place, GOOD))
    assert (read.source_bucket, read.destination_bucket) == ("films", "destination")
    assert read.created == dt.datetime(2024, 5, 7, 1, tzinfo=dt.UTC)
    assert read.format is Format.CSV
    assert read.fields == ("bucket", "key", "size", "Colour")
    assert [(file.key, file.size, file.md5) for file in read.files] == [(FILE["key"], 1, "0" * 32)]


@pytest.mark.parametrize("kind", Format)
def test_every_field_is_known_in_every_spelling_of_a_schema(kind: Format, place: Folder) -> None:
    names = [field.name for field in FIELDS]
    assert read_manifest(place, deliver(place, [], kind=kind, fields=names)).fields == tuple(names)


def test_parquet_types_are_read_as_documented_and_as_delivered(place: Folder) -> None:
    delivered = schema_of(Format.PARQUET, BARE)
    documented = delivered.replace("STRING", "UTF8").replace("TIMESTAMP(MILLIS,true)", "TIMESTAMP_MILLIS")
    assert delivered != documented
    for schema in (delivered, documented):
        manifest = {**GOOD, "fileFormat": "Parquet", "fileSchema": schema}
        assert read_manifest(place, announce(place, manifest)).fields == BARE


def test_a_field_asked_for_of_a_real_manifest(place: Folder) -> None:
    real = Path(__file__).parents[3] / "shared/data/s3-inventory/manifest-fragments"
    if not real.is_dir():
        pytest.skip("the real deliveries are not at hand")
    document = json.loads((real / "lakefs-example-data.parquet.manifest.json").read_text())
    read = read_manifest(place, announce(place, document))
    assert read.format is Format.PARQUET
    assert read.fields == (
        *("bucket", "key", "version_id", "is_latest", "is_delete_marker", "size", "last_modified_date"),
        *("e_tag", "storage_class", "is_multipart_uploaded"),
    )
    assert read.created == dt.datetime(2020, 6, 27, tzinfo=dt.UTC)


@pytest.mark.parametrize("form", ["{}\n", "{}", " {}\r\n"])
def test_a_checksum_may_end_in_a_newline_or_not(form: str, place: Folder) -> None:
    announce(place, GOOD)
    checksum = KEY.replace(".json", ".checksum")
    md5 = place.read(checksum).decode().strip()
    place.write(checksum, form.format(md5.upper()).encode())
    assert read_manifest(place, KEY).md5 == md5


@pytest.mark.parametrize("late", ["manifest.json", "manifest.checksum"])
def test_what_has_not_arrived_is_waited_for(late: str, place: Folder) -> None:
    announce(place, GOOD)
    place.delete([f"{FOLDER}/D/{late}"])
    with pytest.raises(NotThere, match=late):
        read_manifest(place, KEY)


@pytest.mark.parametrize("checksum", [b"", b"0" * 32, b"no checksum", b"\xff" * 32, b"0" * 33])
def test_a_manifest_that_its_checksum_does_not_fit_is_not_believed(checksum: bytes, place: Folder) -> None:
    """I3. A checksum that is there does not mean that the manifest is right."""
    announce(place, GOOD)
    place.write(KEY.replace(".json", ".checksum"), checksum)
    with pytest.raises(VerificationFailed, match="MD5"):
        read_manifest(place, KEY)


HOSTILE: dict[str, Any] = {
    "no object": [],
    "no files": {**GOOD, "files": None},
    "files that are none": {**GOOD, "files": ["a"]},
    "a file twice": {**GOOD, "files": [FILE, FILE]},
    "no size": {**GOOD, "files": [{**FILE, "size": "1"}]},
    "less than nothing": {**GOOD, "files": [{**FILE, "size": -1}]},
    "true as a size": {**GOOD, "files": [{**FILE, "size": True}]},
    "an absurd size": {**GOOD, "files": [{**FILE, "size": 10**15}]},
    "no md5": {**GOOD, "files": [{**FILE, "MD5checksum": "0"}]},
    "no key": {**GOOD, "files": [{**FILE, "key": ""}]},
    "a key too long": {**GOOD, "files": [{**FILE, "key": "k" * 1025}]},
    "a bucket that leads elsewhere": {**GOOD, "sourceBucket": "../../etc"},
    "a bucket of dots": {**GOOD, "sourceBucket": "a..b"},
    "another destination": {**GOOD, "destinationBucket": "arn:aws:sqs:::x"},
    "no instant": {**GOOD, "creationTimestamp": "yesterday"},
    "an instant past all years": {**GOOD, "creationTimestamp": "9" * 30},
    "a format nobody knows": {**GOOD, "fileFormat": "Avro"},
    "columns twice": {**GOOD, "fileSchema": "Bucket, Key, Size, size"},
    "no columns": {**GOOD, "fileSchema": "Size"},
    "orc's form in csv": {**GOOD, "fileSchema": "struct<bucket:string,key:string>"},
    "too many columns": {**GOOD, "fileSchema": ", ".join(["Bucket", "Key", *map(str, range(300))])},
    "a number for all": 7,
}


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE)
def test_a_manifest_of_another_form_is_refused_and_told_where(document: Any, place: Folder) -> None:
    with pytest.raises(VerificationFailed, match=KEY):
        read_manifest(place, announce(place, document))


def test_more_files_than_are_taken_are_refused(place: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MOST_FILES", 2)
    files = [{**FILE, "key": f"{FOLDER}/data/{number}"} for number in range(3)]
    with pytest.raises(VerificationFailed, match="3 files"):
        read_manifest(place, announce(place, {**GOOD, "files": files}))


def test_files_are_looked_for_in_the_folder_of_the_configuration_alone() -> None:
    manifest = "lists/films/all/2026-03-01T01-00Z/manifest.json"
    assert candidates(manifest, "lists/films/all/data/a.orc")[0] == "lists/films/all/data/a.orc"
    for elsewhere in ("lists/other/all/data/a.orc", "secrets/a.orc", "lists/films/allies/a.orc", "../a", "/a"):
        assert all(key.startswith("lists/films/all/") for key in candidates(manifest, elsewhere))
    assert "lists/films/all/data/a.orc" in candidates(manifest, "original/films/all/data/a.orc")
