"""The commands that load and look without Dagster: what they print is so, and their exit codes tell."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import EndpointConnectionError
from click.testing import CliRunner, Result
from rich.console import Console

from a360_pipeline.cli import main
from a360_pipeline.report import command
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.snapshot.key import BadSnapshot
from a360_pipeline.snapshot.sources import FolderStore
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse import checks
from a360_pipeline.warehouse import load as loading
from a360_pipeline_tests.conftest import FIELD_SNAPSHOTS
from a360_pipeline_tests.warehouse.contents import contents

ACCOUNT = "856763896160"
NAME = f"{ACCOUNT}/us-east-1/2026-03-02_DAILY.json"
CUT = b'{"account": {"account_id'
Run = Callable[..., Result]


@pytest.fixture
def a360(environment: StandIn, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command against the stand-in and the empty warehouse; shows what went wrong inside."""
    told = Console(file=io.StringIO(), highlight=False, soft_wrap=True)
    monkeypatch.setattr(command, "said", told)

    def run(*arguments: str | Path, code: int = 0) -> Result:
        result = CliRunner(env={"COLUMNS": "200"}).invoke(main, [str(each) for each in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The field's snapshots in a folder of one's own."""
    if not FIELD_SNAPSHOTS.is_dir():
        pytest.skip("the field's snapshots are not at hand")
    # The contents alone: what is copied may be read-only where it lies.
    return Path(shutil.copytree(FIELD_SNAPSHOTS, tmp_path / "my snapshots", copy_function=shutil.copyfile))


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def snapshot(**content: Any) -> bytes:
    return json.dumps(
        {"account": {"account_id": ACCOUNT, "account_name": "a", "region": "us-east-1"}, **content}
    ).encode()


def coverage_of(**statuses: str) -> dict[str, Any]:
    return {
        name: {"status": status, "rows": 0, "message": f"why {status}" if status != "empty" else None}
        for name, status in statuses.items()
    }


def keys(store: SnapshotStore, prefix: str) -> list[str]:
    return sorted(each.key for each in store.waiting(prefix))


def one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


@contextmanager
def a_loader_with_a_bug() -> Iterator[None]:
    """Refuses what is no worse than other snapshots."""

    def refuse(path: str, body: bytes) -> Any:
        raise BadSnapshot("the loader has a bug")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loading, "read_snapshot", refuse)
        yield


# load


def test_loading_a_folder_twice_changes_nothing_the_second_time(
    a360: Run, folder: Path, connection: psycopg.Connection[Any]
) -> None:
    files = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.json")}
    first = answer(a360("load", folder, "--json"))
    assert (first["files"], first["loaded"], first["known"]) == (4, 4, 0)
    for kind in ("created", "updated", "unchanged", "retired", "removed"):
        assert first[kind] == sum(each[kind] for each in first["tables"].values())
    assert first["rows"] == first["created"] + first["updated"] + first["unchanged"]
    for table, changes in first["tables"].items():
        assert one(connection, f"SELECT count(*) FROM {table}") == changes["created"] - changes["removed"], table
    before = contents(connection)

    second = answer(a360("load", folder, "--json"))
    assert (second["files"], second["loaded"], second["known"], second["rows"], second["tables"]) == (4, 0, 4, 0, {})
    assert contents(connection) == before
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.json")} == files


def test_the_ledger_says_where_a_file_lies_and_which_version_it_was(
    a360: Run, folder: Path, connection: psycopg.Connection[Any]
) -> None:
    a360("load", folder / NAME)
    bucket, key, etag, size = one(connection, "SELECT bucket, key, etag, bytes FROM load_ledger")
    assert (bucket, key) == (f"file://{folder}", f"data/{NAME}")
    assert (len(etag), size) == (32, (folder / NAME).stat().st_size)


def test_a_folder_and_a_bucket_give_the_same_warehouse(
    a360: Run,
    folder: Path,
    field_snapshots: list[str],
    store: SnapshotStore,
    connection: psycopg.Connection[Any],
    new_database: Callable[[str], str],
) -> None:
    other_url = new_database("template_warehouse")
    a360("load", folder, "--database-url", other_url)
    a360("load", f"s3://{store.bucket}/data/")
    assert keys(store, "data/") == []
    assert keys(store, "loaded/") == [key.replace("data/", "loaded/") for key in field_snapshots]
    with psycopg.connect(other_url, options="-c timezone=UTC") as other:
        assert contents(other) == contents(connection)


def test_files_and_buckets_load_in_one_go(
    a360: Run, folder: Path, store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    store.put(f"data/{NAME}", (folder / NAME).read_bytes())
    store.put(f"archive/{NAME}", (folder / NAME).read_bytes())
    other = next(path for path in sorted(folder.rglob("*.json")) if ACCOUNT not in str(path))
    told = answer(a360("load", other, f"s3://{store.bucket}/data", f"s3://{store.bucket}/archive", "--json"))
    assert (told["files"], told["loaded"], told["quarantined"]) == (3, 3, {})
    assert one(connection, "SELECT count(DISTINCT account_id) FROM accounts") == 2
    assert keys(store, "") == [f"archive/{NAME}", f"loaded/{NAME}"]


def test_a_bad_file_is_told_and_does_not_keep_its_neighbors_out(
    a360: Run, folder: Path, connection: psycopg.Connection[Any]
) -> None:
    (folder / NAME).write_bytes(CUT)
    result = a360("load", folder, "--json", code=1)
    told = answer(result)
    assert (told["files"], told["loaded"]) == (4, 3)
    assert list(told["quarantined"]) == [f"data/{NAME}"]
    assert "no valid JSON, perhaps cut off" in told["quarantined"][f"data/{NAME}"]
    assert "the rest is loaded, but: 1 quarantined" in result.stderr
    assert (folder / NAME).read_bytes() == CUT
    assert one(connection, "SELECT key FROM load_ledger WHERE outcome = 'quarantined'") == f"data/{NAME}"

    printed = a360("load", folder, code=1).stdout
    assert "4 files: 0 loaded, 3 known from before, 1 quarantined, 0 gone; 0 rows rejected;" in printed
    assert f"quarantined file://{folder}/{NAME}: it is no valid JSON, perhaps cut off" in printed

    shutil.copyfile(FIELD_SNAPSHOTS / NAME, folder / NAME)
    a360("load", folder)
    assert answer(a360("quarantine", "list", "--json")) == []


def test_bad_files_of_one_name_in_two_folders_are_both_told(a360: Run, tmp_path: Path) -> None:
    for hub in ("one", "two"):
        (tmp_path / hub / NAME).parent.mkdir(parents=True)
        (tmp_path / hub / NAME).write_bytes(CUT)
    told = answer(a360("load", tmp_path / "one", tmp_path / "two", "--json", code=1))
    assert list(told["quarantined"]) == [f"data/{NAME}", f"file://{tmp_path}/two/{NAME}"]


def test_rows_are_printed_by_table(a360: Run, folder: Path) -> None:
    printed = a360("load", folder).stdout
    assert [line.split()[:3] for line in printed.splitlines() if line.strip().startswith("kms_keys")] == [
        ["kms_keys", "12", "0"]
    ]
    assert "4 files: 4 loaded, 0 known from before, 0 quarantined, 0 gone; 0 rows rejected;" in printed


def test_rows_that_nothing_reads_are_told(a360: Run, tmp_path: Path) -> None:
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(snapshot(section_of_tomorrow=[1, 2, 3]))
    assert answer(a360("load", tmp_path / ACCOUNT, "--json"))["not_taken"]["section_of_tomorrow"] == 3
    (tmp_path / NAME).write_bytes(snapshot(section_of_tomorrow=[1, 2]))
    assert "section_of_tomorrow 2" in a360("load", tmp_path / ACCOUNT).stdout


def test_rejected_rows_are_missing_data_and_exit_with_1(
    a360: Run, tmp_path: Path, connection: psycopg.Connection[Any]
) -> None:
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(
        snapshot(security={"kms": [{"arn": "arn:1"}, {"arn": "arn:2", "enabled": "perhaps"}]})
    )
    result = a360("load", tmp_path / ACCOUNT, "--json", code=1)
    assert answer(result)["rejected"] == 1 == one(connection, "SELECT count(*) FROM rejected_rows")
    assert "1 rows rejected: they are missing in the tables" in result.stderr
    assert one(connection, "SELECT count(*) FROM kms_keys") == 1


def test_an_object_that_could_not_be_moved_is_told_and_exits_with_1(
    a360: Run, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_answer(*_: Any) -> bool:
        raise EndpointConnectionError(endpoint_url="https://s3.example")

    store.put(f"data/{NAME}", snapshot())
    with monkeypatch.context() as patched:
        patched.setattr(SnapshotStore, "to_loaded", no_answer)
        result = a360("load", f"s3://{store.bucket}/data/", "--json", code=1)
    (problem,) = answer(result)["unmoved"]
    assert problem.startswith(f"s3://{store.bucket}/data/{NAME}: unreachable: Could not connect to the endpoint URL")
    assert "1 not moved" in result.stderr
    assert answer(a360("load", f"s3://{store.bucket}/data/", "--json"))["known"] == 1
    assert keys(store, "") == [f"loaded/{NAME}"]


def test_a_file_that_goes_while_it_is_loaded_is_told(
    a360: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(snapshot())
    monkeypatch.setattr(FolderStore, "read", lambda *_: None)
    printed = a360("load", tmp_path / NAME).stdout
    assert "1 files: 0 loaded, 0 known from before, 0 quarantined, 1 gone;" in printed
    assert f"gone: file://{tmp_path}/{NAME} was moved or replaced by somebody else meanwhile" in printed


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("{tmp}/nowhere.json", "Error: {tmp}/nowhere.json cannot be read: No such file or directory\n"),
        ("{tmp}", "Error: there is no snapshot in {tmp}: no file in it ends in .json\n"),
        ("s3:/data", "Error: s3:/data is no address in S3: s3://BUCKET/PREFIX is expected\n"),
        ("s3://a360-snapshots/data/", "Error: there is no snapshot at s3://a360-snapshots/data/\n"),
    ],
)
def test_what_is_not_there_is_one_message_and_nothing_else_is_loaded(
    address: str,
    message: str,
    a360: Run,
    folder: Path,
    tmp_path: Path,
    connection: psycopg.Connection[Any],
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = a360("load", folder, address.format(tmp=empty), code=2)
    assert (result.stdout, result.stderr) == ("", message.format(tmp=empty))
    assert one(connection, "SELECT count(*) FROM load_ledger") == 0


def test_progress_is_lines_in_a_log_and_a_bar_on_a_terminal(
    a360: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(command, "said", Console(file=log, soft_wrap=True))
    assert "4 of 4" not in a360("load", folder).stdout
    assert f"4 snapshots in file://{folder}" in log.getvalue()
    assert "4 of 4 snapshots loaded" in log.getvalue()
    terminal = io.StringIO()
    monkeypatch.setattr(command, "said", Console(file=terminal, force_terminal=True, width=120, color_system=None))
    a360("load", folder)
    assert "100%" in terminal.getvalue()
    assert "4/4" in terminal.getvalue()


# the warehouse's address


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://me:s3cret@127.0.0.1:1/a360", "the warehouse at 127.0.0.1:1/a360 does not answer as user me"),
        ("postgresql://me:s3cret%zz@127.0.0.1/a360", "URL (hidden) cannot be read: within a user's name or a password"),
        ("postgresql://me:s3cret%de@127.0.0.1/a360", "URL (hidden) cannot be read: within a user's name or a password"),
        ("postgresql://me:1@s3cret@127.0.0.1/a360", "URL (hidden) has more than one @: within a user's name"),
        ("mysql://me:s3cret@127.0.0.1/a360", "A360_DATABASE_URL is (hidden): postgresql://user:password@host"),
    ],
)
def test_an_address_that_does_not_work_is_one_message_without_the_password(
    url: str, message: str, a360: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq quotes what it cannot read."""
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(snapshot())
    commands = [["migrate"], ["coverage"], ["quarantine", "list"], ["quarantine", "replay", "--all"]]
    for arguments in [*commands, ["load", str(tmp_path / NAME)]]:
        result = a360(*arguments, "--database-url", url, code=1)
        assert message in result.stderr
        assert "s3cret" not in result.output
    monkeypatch.setenv("A360_DATABASE_URL", url)
    assert message in a360("coverage", code=1).stderr


def test_migrate_takes_an_empty_database_by_its_address(a360: Run, new_database: Callable[[str], str]) -> None:
    url = new_database("template0")
    assert a360("coverage", "--database-url", url, code=1).stderr.endswith("run `a360 migrate`\n")
    assert "table accounts" in answer(a360("migrate", "--database-url", url, "--json"))["added"]
    assert answer(a360("migrate", "--database-url", url, "--json"))["added"] == []
    assert "no daily snapshot has been loaded yet" in a360("coverage", "--database-url", url, code=1).stderr


# coverage


def put_day(store: SnapshotStore, day: str, account: str = ACCOUNT, **statuses: str) -> None:
    body = snapshot(coverage=coverage_of(**statuses)).replace(ACCOUNT.encode(), account.encode())
    store.put(f"data/{account}/us-east-1/{day}_DAILY.json", body)


def test_coverage_shows_gaps_of_the_latest_day_and_exits_with_1_while_one_is_open(
    a360: Run, store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    put_day(store, "2026-03-01", kms="failed", inventory="failed")
    put_day(store, "2026-03-02", kms="empty", inventory="denied")
    a360("load", f"s3://{store.bucket}/data/")
    result = a360("coverage", "--json", code=1)
    told = answer(result)
    assert (told["date"], told["known"], told["of"], told["open"]) == ("2026-03-02", 1, 2, 1)
    assert told["sections"] == [
        {
            "account_id": ACCOUNT,
            "account_name": "a",
            "region": "us-east-1",
            "section": "inventory",
            "status": "denied",
            "rows": 0,
            "message": "why denied",
            "accepted_by": None,
            "accepted_reason": None,
        }
    ]
    assert "1 gaps that nobody has accepted" in result.stderr
    assert answer(a360("coverage", "--date", "2026-03-01", "--json", code=1))["open"] == 2

    connection.execute("UPDATE coverage SET accepted_by = 'ops', accepted_reason = 'planned' WHERE status = 'denied'")
    printed = a360("coverage").stdout
    for word in (f"{ACCOUNT} a", "us-east-1", "inventory", "denied", "ops: planned", "why denied"):
        assert word in printed
    assert "kms" not in printed
    assert printed.endswith("2026-03-02: 1 of 2 sections known, 1 gaps accepted\n")


def test_coverage_of_a_whole_day_is_one_line_unless_all_is_asked_for(a360: Run, store: SnapshotStore) -> None:
    put_day(store, "2026-03-02", kms="empty", inventory="empty")
    a360("load", f"s3://{store.bucket}/data/")
    assert a360("coverage").stdout == "2026-03-02: 2 of 2 sections known\n"
    assert "kms" in a360("coverage", "--all").stdout
    everything = answer(a360("coverage", "--all", "--json"))["sections"]
    assert [(each["section"], each["status"]) for each in everything] == [("inventory", "empty"), ("kms", "empty")]


def test_an_account_that_sent_nothing_of_the_day_is_told_and_alone_it_is_an_error(
    a360: Run, store: SnapshotStore
) -> None:
    """Its sections are no gaps: the ledger has no line for what never came."""
    put_day(store, "2026-03-01", account="111111111111", kms="empty")
    put_day(store, "2026-03-02", kms="empty")
    a360("load", f"s3://{store.bucket}/data/")
    assert answer(a360("coverage", "--json"))["silent_accounts"] == [
        {"account_id": "111111111111", "last_date": "2026-03-01"}
    ]
    printed = a360("coverage").stdout
    assert "account 111111111111 sent nothing of 2026-03-02; its last snapshot is of 2026-03-01\n" in printed
    assert answer(a360("coverage", "--account", ACCOUNT, "--json"))["silent_accounts"] == []
    assert a360("coverage", "--account", "111111111111", code=1).stderr == (
        "Error: no snapshot of account 111111111111 of 2026-03-02 has been loaded; "
        "the last one before is of 2026-03-01\n"
    )
    assert a360("coverage", "--date", "2020-01-01", code=1).stderr == (
        "Error: no snapshot of 2020-01-01 has been loaded; nor of any day before\n"
    )


def test_what_is_in_quarantine_is_told_with_the_coverage_that_it_is_not_in(a360: Run, store: SnapshotStore) -> None:
    put_day(store, "2026-03-02", kms="empty")
    store.put(f"data/{ACCOUNT}/eu-west-1/2026-03-02_DAILY.json", CUT)
    a360("load", f"s3://{store.bucket}/data/", code=1)
    assert a360("coverage").stdout == (
        "1 objects could not be loaded: a360 quarantine list\n2026-03-02: 1 of 1 sections known\n"
    )
    assert answer(a360("coverage", "--account", ACCOUNT, "--json"))["quarantined"] == 1


# quarantine


def test_what_a_loader_refused_by_mistake_is_listed_replayed_and_then_loaded(
    a360: Run, store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    store.put(f"data/{NAME}", snapshot())
    data = f"s3://{store.bucket}/data/"
    with a_loader_with_a_bug():
        a360("load", data, code=1)
    assert keys(store, "data/") == []
    (listed,) = answer(a360("quarantine", "list", "--json"))
    assert (listed["key"], listed["uri"], listed["reason"]) == (
        f"data/{NAME}",
        f"{data}{NAME}",
        "the loader has a bug",
    )
    assert f"data/{NAME}\t" in a360("quarantine", "list").stdout
    assert not checks.quarantined(connection).passed

    replayed = answer(a360("quarantine", "replay", "--all", "--json"))
    assert replayed == {"put_back": [f"{data}{NAME}"], "forgotten": [], "problems": {}}
    assert keys(store, "") == [f"data/{NAME}"]
    assert store.get(f"data/{NAME}") == snapshot()
    assert answer(a360("quarantine", "list", "--json")) == []

    assert answer(a360("load", data, "--json"))["loaded"] == 1
    assert keys(store, "") == [f"loaded/{NAME}"]
    assert checks.quarantined(connection).passed
    assert one(connection, "SELECT outcome FROM load_ledger") == "loaded"


def test_a_replay_within_the_second_of_the_first_arrival_loads_too(
    a360: Run, store: SnapshotStore, warehouse_url: str, connection: psycopg.Connection[Any]
) -> None:
    """S3 tells times in seconds: the object put back may look like the version that was dealt with."""
    store.put(f"data/{NAME}", snapshot())
    (first,) = store.waiting()
    with a_loader_with_a_bug():
        loading.load(store, warehouse_url, [first], batch_files=1, batch_bytes=1)
    a360("quarantine", "replay", f"data/{NAME}")
    (again,) = store.waiting()
    assert again.etag == first.etag
    same = replace(again, last_modified=first.last_modified)
    assert loading.load(store, warehouse_url, [same], batch_files=1, batch_bytes=1).loaded == [f"data/{NAME}"]
    assert checks.quarantined(connection).passed


def test_a_bad_object_that_is_replayed_without_a_remedy_is_back_in_quarantine(a360: Run, store: SnapshotStore) -> None:
    store.put(f"data/{NAME}", CUT)
    a360("load", f"s3://{store.bucket}/data", code=1)
    before = keys(store, "quarantine/")
    assert a360("quarantine", "replay", f"s3://{store.bucket}/data/{NAME}").stdout == (
        f"back at s3://{store.bucket}/data/{NAME}: the sensor or `a360 load` takes it\n"
    )
    assert keys(store, "quarantine/") == []
    a360("load", f"s3://{store.bucket}/data", code=1)
    assert keys(store, "quarantine/") == before
    assert len(answer(a360("quarantine", "list", "--json"))) == 1


def test_of_two_bad_versions_of_a_key_the_newer_is_replayed(
    a360: Run, store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    """The older one, put back after it, would pass for the newest."""
    versions = [snapshot(security={"kms": [{"arn": arn}]}) for arn in ("arn:older", "arn:newer")]
    with a_loader_with_a_bug():
        for body in versions:
            store.put(f"data/{NAME}", body)
            a360("load", f"s3://{store.bucket}/data", code=1)
            connection.execute("UPDATE load_ledger SET last_modified = last_modified - interval '1 minute'")
    assert len(answer(a360("quarantine", "list", "--json"))) == 2
    a360("quarantine", "replay", "--all")
    assert store.get(f"data/{NAME}") == versions[1]
    a360("load", f"s3://{store.bucket}/data")
    assert one(connection, "SELECT arn FROM kms_keys") == "arn:newer"
    assert answer(a360("quarantine", "list", "--json")) == []


def test_what_its_sender_sent_meanwhile_is_not_overwritten_by_a_replay(
    a360: Run, store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    store.put(f"data/{NAME}", CUT)
    a360("load", f"s3://{store.bucket}/data", code=1)
    store.put(f"data/{NAME}", snapshot())
    result = a360("quarantine", "replay", "--all", "--json", code=1)
    uri = f"s3://{store.bucket}/data/{NAME}"
    assert answer(result)["problems"] == {uri: f"another version waits at {uri}; load that first"}
    assert store.get(f"data/{NAME}") == snapshot()
    assert one(connection, "SELECT count(*) FROM load_ledger WHERE outcome = 'quarantined'") == 1
    assert len(keys(store, "quarantine/")) == 2


def test_what_was_taken_out_of_quarantine_by_hand_is_told_and_stays_in_the_ledger(
    a360: Run, store: SnapshotStore
) -> None:
    store.put(f"data/{NAME}", CUT)
    a360("load", f"s3://{store.bucket}/data", code=1)
    for key in keys(store, "quarantine/"):
        store.s3.delete_object(Bucket=store.bucket, Key=key)
    assert "is not there" in a360("quarantine", "replay", "--all", code=1).stderr
    assert len(answer(a360("quarantine", "list", "--json"))) == 1


@pytest.mark.parametrize("place", ["file", "elsewhere"])
def test_what_was_never_moved_is_forgotten_so_that_it_loads_from_its_place(
    place: str, a360: Run, store: SnapshotStore, tmp_path: Path, connection: psycopg.Connection[Any]
) -> None:
    if place == "file":
        (tmp_path / NAME).parent.mkdir(parents=True)
        (tmp_path / NAME).write_bytes(snapshot())
        uri = f"file://{tmp_path}/{NAME}"
    else:
        store.put(f"archive/{NAME}", snapshot())
        uri = f"s3://{store.bucket}/archive/{NAME}"
    with a_loader_with_a_bug():
        a360("load", uri, code=1)
    assert list(answer(a360("load", uri, "--json", code=1))["quarantined"].values()) == ["the loader has a bug"]
    assert a360("quarantine", "replay", uri).stdout == f"to be loaded again from its place: a360 load '{uri}'\n"
    assert answer(a360("load", uri, "--json"))["loaded"] == 1
    assert checks.quarantined(connection).passed


def test_a_replay_needs_to_know_what(a360: Run) -> None:
    for arguments in ([], ["data/x", "--all"]):
        assert "name keys that `a360 quarantine list` shows, or say --all" in (
            a360("quarantine", "replay", *arguments, code=2).stderr
        )
    assert a360("quarantine", "replay", "data/x", code=2).stderr == "Error: not in quarantine: data/x\n"
    assert answer(a360("quarantine", "replay", "--all", "--json")) == {"put_back": [], "forgotten": [], "problems": {}}


# The RDS Data API


@pytest.fixture
def by_data_api(environment: StandIn, warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings lead to the same warehouse, without a way to it by network."""
    for name, value in {
        "CLUSTER_ARN": environment.data_api.cluster_arn,
        "DATABASE_SECRET_ARN": environment.data_api.secret_arn,
        "DATABASE_NAME": warehouse_url.rpartition("/")[2],
    }.items():
        monkeypatch.setenv(f"A360_{name}", value)
    monkeypatch.setenv("A360_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")


def test_everything_but_migrating_goes_through_the_data_api(
    a360: Run, store: SnapshotStore, by_data_api: None, connection: psycopg.Connection[Any]
) -> None:
    put_day(store, "2026-03-01", account="111111111111", kms="empty")
    put_day(store, "2026-03-02", kms="denied", inventory="empty")
    store.put(f"data/{ACCOUNT}/eu-west-1/2026-03-02_DAILY.json", CUT)
    data = f"s3://{store.bucket}/data/"
    loaded = answer(a360("load", data, "--json", code=1))
    assert (loaded["loaded"], len(loaded["quarantined"])) == (2, 1)
    assert one(connection, "SELECT count(*) FROM load_ledger") == 3

    told = answer(a360("coverage", "--json", code=1))
    assert (told["date"], told["known"], told["of"], told["quarantined"]) == ("2026-03-02", 1, 2, 1)
    assert told["silent_accounts"] == [{"account_id": "111111111111", "last_date": "2026-03-01"}]
    (listed,) = answer(a360("quarantine", "list", "--json"))
    assert listed["quarantined_at"].endswith("+00:00")
    assert len(answer(a360("quarantine", "replay", "--all", "--json"))["put_back"]) == 1
    assert one(connection, "SELECT count(*) FROM load_ledger") == 2

    assert "this needs a connection by network" in a360("migrate", code=1).stderr


def test_a_url_on_the_command_line_goes_before_the_data_api(
    a360: Run, store: SnapshotStore, by_data_api: None, new_database: Callable[[str], str]
) -> None:
    put_day(store, "2026-03-02", kms="empty")
    other_url = new_database("template_warehouse")
    a360("load", "--database-url", other_url, f"s3://{store.bucket}/data/")
    assert "no daily snapshot has been loaded yet" in a360("coverage", code=1).stderr
    assert answer(a360("coverage", "--database-url", other_url, "--json"))["known"] == 1


def test_a_database_that_is_not_migrated_is_told_through_the_data_api_too(
    a360: Run, by_data_api: None, new_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A360_DATABASE_NAME", new_database("template0").rpartition("/")[2])
    said = a360("coverage", code=1).stderr
    assert said == ('Error: the warehouse is not up to date (relation "coverage" does not exist): run `a360 migrate`\n')
