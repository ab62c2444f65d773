"""What a person names is found: files, folders and buckets, each object once, and nothing silently not."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from a360_pipeline.snapshot.sources import AsideStore, FolderStore, SourceError, WatchedStore, find_sources, store_of
from a360_pipeline.snapshot.store import SnapshotStore, StoredObject

ACCOUNT = "856763896160"
NAME = f"{ACCOUNT}/us-east-1/2026-03-02_DAILY.json"
OTHER = f"{ACCOUNT}/eu-west-1/2026-03-02_DAILY.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder, with a space in its name, of two snapshots."""
    root = tmp_path / "my snapshots"
    for name in (NAME, OTHER):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("{}")
    return root


@pytest.fixture
def offline() -> SnapshotStore:
    """Of a bucket that nobody asks for anything."""
    return SnapshotStore(None, "a360-snapshots", "data/", "loaded/", "quarantine/")


@pytest.fixture
def found(offline: SnapshotStore) -> Callable[..., dict[str, list[str]]]:
    """The keys by bucket that addresses of files lead to."""

    def find(*addresses: str | Path) -> dict[str, list[str]]:
        sources = find_sources([str(each) for each in addresses], offline)
        return {source.store.bucket: [stored.key for stored in source.objects] for source in sources}

    return find


@pytest.mark.parametrize("part", ["", ACCOUNT])
def test_a_folder_gives_its_snapshots_wherever_in_the_tree_it_is(
    part: str, folder: Path, found: Callable[..., dict[str, list[str]]]
) -> None:
    assert found(folder / part) == {f"file://{folder}": [f"data/{OTHER}", f"data/{NAME}"]}


