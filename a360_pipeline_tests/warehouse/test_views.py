"""The views show what exists, keep accounts apart, and count everything once."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from a360_pipeline.warehouse.migrate import view_files
from a360_pipeline.warehouse.tables import ALL_TABLES

Connection = psycopg.Connection[Any]

ONE, OTHER = "111111111111", "222222222222"
GONE_SINCE = date(2026, 3, 2)

CURRENT = {
    "view_acct_security": ("security", "service"),
    "view_acct_support_tickets": ("support_tickets", "case_id"),
    "view_alternate_contacts": ("alternate_contacts", "contact_type"),
    "view_application_signals": ("application_signals", "service_name"),
    "view_certificates": ("certificates", "arn"),
    "view_cloudtrail_logs": ("cloudtrail_logs", "arn"),
    "view_compute_optimizer": ("compute_optimizer", "resource_arn"),
    "view_compute_optimizer_summary": ("compute_optimizer", "resource_arn"),
    "view_contact_info": ("contact_info", "full_name"),
    "view_cost_anomalies": ("cost_anomalies", "anomaly_id"),
    "view_guard_duty_findings": ("guard_duty_findings", "finding_id"),
    "view_health_events": ("health_events", "arn"),
    "view_iam_access_keys": ("iam_access_keys", "access_key_id"),
    "view_iam_users": ("iam_users", "arn"),
    "view_inspector_findings": ("inspector_findings", "finding_arn"),
    "view_inventory_instances": ("inventory_instances", "instance_id"),
    "view_kms_keys": ("kms_keys", "arn"),
    "view_non_compliant_resources": ("non_compliant_resources", "resource_id"),
    "view_resilience_hub_apps": ("resilience_hub_apps", "app_arn"),
    "view_secrets_manager_secrets": ("secrets_manager_secrets", "arn"),
    "view_service_resources": ("service_resources", "resource_id"),
    "view_service_resources_summary": ("service_resources", "resource_id"),
    "view_trusted_advisor_checks": ("trusted_advisor_checks", "check_name"),
    "view_waf_rules": ("waf_rules", "arn"),
    "view_waf_rules_detailed": ("waf_rules_detailed", "rule_name"),
}
HISTORY = {
    "view_acct_cost_rep": ("cost_reports", {"period_start": "2026-03-01", "period_granularity": "DAILY"}),
    "view_acct_logs": ("logs", {"date_created": "2026-03-02T01:00:00Z"}),
    "view_acct_serv": ("services", {"service": "Amazon S3", "date_from": "2026-03-01", "date_to": "2026-03-02"}),
    "view_cost_history": ("cost_history", {"date": "2026-03-01", "cost": 1}),
    "view_config_reports": ("config_reports", {"date_from": "2026-03-01", "date_to": "2026-03-02"}),
    "view_marketplace_usage": ("marketplace_usage", {"product_code": "p", "period_start": "2026-03-01"}),
    "view_ri_sp_daily_savings": (
        "ri_sp_daily_savings",
        {"subscription_id": "s", "reservation_type": "RI", "date_from": "2026-03-01", "date_to": "2026-03-02"},
    ),
}


def insert(connection: Connection, table: str, **values: Any) -> int:
    """Inserts a row and returns its id."""
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Placeholder, values)),
    )
    row = connection.execute(statement, values).fetchone()
    assert row is not None
    return int(row[0])


def account(connection: Connection, account_id: str = ONE, region: str = "Global", **values: Any) -> int:
    return insert(connection, "accounts", account_id=account_id, account_name="a", region=region, **values)


def report(connection: Connection, row: int, granularity: str, start: str, end: str, cost: str, **values: Any) -> int:
    return insert(
        connection,
        "cost_reports",
        account_id=row,
        period_granularity=granularity,
        period_start=start,
        period_end=end,
        current_period_cost=Decimal(cost),
        **values,
    )


def service(connection: Connection, row: int, name: str, start: str, end: str, cost: str, usage: str = "all") -> int:
    return insert(
        connection,
        "services",
        account_id=row,
        service=name,
        usage_types=usage,
        date_from=start,
        date_to=end,
        cost=Decimal(cost),
    )


def security(connection: Connection, row: int, service: str = "Security Hub", **counts: Any) -> int:
    names = ("critical_count", "high_count", "medium_count", "low_count", "informational_count")
    filled = dict.fromkeys(names, 0) | {"open_findings": 0, "resolved_findings": 0} | counts
    filled.setdefault("total_findings", sum(filled[name] for name in names))
    return insert(connection, "security", account_id=row, service=service, **filled)


def product(connection: Connection, name: str, *rows: int) -> int:
    product_id = insert(connection, "products", name=name, owner="o")
    for row in rows:
        insert(connection, "product_accounts", product_id=product_id, account_id=row)
    return product_id


def fact(connection: Connection, table: str, key: str, row: int, **values: Any) -> int:
    """A row of a table of current state, with no more than what names it and what it must have."""
    if table == "security":
        return security(connection, row, **values)
    if table == "non_compliant_resources":
        dates = {"date_from": "2026-03-01", "date_to": "2026-03-02"}
        values |= {"config_report_id": insert(connection, "config_reports", account_id=row, **dates), "status": "OPEN"}
    return insert(connection, table, account_id=row, **{key: f"of {row}"}, **values)


def shown(connection: Connection, view: str, condition: str = "TRUE", *values: Any) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f'SELECT * FROM "{view}" WHERE {condition}'.encode(), values).fetchall()


def one(connection: Connection, view: str, condition: str = "TRUE", *values: Any) -> dict[str, Any]:
    (row,) = shown(connection, view, condition, *values)
    return row


def figures(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


# What exists


def test_every_view_leaves_out_the_retired_rows_of_every_table_it_reads() -> None:
    """A view that forgets one of its tables would show for ever what AWS no longer has."""
    with_history = {table.name for table in ALL_TABLES if table.has_history}
    forgotten = [
        f"{view}: {table} {alias}"
        for view, query in view_files().items()
        if view != "account_context"
        for table, alias in re.findall(r"(?:FROM|JOIN) (\w+) (\w+)", query)
        if table in with_history and not re.search(rf"\b{alias}\.retired_at IS NULL", query)
    ]
    assert not forgotten


@pytest.mark.parametrize("view", CURRENT)
def test_what_is_retired_is_gone_and_so_is_all_of_a_retired_account(connection: Connection, view: str) -> None:
    table, key = CURRENT[view]
    fact(connection, table, key, account(connection, ONE, "eu-west-1"))
    fact(connection, table, key, account(connection, ONE, "us-east-1"), retired_at=GONE_SINCE)
    fact(connection, table, key, account(connection, OTHER, "eu-west-1", retired_at=GONE_SINCE))
    assert [figures(row, "account", "account_region") for row in shown(connection, view)] == [(ONE, "eu-west-1")]


@pytest.mark.parametrize("view", HISTORY)
def test_a_retired_account_keeps_its_history(connection: Connection, view: str) -> None:
    table, values = HISTORY[view]
    insert(connection, table, account_id=account(connection, retired_at=GONE_SINCE), **values)
    assert one(connection, view)["account"] == ONE


def test_a_retired_account_is_in_no_view_of_what_accounts_are(connection: Connection) -> None:
    gone = account(connection, ONE, "Global", retired_at=GONE_SINCE)
    stays = account(connection, OTHER, "Global")
    product(connection, "Of both", gone, stays)
    product(connection, "Of the gone", gone)
    views = ("view_accounts", "view_acct_summary", "view_summary", "view_product_summary")
    for view in (*views, "view_acct_products", "view_product_acct"):
        assert [row["account"] for row in shown(connection, view)] == [OTHER], view
    assert {figures(row, "name", "account") for row in shown(connection, "view_products")} == {
        ("Of both", OTHER),
        ("Of the gone", None),
    }


@pytest.mark.parametrize("table", ["inventory_applications", "inventory_patches"])
def test_what_was_on_a_retired_instance_is_gone_with_it(connection: Connection, table: str) -> None:
    row = account(connection, ONE, "eu-west-1")
    name = "name" if table == "inventory_applications" else "title"
    instances = {
        "i-stays": insert(connection, "inventory_instances", account_id=row, instance_id="i-stays"),
        "i-gone": insert(
            connection, "inventory_instances", account_id=row, instance_id="i-gone", retired_at=GONE_SINCE
        ),
    }
    for instance in instances.values():
        insert(connection, table, account_id=row, instance_id=instance, **{name: "curl"})
    insert(connection, table, account_id=row, instance_id=instances["i-stays"], retired_at=GONE_SINCE, **{name: "vim"})
    assert [row.get("name", row.get("title")) for row in shown(connection, f"view_{table}")] == ["curl"]


def test_retired_rows_count_in_no_sum(connection: Connection) -> None:
    row = account(connection, ONE, "eu-west-1")
    security(connection, row, "Security Hub", high_count=3, open_findings=2, resolved_findings=1)
    security(connection, row, "Retired Product", critical_count=9, open_findings=9, retired_at=GONE_SINCE)
    insert(connection, "inventory_instances", account_id=row, instance_id="i-1", ping_status="Online")
    insert(
        connection,
        "inventory_instances",
        account_id=row,
        instance_id="i-2",
        ping_status="Online",
        retired_at=GONE_SINCE,
    )
    of_account = one(connection, "view_acct_summary")
    names = ("security_findings", "critical_findings", "high_findings", "instance_count", "running_instances")
    assert figures(of_account, *names, "security_health_score") == (3, 0, 3, 1, 1, 2)
    for view in ("view_summary", "view_product_summary"):
        names = ("total_findings", "open_findings", "resolved_findings", "critical_findings")
        assert figures(one(connection, view), *names) == (3, 2, 1, 0), view


# Accounts


def test_cost_of_an_account_counts_once_however_many_regions_and_products_it_has(connection: Connection) -> None:
    rows = [account(connection, ONE, region) for region in ("eu-west-1", "Global", "us-east-1")]
    report(connection, rows[1], "DAILY", "2026-03-01", "2026-03-02", "10.25")
    service(connection, rows[1], "Amazon S3", "2026-03-01", "2026-03-02", "10.25")
    product(connection, "Payments", *rows)
    product(connection, "Data Lake", *rows)
    assert one(connection, "view_acct_summary")["latest_cost"] == Decimal("10.25")
    of_summary = {figures(row, "account_region", "current_period_cost") for row in shown(connection, "view_summary")}
    assert of_summary == {("Global", Decimal("10.25")), ("eu-west-1", None), ("us-east-1", None)}
    assert len(shown(connection, "view_summary")) == 3
    per_product = shown(connection, "view_product_summary", "current_period_cost IS NOT NULL")
    assert len(per_product) == 2
    assert sum(row["total_service_cost"] / row["product_count"] for row in per_product) == Decimal("10.25")


def test_an_account_is_summed_over_its_regions_in_one_row(connection: Connection) -> None:
    regions = [account(connection, ONE, region) for region in ("eu-west-1", "us-east-1")]
    whole = account(connection, ONE, "Global")
    for number, row in enumerate(regions, 1):
        security(connection, row, "Security Hub", high_count=number, low_count=1)
        security(connection, row, "GuardDuty", medium_count=1)
        for online in range(number):
            name = f"i-{row}-{online}"
            insert(connection, "inventory_instances", account_id=row, instance_id=name, ping_status="Online")
        name = f"i-{row}-lost"
        insert(connection, "inventory_instances", account_id=row, instance_id=name, ping_status="ConnectionLost")
    product(connection, "Payments", whole, *regions)
    product(connection, "Data Lake", whole, *regions)
    row = one(connection, "view_acct_summary")
    assert figures(row, "id", "account", "region", "project_product_name") == (whole, ONE, "Global", "Payments")
    names = ("security_findings", "critical_findings", "high_findings", "instance_count", "running_instances")
    assert figures(row, *names) == (7, 0, 3, 5, 3)


def test_without_a_row_of_the_whole_account_its_first_region_stands_for_it(connection: Connection) -> None:
    first = account(connection, ONE, "us-east-1")
    account(connection, ONE, "eu-west-1")
    assert figures(one(connection, "view_acct_summary"), "id", "account_region") == (first, "us-east-1")


def test_every_account_has_its_own_figures(connection: Connection) -> None:
    """R12: an uncorrelated LIMIT 1 gave one account's figures to all, or to none."""
    for number, account_id in enumerate((ONE, OTHER), 1):
        row = account(connection, account_id)
        security(connection, row, critical_count=number)
        report(connection, row, "MONTHLY", "2026-02-01", "2026-03-01", str(number))
    for view, findings, cost in (
        ("view_acct_summary", "critical_findings", "latest_cost"),
        ("view_summary", "critical_findings", "current_period_cost"),
        ("view_product_summary", "critical_findings", "current_period_cost"),
    ):
        found = {figures(row, "account", findings, cost) for row in shown(connection, view)}
        assert found == {(ONE, 1, 1), (OTHER, 2, 2)}, view


