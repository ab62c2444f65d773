"""Consolidation: what was delivered, whole and once, in one layout; what is not whole, not at all."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a360_pipeline.inventory import decode, parts
from a360_pipeline.inventory.arrow import SCHEMA
from a360_pipeline.inventory.consolidate import consolidate
from a360_pipeline.inventory.delivery import Identity, consolidated_below, newest, read_marker, write_marker
from a360_pipeline.inventory.layout import FIELDS, Kind
from a360_pipeline.inventory.manifest import Format, VerificationFailed
from a360_pipeline.inventory.places import Folder, NotThere
from a360_pipeline_tests.inventory.deliveries import (
    BARE,
    CREATED,
    FOLDER,
    ROWS,
    SOURCE,
    VERSIONED,
    WHO,
    Row,
    announce,
    contents,
    deliver,
    file_of,
    row,
    rows_of,
    table_of,
)


@pytest.fixture
def source(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "destination")


@pytest.fixture
def target(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "out")


@pytest.mark.parametrize("kind", Format)
@pytest.mark.parametrize("fields", [BARE, VERSIONED, tuple(SCHEMA.names)], ids=["bare", "versioned", "all"])
def test_rows_come_out_as_they_are_in_their_order(
    kind: Format, fields: Sequence[str], source: Folder, target: Folder
) -> None:
    done = consolidate(source, deliver(source, kind=kind, fields=fields, files=3), target, WHO)
    assert rows_of(target, done).equals(table_of(ROWS, fields))
    assert (done.rows, done.object_bytes, done.files) == (10, 45_000, 3)
    assert done.source_bytes == sum(entry.size for entry in source.list(f"{FOLDER}/data/"))
    assert [file.rows for file in done.sources] == [4, 4, 2]
    assert done.fields == tuple(name for name in SCHEMA.names if name in fields)
    assert done.delivery.folder == f"inventory/111122223333/eu-central-1/films/2026-03-01/{done.delivery.name}"
    assert done.location == f"file://{target.path}/{done.delivery.folder}/"


TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
VALUES = {
    Kind.TEXT: TEXT,
    Kind.BIGINT: st.integers(0, 5 << 40),
    Kind.BOOLEAN: st.booleans(),
    Kind.TIMESTAMP: st.integers(1_136_073_600_000, 7_258_118_400_000).map(
        lambda millis: dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=millis)
    ),
}
OBJECTS = st.fixed_dictionaries(
    {
        **{field.name: st.none() | VALUES[field.kind] for field in FIELDS},
        "bucket": st.just(SOURCE),
        "key": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.just("100%/%41+b c"),
    }
)
DELIVERED = st.sets(st.sampled_from(SCHEMA.names)).map(
    lambda names: [name for name in SCHEMA.names if name in names | {"bucket", "key"}]
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(OBJECTS, max_size=8), DELIVERED)
def test_three_formats_of_one_truth_give_identical_tables(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], fields: list[str]
) -> None:
    room = tmp_path_factory.mktemp("truth")
    written = {}
    for kind in Format:
        source, target = Folder(room / kind), Folder(room / f"{kind}-out")
        done = consolidate(source, deliver(source, rows, kind=kind, fields=fields), target, WHO)
        assert rows_of(target, done).equals(table_of(rows, fields)), kind
        written[kind] = [target.read(key) for key in done.parts]
    assert written[Format.CSV] == written[Format.ORC] == written[Format.PARQUET]


def test_fields_that_come_and_go_leave_one_layout_and_unknown_ones_are_named(source: Folder, target: Folder) -> None:
    """I16. Whatever the format, and whatever fields were delivered that day, the table's columns are the same."""
    days = [
        (Format.ORC, BARE),
        (Format.CSV, (*VERSIONED, "Colour", "flavour")),
        (Format.PARQUET, ("key", "bucket", "colour", "size")),
    ]
    rows = [{**each, "Colour": "red", "colour": "red", "flavour": "salt"} for each in ROWS]
    found = []
    for day, (kind, fields) in enumerate(days):
        key = deliver(source, rows, kind=kind, fields=fields, created=CREATED + dt.timedelta(days=day))
        done = consolidate(source, key, target, WHO)
        assert rows_of(target, done).equals(table_of(ROWS, fields))
        found.append(done)
    assert [done.unknown_fields for done in found] == [(), ("Colour", "flavour"), ("colour",)]
    assert [done.delivery.date.day for done in consolidated_below(target)] == [1, 2, 3]
    assert {pq.read_schema(target.path / done.parts[0]) for done in found} == {SCHEMA}


