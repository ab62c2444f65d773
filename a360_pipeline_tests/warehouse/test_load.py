"""The loader loads exactly once, keeps neighbors apart, and moves nothing that it did not commit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sections.registry import TABLES
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse import batch
from a360_pipeline.warehouse.connection import WarehouseUnavailable
from a360_pipeline.warehouse.load import LoadResult, load
from a360_pipeline_tests.sections.test_declarations import TABLES_OF_OURS
from a360_pipeline_tests.warehouse.contents import contents

ACCOUNT = "856763896160"
KILLED = """
import os, signal, sys
from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.settings import load_settings
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse import batch, load as loading

point = sys.argv[1]
calls = 0

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def die_at(number, function):
    def wrapped(*arguments, **options):
        global calls
        calls += 1
        if calls == number:
            die()
        return function(*arguments, **options)
    return wrapped

settings = load_settings()
s3 = Sessions(settings).client("s3", None, settings.home_region)
if point == "before the transaction":
    loading.run_batch = die
elif point == "after claiming":
    batch.file = die
elif point == "in the middle of merging":
    batch.merge = die_at(6, batch.merge)
elif point == "before the commit":
    batch._reject = die
elif point == "after the commit":
    loading._move = die
elif point == "between copying and deleting":
    s3.delete_object = die_at(2, s3.delete_object)
