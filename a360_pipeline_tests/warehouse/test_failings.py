"""What the systems in the field get wrong when they load, each shown to be right here."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse import batch
from a360_pipeline.warehouse.load import LoadResult, load

ACCOUNT, OTHER = "856763896160", "046176806744"
STATUSES = {f"{section.status_field}_status": "Pass" for section in SECTIONS.values() if section.status_field}

Send = Callable[..., LoadResult]


@pytest.fixture
def send(store: SnapshotStore, warehouse_url: str) -> Send:
    """Loads a snapshot as senders in the field write it."""

    def run(
        region: str = "us-east-1",
        day: int = 2,
        account: str = ACCOUNT,
        identity: dict[str, Any] | None = None,
        **facts: Any,
    ) -> LoadResult:
        who = {"account_id": account, "account_name": f"name of {account}", "region": region, **(identity or {})}
        content = {"account": who, "logs": {**STATUSES, "message": []}, **facts}
        store.put(f"data/{account}/{region}/2026-03-{day:02}_DAILY.json", json.dumps(content).encode())
        return load(store, warehouse_url, sorted(store.waiting()), batch_files=50, batch_bytes=10**9)

    return run


@pytest.fixture
def ask(connection: psycopg.Connection[Any]) -> Callable[..., list[tuple[Any, ...]]]:
    return lambda query, *parameters: connection.execute(query.encode(), parameters or None).fetchall()


Ask = Callable[..., list[tuple[Any, ...]]]


def test_a_row_is_never_filed_under_the_account_of_another_file(send: Send, ask: Ask) -> None:
    """R2: the account comes from the file itself, never from the one before."""
    send(security={"kms": [{"arn": "arn:1"}]})
    send(account=OTHER, identity={"joined_timestamp": "nonsense"}, security={"kms": [{"arn": "arn:2"}]})
    assert ask("SELECT account, arn FROM view_kms_keys ORDER BY arn") == [(ACCOUNT, "arn:1"), (OTHER, "arn:2")]


def test_a_statement_that_fails_makes_no_duplicate(
    send: Send, ask: Ask, store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R4: nothing is concluded from an error; the batch is undone and tried again."""
    merge = batch.merge

    def fail_at_services(connection: Any, table: Any, rows: int, **how: Any) -> Any:
        if table.name == "services":
            connection.execute("SELECT 1 / 0")
        return merge(connection, table, rows, **how)

    facts = {
        "service": [
            {"service": "S3", "usage_types": "x", "date_from": "2026-03-01", "date_to": "2026-03-02", "cost": 1}
        ]
    }
    with monkeypatch.context() as patched:
        patched.setattr(batch, "merge", fail_at_services)
        assert "division by zero" in next(iter(send(**facts).quarantined.values()))
    assert ask("SELECT count(*) FROM accounts") == [(0,)]
    send(**facts)
    send(day=3, **facts)
    assert ask("SELECT count(*), sum(cost)::int FROM services") == [(1, 1)]


def test_resources_of_one_name_and_different_kind_stay_apart(send: Send, ask: Ask) -> None:
    """R8."""
    kinds = [("RDS", "DBInstance"), ("ELB", "LoadBalancer"), ("AutoScaling", "Group")]
    send(
        service_resources=[
            {"service_name": service, "resource_type": kind, "resource_id": "shop", "state": service}
            for service, kind in kinds
        ]
    )
    found = ask("SELECT service_name, resource_type, state FROM service_resources ORDER BY 1")
    assert found == sorted((service, kind, service) for service, kind in kinds)


def test_a_multi_region_key_is_a_row_in_each_region(send: Send, ask: Ask) -> None:
    """R11."""
    for region, state in (("us-east-1", "Enabled"), ("eu-west-1", "Disabled")):
        key = {"key_id": "mrk-1", "arn": f"arn:aws:kms:{region}:{ACCOUNT}:key/mrk-1", "key_state": state}
        send(region=region, security={"kms": [key]})
    assert ask("SELECT account_region, key_id, key_state FROM view_kms_keys ORDER BY 1") == [
        ("eu-west-1", "mrk-1", "Disabled"),
        ("us-east-1", "mrk-1", "Enabled"),
    ]


def finding(number: int, severity: str = "HIGH", status: str = "NEW") -> dict[str, Any]:
    return {"finding_id": f"f{number}", "severity": severity, "status": status, "record_state": "ACTIVE", "title": "t"}