def test_a_file_is_told_by_the_last_three_parts_of_its_path(
    folder: Path, found: Callable[..., dict[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {f"file://{folder}": [f"data/{NAME}"]}
    assert found(folder / NAME) == found(f"file://{folder / NAME}") == expected
    monkeypatch.chdir(folder / ACCOUNT / "us-east-1")
    assert found("2026-03-02_DAILY.json") == found("../us-east-1/2026-03-02_DAILY.json") == expected


def test_a_file_that_two_addresses_name_is_loaded_once(
    folder: Path, found: Callable[..., dict[str, list[str]]]
) -> None:
    assert found(folder / NAME, folder, folder / ACCOUNT / "us-east-1") == {
        f"file://{folder}": [f"data/{OTHER}", f"data/{NAME}"]
    }


def test_folders_of_folders_are_kept_apart(tmp_path: Path, found: Callable[..., dict[str, list[str]]]) -> None:
    for hub in ("one", "two"):
        (tmp_path / "hubs" / hub / NAME).parent.mkdir(parents=True)
        (tmp_path / "hubs" / hub / NAME).write_text(hub)
    assert found(tmp_path / "hubs") == {f"file://{tmp_path / 'hubs' / hub}": [f"data/{NAME}"] for hub in ("one", "two")}


def test_a_linked_file_is_told_by_its_own_name_not_by_what_it_leads_to(
    tmp_path: Path, found: Callable[..., dict[str, list[str]]]
) -> None:
    """Tools that keep large files elsewhere leave links to names that say nothing."""
    (tmp_path / "3f7a").write_text("{}")
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).symlink_to(tmp_path / "3f7a")
    assert found(tmp_path / ACCOUNT) == {f"file://{tmp_path}": [f"data/{NAME}"]}


def test_a_file_is_known_by_its_content_and_time(folder: Path, offline: SnapshotStore) -> None:
    os.utime(folder / NAME, (1772444096.5, 1772444096.5))
    (source,) = find_sources([str(folder / NAME)], offline)
    assert source.objects == [
        StoredObject(
            f"data/{NAME}",
            "99914b932bd37a50b983c5e7c90ae93b",
            2,
            dt.datetime(2026, 3, 2, 9, 34, 56, 500000, dt.UTC),
        )
    ]


def test_a_file_that_changes_or_goes_after_it_was_listed_is_not_read_as_what_it_was(
    folder: Path, offline: SnapshotStore
) -> None:
    (source,) = find_sources([str(folder / NAME)], offline)
    (stored,) = source.objects
    assert source.store.read(stored) == b"{}"
    (folder / NAME).write_text("[]")
    assert source.store.read(stored) is None
    (folder / NAME).unlink()
    assert source.store.read(stored) is None


def test_files_stay_where_they_are(folder: Path, offline: SnapshotStore) -> None:
    (source,) = find_sources([str(folder)], offline)
    for stored in source.objects:
        assert source.store.to_loaded(stored)
        assert source.store.to_quarantine(stored, "bad")
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*")) == [OTHER, NAME]


def test_what_lies_under_the_data_prefix_moves_as_the_sensor_moves_it(store: SnapshotStore) -> None:
    """Everything counts there, whatever it is called."""
    for name in (NAME, "nonsense.txt"):
        store.put(f"data/{name}", b"{}")
    for address in (f"s3://{store.bucket}/data", f"s3://{store.bucket}/data/"):
        (source,) = find_sources([address], store)
        assert source.store == store
        assert [stored.key for stored in source.objects] == [f"data/{NAME}", "data/nonsense.txt"]


def test_a_folder_of_a_bucket_is_not_its_neighbor_whose_name_begins_alike(store: SnapshotStore) -> None:
    for prefix in ("data", "data-of-old"):
        store.put(f"{prefix}/{NAME}", b"{}")
    for address in (f"s3://{store.bucket}/data", f"s3://{store.bucket}/data/{NAME}"):
        (source,) = find_sources([address], store)
        assert [stored.key for stored in source.objects] == [f"data/{NAME}"]


def test_what_lies_elsewhere_is_read_under_its_last_three_parts_and_stays(store: SnapshotStore) -> None:
    for name in (NAME, "manifest.csv"):
        store.put(f"archive/2026/{name}", b"{}")
    (source,) = find_sources([f"s3://{store.bucket}/archive"], store)
    (stored,) = source.objects
    key = f"archive/2026/{NAME}"
    assert (stored.key, source.store.path(key), source.store.uri(key)) == (key, NAME, f"s3://{store.bucket}/{key}")
    assert source.store.read(stored) == b"{}"
    assert source.store.to_loaded(stored)
    assert source.store.to_quarantine(stored, "bad")
    assert len(list(store.waiting(""))) == 2


def test_another_bucket_has_the_same_prefixes(store: SnapshotStore) -> None:
    store.s3.create_bucket(Bucket="another-bucket")
    store.s3.put_object(Bucket="another-bucket", Key=f"data/{NAME}", Body=b"{}")
    (source,) = find_sources(["s3://another-bucket/data/"], store)
    assert source.store.to_loaded(source.objects[0])
    listed = store.s3.list_objects_v2(Bucket="another-bucket")["Contents"]
    assert [each["Key"] for each in listed] == [f"loaded/{NAME}"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("{tmp}/nowhere", "{tmp}/nowhere cannot be read: No such file or directory"),
        ("{tmp}/empty", "there is no snapshot in {tmp}/empty: no file in it ends in .json"),
        ("s3:/bucket/data", "s3:/bucket/data is no address in S3: s3://BUCKET/PREFIX is expected"),
        ("s3://B_/data", "s3://B_/data is no address in S3: s3://BUCKET/PREFIX is expected"),
        ("https://example.com/x.json", "'https://example.com/x.json' is no file, no folder and no s3://BUCKET/PREFIX"),
        ("", "'' is no file, no folder and no s3://BUCKET/PREFIX"),
        ("s3://a360-snapshots", "names a whole bucket: say which part, as in s3://a360-snapshots/data/"),
        ("s3://a360-snapshots/", "names a whole bucket: say which part, as in s3://a360-snapshots/data/"),
        ("s3://a360-snapshots/quarantine/x", "lies in quarantine: `a360 quarantine replay` loads from there"),
    ],
)
def test_what_cannot_be_found_is_one_clear_message(
    address: str, message: str, tmp_path: Path, offline: SnapshotStore
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no snapshot")
    with pytest.raises(SourceError) as raised:
        find_sources([address.format(tmp=tmp_path)], offline)
    assert message.format(tmp=tmp_path) in str(raised.value)


def test_a_bucket_that_cannot_be_listed_or_holds_nothing_there_is_one_clear_message(store: SnapshotStore) -> None:
    """Unreadable is not empty, and empty is not loaded."""
    with pytest.raises(SourceError, match=r"^there is no snapshot at s3://a360-snapshots/data/$"):
        find_sources(["s3://a360-snapshots/data/"], store)
    with pytest.raises(SourceError, match=r"^s3://no-such-bucket/data/ cannot be listed: .*NoSuchBucket"):
        find_sources(["s3://no-such-bucket/data/"], store)


def test_a_bucket_and_a_key_of_the_ledger_lead_back_to_their_store(offline: SnapshotStore) -> None:
    assert store_of(offline.bucket, f"data/{NAME}", offline) == offline
    assert store_of(offline.bucket, f"archive/{NAME}", offline) == AsideStore(offline)
    files = store_of("file:///srv/snapshots", f"data/{NAME}", offline)
    assert files == FolderStore(Path("/srv/snapshots"), "data/")
    assert files.uri(f"data/{NAME}") == f"file:///srv/snapshots/{NAME}"


def test_a_watched_store_is_the_store_and_tells_of_each_object_dealt_with(folder: Path, offline: SnapshotStore) -> None:
    (source,) = find_sources([str(folder)], offline)
    told: list[int] = []
    watched = WatchedStore(source.store, lambda: told.append(1))
    first, second = source.objects
    assert (watched.bucket, watched.path(first.key), watched.uri(first.key), watched.read(first)) == (
        f"file://{folder}",
        OTHER,
        f"file://{folder}/{OTHER}",
        b"{}",
    )
    assert told == []
    assert watched.to_loaded(first)
    assert watched.to_quarantine(second, "bad")
    assert told == [1, 1]
