"""The field's own snapshots and fields: what they hold is read, row for row and field for field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.coverage import Status
from a360_pipeline.sections import registry
from a360_pipeline.sections.service_resources import ADDED as ADDED_TO_RESOURCES
from a360_pipeline.snapshot.wire import Snapshot, facts, read_snapshot

SHARED = Path(__file__).resolve().parents[3] / "shared"
MANIFEST = SHARED / "data" / "snapshots" / "manifest.json"
FIELDS = SHARED / "contract" / "snapshot-fields.txt"
SECTIONS = {name: section for name, section in registry.SECTIONS.items() if not section.is_only_ours}
"""What senders in the field tell of."""
TABLES = [table for table in registry.TABLES if registry.SECTION_OF[table.name] in SECTIONS]
BY_NAME = {table.name: table for table in TABLES}

COUNTED_AS: dict[str, dict[str, str | None]] = {
    "account": {
        "accounts": "account",
        "contact_info": "contact_info",
        "alternate_contacts": "alternate_contacts",
        "products": None,
        "product_accounts": None,
    },
    "application": {"application_signals": "application"},
    "certificate_manager": {"certificates": "certificate_manager"},
    "cloudtrail": {"cloudtrail_logs": "cloudtrail"},
    "compute_optimizer": {"compute_optimizer": "compute_optimizer"},
    "config": {
        "config_reports": "config_report",
        "non_compliant_resources": "config_resources",
        "config_rules": None,
        "conformance_packs": None,
    },
    "config_inventory": {"config_inventory": "config_inventory"},
    "cost": {
        "cost_reports": "cost_report",
        "service_costs": "service_costs",
        "cost_forecasts": "cost_forecasts",
        "cost_history": None,
        "cost_anomalies": None,
    },
    "guard_duty": {"guard_duty_findings": "guard_duty"},
    "health": {"health_events": "health", "health_affected_entities": None},
    "inspector": {"inspector_findings": "inspector"},
    "inventory": {
        "inventory_instances": "instances",
        "inventory_applications": "applications",
        "inventory_patches": "patches",
    },
    "kms": {"kms_keys": "kms"},
    "logs": {"logs": "logs", "log_messages": "log_messages"},
    "marketplace": {"marketplace_usage": "marketplace"},
    "resilience_hub": {"resilience_hub_apps": "resilience_hub"},
    "ri_sp_savings": {"ri_sp_daily_savings": "ri_sp_savings"},
    "secrets_manager": {"secrets_manager_secrets": "secrets_manager"},
    "security_hub": {"security": "security_summary", "findings": "findings"},
    "service": {"services": "services"},
    "service_resources": {"service_resources": "service_resources"},
    "support_tickets": {"support_tickets": "support_tickets"},
    "trusted_advisor": {"trusted_advisor_checks": "trusted_advisor"},
    "waf": {"waf_rules": "waf"},
    "waf_rules": {"waf_rules_detailed": "waf_rules"},
}
"""The manifest's name of each table's rows, by section; nothing counts products, nor what only ours tell."""

INNER = {
    "accounts": "account.",
    "contact_info": "account.contact_info.",
    "alternate_contacts": "account.alternate_contacts.",
    "products": "account.",
    "product_accounts": "account.",
    "config_reports": "config.",
    "non_compliant_resources": "config.non_compliant_resources[].",
    "config_rules": "config.rules[].",
    "conformance_packs": "config.conformance_packs[].",
    "cost_reports": "cost.",
    "service_costs": "cost.top_services[].",
    "cost_forecasts": "cost.forecast[].",
    "cost_history": "cost.cost_history[].",
    "cost_anomalies": "cost.anomalies[].",
    "findings": "security.security_hub[].findings[].",
    "health_affected_entities": "health[].affected_entities[].",
    "inventory_instances": "inventory.instances[].",
    "inventory_applications": "inventory.applications[].",
    "inventory_patches": "inventory.patches[].",
    "logs": "logs.",
    "log_messages": "logs.message[].",
}
"""Where rows lie in a snapshot, where that is not the list at the section's own place."""
PLACES = {
    table.name: INNER.get(table.name, f"{section.wire}[].") for section in SECTIONS.values() for table in section.tables
}
NOT_COLUMNS = {
    "account.account_id": "compared with the name, from which the row takes it",
    "account.region": "compared with the name, from which the row takes it",
    "account.product": "split into rows of products",
    "compute_optimizer[].account_id": "the account is that of the name",
    "cost.account_id": "the account is that of the name",
    "inventory.instances[].last_ping": "the same instant as last_ping_date_time",
    "logs.message[].config": "a row of messages, its name in message_type",
    "logs.message[].support_tickets": "a row of messages, its name in message_type",
    "security.security_hub[].total_findings": "counted from the findings held: a sender tells one day's delta",
    "security.security_hub[].open_findings": "counted from the findings held",
    "security.security_hub[].resolved_findings": "counted from the findings held",
    **{
        f"security.security_hub[].severity_counts.{severity}": "counted from the findings held"
        for severity in ("CRITICAL", "HIGH", "INFORMATIONAL", "LOW", "MEDIUM")
    },
}
ADDED = {
    "certificate_manager": "imported_at revoked_at revocation_reason failure_reason renewal_status serial issuer "
    "certificate_authority_arn in_use_by",
    "cloudtrail": "home_region is_organization_trail has_custom_event_selectors has_insight_selectors s3_key_prefix "
    "sns_topic_arn cloudwatch_logs_group_arn latest_delivery_error",
    "secrets_manager": "deleted_date last_rotated_date next_rotation_date rotation_rules owning_service primary_region",
    "waf": "spared_countries is_managed_by_firewall_manager",
    "waf_rules": "firewall_manager_process",
}
"""Of sections of security: the columns that we fill and senders in the field do not."""
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
    """The paths of all fields; lists that hold only other paths are left out."""
    for line in FIELDS.read_text(encoding="utf-8").splitlines():
        path, colon, kind = line.partition(": ")
        if colon and not line.startswith("#") and kind != "array":
            yield path


