"""The sender as a Lambda function runs it: the account it is in, its own credentials, snapshots that `load` takes."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from a360_pipeline.cli import main
from a360_pipeline.collection.order import UnknownSection
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.facts.model import Account
from a360_pipeline.sender import NotSent, handler
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import read_snapshot
from a360_pipeline_tests.sandbox.clients import Clients

TODAY = dt.datetime.now(dt.UTC).date()
SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-24T01:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}


def runs_in(environment: StandIn, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the process what a Lambda function of the account has: credentials in the environment, no role, no key."""
    clients = Clients(environment)
    keys = clients.assume(account.id)
    clients.close()
    for name, value in keys.items():
        monkeypatch.setenv(name.upper(), value)
    for name in ("A360_ACCESS_KEY_ID", "A360_SECRET_ACCESS_KEY", "A360_EXTERNAL_ID", "A360_REGIONS"):
        monkeypatch.delenv(name)


@pytest.fixture
def member(environment: StandIn, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The account it runs in: one that may not assume any role."""
    account = environment.organization.accounts[1]
    runs_in(environment, account, monkeypatch)
    environment.faults.set(denied={account.id: ["sts:AssumeRole"]})
    return account


def waiting(store: SnapshotStore) -> list[str]:
    return sorted(found.key for found in store.waiting())


def places(account: Account, day: dt.date = TODAY) -> list[str]:
    regions = ["Global", *(region for region, status in account.opt_status if status != "DISABLED")]
    return sorted(f"data/{account.id}/{region}/{day}_DAILY.json" for region in regions)


@pytest.mark.parametrize("event", [{}, SCHEDULED], ids=["empty", "scheduled"])
def test_it_collects_its_own_account_in_all_its_regions_by_its_own_credentials(
    store: SnapshotStore, member: Account, event: dict[str, Any]
) -> None:
    wished = {"sections": ["kms", "account"]}
    told = handler({**event, "detail": wished} if event else wished, None)
    assert waiting(store) == places(member)
    assert told["stored"] == [store.uri(key) for key in places(member)]
    assert (told["account"], told["date"], told["gaps"], told["errors"]) == (member.id, str(TODAY), [], [])
    assert told["sections"]["kms"]["statuses"] == {"ok": 2}
    assert json.loads(json.dumps(told)) == told


def test_load_takes_what_it_writes(
    store: SnapshotStore,
    member: Account,
    connection: psycopg.Connection[Any],
    environment: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handler({"sections": ["kms", "account"]}, None)
    # The loader runs elsewhere, as the hub.
    for name, value in {"ACCESS_KEY_ID": "access_key_id", "SECRET_ACCESS_KEY": "secret_access_key"}.items():
        monkeypatch.setenv(f"A360_{name}", getattr(environment, value))
    done = CliRunner().invoke(main, ["load", f"s3://{store.bucket}/data/"])
    assert done.exit_code == 0, done.output
    keys = {key.key_id for region in member.regions for key in region.kms_keys}
    assert {row[0] for row in connection.execute("SELECT key_id FROM kms_keys")} == keys
    assert connection.execute("SELECT account_name FROM accounts WHERE region = 'Global'").fetchall() == [
        (member.name,)
    ]
    assert waiting(store) == []


def test_an_event_says_what_to_collect(store: SnapshotStore, environment: StandIn) -> None:
    day, account = TODAY - dt.timedelta(days=3), environment.organization.management
    told = handler({"regions": ["us-east-1"], "sections": ["service"], "date": str(day)}, None)
    assert told["date"] == str(day)
    assert waiting(store) == [f"data/{account.id}/Global/{day}_DAILY.json"]


def test_other_accounts_are_collected_through_their_member_role(store: SnapshotStore, environment: StandIn) -> None:
    hub, other = environment.organization.management, environment.organization.accounts[3]
    told = handler({"accounts": [hub.id, other.id], "regions": ["us-east-1"], "sections": ["kms"]}, None)
    assert (told["account"], told["gaps"]) == (hub.id, [])
    assert waiting(store) == sorted(f"data/{one.id}/us-east-1/{TODAY}_DAILY.json" for one in (hub, other))


def test_without_a_way_into_another_account_nothing_is_made_up(store: SnapshotStore, member: Account) -> None:
    with pytest.raises(ClientError, match="AssumeRole"):
        handler({"accounts": ["999999999999"], "sections": ["kms"]}, None)
    assert waiting(store) == []


def test_what_is_missing_is_raised_when_all_else_is_written(
    store: SnapshotStore, environment: StandIn, member: Account
) -> None:
    environment.faults.set(denied={member.id: ["kms:ListKeys"]})
    with pytest.raises(NotSent) as error:
        handler({"regions": ["us-east-1"], "sections": ["kms", "account"]}, None)
    assert "2 snapshots are written, but kms of " in str(error.value)
    assert f"kms of {member.id} in us-east-1 is denied: " in str(error.value)
    assert len(waiting(store)) == 2


def test_a_gap_that_somebody_accepted_is_told_and_not_raised(
    store: SnapshotStore, environment: StandIn, member: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.faults.set(denied={member.id: ["kms:ListKeys"]})
    gaps = tmp_path / "gaps.toml"
    gaps.write_text(
        f'[[gap]]\naccount = "{member.id}"\nsection = "kms"\nstatus = "denied"\nowner = "us"\nreason = "new"\n'
        f"expires = {TODAY + dt.timedelta(days=9)}\n"
    )
    monkeypatch.setenv("A360_ACCEPTED_GAPS", str(gaps))
    told = handler({"regions": ["us-east-1"], "sections": ["kms"]}, None)
    assert told["sections"]["kms"]["statuses"] == {"denied": 1}


def test_a_bucket_that_cannot_be_written_is_raised(store: SnapshotStore, environment: StandIn, member: Account) -> None:
    environment.faults.set(denied={member.id: ["s3:PutObject"]})
    with pytest.raises(NotSent, match=r"0 snapshots are written, but .*could not be written"):
        handler({"regions": ["us-east-1"], "sections": ["kms"]}, None)


def test_a_name_that_cannot_be_asked_is_unknown_and_said(
    store: SnapshotStore, environment: StandIn, member: Account
) -> None:
    environment.faults.set(denied={member.id: ["account:GetAccountInformation"]})
    with pytest.raises(NotSent, match=f"1 snapshots are written, but the name of {member.id} is unknown: "):
        handler({"regions": ["us-east-1"], "sections": ["kms"]}, None)
    (key,) = waiting(store)
    body = store.get(key)
    assert body is not None
    assert json.loads(body)["account"]["account_name"] is None


def test_attributes_come_from_a_file_where_there_is_one(
    store: SnapshotStore, member: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text(
        f'[[account]]\nid = "{member.id}"\nname = "ours"\ncustomer = "Halvorsen"\nregions = ["us-east-1"]\n'
    )
    monkeypatch.setenv("A360_ACCOUNTS_FILE", str(path))
    handler({"sections": ["kms"]}, None)
    (key,) = waiting(store)
    body = store.get(key)
    assert body is not None
    account = read_snapshot(key.removeprefix("data/"), body).content["account"]
    assert (account["account_name"], account["customer_name"], account["region"]) == ("ours", "Halvorsen", "us-east-1")
    with pytest.raises(NotSent, match="does not list 999999999999"):
        handler({"accounts": ["999999999999"]}, None)


def test_its_notes_lie_apart_and_what_was_paid_for_is_not_asked_again(
    store: SnapshotStore, environment: StandIn
) -> None:
    """S28."""
    account = environment.organization.management
    first = handler({"sections": ["service"]}, None)["sections"]["service"]
    again = handler({"sections": ["service"]}, None)["sections"]["service"]
    assert first["paid_calls"] > 0
    notes = [found.key for found in store.waiting("") if not found.key.startswith("data/")]
    assert notes
    assert all(key.startswith(f"senders/{account.id}/organization/{TODAY}/") for key in notes)
    assert again["rows"] == first["rows"]
    spent = [json.loads(store.get(key) or b"{}").get("usd") for key in notes if "/spent/" in key]
    assert len(spent) == 1


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"section": ["kms"]}, "section: Extra inputs are not permitted"),
        ({"accounts": ["12"]}, "accounts.0: "),
        ({"accounts": [123456789012]}, "accounts.0: "),
        ({"regions": ["../../x"]}, "regions.0: "),
        ({"regions": "us-east-1"}, "regions: "),
        ({"date": 20}, "date: "),
        ({"date": "2026-02-30"}, "date: "),
        ({"date": str(TODAY + dt.timedelta(days=2))}, "is still to come"),
        ({**SCHEDULED, "detail": ["kms"]}, "the event cannot be meant: "),
    ],
)
def test_an_event_that_cannot_be_meant_is_refused(
    store: SnapshotStore, member: Account, event: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotSent) as error:
        handler(event, None)
    assert said in str(error.value)
    assert waiting(store) == []


def test_a_section_that_nobody_collects_is_refused(store: SnapshotStore, member: Account) -> None:
    with pytest.raises(UnknownSection, match="nobody collects cloud"):
        handler({"sections": ["cloud"]}, None)


def test_it_imports_nothing_that_it_does_not_need() -> None:
    code = "import sys, a360_pipeline.sender; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    heavy = {"alembic", "boto3", "click", "dagster", "numpy", "pandas", "psycopg", "pyarrow", "rich", "sqlalchemy"}
    assert "botocore" in loaded
    assert loaded & heavy == set()