def test_an_account_without_cost_findings_or_products_is_listed_with_nulls(connection: Connection) -> None:
    account(connection)
    row = one(connection, "view_acct_summary")
    unknown = ("latest_cost", "cost_trend_percentage", "savings_opportunity", "security_findings")
    assert figures(row, *unknown) == (None, None, None, None)
    assert figures(row, "instance_count", "security_health_score", "project_product_name") == (0, 5, None)
    row = one(connection, "view_summary")
    unknown = ("period_granularity", "current_period_cost", "service_count", "services_used", "total_findings")
    assert figures(row, *unknown, "security_resolution_rate") == (None,) * 6
    assert row["number_of_products"] == 0
    row = one(connection, "view_product_summary")
    assert figures(row, "project_product_name", "product_id", "product_count") == (None, None, 1)


@pytest.mark.parametrize(
    ("severity", "score"),
    [("critical_count", 1), ("high_count", 2), ("medium_count", 3), ("low_count", 4), ("informational_count", 5)],
)
def test_the_worst_severity_of_any_region_makes_the_health_score(
    connection: Connection, severity: str, score: int
) -> None:
    security(connection, account(connection, ONE, "eu-west-1"), informational_count=4)
    security(connection, account(connection, ONE, "us-east-1"), **{severity: 1})
    security(connection, account(connection, OTHER, "us-east-1"), critical_count=1)
    assert one(connection, "view_acct_summary", "account = %s", ONE)["security_health_score"] == score