def known_fields() -> set[str]:
    """Where in a snapshot the declared tables take their values from."""
    return {
        PLACES[table.name] + source
        for table in TABLES
        for source in (
            *(column.source for column in table.values),
            *(source for reference in table.references for _, source in reference.on),
        )
    }


def is_within(path: str, fields: set[str]) -> bool:
    """Whether a field is one of these, or lies in one that is kept whole as JSON."""
    parts = path.split(".")
    return any(".".join(parts[:n]).removesuffix("[]") in fields for n in range(1, len(parts) + 1)) or path in fields


def without_contact_type(path: str) -> str:
    parts = path.split(".")
    return ".".join([*parts[:2], *parts[3:]]) if parts[1] == "alternate_contacts" else path


def test_these_tests_know_every_table() -> None:
    assert {name: set(tables) for name, tables in COUNTED_AS.items()} == {
        name: {table.name for table in section.tables} for name, section in SECTIONS.items()
    }
    assert set(INNER) <= {table.name for table in TABLES}


@needs_snapshots
def test_everything_that_the_manifest_counts_is_read() -> None:
    """R41: nothing is hidden by not being looked at."""
    read = {name for tables in COUNTED_AS.values() for name in tables.values() if name}
    assert {name for path in PATHS for name in manifest()[path]["counts"]} == read


@needs_snapshots
@pytest.mark.parametrize("path", PATHS)
def test_a_snapshot_of_the_field_yields_as_many_rows_as_its_manifest_says(path: str) -> None:
    """R41: rows are counted as rows; R7: none collapses into another."""
    snapshot, counts = snapshot_at(path), manifest()[path]["counts"]
    rows = {
        name: sum(1 for _ in facts(BY_NAME[name], snapshot.payload(SECTIONS[section])))
        for section, tables in COUNTED_AS.items()
        for name, counted in tables.items()
        if counted
    }
    assert rows == {name: counts[n] for tables in COUNTED_AS.values() for name, n in tables.items() if n}


@needs_snapshots
@pytest.mark.parametrize("path", PATHS)
def test_a_snapshot_of_the_field_is_judged_whole_where_it_passed_without_a_message(path: str) -> None:
    snapshot, counts = snapshot_at(path), manifest()[path]["counts"]
    assert snapshot.sha256 == manifest()[path]["sha256"]
    assert not snapshot.is_ours
    expected = {
        section: sum(counts[counted] for name, counted in tables.items() if counted and not BY_NAME[name].frames)
        for section, tables in COUNTED_AS.items()
    }
    complained = {name for message in snapshot.content["logs"]["message"] for name in message}
    for name, rows in expected.items():
        whole = Status.OK if rows else Status.EMPTY
        covered = snapshot.coverage[name]
        assert covered.status is (Status.PARTIAL if SECTIONS[name].status_field in complained else whole), name
        assert covered.rows == rows, name
    assert set(snapshot.coverage) == set(expected)


@needs_snapshots
@pytest.mark.parametrize("path", PATHS)
def test_of_a_snapshot_of_the_field_no_section_is_left(path: str) -> None:
    """R41: what nothing reads would be counted here."""
    assert snapshot_at(path).not_taken == {}


@needs_fields
def test_every_field_of_the_contract_fills_a_column() -> None:
    """R30: a field that no column takes would be lost without a word."""
    sent, known = {without_contact_type(path) for path in contract_fields()}, known_fields()
    assert len(sent) > 300
    assert {path for path in sent if not is_within(path, known)} == set(NOT_COLUMNS)


