"""What the sections make of snapshots of the field: every row, every field, and the scope of each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from a360_pipeline.sections import registry
from a360_pipeline.sections.model import Kept, Row, Scope, Section, Table
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.warehouse.convert import CONVERTERS

SHARED = Path(__file__).resolve().parents[3] / "shared"
MANIFEST = SHARED / "data" / "snapshots" / "manifest.json"
FIELDS = SHARED / "contract" / "snapshot-fields.txt"

COUNTED_AS = {
    "config_reports": "config_report",
    "non_compliant_resources": "config_resources",
    "security": "security_summary",
    "findings": "findings",
    "guard_duty_findings": "guard_duty",
    "kms_keys": "kms",
    "waf_rules": "waf",
    "waf_rules_detailed": "waf_rules",
    "cloudtrail_logs": "cloudtrail",
    "secrets_manager_secrets": "secrets_manager",
    "certificates": "certificate_manager",
    "inspector_findings": "inspector",
    "marketplace_usage": "marketplace",
    "trusted_advisor_checks": "trusted_advisor",
    "health_events": "health",
    "application_signals": "application",
    "resilience_hub_apps": "resilience_hub",
    "service_resources": "service_resources",
    "compute_optimizer": "compute_optimizer",
    "ri_sp_daily_savings": "ri_sp_savings",
    "config_inventory": "config_inventory",
    "support_tickets": "support_tickets",
    "logs": "logs",
    "log_messages": "log_messages",
}
"""The manifest's name of each table's rows."""

INNER = {
    "non_compliant_resources": "config.non_compliant_resources[]",
    "findings": "security.security_hub[].findings[]",
    "log_messages": "logs.message[]",
}
OBJECTS = {"config_reports": "config", "logs": "logs"}
"""Where rows lie in a snapshot, where that is not the list at the section's own place."""

# Of the wire format's description: what senders in the field may send, though most do not.
DOCUMENTED = {
    "application_signals": "service_name namespace key_attributes attribute_map metric_references",
    "marketplace_usage": "product_code product_name dimension customer_identifier value expiration_date cost_consumed "
    "currency period_start period_end daily_costs status",
    "config_inventory": "resource_subtype service_name resource_type resource_id resource_name region "
    "availability_zone state instance_type vpc_id engine instance_class multi_az size_gb volume_type creation_date "
    "type scheme instance_count min_size max_size available_ip_count",
    "support_tickets": "date_from date_to total_tickets case_id display_id subject status severity_code service_code "
    "category_code time_created submitted_by language",
}

OF_TABLE: dict[str, tuple[Section, Table]] = {
    table.name: (section, table)
    for section in SECTIONS.values()
    for table in section.tables
    if table.name in COUNTED_AS
}
PATHS: list[str] = (
    [each["key"] for each in json.loads(MANIFEST.read_text(encoding="utf-8"))["files"]] if MANIFEST.exists() else []
)

needs_snapshots = pytest.mark.skipif(not PATHS, reason="the field's snapshots are not at hand")
needs_fields = pytest.mark.skipif(not FIELDS.exists(), reason="the contract with the field is not at hand")
each_path = pytest.mark.parametrize("path", PATHS)
each_table = pytest.mark.parametrize("name", sorted(COUNTED_AS))


