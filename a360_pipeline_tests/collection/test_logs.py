"""The logs of our own snapshots: what the coverage says, in the field's words, and in the field's tables."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest

from a360_pipeline.collection.logs import coverage_of, logs_of
from a360_pipeline.coverage import SectionCoverage, Status
from a360_pipeline.sections.logs import REPORTED
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.snapshot.key import SnapshotKey
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.snapshot.wire import Snapshot
from a360_pipeline.warehouse.checks import unreconciled
from a360_pipeline.warehouse.load import load

ACCOUNT = "856763896160"
KEY_OF_ONE = {"key_id": "k", "arn": "arn:aws:kms:us-east-1:856763896160:key/k"}


@pytest.mark.parametrize("status", Status)
def test_a_section_passes_only_where_nothing_is_missing(status: Status) -> None:
    """S4: nothing that failed is told as a Pass."""
    told = logs_of({"health": SectionCoverage(status, message="because")})
    passed = status in (Status.OK, Status.EMPTY)
    assert told == {
        "health_status": "Pass" if passed else "Fail",
        "message": [] if passed else [{"health": f"health is {status}: because"}],
    }


@pytest.mark.parametrize("names", [("kms", "waf", "inspector"), ("inspector", "waf", "kms")])
def test_a_group_fails_when_any_of_its_sections_is_a_gap_whichever_came_first(names: tuple[str, ...]) -> None:
    """S4: a later success does not overwrite an earlier failure."""
    coverage = {name: SectionCoverage(Status.OK, 3) for name in names}
    coverage["kms"] = SectionCoverage(Status.DENIED, message="no")
    assert logs_of(coverage) == {
        "security_status": "Fail",
        "message": [{"security": "security.kms is denied: no"}],
    }


def test_every_gap_has_a_message_of_its_own() -> None:
    """R27: two of a kind stand side by side."""
    told = logs_of(
        {
            "kms": SectionCoverage(Status.THROTTLED, message="slow down"),
            "waf": SectionCoverage(Status.NOT_ENABLED),
            "cost": SectionCoverage(Status.EMPTY),
        }
    )
    assert told["message"] == [
        {"security": "security.kms is throttled: slow down"},
        {"security": "security.waf is not_enabled"},
    ]
    assert (told["security_status"], told["cost_status"]) == ("Fail", "Pass")


def test_what_was_not_asked_has_no_status_and_nobody_reports_on_the_logs() -> None:
    assert logs_of({"cost": SectionCoverage(Status.OK, 1), "logs": SectionCoverage(Status.FAILED)}) == {
        "cost_status": "Pass",
        "message": [],
    }
    assert logs_of({}) == {"message": []}


def test_every_status_has_a_column() -> None:
    """R28: no section's failure is dropped."""
    told = logs_of({name: SectionCoverage(Status.FAILED) for name in SECTIONS})
    assert {name.removesuffix("_status") for name in told} - {"message"} == set(REPORTED)


@pytest.mark.parametrize("region", ["us-east-1", "Global"])
def test_the_logs_are_loaded_and_add_up(
    store: SnapshotStore, warehouse_url: str, connection: psycopg.Connection[Any], region: str
) -> None:
    coverage = {
        "account": SectionCoverage(Status.EMPTY),
        "kms": SectionCoverage(Status.OK, 1),
        "inspector": SectionCoverage(Status.DENIED, message="no"),
    }
    logs = logs_of(coverage)
    store.write(
        Snapshot(
            key=SnapshotKey(ACCOUNT, region, dt.date(2026, 3, 2)),
            content={
                "account": {"account_id": ACCOUNT, "account_name": "a", "region": region},
                "security": {"kms": [KEY_OF_ONE]},
                "logs": logs,
            },
            coverage={**coverage, "logs": coverage_of(logs)},
            is_ours=True,
        )
    )
    loaded = load(store, warehouse_url, sorted(store.waiting()), batch_files=5, batch_bytes=10**6)
    assert (len(loaded.loaded), loaded.rejected, loaded.not_taken) == (1, 0, {})
    assert connection.execute(
        "SELECT account, account_region, account_status, security_status, cost_status, date_created::date::text "
        "FROM view_acct_logs"
    ).fetchall() == [(ACCOUNT, region, "Pass", "Fail", None, "2026-03-02")]
    assert connection.execute("SELECT message_type, message FROM log_messages").fetchall() == [
        ("security", "security.inspector is denied: no")
    ]
    assert connection.execute(
        "SELECT section, status, rows, rows_loaded FROM coverage "
        "WHERE section IN ('inspector', 'kms', 'logs') ORDER BY section"
    ).fetchall() == [("inspector", "denied", 0, 0), ("kms", "ok", 1, 1), ("logs", "ok", 2, 2)]
    assert unreconciled(connection).passed