def summary(*findings: dict[str, Any], service: str = "Security Hub") -> dict[str, Any]:
    """What a sender tells of a product on one day; its totals are that day's alone."""
    return {"service": service, "total_findings": len(findings), "open_findings": 0, "findings": list(findings)}


def test_security_totals_are_of_the_findings_held_not_of_one_days_delta(send: Send, ask: Ask) -> None:
    """R17: neither overwritten by a delta, nor stale when a product had no finding that day."""
    send(day=2, security={"security_hub": [summary(finding(1), finding(2, "CRITICAL"))]})
    send(day=3, security={"security_hub": [summary(finding(2, "CRITICAL", "RESOLVED"), finding(3, "LOW"))]})
    send(day=4, security={"security_hub": []})
    totals = "total_findings, critical_count, high_count, low_count, open_findings, resolved_findings"
    assert ask(f"SELECT {totals} FROM security") == [(3, 1, 1, 1, 2, 1)]
    assert ask("SELECT date, total_findings, open_findings FROM daily_posture ORDER BY 1") == [
        (dt.date(2026, 3, 2), 2, 2),
        (dt.date(2026, 3, 3), 3, 2),
    ]


def test_an_unset_product_is_no_product_and_links_made_by_hand_survive(
    send: Send, ask: Ask, connection: psycopg.Connection[Any]
) -> None:
    """R21."""
    send(identity={"product": "None"})
    assert ask("SELECT count(*) FROM products") == [(0,)]
    connection.execute("INSERT INTO products (name) VALUES ('By hand')")
    connection.execute(
        "INSERT INTO product_accounts (product_id, account_id) SELECT p.id, a.id FROM products p, accounts a "
        "WHERE a.region = 'us-east-1'"
    )
    send(day=3, identity={"product": "Shop, Data Lake"})
    assert ask("SELECT name FROM view_acct_products WHERE account_region = 'us-east-1' ORDER BY 1") == [
        ("By hand",),
        ("Data Lake",),
        ("Shop",),
    ]


def test_an_owner_set_by_hand_survives_every_load(send: Send, ask: Ask, connection: psycopg.Connection[Any]) -> None:
    """R22."""
    send(identity={"product": "Shop"})
    connection.execute("UPDATE products SET owner = 'Ada', description = 'sells'")
    send(day=3, identity={"product": "Shop"})
    assert ask("SELECT name, owner, description FROM products") == [("Shop", "Ada", "sells")]


def test_unset_attributes_are_null_and_nothing_is_made_up(send: Send, ask: Ask) -> None:
    """R23, R24."""
    send(identity={"partner_name": "None", "customer_name": None, "account_email": None, "joined_timestamp": None})
    unset = "partner_name, customer_name, account_email, account_arn, joined_timestamp, joined_method"
    assert ask(f"SELECT DISTINCT {unset} FROM accounts") == [(None, None, None, None, None, None)]


def test_updated_at_moves_when_a_row_changes_and_only_then(send: Send, ask: Ask) -> None:
    """R25."""
    send(account=OTHER, identity={"contact_info": {"city": "Oslo"}})
    send(identity={"contact_info": {"city": "Oslo"}})
    first = dict(ask("SELECT account, updated_at FROM view_contact_info"))
    send(account=OTHER, day=3, identity={"contact_info": {"city": "Oslo"}})
    send(day=3, identity={"contact_info": {"city": "Bergen"}})
    second = dict(ask("SELECT account, updated_at FROM view_contact_info"))
    assert second[ACCOUNT] > first[ACCOUNT]
    assert second[OTHER] == first[OTHER]


def result(compliance_type: str) -> dict[str, Any]:
    return {
        "rule_name": "encrypted",
        "resource_id": "vol-1",
        "resource_type": "AWS::EC2::Volume",
        "conformance_pack": "Standalone",
        "compliance_type": compliance_type,
    }


def report(day: int, *results: dict[str, Any]) -> dict[str, Any]:
    dates = {"date_from": f"2026-03-{day - 1:02}", "date_to": f"2026-03-{day:02}"}
    return {**dates, "total_rules": 1, "non_compliant_resources": list(results)}


