"""The commands on inventories and harvests: what they print is so, and their exit codes tell."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from a360_pipeline.cli import main
from a360_pipeline.inventory.places import Folder
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline_tests.inventory.deliveries import ROWS, WHO, deliver, row
from a360_pipeline_tests.inventory.test_whole_harvest import READER, REGIONS, SENDER, organization_of
from a360_pipeline_tests.inventory.whole import deliver as have_delivered
from a360_pipeline_tests.inventory.whole import today

MONDAY = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC)
TUESDAY = MONDAY + dt.timedelta(days=1)
LATER = [*ROWS, row("secrets/id_rsa", version_id="v", is_latest=True, is_delete_marker=False, size=5_000)]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def answer(*arguments: str | Path) -> object:
    ended = run(*arguments, "--json")
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


@pytest.fixture
def consolidated(environment: StandIn, tmp_path: Path) -> Path:
    """Two days of a bucket, consolidated by the command."""
    source, out = tmp_path / "deliveries", tmp_path / "consolidated"
    for created, rows in ((MONDAY, ROWS), (TUESDAY, LATER)):
        deliver(Folder(source), rows, created=created)
    told = answer("inventory", "consolidate", source, "--account", WHO.account, "--region", WHO.region, "--out", out)
    assert [each["rows"] for each in told["consolidated"]] == [len(ROWS), len(LATER)]
    assert told["failed"] == []
    return out


def test_what_is_consolidated_in_a_folder_answers_queries(consolidated: Path) -> None:
    secrets = answer("inventory", "query", "secrets_by_name", "--from", consolidated)
    assert [(each["snapshot_date"], each["key"]) for each in secrets["rows"]] == [("2026-03-03", "secrets/id_rsa")]
    own = "SELECT snapshot_date, count(*) AS n FROM {ATHENA_TABLE} GROUP BY snapshot_date ORDER BY snapshot_date"
    assert answer("inventory", "query", "--sql", own, "--from", consolidated)["rows"] == [
        {"snapshot_date": "2026-03-02", "n": len(ROWS)},
        {"snapshot_date": "2026-03-03", "n": len(LATER)},
    ]
    shown = run("inventory", "query", "large_objects", "--from", consolidated, "--set", "min_bytes=9000")
    assert shown.exit_code == 0, shown.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_query"], "no_such_query"),
        (["secrets_by_name", "--set", "wrong=1"], "wrong"),
        (["--sql", "SELECT nothing FROM {ATHENA_TABLE}"], "nothing"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused_in_one_message(
    consolidated: Path, arguments: list[str], said: str
) -> None:
    refused = run("inventory", "query", *arguments, "--from", consolidated)
    assert (refused.exit_code, said in refused.output, "Traceback" in refused.output) == (2, True, False)


def test_roll_ups_of_two_days_differ_by_what_came(consolidated: Path, tmp_path: Path) -> None:
    out = tmp_path / "rollup"
    rolled = answer("inventory", "rollup", consolidated, "--out", out)
    assert (rolled["snapshots"], rolled["rows"]) == (2, len(ROWS) + len(LATER))
    days = ["--before-date", "2026-03-02", "--after-date", "2026-03-03"]
    changes = answer("inventory", "diff", out, out, *days)["changes"]
    assert [(each["prefix"], each["change"], each["objects"], each["bytes"]) for each in changes] == [
        ("secrets/", "added", 1, 5_000)
    ]


def test_a_delivery_that_does_not_verify_is_told_and_the_rest_is_done(environment: StandIn, tmp_path: Path) -> None:
    """I3."""
    source = tmp_path / "deliveries"
    deliver(Folder(source), created=MONDAY)
    bad = deliver(Folder(source), created=TUESDAY, folder="lists/films/other")
    (source / bad).write_text((source / bad).read_text().replace('"size"', '"Size"', 1))
    where = ["--account", WHO.account, "--region", WHO.region, "--out", tmp_path / "out"]
    ended = run("inventory", "consolidate", source, *where)
    assert ended.exit_code == 1
    assert "1 of 2 are not consolidated; 1 are" in ended.output


@pytest.fixture
def organization(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    sizes = Sizes(keys=1, instances=1, applications=1, patches=1, others=4, objects=24)
    with organization_of(2, REGIONS[:1], sizes, warehouse_url, tmp_path, monkeypatch) as (stand_in, _):
        yield stand_in


def test_a_harvest_goes_from_a_shell(organization: StandIn, tmp_path: Path) -> None:
    request = tmp_path / "request.toml"
    request.write_text(
        f'run_id = "shell"\nexclude_buckets = ["a360-*"]\nlisted_objects = 5\nsender = "{SENDER}"\n'
        f'recipients = ["{READER}"]\nqueries = [{{ name = "secrets_by_name" }}]\n'
    )
    assert "us-east-1" in run("harvest", "plan", request).stdout
    started = answer("harvest", "start", request)
    assert started["harvest"]["state"] == "waiting"
    again = run("harvest", "start", request)
    assert (again.exit_code, "shell" in again.output) == (2, True)
    have_delivered(organization.endpoint_url, today(), {})
    assert answer("harvest", "advance", "shell")["harvest"]["state"] == "done"
    assert [(each["harvest_id"], each["state"]) for each in answer("harvest", "status")] == [("shell", "done")]
    assert [mail.subject.startswith("Harvest shell complete") for mail in organization.post.sent] == [True, False]
    assert run("harvest", "cancel", "shell").exit_code == 2
    assert run("harvest", "sweep").exit_code == 0


def test_a_request_that_cannot_be_meant_makes_nothing(organization: StandIn, tmp_path: Path) -> None:
    """I2."""
    request = tmp_path / "request.toml"
    request.write_text('run_id = "Shell!"\n')
    refused = run("harvest", "start", request)
    assert (refused.exit_code, "run_id" in refused.output) == (2, True)
    assert answer("harvest", "status") == []