# Cost reports


def test_an_account_shows_its_newest_monthly_report_although_a_daily_one_is_newer(connection: Connection) -> None:
    row = account(connection)
    report(connection, row, "MONTHLY", "2026-01-01", "2026-02-01", "100")
    wanted = {"cost_difference_percentage": Decimal("12.345678"), "potential_monthly_savings": Decimal("7.125")}
    report(connection, row, "MONTHLY", "2026-02-01", "2026-03-01", "200.12345", **wanted)
    report(connection, row, "DAILY", "2026-03-05", "2026-03-06", "5")
    found = one(connection, "view_acct_summary")
    names = ("latest_cost", "cost_trend_percentage", "savings_opportunity")
    assert figures(found, *names) == (Decimal("200.12345"), Decimal("12.345678"), Decimal("7.125"))


def test_without_a_monthly_report_the_newest_daily_one_is_shown(connection: Connection) -> None:
    row = account(connection)
    report(connection, row, "DAILY", "2026-03-05", "2026-03-06", "5")
    report(connection, row, "DAILY", "2026-03-01", "2026-03-02", "9")
    report(connection, row, "WEEKLY", "2026-03-02", "2026-03-09", "70")
    assert one(connection, "view_acct_summary")["latest_cost"] == 5


def test_each_granularity_shows_its_newest_report_and_the_services_of_just_that_period(
    connection: Connection,
) -> None:
    row = account(connection)
    report(connection, row, "DAILY", "2026-03-02", "2026-03-03", "3.456", cost_difference_percentage="31.41142350")
    report(connection, row, "DAILY", "2026-03-01", "2026-03-02", "99")
    report(connection, row, "MONTHLY", "2026-03-01", "2026-04-01", "80", potential_monthly_savings="1.239")
    service(connection, row, "Amazon S3", "2026-03-02", "2026-03-03", "1.256", "requests")
    service(connection, row, "Amazon S3", "2026-03-02", "2026-03-03", "0.1", "storage")
    service(connection, row, "AWS Lambda", "2026-03-02", "2026-03-03", "2.1")
    service(connection, row, "AWS Lambda", "2026-03-01", "2026-03-02", "99")
    service(connection, row, "Amazon RDS", "2026-03-01", "2026-04-01", "80")
    for view in ("view_summary", "view_product_summary"):
        daily = one(connection, view, "period_granularity = 'DAILY'")
        assert figures(daily, "date_from", "date_to") == (date(2026, 3, 2), date(2026, 3, 3))
        costs = ("current_period_cost", "cost_difference_percentage", "total_service_cost")
        assert figures(daily, *costs) == (Decimal("3.46"), Decimal("31.4114"), Decimal("3.46"))
        services = ("service_count", "unique_services", "services_used")
        assert figures(daily, *services) == (3, 2, "AWS Lambda, Amazon S3")
        monthly = one(connection, view, "period_granularity = 'MONTHLY'")
        names = ("current_period_cost", "potential_savings", "services_used", "total_service_cost")
        assert figures(monthly, *names) == (80, Decimal("1.24"), "Amazon RDS", 80)