def test_a_compliant_result_closes_the_open_row_and_is_no_row_of_its_own(send: Send, ask: Ask) -> None:
    """R26."""
    status = "SELECT resource_id, status FROM non_compliant_resources"
    send(day=2, config=report(2, result("COMPLIANT")))
    assert ask(status) == []
    send(day=3, config=report(3, result("NON_COMPLIANT")))
    assert ask(status) == [("vol-1", "OPEN")]
    send(day=4, config=report(4, result("COMPLIANT")))
    assert ask(status) == [("vol-1", "RESOLVED")]


def test_messages_of_one_kind_are_all_kept_and_each_of_the_sixteen_statuses_shows(send: Send, ask: Ask) -> None:
    """R27, R28."""
    statuses = {name: f"status {number}" for number, name in enumerate(sorted(STATUSES))}
    assert len(statuses) == 16
    message = [{"config": "slow"}, {"config": "slow"}, {"cost": "denied"}]
    send(logs={**statuses, "message": message})
    assert ask("SELECT message_type, message FROM log_messages ORDER BY 1, 2") == [
        ("config", "slow"),
        ("config", "slow"),
        ("cost", "denied"),
    ]
    stored = ask(f"SELECT {', '.join(sorted(STATUSES))} FROM logs")
    assert stored == [tuple(statuses[name] for name in sorted(STATUSES))]


def test_a_finding_keeps_its_own_times_and_id(send: Send, ask: Ask) -> None:
    """R29."""
    told = {
        "id": "g1",
        "title": "t",
        "created_at": "2026-02-01T01:02:03+00:00",
        "updated_at": "2026-02-03T00:00:00+02:00",
    }
    send(security={"guard_duty": [told]})
    assert ask("SELECT finding_id, detector_id, created_at, updated_at FROM guard_duty_findings") == [
        ("g1", None, dt.datetime(2026, 2, 1, 1, 2, 3, tzinfo=dt.UTC), dt.datetime(2026, 2, 2, 22, tzinfo=dt.UTC))
    ]


def test_the_phone_of_a_contact_is_kept(send: Send, ask: Ask) -> None:
    """R30."""
    contact = {
        "name": "Ada",
        "title": "CFO",
        "email": "ada@example.com",
        "phone": "+47 22 22 22 22 ext. 4711 (mornings)",
    }
    send(identity={"alternate_contacts": {"billing": contact, "security": None}})
    assert ask("SELECT contact_type, full_name, phone_number FROM alternate_contacts") == [
        ("billing", "Ada", "+47 22 22 22 22 ext. 4711 (mornings)")
    ]


def test_what_nobody_collects_is_unknown_and_not_zero(send: Send, ask: Ask) -> None:
    """R33."""
    period = {"start": "2026-03-01", "end": "2026-03-02", "granularity": "DAILY"}
    send(cost={"current_period_cost": 1.5, "previous_period_cost": 0.5, "period": period})
    assert ask(
        "SELECT current_period_cost::float8, potential_monthly_savings, anomalies_detected FROM cost_reports"
    ) == [(1.5, None, None)]


def test_more_than_a_page_of_bad_objects_starves_nothing_behind_them(
    send: Send, store: SnapshotStore, warehouse_url: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R37: the listing goes to its last page."""
    # AWS lists a thousand keys at once; a stand-in that lists ten shows the same in less time.
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    for number in range(33):
        store.put(f"data/000000000000/bad/{number:04}", b"")
    (first, *_) = store.s3.get_paginator("list_objects_v2").paginate(Bucket=store.bucket, Prefix="data/")
    assert (len(first["Contents"]), len(list(store.waiting()))) == (10, 33)
    result = send(security={"kms": [{"arn": "arn:1"}]})
    assert (len(result.quarantined), len(result.loaded)) == (33, 1)
    assert list(store.waiting()) == []
    assert ask("SELECT count(*) FROM kms_keys") == [(1,)]


def test_a_bucket_that_cannot_be_listed_or_read_is_an_error_and_not_an_empty_one(
    send: Send, store: SnapshotStore, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R38."""
    elsewhere = SnapshotStore(store.s3, "a360-elsewhere", "data/", "loaded/", "quarantine/")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        list(elsewhere.waiting())

    def denied(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")

    store.put(f"data/{ACCOUNT}/us-east-1/2026-03-02_DAILY.json", b"{}")
    monkeypatch.setattr(store.s3, "get_object", denied)
    with pytest.raises(ClientError, match="AccessDenied"):
        load(store, warehouse_url, sorted(store.waiting()), batch_files=50, batch_bytes=10**9)
