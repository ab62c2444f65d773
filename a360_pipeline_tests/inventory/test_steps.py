"""Steps receive the findings; none of them can stop another, and the tagging one does what it says."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from a360_pipeline.inventory import steps
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.places import BucketPlace, Folder, NotThere
from a360_pipeline.inventory.steps import FindingData, StepExists, StepInput, registered, run_steps, step
from a360_pipeline.inventory.steps_tagging import Tagging, tag_objects
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.settings import load_settings
from a360_pipeline_tests.conftest import BUCKET, lead_to

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
EXAMPLE = re.compile(r"^```python file=(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NUMBERS = count(1)
FLAG = {"a360:flagged": "secret"}


@pytest.fixture(scope="module")
def running(small_organization: Organization) -> Iterator[StandIn]:
    with serve(small_organization, bucket=BUCKET, member_role="a360-member") as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(running: StandIn) -> Iterator[StandIn]:
    yield running
    running.faults.set()


@pytest.fixture
def means(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Means:
    lead_to(stand_in, tmp_path, monkeypatch)
    return Means.of(load_settings(max_attempts=1, harvest_role="a360-member"))


@pytest.fixture
def account(running: StandIn) -> str:
    """Not the hub's: it is reached through the harvest role."""
    return running.organization.accounts[-1].id


@pytest.fixture
def s3(means: Means, account: str) -> Any:
    return means.member("s3", account, "us-east-1")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"steps-{next(NUMBERS)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(autouse=True)
def no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "STEPS", {})


def finding(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> FindingData:
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), folder / f"{name}.parquet")
    return FindingData(name, Folder(folder), f"{name}.parquet")


def given(means: Means, *findings: FindingData, dry_run: bool = True) -> StepInput:
    return StepInput("weekly", {each.name: each for each in findings}, means, dry_run)


def row(account: str, bucket: str, key: str, **more: Any) -> dict[str, Any]:
    return {"account": account, "region": "us-east-1", "bucketname": bucket, "key": key, **more}


def put(s3: Any, bucket: str, key: str, **tags: str) -> str | None:
    tagging = "&".join(f"{name}={value}" for name, value in tags.items())
    version: str | None = s3.put_object(Bucket=bucket, Key=key, Body=b"x", Tagging=tagging).get("VersionId")
    return version


def tags_of(s3: Any, bucket: str, key: str, **which: str) -> dict[str, str]:
    answer = s3.get_object_tagging(Bucket=bucket, Key=key, **which)
    return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


def test_a_finding_is_read_as_a_frame_and_row_by_row_from_a_folder_or_a_bucket(means: Means, tmp_path: Path) -> None:
    rows = [{"key": f"{number}", "size": number or None} for number in range(5)]
    here = finding(tmp_path, "large", rows)
    s3 = means.hub("s3")
    there = FindingData("large", BucketPlace(s3, BUCKET, "findings/"), "large.parquet")
    there.place.upload(tmp_path / "large.parquet", "large.parquet")
    assert there.parquet == f"s3://{BUCKET}/findings/large.parquet"
    for each in (here, there):
        assert list(each.rows(most=2)) == rows
        assert each.frame["key"].tolist() == list("01234")
        assert each.frame["size"].isna().tolist() == [True, False, False, False, False]
        assert each.frame is each.frame


def test_a_finding_whose_file_is_gone_says_so(tmp_path: Path) -> None:
    gone = FindingData("large", Folder(tmp_path), "large.parquet")
    with pytest.raises(NotThere):
        list(gone.rows())
    with pytest.raises(NotThere):
        _ = gone.frame


