"""`a360 collect`: what it says before and after, where snapshots go, and its exit code."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from a360_pipeline.cli import main
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import read_snapshot
from a360_pipeline_tests.collection.test_shared import ce_calls

TODAY = dt.datetime.now(dt.UTC).date()
Run = Callable[..., Result]


@pytest.fixture
def collect(environment: StandIn) -> Run:
    def run(*words: object, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["collect", *map(str, words)])
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def account(environment: StandIn) -> str:
    """An account from which nothing is withheld."""
    return environment.organization.management.id


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


def test_snapshots_go_to_a_folder_that_load_takes(collect: Run, account: str, tmp_path: Path) -> None:
    told = answer(
        collect("--account", account, "--section", "kms", "--section", "account", "--out", tmp_path, "--json")
    )
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json"))
    assert files == [f"{account}/{region}/{TODAY}_DAILY.json" for region in ("Global", "eu-central-2", "us-east-1")]
    assert told["stored"] == [f"file://{tmp_path}/{file}" for file in files]
    for file in files:
        snapshot = read_snapshot(file, (tmp_path / file).read_bytes())
        assert set(snapshot.coverage) - {"logs"} == ({"account"} if "Global" in file else {"kms"})
    assert told["sections"]["kms"]["statuses"] == {"ok": 2}
    assert (told["gaps"], told["errors"]) == ([], [])


def test_by_default_they_go_where_the_sensor_looks(collect: Run, account: str, store: SnapshotStore) -> None:
    printed = collect("--account", account, "--section", "kms", "--region", "us-east-1").stdout
    assert [found.key for found in store.waiting()] == [f"data/{account}/us-east-1/{TODAY}_DAILY.json"]
    assert "1 snapshots written" in printed


def test_another_prefix_of_a_bucket_is_served(collect: Run, account: str, store: SnapshotStore) -> None:
    collect("--account", account, "--section", "account", "--out", f"s3://{store.bucket}/tried")
    assert [found.key for found in store.waiting("tried/")] == [f"tried/{account}/Global/{TODAY}_DAILY.json"]


def test_a_gap_that_nobody_accepted_exits_with_1(
    collect: Run, account: str, environment: StandIn, tmp_path: Path
) -> None:
    environment.faults.set(denied={account: ["kms:ListKeys"]})
    result = collect("--account", account, "--section", "kms", "--out", tmp_path, "--json", code=1)
    gaps = answer(result)["gaps"]
    assert [(gap["region"], gap["section"], gap["status"]) for gap in gaps] == [
        ("eu-central-2", "kms", "denied"),
        ("us-east-1", "kms", "denied"),
    ]
    assert "2 gaps that nobody has accepted" in result.stderr
    printed = collect("--account", account, "--section", "kms", "--out", tmp_path, code=1).stdout
    assert f"missing {account} us-east-1 kms: denied, " in printed


def test_a_snapshot_that_cannot_be_written_exits_with_1(
    collect: Run, account: str, environment: StandIn, store: SnapshotStore
) -> None:
    """S7."""
    environment.faults.set(denied={account: ["s3:PutObject"]})
    result = collect("--account", account, "--section", "kms", "--region", "us-east-1", "--json", code=1)
    (error,) = answer(result)["errors"]
    assert "could not be written" in error
    assert "1 snapshots not written" in result.stderr
    assert list(store.waiting()) == []


def test_a_past_day_is_collected_as_far_as_it_can_be_known(collect: Run, account: str, tmp_path: Path) -> None:
    """S23."""
    day = TODAY - dt.timedelta(days=5)
    told = answer(
        collect("--date", day, "--account", account, "--section", "kms", "--section", "cost",
                "--out", tmp_path, "--json", code=1)
    )  # fmt: skip
    assert told["sections"]["cost"]["statuses"] == {"ok": 1}
    assert told["sections"]["kms"]["statuses"] == {"failed": 2}
    assert {gap["message"] for gap in told["gaps"]} == {
        f"snapshot-only: AWS tells how it is now, not how it was on {day}"
    }
    cost = json.loads((tmp_path / account / "Global" / f"{day}_DAILY.json").read_bytes())["cost"]
    assert cost["period"]["end"] == str(day)


def test_the_plan_says_calls_and_dollars_and_calls_nothing_that_costs(
    collect: Run, environment: StandIn, store: SnapshotStore
) -> None:
    """S28."""
    told = answer(collect("--plan", "--json", "--section", "kms", "--section", "cost", "--section", "account"))
    by_name = {each["section"]: each for each in told["sections"]}
    regions = sum(
        environment.organization.region_enabled(one.id, region)
        for one in environment.organization.accounts
        for region in environment.organization.region_names
    )
    assert (by_name["kms"]["asked"], by_name["kms"]["usd_at_least"]) == (regions, "0")
    assert by_name["account"]["asked"] == len(environment.organization.accounts)
    least = str(SECTIONS["cost"].usd_at_least)
    assert (by_name["cost"]["asked"], told["usd_at_least"], told["spent_today_usd"]) == (1, least, "0")
    assert ce_calls(environment) == 0
    assert list(store.waiting()) == []

    collect("--section", "cost")
    later = answer(collect("--plan", "--json", "--section", "cost"))
    assert (later["sections"][0]["asked"], later["sections"][0]["note"]) == (0, "answered already today")
    spent = ce_calls(environment) * Decimal("0.01")
    assert (later["usd_at_least"], later["spent_today_usd"]) == ("0.00", str(spent))
    assert f"${spent} of the $1.00 a day are spent" in collect("--plan").stdout


def test_the_plan_of_a_past_day_leaves_out_what_nobody_knows(collect: Run, account: str) -> None:
    """S23."""
    day = TODAY - dt.timedelta(days=5)
    (planned,) = answer(collect("--plan", "--json", "--section", "kms", "--date", day))["sections"]
    assert (planned["asked"], planned["calls_at_least"]) == (0, 0)
    assert planned["note"] == f"snapshot-only: nobody knows how it was on {day}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--account", "123456789012"), "123456789012: no such account in the organization of 4"),
        (("--section", "cloud"), "nobody collects cloud; these are: "),
        (("--date", TODAY + dt.timedelta(days=1)), "is still to come"),
        (("--out", "s3://"), "s3:// is no address in S3"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_called(collect: Run, words: Any, said: str) -> None:
    assert said in collect(*words, code=2).stderr


def test_an_account_that_is_skipped_is_named_with_the_reason(
    collect: Run, environment: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (suspended,) = environment.organization.suspended
    dev = environment.organization.units.id_of("Dev")
    (left_out,) = [one.id for one in environment.organization.accounts if one.name == "sandbox-research"]
    monkeypatch.setenv("A360_EXCLUDE_OUS", dev)
    told = answer(collect("--section", "account", "--out", tmp_path, "--json"))
    assert told["skipped"] == [
        {"id": account_id, "name": name, "reason": reason}
        for account_id, name, reason in sorted(
            [
                (suspended.id, "tracking-legacy", "its state is SUSPENDED"),
                (left_out, "sandbox-research", f"it is in {dev}, which A360_EXCLUDE_OUS names"),
            ]
        )
    ]
    assert not (tmp_path / left_out).exists()
    printed = collect("--section", "account", "--out", tmp_path).stdout
    assert f"skipped {suspended.id} (tracking-legacy): its state is SUSPENDED" in printed
    refused = collect("--account", left_out, "--out", tmp_path, code=2).stderr
    assert f"{left_out} (sandbox-research) is skipped: it is in {dev}" in refused
