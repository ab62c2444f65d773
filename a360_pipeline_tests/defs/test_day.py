"""A day through Dagster: what is collected, loaded, and left failed, with the reason."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import dagster as dg
import psycopg
import pytest
from botocore.retries.standard import ExponentialBackoff

from a360_pipeline.aws.accounts import discover_accounts
from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.collection.collect import collect_accounts
from a360_pipeline.collection.order import Order
from a360_pipeline.definitions import defs
from a360_pipeline.defs.collection import account_snapshot, check_name
from a360_pipeline.defs.daily import load_waiting, run_day
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.facts.costs import SERVICES
from a360_pipeline.sections.model import Scope
from a360_pipeline.sections.registry import SECTIONS as ALL_SECTIONS
from a360_pipeline.settings import Settings
from a360_pipeline.snapshot.store import SnapshotStore

SECTIONS = [name for name, section in ALL_SECTIONS.items() if section.is_collected]
TODAY = dt.datetime.now(dt.UTC).date()
YESTERDAY = TODAY - dt.timedelta(days=1)


def rows(connection: psycopg.Connection[Any], query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), parameters).fetchall()


def materialized(instance: dg.DagsterInstance) -> set[str]:
    return {key.split("|")[0] for key in instance.get_materialized_partitions(account_snapshot.key)}


def latest_checks(instance: dg.DagsterInstance) -> dict[str, bool]:
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(account_snapshot.key, check_name(name)) for name in SECTIONS]
    )
    return {key.name: record.evaluation.passed for key, record in records.items() if record.evaluation}


def test_a_good_day_materializes_every_account_and_passes_every_check(
    environment: StandIn, instance: dg.DagsterInstance
) -> None:
    assert run_day(defs, instance) == []
    assert materialized(instance) == {account.id for account in environment.organization.accounts}
    assert latest_checks(instance) == {check_name(name): True for name in SECTIONS}


def test_a_day_puts_the_organizations_truth_into_the_warehouse_entity_by_entity(
    environment: StandIn, instance: dg.DagsterInstance, connection: psycopg.Connection[Any]
) -> None:
    run_day(defs, instance)
    organization = environment.organization
    accounts = {account.id: account for account in organization.accounts}

    assert rows(
        connection,
        "SELECT account_id, account_name, account_email, account_arn FROM accounts WHERE region = 'Global' ORDER BY 1",
    ) == sorted((a.id, a.name, a.email, a.arn) for a in accounts.values())
    assert rows(
        connection,
        "SELECT account, full_name, address_line2, postal_code, phone_number FROM view_contact_info ORDER BY 1",
    ) == sorted(
        (
            a.id,
            a.contact_info.full_name,
            a.contact_info.address_line2,
            a.contact_info.postal_code,
            a.contact_info.phone_number,
        )
        for a in accounts.values()
    )
    assert rows(
        connection,
        "SELECT account, contact_type, full_name, email, phone_number FROM view_alternate_contacts ORDER BY 1, 2",
    ) == sorted(
        (a.id, c.type.lower(), c.name, c.email, c.phone) for a in accounts.values() for c in a.alternate_contacts
    )
    assert rows(
        connection,
        "SELECT account, account_region, arn, key_state, creation_date, enabled, "
        "key_rotation_enabled FROM view_kms_keys ORDER BY 1, 2, 3",
    ) == sorted(
        (a.id, r.name, k.arn, k.key_state, k.creation_date, k.enabled, k.key_rotation_enabled)
        for a in accounts.values()
        for r in a.regions
        for k in r.kms_keys
    )


def reachable(stand_in: StandIn) -> list[tuple[Any, Any]]:
    """Accounts and regions whose Systems Manager answers."""
    return [(a, r) for a in stand_in.organization.accounts if not a.denied for r in a.regions]


def test_applications_and_patches_are_their_own_instances(
    environment: StandIn, instance: dg.DagsterInstance, connection: psycopg.Connection[Any]
) -> None:
    run_day(defs, instance)
    found = reachable(environment)
    assert rows(
        connection,
        "SELECT account, account_region, instance_id, computer_name, ping_status, "
        "last_ping_date_time, is_latest_version FROM view_inventory_instances ORDER BY 1, 2, 3",
    ) == sorted(
        (
            a.id,
            r.name,
            i.instance_id,
            i.computer_name,
            i.ping_status,
            i.last_ping_date_time,
            i.is_latest_version,
        )
        for a, r in found
        for i in r.instances
    )

    def order(row: tuple[Any, ...]) -> tuple[str, ...]:
        return tuple(str(value) for value in row)

    assert sorted(
        rows(
            connection,
            "SELECT account, ii_instance_id, name, version, architecture, publisher, install_time "
            "FROM view_inventory_applications",
        ),
        key=order,
    ) == sorted(
        (
            (
                a.id,
                p.instance_id,
                p.name,
                p.version,
                p.architecture,
                p.publisher.replace("\x00", ""),
                p.install_time,
            )
            for a, r in found
            for p in r.applications
        ),
        key=order,
    )
    assert sorted(
        rows(
            connection,
            "SELECT account, instance_name, title, classification, severity, state, "
            "installed_time FROM view_inventory_patches",
        ),
        key=order,
    ) == sorted(
        (
            (a.id, p.instance_id, p.title, p.classification, p.severity, p.state, p.installed_time)
            for a, r in found
            for p in r.patches
        ),
        key=order,
    )


def test_cost_is_asked_once_for_all_accounts_and_equals_the_truth_per_service(
    environment: StandIn, instance: dg.DagsterInstance, connection: psycopg.Connection[Any]
) -> None:
    run_day(defs, instance)
    organization = environment.organization
    truth = {
        (account.id, service): cost
        for account in organization.accounts
        for service in SERVICES
        if (cost := organization.cost(account.id, service, YESTERDAY))
    }
    assert {(a, s): c for a, s, c in rows(connection, "SELECT account, service, cost FROM view_acct_serv")} == truth
    totals = dict(rows(connection, "SELECT account, current_period_cost FROM view_acct_cost_rep"))
    assert totals == {
        account.id: sum((cost for (owner, _), cost in truth.items() if owner == account.id), Decimal(0))
        for account in organization.accounts
    }
    with urlopen(f"{environment.endpoint_url}/_a360/calls") as answer:
        calls = json.load(answer)["by_action"]
    assert calls["ce:GetCostAndUsage"] == 3, "by service, day by day, and of the marketplace: each once"


def test_a_second_run_of_a_day_adds_no_row(
    environment: StandIn, instance: dg.DagsterInstance, connection: psycopg.Connection[Any]
) -> None:
    def everything() -> dict[str, Any]:
        return {
            table: rows(connection, f"SELECT * FROM {table} ORDER BY id")
            for table in (
                "accounts",
                "products",
                "product_accounts",
                "services",
                "cost_reports",
                "service_costs",
                "kms_keys",
                "inventory_instances",
                "inventory_applications",
                "inventory_patches",
            )
        }

    run_day(defs, instance)
    before = everything()
    run_day(defs, instance)
    assert everything() == before


def test_an_account_whose_role_is_denied_is_left_failed_and_the_others_are_complete(
    environment: StandIn, instance: dg.DagsterInstance, connection: psycopg.Connection[Any]
) -> None:
    denied = environment.organization.accounts[1].id
    environment.faults.set(denied={denied: ["sts:AssumeRole"]})
    failures = run_day(defs, instance)
    assert len(failures) == 1
    assert f"1 of 4 accounts are incomplete on {TODAY}" in failures[0]
    assert f"{denied}: " in failures[0]
    assert "AssumeRole" in failures[0]
    assert materialized(instance) == {a.id for a in environment.organization.accounts} - {denied}
    statuses = rows(connection, "SELECT DISTINCT section, status FROM coverage WHERE account_id = %s", denied)
    asked_as_the_hub = {name for name in SECTIONS if ALL_SECTIONS[name].scope is Scope.ORGANIZATION}
    assert set(statuses) == {
        *((name, "ok" if name in asked_as_the_hub else "denied") for name in SECTIONS),
        ("logs", "ok"),
    }
    others = rows(
        connection,
        "SELECT count(*) FROM coverage WHERE account_id <> %s AND status IN ('denied', 'failed')",
        denied,
    )
    assert others == [(0,)]
    assert latest_checks(instance) == {check_name(name): name in asked_as_the_hub for name in SECTIONS}


def test_throttling_loses_no_row_and_shows_in_the_ledger(
    environment: StandIn,
    instance: dg.DagsterInstance,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.0)
    monkeypatch.setattr("a360_pipeline.aws.clients.time", SimpleNamespace(sleep=lambda _seconds: None))
    environment.faults.set(throttle_rate=0.2)
    assert run_day(defs, instance) == []
    retries, throttles = rows(connection, "SELECT sum(retries), sum(throttles) FROM coverage")[0]
    assert retries > 0
    assert throttles > 0
    keys = rows(connection, "SELECT count(*) FROM kms_keys")[0][0]
    assert keys == sum(len(r.kms_keys) for a in environment.organization.accounts for r in a.regions)
    patches = rows(connection, "SELECT count(*) FROM inventory_patches")[0][0]
    assert patches == sum(len(r.patches) for _, r in reachable(environment))


@pytest.mark.parametrize(
    "errors",
    [{"kms:ListKeys": "InternalFailure", "ssm:*": "OptInRequired"}, {"*:Describe*": "AccessDenied"}],
    ids=["failed", "partial"],
)
def test_an_incomplete_listing_retires_nothing(
    environment: StandIn,
    instance: dg.DagsterInstance,
    store: SnapshotStore,
    sessions: Sessions,
    settings: Settings,
    connection: psycopg.Connection[Any],
    errors: dict[str, str],
) -> None:
    def standing() -> list[tuple[Any, ...]]:
        tables = ("kms_keys", "inventory_instances", "inventory_applications", "inventory_patches")
        counts = "count(*), count(*) FILTER (WHERE retired_at IS NULL), count(DISTINCT account_id)"
        return [(table, *row) for table in tables for row in rows(connection, f"SELECT {counts} FROM {table}")]

    accounts = discover_accounts(sessions.hub())
    for each in collect_accounts(sessions, store, Order.of(settings, accounts, accounts, TODAY, TODAY)):
        key = str(each.stored_as)
        body = store.get(key)
        assert body is not None
        store.put(key.replace(str(TODAY), str(YESTERDAY)), body)
        store.s3.delete_object(Bucket=store.bucket, Key=key)
    assert load_waiting(defs, instance) == []
    before = standing()
    assert all(count == standing > 0 for _, count, standing, _ in before)
    environment.faults.set(errors=errors)
    assert len(run_day(defs, instance)) == 1
    assert standing() == before


def test_planned_gaps_are_accepted_and_say_by_whom(
    environment: StandIn, instance: dg.DagsterInstance, connection: psycopg.Connection[Any]
) -> None:
    assert run_day(defs, instance) == []
    gaps = rows(
        connection,
        "SELECT account_id, section, status, accepted_by FROM coverage WHERE status NOT IN ('ok', 'empty')",
    )
    assert {status for _, _, status, _ in gaps} == {"scp_denied", "region_disabled"}
    assert all(accepted == "platform team" for *_, accepted in gaps)


def test_the_same_gaps_fail_the_run_when_nobody_accepted_them(
    environment: StandIn, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A360_ACCEPTED_GAPS")
    (failure,) = run_day(defs, instance)
    assert "2 of 4 accounts are incomplete" in failure
    assert "inventory in us-east-1 is scp_denied" in failure
    assert "is not enabled in account" in failure


def test_the_sensor_loads_the_fields_snapshots_once_and_announces_their_accounts(
    environment: StandIn,
    instance: dg.DagsterInstance,
    store: SnapshotStore,
    field_snapshots: list[str],
    connection: psycopg.Connection[Any],
) -> None:
    assert load_waiting(defs, instance) == []
    assert {each.key for each in store.waiting("loaded/")} == {f"loaded/{key[5:]}" for key in field_snapshots}
    assert list(store.waiting()) == []
    assert set(instance.get_dynamic_partitions("account")) == {"461768067441", "856763896160"}
    counts = dict(rows(connection, "SELECT outcome, count(*) FROM load_ledger GROUP BY 1"))
    assert counts == {"loaded": 4}


def test_the_sensor_waits_while_a_load_is_under_way(
    environment: StandIn, instance: dg.DagsterInstance, store: SnapshotStore, field_snapshots: list[str]
) -> None:
    run = instance.create_run_for_job(defs.resolve_job_def("load"), status=dg.DagsterRunStatus.STARTED)
    told: list[str] = []
    load_waiting(defs, instance, told.append)
    assert told == ["a load is under way; what it leaves is found at the next tick"]
    instance.report_run_canceled(run)
    assert load_waiting(defs, instance) == []
    assert list(store.waiting()) == []


def test_a_day_goes_through_the_data_api_where_there_is_no_way_by_network(
    environment: StandIn,
    instance: dg.DagsterInstance,
    connection: psycopg.Connection[Any],
    warehouse_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "CLUSTER_ARN": environment.data_api.cluster_arn,
        "DATABASE_SECRET_ARN": environment.data_api.secret_arn,
        "DATABASE_NAME": warehouse_url.rpartition("/")[2],
    }.items():
        monkeypatch.setenv(f"A360_{name}", value)
    monkeypatch.delenv("A360_DATABASE_URL")
    assert run_day(defs, instance) == []
    ((accounts, keys),) = rows(
        connection,
        "SELECT (SELECT count(*) FROM accounts WHERE region = 'Global'), (SELECT count(*) FROM kms_keys)",
    )
    assert accounts == len(environment.organization.accounts)
    assert keys > 0