@cache
def content_of(path: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((MANIFEST.parent / path).read_text(encoding="utf-8"), parse_float=Decimal)
    return read


def table_of(name: str) -> Table:
    return OF_TABLE[name][1]


def rows_of(name: str, payload: Any) -> list[Row]:
    return list(table_of(name).rows(payload))


def rows_in(path: str, name: str) -> list[Row]:
    payload: Any = content_of(path)
    for place in OF_TABLE[name][0].wire.split("."):
        payload = payload[place]
    return rows_of(name, payload)


def value_of(row: Row, source: str) -> Any:
    found: Any = row
    for name in source.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


# --- All of them


def test_a_section_in_a_folder_of_its_own_is_found_once() -> None:
    assert [section.name for section in registry._declared()].count("kms") == 1
    found = Counter(section.name for section in registry._declared())
    assert set(found.values()) == {1}
    assert {section.name for section, _ in OF_TABLE.values()} <= set(found)
    assert set(OF_TABLE) == set(COUNTED_AS)


@needs_snapshots
@each_path
def test_a_snapshot_of_the_field_yields_as_many_rows_as_its_manifest_says(path: str) -> None:
    """R41: rows are counted as rows; R28: no section is dropped."""
    listed = json.loads(MANIFEST.read_text(encoding="utf-8"))["files"]
    counts = next(each["counts"] for each in listed if each["key"] == path)
    assert {name: len(rows_in(path, name)) for name in COUNTED_AS} == {
        name: counts[counted] for name, counted in COUNTED_AS.items()
    }


@needs_snapshots
@each_path
@each_table
def test_every_value_of_the_field_is_of_its_columns_type_and_every_field_is_known(path: str, name: str) -> None:
    """R14, R30, R32: no row is refused, no fact is lost."""
    table = table_of(name)
    for row in rows_in(path, name):
        assert set(row) <= table.known_fields
        for column in table.values:
            value = value_of(row, column.source)
            if value is not None:
                assert CONVERTERS[column.type](value) is not None


@needs_snapshots
@each_path
@each_table
def test_no_two_rows_of_a_snapshot_have_one_key(path: str, name: str) -> None:
    """R7, R8: things that share a name do not become one row."""
    table = table_of(name)
    sources = [column.source for column in table.values if column.name in table.key]
    keys = Counter(tuple(str(value_of(row, source)) for source in sources) for row in rows_in(path, name))
    assert set(keys.values()) <= {1}


def places() -> dict[str, str]:
    """Of each table, how the path of a field of its rows begins."""
    lists = {name: f"{section.wire}[]" for name, (section, _) in OF_TABLE.items()}
    return {name: f"{place}." for name, place in {**lists, **OBJECTS, **INNER}.items()}


@needs_fields
def test_every_field_of_the_wire_format_is_known_to_the_table_it_belongs_to() -> None:
    """R30: a field that no column takes would be lost without a word."""
    seen: Counter[str] = Counter()
    for line in FIELDS.read_text(encoding="utf-8").splitlines():
        path, colon, _ = line.partition(": ")
        owners = [name for name, place in places().items() if path.startswith(place)]
        if not colon or line.startswith("#") or not owners:
            continue
        owner = max(owners, key=lambda name: len(places()[name]))
        field = path.removeprefix(places()[owner]).split(".")[0].removesuffix("[]")
        # A message's one field is named for the section that it is about.
        assert field in (SECTIONS if owner == "log_messages" else table_of(owner).known_fields), path
        seen[owner] += 1
    assert set(COUNTED_AS) - set(seen) == set(DOCUMENTED)
    assert seen.total() > 200


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_field_that_is_documented_but_seldom_sent_is_known(name: str) -> None:
    section, table = OF_TABLE[name]
    assert set(DOCUMENTED[name].split()) <= table.known_fields.union(section.parts)


@pytest.mark.parametrize("name", sorted(set(COUNTED_AS) - set(OBJECTS)))
def test_what_is_no_object_is_handed_on_to_be_refused_and_its_neighbors_stay(name: str) -> None:
    mixed = [{"name": "a"}, "stray"]
    inside: dict[str, Any] = {
        "findings": [{"service": "Inspector", "findings": mixed}, "stray"],
        "non_compliant_resources": {"non_compliant_resources": mixed},
        "log_messages": {"message": mixed},
    }
    rows: list[Any] = rows_of(name, inside.get(name, mixed))
    assert [row if row == "stray" else type(row) for row in rows] == [dict, "stray"]


@pytest.mark.parametrize("name", [*OBJECTS, "non_compliant_resources", "log_messages"])
def test_a_list_where_an_object_belongs_is_refused_not_taken_for_nothing(name: str) -> None:
    """A failed section of the field is `[]` where its object belongs."""
    with pytest.raises((AttributeError, TypeError)):
        rows_of(name, [])


@pytest.mark.parametrize("name", sorted(set(COUNTED_AS) - {*OBJECTS, "non_compliant_resources", "log_messages"}))
def test_an_empty_list_where_a_list_belongs_has_no_rows(name: str) -> None:
    assert rows_of(name, []) == []


# --- Config


def results(*compliance_types: str) -> list[Row]:
    listed = [{"rule_name": "r", "resource_id": each, "compliance_type": each} for each in compliance_types]
    return rows_of(
        "non_compliant_resources",
        {"date_from": "2026-03-01", "date_to": "2026-03-02", "non_compliant_resources": listed},
    )


def test_a_compliant_result_closes_and_is_not_open() -> None:
    """R26: COMPLIANT rows are not stored among the non-compliant, OPEN for ever."""
    assert [row["status"] for row in results("NON_COMPLIANT", "COMPLIANT", "NOT_APPLICABLE")] == [
        "OPEN",
        "RESOLVED",
        "RESOLVED",
    ]
    table = table_of("non_compliant_resources")
    assert (table.closes, table.kept) == ("status", Kept.DELTA)


def test_a_result_for_want_of_data_says_nothing() -> None:
    assert results("INSUFFICIENT_DATA") == []


def test_a_result_names_the_report_that_it_is_of() -> None:
    assert results("COMPLIANT")[0]["report"] == {"date_from": "2026-03-01", "date_to": "2026-03-02"}


# --- Security


def test_a_finding_belongs_to_the_summary_that_it_stands_under() -> None:
    findings = rows_of(
        "findings",
        [
            {"service": "Security Hub", "findings": [{"finding_id": "a", "service": "AwsS3Bucket"}]},
            {"service": "GuardDuty", "findings": None},
            {"service": "Inspector", "findings": [{"finding_id": "b", "service": "Security Hub"}]},
        ],
    )
    assert [(row["finding_id"], row["summary_service"]) for row in findings] == [
        ("a", "Security Hub"),
        ("b", "Inspector"),
    ]


def test_blocked_countries_are_one_text_and_none_are_an_empty_one() -> None:
    acls = [{"blocked_countries": ["KP", "IR"]}, {"blocked_countries": []}, {"blocked_countries": "KP"}, {"id": "a"}]
    assert [row.get("blocked_countries") for row in rows_of("waf_rules", acls)] == ["KP,IR", "", "KP", None]


def test_an_action_that_is_an_object_is_compact_json() -> None:
    actions = [{"Block": {}}, {"b": Decimal("0.1"), "a": [1]}, "BLOCK", None]
    rows = rows_of("waf_rules_detailed", [{"rule_name": "r", "action": action} for action in actions])
    assert [row["action"] for row in rows] == ['{"Block":{}}', '{"a":[1],"b":"0.1"}', "BLOCK", None]


def test_a_secret_that_was_never_set_to_rotate_does_not_rotate() -> None:
    """R31: null is Secrets Manager's way of saying no; a sender that does not say leaves it unknown."""
    secrets = [{"name": "a", "rotation_enabled": said} for said in (None, True, False)]
    rows = rows_of("secrets_manager_secrets", [*secrets, {"name": "b"}])
    assert [row.get("rotation_enabled") for row in rows] == [False, True, False, None]


# --- Scopes


@pytest.mark.parametrize(
    ("name", "row", "scope"),
    [
        ("service_resources", {"service_name": "S3", "region": "eu-west-1"}, Scope.ACCOUNT),
        ("service_resources", {"service_name": "EC2", "region": "eu-west-1"}, Scope.REGION),
        ("service_resources", {"resource_id": "S3"}, Scope.REGION),
        ("waf_rules", {"scope": "CLOUDFRONT"}, Scope.ACCOUNT),
        ("waf_rules", {"scope": "REGIONAL"}, Scope.REGION),
        ("waf_rules_detailed", {"scope": "CLOUDFRONT"}, Scope.ACCOUNT),
        ("waf_rules_detailed", {"scope": None}, Scope.REGION),
        ("cloudtrail_logs", {"is_multi_region": True}, Scope.ACCOUNT),
        ("cloudtrail_logs", {"is_multi_region": False}, Scope.REGION),
        ("cloudtrail_logs", {"is_multi_region": None}, Scope.REGION),
    ],
)
def test_what_every_region_lists_is_the_accounts(name: str, row: Row, scope: Scope) -> None:
    """R10: buckets, ACLs of CloudFront and trails of all regions are not counted once a region."""
    scope_of = table_of(name).scope_of
    assert scope_of is not None
    assert scope_of(row) is scope
    assert OF_TABLE[name][0].scope is Scope.REGION


@pytest.mark.parametrize("name", ["service_resources", "cloudtrail_logs"])
def test_the_key_of_what_every_region_lists_does_not_hang_on_the_region_that_a_sender_gives(name: str) -> None:
    """S18: buckets are labeled with the sender's own region."""
    assert "region" not in table_of(name).key


@needs_snapshots
def test_the_trails_and_acls_that_two_regions_list_are_the_same_by_their_keys() -> None:
    by_account: dict[str, list[str]] = {}
    for path in PATHS:
        by_account.setdefault(path.split("/")[1], []).append(path)
    for paths in by_account.values():
        trails = [{row["arn"] for row in rows_in(path, "cloudtrail_logs")} for path in paths]
        acls = [{row["id"] for row in rows_in(path, "waf_rules") if row["scope"] == "CLOUDFRONT"} for path in paths]
        assert trails[0] == trails[1]
        assert acls[0] == acls[1]


# --- The rest


def test_support_cases_are_read_from_either_shape() -> None:
    """R40: the documented object is not ignored without a word."""
    listed = [{"case_id": "1", "date_from": "2026-03-01", "date_to": "2026-03-02"}]
    assert rows_of("support_tickets", listed) == listed
    around = {"date_from": "2026-03-01", "date_to": "2026-03-02", "total_tickets": 2}
    assert rows_of("support_tickets", {**around, "tickets": [{"case_id": "1", "date_from": None}]}) == listed
    own = {"case_id": "2", "date_from": "2026-02-01", "date_to": "2026-02-02"}
    assert rows_of("support_tickets", {**around, "tickets": [own]}) == [own]
    assert rows_of("support_tickets", {**around, "tickets": []}) == []


def test_an_object_without_support_cases_is_refused() -> None:
    with pytest.raises(TypeError):
        rows_of("support_tickets", {"error": "AccessDenied"})


def test_a_service_is_known_by_its_key_attributes_in_any_order() -> None:
    rows = rows_of(
        "application_signals",
        [
            {"service_name": "shop", "key_attributes": {"Name": "shop", "Environment": "eks:prod"}},
            {"service_name": "shop", "key_attributes": {"Environment": "eks:prod", "Name": "shop"}},
            {"service_name": "shop", "key_attributes": {"Environment": "eks:test", "Name": "shop"}},
            {"service_name": "shop"},
        ],
    )
    prod = "Environment=eks:prod,Name=shop"
    assert [row.get("service_key") for row in rows] == [prod, prod, "Environment=eks:test,Name=shop", None]


def test_messages_that_are_alike_stay_two() -> None:
    """R27: log messages of one kind do not overwrite each other."""
    messages = [{"config": "throttled"}, {"config": "throttled"}, {"cost": "denied"}]
    assert rows_of("log_messages", {"message": messages}) == [
        {"message": "throttled", "message_type": "config", "number": 1},
        {"message": "throttled", "message_type": "config", "number": 2},
        {"message": "denied", "message_type": "cost", "number": 3},
    ]


@needs_snapshots
@each_path
def test_every_status_that_a_sender_reports_has_a_column(path: str) -> None:
    """R28: 5 of 16 section statuses are not dropped."""
    sources = {column.source for column in table_of("logs").values}
    reported = {name for name in content_of(path)["logs"] if name.endswith("_status")}
    assert len(reported) == 16
    assert reported <= sources
