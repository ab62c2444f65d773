"""What an administrator's snapshot tells of its members is filed under them, whoever tells it, in whatever order."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from typing import Any

import psycopg
import pytest

from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse.checks import unreconciled
from a360_pipeline.warehouse.load import load

ADMINISTRATOR, MEMBER, STRANGER = "111111111111", "222222222222", "333333333333"
REGION = "us-east-1"

Tell = Callable[..., None]


def finding(account: str, name: str, severity: str = "HIGH") -> dict[str, Any]:
    arn = f"arn:aws:securityhub:{REGION}:{account}:control/{name}"
    return {"finding_id": arn, "severity": severity, "status": "NEW", "title": name}


def vulnerability(account: str, name: str) -> dict[str, Any]:
    return {"finding_arn": f"arn:aws:inspector2:{REGION}:{account}:finding/{name}", "severity": "LOW", "title": name}


TOLD: dict[str, dict[str, Any]] = {
    ADMINISTRATOR: {
        "findings": [finding(ADMINISTRATOR, "a"), finding(MEMBER, "b", "CRITICAL"), finding(STRANGER, "c")],
        "inspector": [vulnerability(ADMINISTRATOR, "d"), vulnerability(MEMBER, "e")],
    },
    MEMBER: {"findings": [finding(MEMBER, "b", "CRITICAL")], "inspector": [vulnerability(MEMBER, "e")]},
}


@pytest.fixture
def tell(store: SnapshotStore, warehouse_url: str) -> Tell:
    """Loads what senders in these accounts tell, one after the other or at once."""

    def run(*accounts: str, files: int = 1) -> None:
        for account in accounts:
            told = TOLD[account]
            security = {
                "security_hub": [{"service": "Security Hub", "findings": told["findings"]}],
                "inspector": told["inspector"],
            }
            content = {"account": {"account_id": account, "account_name": f"name of {account}"}, "security": security}
            body = json.dumps({**content, "logs": {"security_status": "Pass", "account_status": "Pass"}}).encode()
            store.put(f"data/{account}/{REGION}/2026-03-02_DAILY.json", body)
            if files == 1:
                load(store, warehouse_url, sorted(store.waiting()), batch_files=1, batch_bytes=10**9)
        load(store, warehouse_url, sorted(store.waiting()), batch_files=files, batch_bytes=10**9)

    return run


@pytest.mark.parametrize("accounts", list(permutations((ADMINISTRATOR, MEMBER))))
@pytest.mark.parametrize("files", [1, 2])
def test_a_finding_is_its_own_accounts_whoever_tells_it_in_whatever_order(
    accounts: tuple[str, ...], files: int, tell: Tell, connection: psycopg.Connection[Any]
) -> None:
    tell(*accounts, files=files)
    assert connection.execute(
        "SELECT f.title, a.account_id, a.region, p.service, o.account_id FROM findings f "
        "JOIN accounts a ON a.id = f.account_id JOIN security p ON p.id = f.security_id "
        "JOIN accounts o ON o.id = p.account_id ORDER BY 1"
    ).fetchall() == [
        (name, account, REGION, "Security Hub", account)
        for name, account in (("a", ADMINISTRATOR), ("b", MEMBER), ("c", STRANGER))
    ]
    assert connection.execute(
        "SELECT a.account_id, s.total_findings, s.critical_count FROM security s "
        "JOIN accounts a ON a.id = s.account_id ORDER BY 1"
    ).fetchall() == [(ADMINISTRATOR, 1, 0), (MEMBER, 1, 1), (STRANGER, 1, 0)]
    assert connection.execute(
        "SELECT i.title, a.account_id FROM inspector_findings i JOIN accounts a ON a.id = i.account_id ORDER BY 1"
    ).fetchall() == [("d", ADMINISTRATOR), ("e", MEMBER)]
    assert connection.execute(
        "SELECT account_id, account_name FROM accounts WHERE region = %s ORDER BY 1", [REGION]
    ).fetchall() == [
        (ADMINISTRATOR, f"name of {ADMINISTRATOR}"),
        (MEMBER, f"name of {MEMBER}"),
        (STRANGER, None),
    ]


def test_what_an_administrator_tells_of_others_adds_up(tell: Tell, connection: psycopg.Connection[Any]) -> None:
    tell(ADMINISTRATOR, MEMBER)
    assert unreconciled(connection).rows == ()
    assert connection.execute(
        "SELECT rows, rows_loaded, rows_by_table FROM coverage WHERE account_id = %s AND section = 'security_hub'",
        [ADMINISTRATOR],
    ).fetchall() == [(4, 4, {"security": 1, "findings": 1})]