def test_a_report_without_services_says_nothing_of_services(connection: Connection) -> None:
    report(connection, account(connection), "DAILY", "2026-03-01", "2026-03-02", "1")
    names = ("service_count", "unique_services", "total_service_cost", "services_used")
    assert figures(one(connection, "view_summary"), *names) == (None,) * 4


def test_an_accounts_age_is_in_whole_days_of_all_its_years(connection: Connection) -> None:
    joined = datetime.now(UTC) - timedelta(days=800, hours=23)
    account(connection, joined_timestamp=joined, csp="AWS")
    assert figures(one(connection, "view_summary"), "account_age_days", "account_csp") == (800, "AWS")


# Products


def test_each_product_has_a_row_that_says_among_how_many_the_figures_stand(connection: Connection) -> None:
    row = account(connection)
    security(connection, row, high_count=4, open_findings=3, resolved_findings=1)
    payments, lake = product(connection, "Payments", row), product(connection, "Data Lake", row)
    account(connection, OTHER)
    found = {
        row["project_product_name"]: figures(row, "product_id", "product_owner", "total_findings", "product_count")
        for row in shown(connection, "view_product_summary")
    }
    assert found == {
        "Payments": (payments, "o", 4, 2),
        "Data Lake": (lake, "o", 4, 2),
        None: (None, None, None, 1),
    }
    assert one(connection, "view_summary", "account = %s", ONE)["number_of_products"] == 2