def test_types_that_drift_are_brought_back(source: Folder, target: Folder) -> None:
    """I16. Sizes of 32 bits, instants finer than a millisecond, booleans as text, large strings."""
    table = table_of(ROWS).select(VERSIONED)
    other = {"size": "int32", "key": "large_string", "is_latest": "string"}
    for name, kind in other.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table.column(at).cast(kind))
    at = table.schema.get_field_index("last_modified_date")
    finer = [each.replace(microsecond=123999) for each in table.column(at).to_pylist()]
    table = table.set_column(at, "last_modified_date", pa.array(finer, pa.timestamp("us")))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    done = consolidate(source, deliver(source, kind=Format.PARQUET, bodies=[sink.getvalue()]), target, WHO)
    assert rows_of(target, done).equals(table_of(ROWS, VERSIONED))


def _csv_of(*lines: str) -> bytes:
    return gzip.compress("".join(lines).encode())


def test_keys_are_decoded_and_those_that_are_no_text_stay_as_they_came(source: Folder, target: Folder) -> None:
    keys = {
        "dt%3D1/a%20b%28%29.txt": "dt=1/a b().txt",
        "Z%C3%BCrich/%E2%82%AC": "Z\u00fcrich/\u20ac",
        "%2541": "%41",
        "100%": "100%",
        "%zz%20": "%zz ",
        "a+b": "a+b",
        "%0A%22": '\n"',
        "bad/%ff%20": "bad/%ff%20",
        "bad/%E2%82": "bad/%E2%82",
    }
    body = _csv_of(*(f'"{SOURCE}","{key}"\n' for key in keys))
    done = consolidate(source, deliver(source, fields=("bucket", "key"), bodies=[body]), target, WHO)
    assert rows_of(target, done).column("key").to_pylist() == list(keys.values())
    assert done.left_encoded == 2
    assert read_marker(target, done.delivery.folder) == done


def test_keys_of_orc_and_parquet_are_plain_already(source: Folder, target: Folder) -> None:
    for kind in (Format.ORC, Format.PARQUET):
        rows = [row("really%20so/%41")]
        done = consolidate(source, deliver(source, rows, kind=kind, fields=("bucket", "key")), target, WHO)
        assert rows_of(target, done).column("key").to_pylist() == ["really%20so/%41"]


@pytest.mark.parametrize(
    "body",
    [
        b'"films","a","1"\n"films","b","2"',
        b"films,a,1\r\nfilms,b,2\r\n",
        gzip.compress(b'"films","a","1"\n') + gzip.compress(b'"films","b","2"\n'),
    ],
    ids=["plain, no last newline", "unquoted, CRLF", "gzipped in two"],
)
def test_other_ways_to_write_csv_are_read(body: bytes, source: Folder, target: Folder) -> None:
    done = consolidate(source, deliver(source, fields=("bucket", "key", "size"), bodies=[body]), target, WHO)
    assert rows_of(target, done).select(["key", "size"]).to_pylist() == [
        {"key": "a", "size": 1},
        {"key": "b", "size": 2},
    ]


@pytest.mark.parametrize("kind", Format)
def test_an_inventory_of_nothing_is_a_delivery_without_rows(kind: Format, source: Folder, target: Folder) -> None:
    empty = consolidate(source, deliver(source, [], kind=kind), target, WHO)
    no_file = consolidate(source, deliver(source, kind=kind, bodies=[], created=CREATED.replace(hour=2)), target, WHO)
    for done in (empty, no_file):
        assert (done.rows, done.parts, done.object_bytes) == (0, (), 0)
        assert set(done.fields) == set(VERSIONED)


