"""The field's own snapshots and fields: what they hold is read, row for row and field for field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.coverage import Status
from a360_pipeline.sections.registry import SECTIONS, TABLES
from a360_pipeline.snapshot.wire import Snapshot, facts, read_snapshot

SHARED = Path(__file__).resolve().parents[3] / "shared"
MANIFEST = SHARED / "data" / "snapshots" / "manifest.json"
FIELDS = SHARED / "contract" / "snapshot-fields.txt"
BY_NAME = {table.name: table for table in TABLES}

COUNTED_AS = {
    "accounts": "account",
    "contact_info": "contact_info",
    "alternate_contacts": "alternate_contacts",
    "cost_reports": "cost_report",
    "service_costs": "service_costs",
    "cost_forecasts": "cost_forecasts",
    "services": "services",
    "kms_keys": "kms",
    "inventory_instances": "instances",
    "inventory_applications": "applications",
    "inventory_patches": "patches",
}
"""The manifest's name of each table's rows; nothing counts products."""

SKIPPED_AS = {
    "security.guard_duty": "guard_duty",
    "security.cloudtrail": "cloudtrail",
    "security.secrets_manager": "secrets_manager",
    "security.certificate_manager": "certificate_manager",
    "security.inspector": "inspector",
    "trusted_advisor": "trusted_advisor",
    "health": "health",
    "application": "application",
    "resilience_hub": "resilience_hub",
    "service_resources": "service_resources",
    "compute_optimizer": "compute_optimizer",
    "ri_sp_savings": "ri_sp_savings",
    "config_inventory": "config_inventory",
    "support_tickets": "support_tickets",
}

PLACES = {
    "accounts": "account.",
    "contact_info": "account.contact_info.",
    "alternate_contacts": "account.alternate_contacts.",
    "cost_reports": "cost.",
    "service_costs": "cost.top_services[].",
    "cost_forecasts": "cost.forecast[].",
    "services": "service[].",
    "kms_keys": "security.kms[].",
    "inventory_instances": "inventory.instances[].",
    "inventory_applications": "inventory.applications[].",
    "inventory_patches": "inventory.patches[].",
}
NOT_COLUMNS = {
    "account.account_id": "compared with the name, from which the row takes it",
    "account.region": "compared with the name, from which the row takes it",
    "account.product": "split into rows of products",
    "cost.account_id": "the account is that of the name",
    "inventory.instances[].last_ping": "the same instant as last_ping_date_time",
}
NEVER_FILLED = {f"inventory.{name}[]" for name in ("certificates", "network_ports", "processes", "services", "users")}
"""Lists that senders write, but nothing into them."""


def manifest() -> dict[str, Any]:
    listed: dict[str, Any] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return {each["key"].removeprefix("data/"): each for each in listed["files"]}


PATHS = sorted(manifest()) if MANIFEST.exists() else []
needs_snapshots = pytest.mark.skipif(not PATHS, reason="the field's snapshots are not at hand")
needs_fields = pytest.mark.skipif(not FIELDS.exists(), reason="the contract with the field is not at hand")


@cache
def snapshot_at(path: str) -> Snapshot:
    return read_snapshot(path, (MANIFEST.parent / "data" / path).read_bytes())


def contract_fields() -> Iterator[str]:
    """The paths of all fields, lists and objects that hold only other paths left out."""
    for line in FIELDS.read_text(encoding="utf-8").splitlines():
        path, colon, kind = line.partition(": ")
        if colon and not line.startswith("#") and kind != "array":
            yield path


def known_fields() -> set[str]:
    """Where in a snapshot the declared tables take their values from."""
    known = set()
    for name, place in PLACES.items():
        table = BY_NAME[name]
        sources = [column.source for column in table.columns if hasattr(column, "source")]
        sources += [source for reference in table.references for _, source in reference.on]
        known |= {place + source for source in sources}
    return known


def without_contact_type(path: str) -> str:
    parts = path.split(".")
    return ".".join([*parts[:2], *parts[3:]]) if parts[1] == "alternate_contacts" else path


@needs_snapshots
@pytest.mark.parametrize("path", PATHS)
def test_a_snapshot_of_the_field_yields_as_many_rows_as_its_manifest_says(path: str) -> None:
    """R41: rows are counted as rows; R7: none collapses into another."""
    snapshot, counts = snapshot_at(path), manifest()[path]["counts"]
    rows = {
        table.name: sum(1 for _ in facts(table, snapshot.payload(section)))
        for section in SECTIONS.values()
        for table in section.tables
        if table.name in COUNTED_AS
    }
    assert rows == {name: counts[COUNTED_AS[name]] for name in rows}
    assert set(rows) == set(COUNTED_AS)


@needs_snapshots
@pytest.mark.parametrize("path", PATHS)
def test_a_snapshot_of_the_field_is_judged_whole_where_it_passed(path: str) -> None:
    snapshot, counts = snapshot_at(path), manifest()[path]["counts"]
    assert snapshot.sha256 == manifest()[path]["sha256"]
    assert not snapshot.is_ours
    assert {name: (one.status, one.rows) for name, one in snapshot.coverage.items()} == {
        "account": (Status.OK, counts["contact_info"] + counts["alternate_contacts"]),
        "cost": (Status.OK, counts["cost_report"] + counts["service_costs"] + counts["cost_forecasts"]),
        "service": (Status.OK, counts["services"]),
        "kms": (Status.OK, counts["kms"]),
        "inventory": (Status.OK, counts["instances"] + counts["applications"] + counts["patches"]),
    }


@needs_snapshots
@pytest.mark.parametrize("path", PATHS)
def test_what_nothing_reads_yet_is_counted_as_the_manifest_counts_it(path: str) -> None:
    snapshot, counts = snapshot_at(path), manifest()[path]["counts"]
    unread = {place: counts[name] for place, name in SKIPPED_AS.items() if counts[name]}
    assert unread.items() <= snapshot.not_taken.items()


@needs_fields
def test_every_field_of_a_section_that_is_read_fills_a_column() -> None:
    """R30: a field that no column takes would be lost without a word."""
    roots = ("account.", "cost.", "service[]", "inventory.", "security.kms[]")
    sent = {without_contact_type(path) for path in contract_fields() if path.startswith(roots)}
    assert len(sent) > 60
    assert sent - known_fields() == set(NOT_COLUMNS)


@needs_fields
def test_every_list_of_a_section_that_is_read_fills_a_table() -> None:
    lines = FIELDS.read_text(encoding="utf-8").splitlines()
    lists = {line.removesuffix(": array") for line in lines if line.endswith("[]: array")}
    ours = {path for path in lists if path.startswith(("account.", "cost.", "service[", "inventory.", "security.kms"))}
    assert ours == {place.removesuffix(".") for place in PLACES.values() if "[]" in place} | NEVER_FILLED


@needs_fields
def test_every_column_that_a_snapshot_could_fill_is_of_the_contract_or_ours_to_add() -> None:
    """R33: a column that nobody fills would be charted as zero."""
    sent = {without_contact_type(path) for path in contract_fields()}
    unsent = {field for field in known_fields() - sent if "@" not in field}
    assert unsent == {
        "account.alternate_contacts.contact_type",
        "account.csp",
        "cost.anomalies_detected",
        "cost.potential_monthly_savings",
        "cost.saving_opportunities_count",
        "cost.forecast[].prediction_interval_lower_bound",
        "cost.forecast[].prediction_interval_upper_bound",
        "cost.forecast[].report.granularity",
        "cost.forecast[].report.start",
        "cost.top_services[].report.granularity",
        "cost.top_services[].report.start",
    }