store = SnapshotStore.of(settings, s3)
url = settings.database_url.get_secret_value()
loading.load(store, url, sorted(store.waiting()), batch_files=2, batch_bytes=10**9)
"""


@pytest.fixture
def run(store: SnapshotStore, warehouse_url: str) -> Callable[..., LoadResult]:
    """Loads all that waits."""

    def load_all(url: str = warehouse_url, files: int = 50) -> LoadResult:
        return load(store, url, sorted(store.waiting()), batch_files=files, batch_bytes=10**9)

    return load_all


def keys(store: SnapshotStore, prefix: str) -> list[str]:
    return sorted(each.key for each in store.waiting(prefix))


def snapshot(account: str = ACCOUNT, region: str = "us-east-1", **content: Any) -> bytes:
    return json.dumps({"account": {"account_id": account, "account_name": "a", "region": region}, **content}).encode()


def one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


def test_every_entity_of_the_fields_snapshots_is_there_once(
    run: Callable[..., LoadResult], field_snapshots: list[str], connection: psycopg.Connection[Any]
) -> None:
    """R6, R7, R9, R10: applications keep their instance, account-wide facts are stored once."""
    result = run()
    assert (len(result.loaded), result.quarantined, result.rejected, result.unmoved) == (4, {}, 0, [])
    counts = {table.name: one(connection, f"SELECT count(*) FROM {table.name}") for table in TABLES}
    assert {name: counts.pop(name) for name in TABLES_OF_OURS} == dict.fromkeys(TABLES_OF_OURS, 0)
    assert counts == {
        "accounts": 6,
        "products": 2,
        "product_accounts": 6,
        "contact_info": 2,
        "alternate_contacts": 6,
        "cost_reports": 2,
        "service_costs": 10,
        "cost_forecasts": 4,
        "services": 20,
        "kms_keys": 12,
        "inventory_instances": 48,
        "inventory_applications": 960,
        "inventory_patches": 240,
        "config_reports": 4,
        "non_compliant_resources": 209,
        "security": 4,
        "findings": 300,
        "guard_duty_findings": 8,
        "waf_rules": 6,
        "waf_rules_detailed": 24,
        "cloudtrail_logs": 2,
        "secrets_manager_secrets": 12,
        "certificates": 8,
        "inspector_findings": 40,
        "marketplace_usage": 0,
        "trusted_advisor_checks": 10,
        "health_events": 2,
        "application_signals": 16,
        "resilience_hub_apps": 8,
        # 204 in the snapshots, in which each bucket stands once for each region.
        "service_resources": 192,
        "compute_optimizer": 32,
        "ri_sp_daily_savings": 4,
        "config_inventory": 48,
        "support_tickets": 2,
        "logs": 4,
        "log_messages": 4,
    }
    assert one(connection, "SELECT sum(cost)::float8 FROM view_acct_serv WHERE account = '461768067441'") == (
        pytest.approx(138.4750864362)
    )
    assert one(
        connection,
        "SELECT min(n), max(n) FROM (SELECT count(*) n FROM inventory_applications GROUP BY instance_id) per_instance",
    ) == (20, 20)


def test_what_nothing_reads_is_counted_by_name(
    run: Callable[..., LoadResult], store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    """Nothing that a snapshot holds is dropped in silence."""
    content = {
        "weather": [{"rain": True}, {"rain": False}],
        "security": {"kms": [{"arn": "arn:1", "mood": "good"}], "macie": [{}]},
        "inventory": {"instances": [], "applications": [], "patches": [], "users": [{"name": "root"}]},
    }
    store.put(f"data/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json", snapshot(**content))
    expected = {"weather": 2, "security.macie": 1, "inventory.users": 1, "security.kms[].mood": 1}
    assert run().not_taken == expected
    assert one(connection, "SELECT not_taken FROM load_ledger") == expected


def test_loading_again_changes_nothing_but_ledgers(
    run: Callable[..., LoadResult],
    store: SnapshotStore,
    field_snapshots: list[str],
    connection: psycopg.Connection[Any],
) -> None:
    run()
    tables = [name for name in contents(connection) if name.startswith("view_")]

    def everything() -> dict[str, list[str]]:
        return {name: sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"'))) for name in tables}

    before = everything()
    for key in field_snapshots:
        # One byte more, so that it is another version even within S3's second.
        store.put(key, store.get(f"loaded/{key.removeprefix('data/')}") + b"\n")
    result = run()
    assert len(result.loaded) == 4
    assert {(c.created, c.updated, c.removed) for c in result.tables.values()} == {(0, 0, 0)}
    assert everything() == before


def test_bad_objects_go_to_quarantine_with_a_reason_and_their_neighbors_load(
    run: Callable[..., LoadResult],
    store: SnapshotStore,
    field_snapshots: list[str],
    connection: psycopg.Connection[Any],
) -> None:
    """R34, R35, R36."""
    bad = {
        f"data/{ACCOUNT}/eu-west-2/2026-03-02_DAILY.json": (store.get(field_snapshots[0])[:5000], "cut off"),
        f"data/{ACCOUNT}/eu-west-3/2026-03-02_DAILY.json": (b"", "it is empty"),
        f"data/{ACCOUNT}/eu-north-1/2026-03-02_DAILY.json": (b"[]", "a list, where an object is expected"),
        f"data/{ACCOUNT}/us-west-1/2026-03-02_DAILY.json": (b'{"cost": {}}', "no account.account_id"),
        f"data/{ACCOUNT}/us-west-2/2026-03-02_DAILY.json": (
            snapshot("461768067441"),
            "its name says 856763896160",
        ),
        "data/notes.txt": (b"hello", "its name is 'notes.txt'"),
    }
    for key, (body, _) in bad.items():
        store.put(key, body)
    result = run()
    assert len(result.loaded) == 4
    assert result.quarantined.keys() == bad.keys()
    for key, (_, expected) in bad.items():
        assert expected in result.quarantined[key]
    assert keys(store, "data/") == []
    notes = [json.loads(store.get(key)) for key in keys(store, "quarantine/") if key.endswith(".reason.json")]
    assert {note["object"]: note["reason"] for note in notes} == {
        f"s3://{store.bucket}/{key}": reason for key, reason in result.quarantined.items()
    }
    kept = [key for key in keys(store, "quarantine/") if not key.endswith(".reason.json")]
    assert sorted(store.get(key) for key in kept) == sorted(body for body, _ in bad.values())
    assert one(connection, "SELECT count(*) FROM load_ledger WHERE outcome = 'quarantined' AND reason <> ''") == 6


def test_a_bad_row_is_set_apart_whole_and_makes_its_section_partial(
    run: Callable[..., LoadResult], store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    good = {"arn": "arn:aws:kms:us-east-1:856763896160:key/1", "enabled": True}
    bad = {"arn": "arn:aws:kms:us-east-1:856763896160:key/2", "enabled": "perhaps"}
    store.put(
        f"data/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json",
        snapshot(security={"kms": [good, bad]}, logs={"security_status": "Pass"}),
    )
    assert run().rejected == 1
    assert one(connection, "SELECT array_agg(arn) FROM kms_keys") == [good["arn"]]
    assert one(connection, 'SELECT "row", reason FROM rejected_rows') == (
        bad,
        "enabled: 'perhaps' is neither true nor false",
    )
    assert one(connection, "SELECT status, rows, rows_loaded, rows_rejected FROM coverage WHERE section = 'kms'") == (
        "partial",
        2,
        1,
        1,
    )


def test_rows_without_a_parent_and_rows_that_contradict_each_other_are_rejected_not_dropped(
    run: Callable[..., LoadResult], store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    inventory = {
        "instances": [
            {"instance_id": "i-1", "platform": "Linux"},
            {"instance_id": "i-1", "platform": "Windows"},
        ],
        "applications": [
            {"instance_id": "i-1", "name": "vim", "version": None},
            {"instance_id": "i-1", "name": "vim", "version": None},
            {"instance_id": "i-2", "name": "vim", "version": None},
        ],
        "patches": [],
    }
    store.put(
        f"data/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json",
        snapshot(inventory=inventory, logs={"inventory_status": "Pass"}),
    )
    run()
    reasons = dict(connection.execute("SELECT table_name, reason FROM rejected_rows").fetchall())
    assert "same key" in reasons["inventory_instances"]
    assert reasons["inventory_applications"] == "no row of inventory_instances in this account and region is i-2"
    assert one(
        connection,
        "SELECT rows, rows_loaded, rows_rejected, rows_repeated FROM coverage WHERE section = 'inventory'",
    ) == (5, 2, 2, 1)


def test_rows_whose_parent_has_a_part_of_its_key_missing_are_rejected_and_the_batch_loads(
    run: Callable[..., LoadResult], store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    result = {"resource_type": "AWS::S3::Bucket", "resource_id": "b", "rule_name": "r"}
    report = {"total_rules": 1, "non_compliant_resources": [{**result, "compliance_type": "NON_COMPLIANT"}]}
    store.put(
        f"data/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json",
        snapshot(config={"date_to": "2026-03-02", **report}, logs={"config_status": "Pass"}),
    )
    assert run().rejected == 1
    assert one(connection, "SELECT total_rules FROM config_reports") == 1
    assert one(connection, "SELECT table_name, reason FROM rejected_rows") == (
        "non_compliant_resources",
        "no row of config_reports in this account and region is None, 2026-03-02",
    )


def test_an_account_with_a_bad_attribute_keeps_its_facts(
    run: Callable[..., LoadResult], store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    body = json.loads(snapshot(security={"kms": [{"arn": "arn:1"}]}))
    body["account"]["joined_timestamp"] = "long ago"
    store.put(f"data/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json", json.dumps(body).encode())
    run()
    assert one(connection, "SELECT account, arn FROM view_kms_keys") == (ACCOUNT, "arn:1")
    assert one(connection, "SELECT joined_timestamp FROM accounts WHERE region = 'us-east-1'") is None
    assert "joined_timestamp" in one(connection, "SELECT reason FROM rejected_rows LIMIT 1")


def test_of_two_regions_that_tell_the_account_differently_one_wins_as_a_whole(
    run: Callable[..., LoadResult], store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    """R9: never a union of what two regions say of the same account."""

    def service(name: str) -> dict[str, Any]:
        return {
            "service": name,
            "usage_types": "Aggregated",
            "date_from": "2026-03-01",
            "date_to": "2026-03-02",
            "cost": 1,
        }

    logs = {"service_status": "Pass"}
    for region, names in {"us-east-1": ("A", "B"), "eu-west-1": ("B", "C")}.items():
        key = f"data/{ACCOUNT}/{region}/2026-03-02_DAILY.json"
        store.put(key, snapshot(region=region, service=[service(name) for name in names], logs=logs))
    run(files=1)
    stored = one(connection, "SELECT array_agg(service ORDER BY service) FROM services")
    assert stored in (["A", "B"], ["B", "C"])
    assert one(connection, "SELECT sum(rows_superseded) FROM load_ledger") in (0, 2)


def test_a_failed_listing_does_not_replace_one_that_came(
    run: Callable[..., LoadResult], store: SnapshotStore, connection: psycopg.Connection[Any]
) -> None:
    first = {
        "service": "A",
        "usage_types": "x",
        "date_from": "2026-03-01",
        "date_to": "2026-03-02",
        "cost": 1,
    }
    store.put(
        f"data/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json",
        snapshot(service=[first], logs={"service_status": "Pass"}),
    )
    run()
    store.put(
        f"data/{ACCOUNT}/us-west-2/2026-03-02_DAILY.json",
        snapshot(region="us-west-2", service=[], logs={"service_status": "Fail"}),
    )
    run()
    assert one(connection, "SELECT count(*) FROM services") == 1
    assert one(connection, "SELECT status, snapshot_key FROM coverage WHERE section = 'service'") == (
        "ok",
        f"data/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json",
    )


def test_with_the_database_down_nothing_moves_and_the_next_run_loads_all(
    run: Callable[..., LoadResult], store: SnapshotStore, field_snapshots: list[str]
) -> None:
    """R1, R3."""
    with pytest.raises(WarehouseUnavailable, match=r"the warehouse at 127\.0\.0\.1:1/a360 does not answer as user u"):
        run(url="postgresql://u:hidden@127.0.0.1:1/a360")
    assert keys(store, "data/") == sorted(field_snapshots)
    assert len(run().loaded) == 4
    assert keys(store, "data/") == []


def test_a_database_that_goes_away_in_the_middle_of_a_batch_loses_nothing(
    run: Callable[..., LoadResult],
    store: SnapshotStore,
    field_snapshots: list[str],
    monkeypatch: pytest.MonkeyPatch,
    connection: psycopg.Connection[Any],
) -> None:
    merge = batch.merge

    def terminate_and_merge(working: Any, table: Any, rows: int, **how: Any) -> Any:
        if table.name == "kms_keys":
            connection.execute("SELECT pg_terminate_backend(%s)", (working.info.backend_pid,))
        return merge(working, table, rows, **how)

    with monkeypatch.context() as patched:
        patched.setattr(batch, "merge", terminate_and_merge)
        with pytest.raises(WarehouseUnavailable, match="went away"):
            run()
    assert keys(store, "data/") == sorted(field_snapshots)
    assert one(connection, "SELECT count(*) FROM accounts") == 0
    assert len(run().loaded) == 4


@pytest.mark.parametrize(
    "point",
    [
        "before the transaction",
        "after claiming",
        "in the middle of merging",
        "before the commit",
        "after the commit",
        "between copying and deleting",
    ],
)
def test_a_loader_killed_anywhere_and_run_again_ends_like_one_undisturbed(
    point: str,
    run: Callable[..., LoadResult],
    store: SnapshotStore,
    field_snapshots: list[str],
    connection: psycopg.Connection[Any],
    new_database: Callable[[str], str],
    environment: StandIn,
) -> None:
    store.put(f"data/{ACCOUNT}/eu-west-3/2026-03-02_DAILY.json", b"{")
    killed = subprocess.run([sys.executable, "-c", KILLED, point], env=os.environ, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    run()
    assert keys(store, "data/") == []
    assert len(keys(store, "loaded/")) == 4
    disturbed = contents(connection)

    for key in (*field_snapshots, f"data/{ACCOUNT}/eu-west-3/2026-03-02_DAILY.json"):
        path = key.removeprefix("data/")
        store.put(key, b"{" if "eu-west-3" in key else store.get(f"loaded/{path}"))
    undisturbed_url = new_database("template_warehouse")
    run(url=undisturbed_url)
    with psycopg.connect(undisturbed_url, options="-c timezone=UTC") as other:
        undisturbed = contents(other)
    assert disturbed == undisturbed


def test_two_loaders_at_once_end_like_one(
    store: SnapshotStore,
    field_snapshots: list[str],
    warehouse_url: str,
    connection: psycopg.Connection[Any],
) -> None:
    """R5."""
    objects = sorted(store.waiting())
    start = threading.Barrier(2)
    results: list[LoadResult] = []

    def work() -> None:
        start.wait()
        results.append(load(store, warehouse_url, objects, batch_files=1, batch_bytes=10**9))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key for result in results for key in result.loaded) == sorted(field_snapshots)
    assert one(connection, "SELECT count(*), min(attempts), max(attempts) FROM load_ledger") in (
        (4, 1, 1),
        (4, 1, 2),
        (4, 2, 2),
    )
    assert one(connection, "SELECT count(*) FROM inventory_applications") == 960
    assert keys(store, "data/") == []


def test_an_object_that_its_sender_replaced_meanwhile_is_not_moved_away(
    store: SnapshotStore, warehouse_url: str, connection: psycopg.Connection[Any]
) -> None:
    """R39: what was loaded is one version; the newer one still waits."""
    key = f"data/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json"
    store.put(key, snapshot())
    (first,) = store.waiting()
    store.put(key, snapshot(security={"kms": [{"arn": "arn:new"}]}))
    result = load(store, warehouse_url, [first], batch_files=1, batch_bytes=10**9)
    assert result.gone == [key]
    assert keys(store, "data/") == [key]
    assert one(connection, "SELECT count(*) FROM load_ledger") == 0


def test_a_move_that_fails_is_told_and_made_good_by_the_next_run(
    run: Callable[..., LoadResult],
    store: SnapshotStore,
    monkeypatch: pytest.MonkeyPatch,
    connection: psycopg.Connection[Any],
) -> None:
    """R39."""
    key = f"data/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json"
    store.put(key, snapshot(security={"kms": [{"arn": "arn:1"}]}))
    with monkeypatch.context() as patched:
        patched.setattr(store.s3, "copy_object", lambda **_: store.s3.get_object(Bucket=store.bucket, Key="other"))
        patched.setattr("a360_pipeline.snapshot.store.GONE", frozenset())
        (problem,) = run().unmoved
    assert problem.startswith(f"s3://{store.bucket}/{key}: ")
    assert keys(store, "data/") == [key]
    result = run()
    assert (result.loaded, result.known) == ([], [key])
    assert keys(store, "loaded/") == [f"loaded/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json"]
    assert one(connection, "SELECT attempts FROM load_ledger") == 2