GOOD_LINE = '"films","a","1","true"\n'
FIELDS_OF_LINES = ("bucket", "key", "size", "is_latest")
BROKEN: dict[str, tuple[Format, bytes]] = {
    "too few fields": (Format.CSV, _csv_of(GOOD_LINE, '"films","b","1"\n')),
    "too many fields": (Format.CSV, _csv_of(GOOD_LINE, '"films","b","1","true",""\n')),
    "a blank line": (Format.CSV, _csv_of(GOOD_LINE, "\n", GOOD_LINE)),
    "a blank last line": (Format.CSV, _csv_of(GOOD_LINE, "\n")),
    "a line in two": (Format.CSV, _csv_of(GOOD_LINE, '"films","a\nb","1","true"\n')),
    "a quote that does not end": (Format.CSV, _csv_of(GOOD_LINE, '"films","b,"1","true"\n', GOOD_LINE)),
    "a size that is none": (Format.CSV, _csv_of(GOOD_LINE, '"films","b","1.5","true"\n')),
    "a size past all sizes": (Format.CSV, _csv_of(GOOD_LINE, f'"films","b","{1 << 70}","true"\n')),
    "a boolean that is none": (Format.CSV, _csv_of(GOOD_LINE, '"films","b","1","perhaps"\n')),
    "no key": (Format.CSV, _csv_of(GOOD_LINE, '"films","","1","true"\n')),
    "another bucket": (Format.CSV, _csv_of(GOOD_LINE, '"other","b","1","true"\n')),
    "bytes that are no text": (Format.CSV, gzip.compress(b'"films","\xff","1","true"\n')),
    "half a gzip": (Format.CSV, _csv_of(*(GOOD_LINE.replace("a", str(n)) for n in range(999)))[:-400]),
    "gzip without its end": (Format.CSV, _csv_of(GOOD_LINE)[:-8]),
    "gzip and then something": (Format.CSV, _csv_of(GOOD_LINE) + b"something"),
    "no gzip at all": (Format.CSV, b"\0\1\2\3" * 99),
    "no orc": (Format.ORC, b"ORC nothing of the kind"),
    "nothing for orc": (Format.ORC, b""),
    "parquet for orc": (Format.ORC, file_of(Format.PARQUET, ROWS, VERSIONED)),
    "half a parquet": (Format.PARQUET, file_of(Format.PARQUET, ROWS, VERSIONED)[:-100]),
    "no column of keys": (Format.PARQUET, file_of(Format.PARQUET, ROWS, ("bucket", "size"))),
    "a column twice": (Format.ORC, file_of(Format.ORC, [{**ROWS[0], "KEY": "k"}], ("bucket", "key", "KEY"))),
}