def test_a_step_that_fails_or_exits_keeps_no_other_from_running(means: Means, tmp_path: Path) -> None:
    """I13. What went wrong at the end kept clean-up from running."""

    def bad(_given: StepInput) -> str:
        raise LookupError("no such team")

    def leaving(_given: StepInput) -> None:
        sys.exit(3)

    def good(own: StepInput) -> str:
        own.log("looking")
        return f"{own.harvest_id}: {len(own.findings['large'].frame)} rows, dry run {own.dry_run}"

    lines: list[str] = []
    asked = StepInput("weekly", {"large": finding(tmp_path, "large", [{"key": "a"}])}, means, log=lines.append)
    outcomes = run_steps(asked, {"z-good": good, "a-bad": bad, "b-leaving": leaving, "quiet": lambda _: None})
    assert [(each.name, each.is_done, each.said, each.dry_run) for each in outcomes] == [
        ("a-bad", False, "LookupError: no such team", True),
        ("b-leaving", False, "SystemExit: 3", True),
        ("quiet", True, "says nothing", True),
        ("z-good", True, "weekly: 1 rows, dry run True", True),
    ]
    assert lines[-2:] == ["z-good: looking", "z-good: weekly: 1 rows, dry run True"]


def test_what_a_step_does_to_its_frame_the_next_does_not_see(means: Means, tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def spoils(own: StepInput) -> None:
        frame = own.findings["large"].frame
        seen.append(frame.columns.tolist())
        del frame["key"]
        with pytest.raises(TypeError):
            own.findings["other"] = own.findings["large"]  # type: ignore[index]

    asked = given(means, finding(tmp_path, "large", [{"key": "a"}]))
    outcomes = run_steps(asked, {"one": spoils, "two": spoils})
    assert [each.said for each in outcomes] == ["says nothing", "says nothing"]
    assert seen == [["key"], ["key"]]


def test_a_name_belongs_to_one_step() -> None:
    @step("tag")
    def first(_given: StepInput) -> None: ...

    with pytest.raises(StepExists, match=r"'tag' is registered already: .*test_steps.*first"):
        step("tag")(lambda _: None)
    assert step("tag")(first) is first
    assert registered() == {"tag": first}


def test_steps_of_installed_packages_are_found_and_broken_ones_fail_with_the_reason(
    means: Means, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_steps.py").write_text(
        "from a360_pipeline.inventory.steps import step\n"
        "@step('decorated')\ndef one(given): return 'one'\n"
        "def plain(given): return 'two'\n"
    )
    (tmp_path / "their_broken_steps.py").write_text("import a_module_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    points = [
        EntryPoint("plain", "their_steps:plain", steps.GROUP),
        EntryPoint("another_name", "their_steps:one", steps.GROUP),
        EntryPoint("broken", "their_broken_steps:one", steps.GROUP),
    ]
    monkeypatch.setattr(steps, "entry_points", lambda group: points if group == "a360_pipeline.steps" else [])
    outcomes = run_steps(given(means))
    assert [(each.name, each.is_done) for each in outcomes] == [
        ("broken", False),
        ("decorated", True),
        ("plain", True),
    ]
    assert "their_broken_steps:one cannot be loaded: ModuleNotFoundError" in outcomes[0].said


def test_the_documented_steps_do_what_the_page_says(
    means: Means, s3: Any, account: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, code in EXAMPLE.findall(PAGE.read_text()):
        (tmp_path / name).write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("our_steps")
    put(s3, bucket, "id_rsa", owner="ada")
    rows = [row(account, bucket, "id_rsa"), row(account, bucket, "gone")]
    asked = given(means, finding(tmp_path, "secrets_by_name", rows), dry_run=False)
    assert sorted(registered()) == ["count_secrets", "tag_secrets"]
    counted, tagged = run_steps(asked)
    assert (counted.is_done, counted.said) == (True, f"{bucket} of {account}: 2")
    assert tagged.is_done
    assert tagged.said.startswith("1 tagged; 0 had the tags; 1 not: NoSuchKey (")
    assert tags_of(s3, bucket, "id_rsa") == {"owner": "ada", **FLAG}


def test_a_dry_run_changes_nothing_and_says_what_it_would_do(
    means: Means, s3: Any, account: str, bucket: str, tmp_path: Path
) -> None:
    put(s3, bucket, "a b+c", owner="ada")
    done = tag_objects(given(means, finding(tmp_path, "q", [row(account, bucket, "a b+c")])), ["q"], FLAG)
    assert (done.dry_run, done.tagged, done.said) == (True, 1, "1 would be tagged; 0 had the tags")
    assert tags_of(s3, bucket, "a b+c") == {"owner": "ada"}


def tagged(means: Means, folder: Path, rows: Sequence[Mapping[str, Any]], **options: Any) -> Tagging:
    return tag_objects(given(means, finding(folder, "q", rows), dry_run=False), ["q"], FLAG, **options)


def test_just_the_version_that_was_flagged_is_tagged(
    means: Means, s3: Any, account: str, bucket: str, tmp_path: Path
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"before versioning")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old, new = put(s3, bucket, "k", age="old"), put(s3, bucket, "k")
    assert old
    assert new
    rows = [
        row(account, bucket, "k", version_id=old, is_latest=False),
        row(account, bucket, "k", version_id=None, is_latest=False),
    ]
    assert tagged(means, tmp_path, rows).tagged == 2
    assert tags_of(s3, bucket, "k", VersionId=old) == {"age": "old", **FLAG}
    assert tags_of(s3, bucket, "k", VersionId="null") == FLAG
    assert tags_of(s3, bucket, "k", VersionId=new) == {}


def test_an_object_would_have_ten_tags_at_most(
    means: Means, s3: Any, account: str, bucket: str, tmp_path: Path
) -> None:
    full = {f"t{number}": "x" for number in range(10)}
    put(s3, bucket, "full", **full)
    put(s3, bucket, "nine", **dict(list(full.items())[:9]))
    done = tagged(means, tmp_path, [row(account, bucket, "full"), row(account, bucket, "nine")])
    assert (done.tagged, done.skipped) == (1, {"it would have more than 10 tags": 1})
    assert done.examples == {"it would have more than 10 tags": f"s3://{bucket}/full of account {account}"}
    assert tags_of(s3, bucket, "full") == full
    assert len(tags_of(s3, bucket, "nine")) == 10


def test_what_has_the_tags_is_not_put_again_and_an_object_flagged_twice_is_looked_at_once(
    means: Means, s3: Any, account: str, bucket: str, tmp_path: Path
) -> None:
    put(s3, bucket, "k")
    one = row(account, bucket, "k")
    first, again = tagged(means, tmp_path, [one, one]), tagged(means, tmp_path, [one])
    assert (first.tagged, first.unchanged, again.tagged, again.unchanged) == (1, 0, 0, 1)


def test_what_is_not_tagged_is_counted_with_the_reason(
    means: Means, s3: Any, stand_in: StandIn, account: str, bucket: str, tmp_path: Path
) -> None:
    put(s3, bucket, "k")
    rows = [row(account, bucket, "k"), row(account, bucket, ""), {**row(account, bucket, "k"), "account": None}]
    stand_in.faults.set(denied={account: ["s3:PutObjectTagging"]})
    done = tagged(means, tmp_path, rows)
    assert done.tagged == 0
    assert done.skipped == {"its row has no key": 1, "its row has no account": 1, "AccessDenied": 1}
    assert "PutObjectTagging" in done.examples["AccessDenied"]


def test_a_limit_is_kept_and_said(means: Means, s3: Any, account: str, bucket: str, tmp_path: Path) -> None:
    keys = ["a", "b", "c"]
    for key in keys:
        put(s3, bucket, key)
    rows = [row(account, bucket, key) for key in keys]
    done = tagged(means, tmp_path, rows, limit=2)
    assert (done.tagged, done.unlooked) == (2, True)
    assert done.said.endswith("the limit is reached, there are more")
    assert [tags_of(s3, bucket, key) for key in keys] == [FLAG, FLAG, {}]
    assert not tagged(means, tmp_path, rows, limit=3).unlooked
