"""A folder and a bucket behave as one: what is put is read again, and nothing leads out of either."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.inventory import places
from a360_pipeline.inventory.places import BucketPlace, Folder, NotThere, Place, TooLarge, place_of
from a360_pipeline.settings import Settings
from a360_pipeline_tests.conftest import BUCKET

BODIES = {"a/b.txt": b"b", "a.txt": b"dot sorts before slash", "a/c d+%3D/\u00e9.txt": b"", "z": b"z" * 3000}


@pytest.fixture
def s3(settings: Settings, sessions: Sessions) -> Any:
    return sessions.client("s3", None, settings.home_region)


def _check_round_trip(place: Place, tmp_path: Path) -> None:
    for key, body in BODIES.items():
        place.write(key, body)
    assert [entry.key for entry in place.list("")] == sorted(BODIES, key=str.encode)
    assert [(entry.key, entry.size) for entry in place.list("a/")] == [("a/b.txt", 1), ("a/c d+%3D/\u00e9.txt", 0)]
    assert [entry.key for entry in place.list("a/b")] == ["a/b.txt"]
    assert all(entry.last_modified.tzinfo for entry in place.list(""))
    assert {key: place.read(key) for key in BODIES} == BODIES
    to = tmp_path / "fetched"
    assert place.fetch("z", to) == hashlib.md5(BODIES["z"]).hexdigest()
    assert to.read_bytes() == BODIES["z"]
    place.upload(to, "uploaded")
    assert place.read("uploaded") == BODIES["z"]
    place.delete(["uploaded", "never there", "z"])
    assert [entry.key for entry in place.list("z")] == list(place.list("u")) == []


def test_a_folder_gives_back_what_was_put(tmp_path: Path) -> None:
    _check_round_trip(Folder(tmp_path / "place"), tmp_path)


def test_a_bucket_gives_back_what_was_put_under_its_prefix_alone(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket=BUCKET, Key="aside", Body=b"")
    _check_round_trip(BucketPlace(s3, BUCKET, "here/"), tmp_path)
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="aside")["KeyCount"] == 1


def test_what_is_not_there_is_told_from_what_cannot_be_read(s3: Any, tmp_path: Path) -> None:
    for place in (Folder(tmp_path), BucketPlace(s3, BUCKET)):
        with pytest.raises(NotThere, match="gone"):
            place.read("gone")
        with pytest.raises(NotThere):
            place.fetch("gone", tmp_path / "to")
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucket"):
        BucketPlace(s3, "no-such-bucket").read("gone")


@pytest.mark.parametrize("key", ["../secret", "a/../../secret", "/etc/hostname", "", "a\0b", "link/secret", "pipe"])
def test_no_key_leads_out_of_a_folder(key: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    (folder / "pipe").symlink_to("/dev/zero")
    with pytest.raises(NotThere):
        Folder(folder).read(key)
    with pytest.raises(NotThere):
        Folder(folder).fetch(key, tmp_path / "to")
    with pytest.raises(NotThere):
        Folder(folder).write(key, b"x")
    Folder(folder).delete([key])
    assert (tmp_path / "secret").read_text() == "s"


def test_no_more_is_read_than_was_to_be_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LARGEST_READ", 4)
    place = Folder(tmp_path)
    place.write("k", b"12345")
    with pytest.raises(TooLarge):
        place.read("k")
    with pytest.raises(TooLarge):
        place.fetch("k", tmp_path / "to", limit=4)
    place.fetch("k", tmp_path / "to", limit=5)


def test_an_address_leads_back_to_what_it_names(s3: Any, tmp_path: Path) -> None:
    for place in (Folder(tmp_path), BucketPlace(s3, BUCKET, "p/")):
        place.write("a/k", b"body")
        found, key = place_of(place.uri("a/k"), s3)
        assert found.read(key) == b"body"
    assert place_of(str(tmp_path / "a"), s3) == (Folder(tmp_path / "a"), "")
    assert place_of("s3://bucket", s3)[1] == ""
    for wrong in ("s3:/bucket/key", "s3://", "https://bucket/key", ""):
        with pytest.raises(ValueError, match="is no file"):
            place_of(wrong, s3)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    place.write("k", b"old")
    with pytest.raises(FileNotFoundError):
        place.upload(tmp_path / "absent", "k")
    assert place.read("k") == b"old"
    assert [entry.key for entry in place.list("")] == ["k"]


def test_more_keys_are_deleted_than_one_request_takes(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST_DELETED", 2)
    place = BucketPlace(s3, BUCKET, "many/")
    for number in range(5):
        place.write(str(number), b"")
    place.delete(map(str, range(5)))
    assert list(place.list("")) == []