@needs_fields
def test_every_list_of_the_contract_fills_a_table_or_a_column() -> None:
    lines = FIELDS.read_text(encoding="utf-8").splitlines()
    lists = {line.removesuffix(": array") for line in lines if line.endswith("[]: array")}
    tables = {place.removesuffix(".") for place in PLACES.values()}
    assert len(lists & tables) > 25
    assert {path for path in lists - tables if not is_within(path, known_fields())} == NEVER_FILLED


@needs_fields
def test_every_column_that_a_snapshot_could_fill_is_of_the_contract_or_listed_here() -> None:
    """R33: a column that nobody fills would be charted as zero."""
    sent = {without_contact_type(path) for path in contract_fields()}
    sent |= {line.split("[]: ")[0] for line in FIELDS.read_text(encoding="utf-8").splitlines() if "[]: " in line}
    # Of lists that were empty when the contract was drawn up it has no fields; those are documented. Some are ours.
    undrawn = {p for p in PLACES.values() if p.endswith("[].") and not any(path.startswith(p) for path in sent)}
    documented = {"application[].", "config_inventory[].", "marketplace[].", "support_tickets[]."}
    ours = {"config.rules[].", "config.conformance_packs[].", "cost.anomalies[].", "cost.cost_history[]."}
    ours |= {"health[].affected_entities[]."}
    assert undrawn == documented | ours
    drawn = {field for field in known_fields() - sent if "@" not in field and not field.startswith(tuple(undrawn))}
    assert drawn == {
        # Made of what lies around a row.
        "account.alternate_contacts.contact_type",
        "account.csp",
        "account.name",
        "config.non_compliant_resources[].report.date_from",
        "config.non_compliant_resources[].report.date_to",
        "config.non_compliant_resources[].status",
        "cost.forecast[].report.granularity",
        "cost.forecast[].report.start",
        "cost.top_services[].report.granularity",
        "cost.top_services[].report.start",
        "logs.message[].message",
        "logs.message[].message_type",
        "logs.message[].number",
        "security.security_hub[].findings[].summary_service",
        # Ours to add.
        "compute_optimizer[].currency",
        "compute_optimizer[].current_cpu_units",
        "compute_optimizer[].current_performance_risk",
        "compute_optimizer[].estimated_monthly_savings_after_discounts_usd",
        "compute_optimizer[].finding_reason_codes",
        "compute_optimizer[].last_refresh_timestamp",
        "compute_optimizer[].look_back_period_days",
        "compute_optimizer[].memory_utilization_max",
        "compute_optimizer[].recommended_cpu_units",
        "compute_optimizer[].savings_after_discounts_percentage",
        "cost.anomalies_detected",
        *(f"service_resources[].{column.name}" for column in ADDED_TO_RESOURCES),
        "cost.forecast[].prediction_interval_lower_bound",
        "cost.forecast[].prediction_interval_upper_bound",
        "cost.potential_monthly_savings",
        "cost.saving_opportunities_count",
        *(f"resilience_hub[].{name}" for name in ("cost_currency", "cost_frequency", "drift_status")),
        *(f"resilience_hub[].{name}" for name in ("assessment_schedule", "policy_arn", "policy_name", "policy_tier")),
        *(
            f"resilience_hub[].{disruption}_{objective}"
            for disruption in ("software", "hardware", "az", "region")
            for objective in ("rpo", "rto")
        ),
        *(f"health[].{name}" for name in ("actionability", "description", "metadata", "personas")),
        *(f"trusted_advisor[].resources_{name}" for name in ("ignored", "processed", "suppressed")),
        "trusted_advisor[].check_id",
        "trusted_advisor[].potential_savings_percent",
        "security.certificate_manager[].extended_key_usages",
        *(f"security.{section}[].{name}" for section, names in ADDED.items() for name in names.split()),
        "security.guard_duty[].archived",
        "security.guard_duty[].arn",
        "security.guard_duty[].detector_id",
        "security.guard_duty[].event_count",
        "security.guard_duty[].event_first_seen",
        "security.guard_duty[].event_last_seen",
        "security.guard_duty[].resource_type",
        "security.guard_duty[].severity_label",
        "security.inspector[].epss_score",
        "security.inspector[].exploit_available",
        "security.inspector[].fix_available",
        "security.inspector[].inspector_score",
        "security.inspector[].remediation",
        "security.inspector[].resource_id",
        "security.inspector[].resource_type",
        "security.inspector[].vulnerability_id",
        "security.security_hub[].findings[].first_observed_at",
        "security.security_hub[].findings[].last_observed_at",
        "security.security_hub[].findings[].recommendation_url",
        "security.security_hub[].findings[].resources",
        "security.security_hub[].findings[].security_control_id",
        # Free-form JSON.
        "security.waf[].default_action",
        "security.waf_rules[].action",
    }