def test_the_resolution_rate_is_a_fraction(connection: Connection) -> None:
    row = account(connection, ONE, "eu-west-1")
    security(connection, row, "Security Hub", high_count=5, open_findings=4, resolved_findings=1)
    security(connection, row, "GuardDuty", low_count=3, open_findings=1, resolved_findings=2)
    assert one(connection, "view_summary")["security_resolution_rate"] == Decimal("0.375")


# Findings


def finding(connection: Connection, security_id: int, severity: str, status: str | None, **values: Any) -> int:
    found = "SELECT account_id, (SELECT count(*) FROM findings) FROM security WHERE id = %s"
    ((row, number),) = connection.execute(found, [security_id]).fetchall()
    return insert(
        connection,
        "findings",
        security_id=security_id,
        account_id=row,
        finding_id=f"arn:finding/{number}",
        severity=severity,
        **{"status": status, "service": "AwsS3Bucket", "title": "t", "region": "eu-west-1"} | values,
    )


def test_findings_are_counted_from_those_held_and_not_from_what_a_sender_counted(connection: Connection) -> None:
    row = account(connection, ONE, "eu-west-1")
    product(connection, "Payments", row)
    product(connection, "Data Lake", row)
    hub = security(connection, row, "Security Hub", critical_count=50, open_findings=50)
    finding(connection, hub, "HIGH", "NEW", workflow_state="NEW")
    finding(connection, hub, "HIGH", "NOTIFIED", workflow_state="NEW")
    finding(connection, hub, "MEDIUM", "NEW", workflow_state="IN_PROGRESS")
    finding(connection, hub, "MEDIUM", "SUPPRESSED", workflow_state="NEW")
    finding(connection, hub, "LOW", "RESOLVED", workflow_state="NEW")
    finding(connection, hub, "INFORMATIONAL", "NEW", record_state="ARCHIVED")
    finding(connection, hub, "CRITICAL", "NEW", retired_at=GONE_SINCE)
    found = one(connection, "view_acct_security_findings_summary")
    assert figures(found, "account", "account_region", "service") == (ONE, "eu-west-1", "Security Hub")
    severities = ("critical_count", "high_count", "medium_count", "low_count", "informational_count")
    assert figures(found, "total_findings", *severities) == (6, 0, 2, 2, 1, 1)
    assert figures(found, "open_findings", "active_issues", "resolved_findings", "resolved_count") == (4, 4, 2, 2)
    assert figures(found, "suppressed_count", "in_progress_count") == (1, 2)
    assert figures(found, "severity", "risk_level", "region_finding") == ("HIGH", "High", "eu-west-1")
    assert found["resolution_rate_percent"] == Decimal("33.33")
    details = shown(connection, "view_acct_security_findings_details")
    assert len(details) == 6
    assert {row["project_product_name"] for row in details} == {"Payments"}