@pytest.mark.parametrize(("kind", "body"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_not_what_it_should_be_is_refused_though_its_md5_is_right(
    kind: Format, body: bytes, source: Folder, target: Folder
) -> None:
    good = file_of(kind, [row("a", size=1, is_latest=True)] * 3, FIELDS_OF_LINES)
    key = deliver(source, kind=kind, fields=FIELDS_OF_LINES, bodies=[good, body])
    with pytest.raises(VerificationFailed, match=rf"{key}: {FOLDER}/data/.*-1\.") as failed:
        consolidate(source, key, target, WHO)
    assert len(str(failed.value)) < 1500
    assert contents(target) == {}


FAULTS: dict[str, Callable[[bytes], bytes | None]] = {
    "changed": lambda body: bytes([body[0], body[1] ^ 1, *body[2:]]),
    "another of the same rows": lambda body: gzip.compress(gzip.decompress(body), compresslevel=1),
    "short": lambda body: body[:-1],
    "long": lambda body: body + b"\0",
    "empty": lambda _body: b"",
    "missing": lambda _body: None,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("at", [0, 2])
def test_a_delivery_counts_when_every_file_is_the_one_that_is_listed(
    fault: Callable[[bytes], bytes | None], at: int, source: Folder, target: Folder
) -> None:
    """I3. The checksum and the manifest are right; a file is not: nothing of the delivery is there, until it is."""
    key = deliver(source, files=3)
    path = [entry.key for entry in source.list(f"{FOLDER}/data/")][at]
    body = source.read(path)
    spoilt = fault(body)
    if spoilt is None:
        source.delete([path])
    else:
        source.write(path, spoilt)
    with pytest.raises(VerificationFailed, match=path):
        consolidate(source, key, target, WHO)
    assert contents(target) == {}
    source.write(path, body)
    assert rows_of(target, consolidate(source, key, target, WHO)).equals(table_of(ROWS, VERSIONED))


def test_a_later_file_that_is_wrong_takes_the_parts_before_it_along(
    source: Folder, target: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I3. Parts that were written before the fault was found do not stay."""
    monkeypatch.setattr(parts, "GROUP_ROWS", 2)
    monkeypatch.setattr(parts, "PART_BYTES", 1)
    key = deliver(source, files=5)
    source.write([entry.key for entry in source.list(f"{FOLDER}/data/")][4], b"")
    with pytest.raises(VerificationFailed):
        consolidate(source, key, target, WHO)
    assert contents(target) == {}


def test_fewer_rows_than_a_file_tells_of_are_noticed(
    source: Folder, target: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I3. Rows read are reconciled with the file's own count, in every format."""
    for kind in Format:
        reader = decode._READERS[kind]

        def short(path: Path, fields: Sequence[str], reader: Any = reader) -> decode.Opened:
            raw = reader(path, fields)
            return dataclasses.replace(raw, batches=(batch.slice(1) for batch in raw.batches))

        monkeypatch.setitem(decode._READERS, kind, short)
        with pytest.raises(VerificationFailed, match="9 rows were read of 10"):
            consolidate(source, deliver(source, kind=kind), target, WHO)


def test_a_delivery_taken_twice_is_one_delivery(source: Folder, target: Folder) -> None:
    """I4. A replay gives the same folder and the same bytes, and is not even written again."""
    key = deliver(source)
    first = consolidate(source, key, target, WHO)
    before = contents(target)
    stamps = {entry.key: entry.last_modified for entry in target.list("")}
    copied = key.replace(FOLDER, "copied/films/all")
    for name in (key, key.replace(".json", ".checksum")):
        source.write(name.replace(FOLDER, "copied/films/all"), source.read(name))
    assert consolidate(source, key, target, WHO) == first
    again = consolidate(source, copied, target, WHO)
    assert again == dataclasses.replace(first, delivery=dataclasses.replace(first.delivery, manifest_key=copied))
    assert contents(target) == before
    assert {entry.key: entry.last_modified for entry in target.list("")} == stamps
    assert [done.rows for done in consolidated_below(target)] == [10]


def test_of_two_deliveries_of_one_day_the_newest_stands_whatever_the_order(source: Folder, target: Folder) -> None:
    """I4. Two deliveries of a day have two folders; one of them counts, the other is history."""
    later = deliver(source, ROWS[:4], created=CREATED.replace(hour=20))
    early = deliver(source, ROWS, created=CREATED)
    same_instant = deliver(source, ROWS[:7], kind=Format.ORC, created=CREATED, folder="lists/films/other")
    next_day = deliver(source, ROWS[:2], created=CREATED + dt.timedelta(days=1))
    for key in (later, early, same_instant, next_day):
        consolidate(source, key, target, WHO)
    consolidate(source, later, target, Identity("444455556666", WHO.region))
    found = list(consolidated_below(target))
    assert len({done.delivery.folder for done in found}) == 5
    standing = newest(reversed(found))
    assert standing == newest(found)
    assert [(each.delivery.account[:4], each.delivery.date.day, each.rows) for each in standing] == [
        ("1111", 1, 4),
        ("1111", 2, 2),
        ("4444", 1, 4),
    ]


class Killed(BaseException):
    """Ends a run as a kill does: nothing catches it."""


@dataclasses.dataclass(frozen=True)
class Dying(Folder):
    """A folder to which so much is written before the run is killed."""

    left: list[None] = dataclasses.field(default_factory=list)

    def _put(self, key: str, fill: Callable[[Path], object]) -> None:
        if not self.left:
            raise Killed
        self.left.pop()
        super()._put(key, fill)


def test_a_run_that_was_killed_anywhere_and_done_again_leaves_the_same(
    source: Folder, target: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """I4. Unfinished folders are none, and their parts do not add up with those of the next run."""
    monkeypatch.setattr(parts, "GROUP_ROWS", 2)
    monkeypatch.setattr(parts, "PART_BYTES", 1)
    key = deliver(source, files=2)
    whole = consolidate(source, key, target, WHO)
    assert len(whole.parts) == 5
    for writes in range(len(whole.parts) + 1):
        dying = Dying(tmp_path / f"killed-{writes}", [None] * writes)
        # As a run of other bounds would have left it.
        Folder(dying.path).write(f"{whole.delivery.folder}/part-00009.parquet", b"stale")
        with pytest.raises(Killed):
            consolidate(source, key, dying, WHO)
        assert list(consolidated_below(dying)) == []
        survivor = Folder(dying.path)
        assert consolidate(source, key, survivor, WHO).parts == whole.parts
        assert contents(survivor) == contents(target)


def test_a_folder_that_lost_a_part_is_written_anew(source: Folder, target: Folder) -> None:
    key = deliver(source)
    done = consolidate(source, key, target, WHO)
    before = contents(target)
    target.write(done.parts[0], b"")
    consolidate(source, key, target, WHO)
    assert contents(target) == before


def test_a_folder_of_another_manifest_does_not_stand_for_this_one(source: Folder, target: Folder) -> None:
    """I4. Eight digits of an MD5, which name the folder, can be made to agree; all of it counts."""
    key = deliver(source)
    done = consolidate(source, key, target, WHO)
    other = dataclasses.replace(done.delivery, manifest_md5=done.delivery.manifest_md5[:8] + "0" * 24)
    write_marker(target, dataclasses.replace(done, delivery=other))
    assert consolidate(source, key, target, WHO) == done == read_marker(target, done.delivery.folder)


def test_what_cannot_be_verified_any_more_does_not_destroy_what_was_consolidated(
    source: Folder, target: Folder
) -> None:
    key = deliver(source)
    done = consolidate(source, key, target, WHO)
    target.write(f"{done.delivery.folder}/stray", b"")
    source.delete([entry.key for entry in source.list(f"{FOLDER}/data/")])
    with pytest.raises(VerificationFailed):
        consolidate(source, key, target, WHO)
    assert rows_of(target, done).equals(table_of(ROWS, VERSIONED))


def test_row_groups_and_files_are_of_the_sizes_asked_for(
    source: Folder, target: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(f"{number:05d}", size=1) for number in range(1000)]
    monkeypatch.setattr(parts, "GROUP_ROWS", 96)
    key = deliver(source, rows, fields=("bucket", "key", "size"), files=7)
    done = consolidate(source, key, target, WHO)
    metadata = pq.read_metadata(target.path / done.parts[0])
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [96] * 10 + [40]
    assert metadata.row_group(0).column(1).compression == "ZSTD"
    assert metadata.row_group(1).column(1).statistics.min == "00096"
    assert rows_of(target, done).equals(table_of(rows))
    monkeypatch.setattr(parts, "PART_BYTES", 8000)
    small = consolidate(source, key, Folder(target.path / "small"), WHO)
    assert len(small.parts) > 2
    # Beyond its row groups a file has an account of them.
    assert max(part.size for part in small.written) < 8000 + 24_000
    assert rows_of(Folder(target.path / "small"), small).equals(table_of(rows))


def test_long_values_make_smaller_row_groups(source: Folder, target: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "GROUP_BYTES", 1)
    done = consolidate(source, deliver(source, files=5), target, WHO)
    assert pq.read_metadata(target.path / done.parts[0]).num_row_groups == 5


@pytest.mark.parametrize(
    ("listed", "at"),
    [
        ("secrets/a.csv.gz", "secrets/a.csv.gz"),
        ("../../secrets/a.csv.gz", "secrets/a.csv.gz"),
        (f"{FOLDER}/../../../secrets/a.csv.gz", "secrets/a.csv.gz"),
        ("lists/other/all/data/b.csv.gz", "lists/other/all/data/b.csv.gz"),
    ],
)
def test_a_manifest_reaches_nothing_outside_its_configuration(
    listed: str, at: str, source: Folder, target: Folder
) -> None:
    key = deliver(source)
    manifest = json.loads(source.read(key))
    body = source.read(manifest["files"][0]["key"])
    source.write(at, body)
    manifest["files"][0]["key"] = listed
    with pytest.raises(VerificationFailed, match="is not there"):
        consolidate(source, announce(source, manifest), target, WHO)


@pytest.mark.parametrize("who", [("1", "eu-west-1"), ("111122223333", "../x"), ("111122223333", "")])
def test_what_is_no_account_in_a_region_makes_no_folder(who: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="is no account"):
        Identity(*who)


@pytest.mark.parametrize("region", ["us-gov-west-1", "ap-southeast-7", "eusc-de-east-1", "mx-central-1"])
def test_regions_old_and_new_have_folders(region: str) -> None:
    """I8. No list of regions decides what counts."""
    assert Identity("111122223333", region).region == region


def test_a_manifest_not_yet_there_leaves_nothing(source: Folder, target: Folder) -> None:
    with pytest.raises(NotThere):
        consolidate(source, f"{FOLDER}/D/manifest.json", target, WHO)
    assert contents(target) == {}