def test_a_product_without_findings_is_clean_and_has_no_rate(connection: Connection) -> None:
    security(connection, account(connection, ONE, "eu-west-1"), "Inspector")
    found = one(connection, "view_acct_security_findings_summary")
    names = ("service", "total_findings", "severity", "risk_level", "resolution_rate_percent", "region_finding")
    assert figures(found, *names) == ("Inspector", 0, "CLEAN", "Clean", None, None)


def test_each_product_of_security_hub_is_counted_apart(connection: Connection) -> None:
    for account_id in (ONE, OTHER):
        row = account(connection, account_id, "eu-west-1")
        for service_name, severity in (("Security Hub", "LOW"), ("Inspector", "INFORMATIONAL")):
            finding(connection, security(connection, row, service_name), severity, None)
    found = shown(connection, "view_acct_security_findings_summary")
    assert sorted(figures(row, "account", "service", "risk_level", "open_findings") for row in found) == [
        (account_id, service_name, risk, 1)
        for account_id in (ONE, OTHER)
        for service_name, risk in (("Inspector", "Informational"), ("Security Hub", "Low"))
    ]


# Resources


def test_recommendations_are_summed_with_their_fractions(connection: Connection) -> None:
    row = account(connection, ONE, "eu-west-1")
    product(connection, "Payments", row)
    product(connection, "Data Lake", row)
    for number, (kind, result, savings, percentage, risk) in enumerate(
        [
            ("EBS", "NotOptimized", "0.55", "12.5", "1.25"),
            ("EBS", "NotOptimized", "0.25", "13", None),
            ("EBS", "NotOptimized", "0", "0", None),
            ("EBS", "NotOptimized", None, None, None),
            ("EC2", "Optimized", "0", "0", "0.5"),
        ]
    ):
        insert(
            connection,
            "compute_optimizer",
            account_id=row,
            resource_arn=f"arn:{number}",
            resource_type=kind,
            finding=result,
            estimated_monthly_savings_usd=savings,
            savings_opportunity_percentage=percentage,
            performance_risk=risk,
        )
    names = ("resource_count", "total_monthly_savings", "avg_savings_percentage", "avg_performance_risk")
    counts = ("not_optimized_count", "savings_opportunities")
    volumes = one(connection, "view_compute_optimizer_summary", "resource_type = 'EBS'")
    assert figures(volumes, *names, *counts) == (4, Decimal("0.80"), Decimal("8.5"), Decimal("1.25"), 4, 2)
    instances = one(connection, "view_compute_optimizer_summary", "resource_type = 'EC2'")
    assert figures(instances, "finding", *names, *counts) == ("Optimized", 1, 0, 0, Decimal("0.5"), 0, 0)


def test_resources_are_counted_by_what_they_do_in_each_zone(connection: Connection) -> None:
    row = account(connection, ONE, "eu-west-1")
    product(connection, "Payments", row)
    product(connection, "Data Lake", row)
    states = ["running", "running", "stopped", "terminated", "available", "Active", "Inactive", None]
    for zone, states_of_zone in (("eu-west-1a", states), ("eu-west-1b", ["running"])):
        for number, state in enumerate(states_of_zone):
            insert(
                connection,
                "service_resources",
                account_id=row,
                service_name="EC2",
                resource_type="Instance",
                resource_id=f"i-{zone}-{number}",
                region="eu-west-1",
                availability_zone=zone,
                state=state,
                size_gb=1,
            )
    found = one(connection, "view_service_resources_summary", "availability_zone = 'eu-west-1a'")
    assert figures(found, "account_id", "account_region", "service_name", "resource_region") == (
        ONE,
        "eu-west-1",
        "EC2",
        "eu-west-1",
    )
    assert figures(found, "resource_count", "active_resources", "inactive_resources") == (8, 4, 2)
    assert len(shown(connection, "view_service_resources_summary")) == 2


# Odd ones


def test_the_accounts_status_and_the_status_of_its_section_stand_side_by_side(connection: Connection) -> None:
    row = account(connection, account_status="SUSPENDED")
    log = insert(connection, "logs", account_id=row, date_created="2026-03-02T01:00:00Z", account_status="Fail")
    insert(connection, "log_messages", log_id=log, message="AccessDenied", message_type="config")
    assert figures(one(connection, "view_acct_logs"), "account_status", "acct_status") == ("Fail", "SUSPENDED")
    found = one(connection, "view_acct_log_messages")
    assert figures(found, "log_id", "message", "account_status") == (log, "AccessDenied", "SUSPENDED")


def test_a_resource_that_broke_a_rule_belongs_to_its_own_account_row(connection: Connection) -> None:
    """Its report may be another day's; the account does not hang on it."""
    row = account(connection, ONE, "eu-west-1")
    fact(connection, "non_compliant_resources", "resource_id", row, rule_name="s3-public")
    assert figures(one(connection, "view_non_compliant_resources"), "account_region", "rule_name", "status") == (
        "eu-west-1",
        "s3-public",
        "OPEN",
    )


def test_an_account_is_found_by_index_in_every_summary(connection: Connection) -> None:
    """What a dashboard filters by account must not read every other account's rows."""
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off")
        for view in sorted(view_files()):
            if view.endswith("summary"):
                plan = connection.execute(f"EXPLAIN SELECT * FROM \"{view}\" WHERE account = '{ONE}'".encode())
                lines = "\n".join(line for (line,) in plan)
                for table in ("findings", "security", "compute_optimizer", "service_resources", "cost_reports"):
                    assert f"Seq Scan on {table} " not in lines, f"{view}\n{lines}"
