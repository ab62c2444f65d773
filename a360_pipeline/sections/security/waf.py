"""Sections `waf` and `waf_rules`: web ACLs, and the rules in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from a360_pipeline.sections.model import Column, History, Payload, Row, Scope, Section, Table, Type, whole
from a360_pipeline.sections.shapes import ACCOUNT


def _scope_of(row: Row) -> Scope:
    # Every region's sender lists the ACLs of CloudFront, which belong to no region.
    return Scope.ACCOUNT if row.get("scope") == "CLOUDFRONT" else Scope.REGION


def _acls(payload: Payload) -> Iterator[Row]:
    """The ACLs, their blocked countries as one text, which is what dashboards read."""
    rows: Iterable[Any] = whole(payload)
    for row in rows:
        countries = row.get("blocked_countries") if isinstance(row, Mapping) else None
        yield {**row, "blocked_countries": ",".join(map(str, countries))} if isinstance(countries, list) else row


WAF_RULES = Table(
    "waf_rules",
    "Web ACLs of a region and, under `Global`, of CloudFront.",
    columns=(
        ACCOUNT,
        Column("name", Type.TEXT),
        Column("waf_id", Type.TEXT, field="id"),
        Column("arn", Type.TEXT),
        Column("scope", Type.TEXT, "REGIONAL or CLOUDFRONT."),
        Column("description", Type.TEXT),
        Column("default_action", Type.JSONB, "What becomes of a request that no rule matches."),
        Column("rules_count", Type.BIGINT),
        Column("logging_enabled", Type.BOOLEAN),
        Column("geo_blocking_enabled", Type.BOOLEAN),
        Column("blocked_countries", Type.TEXT, "Country codes, comma-separated."),
        Column("capacity", Type.BIGINT, "In web ACL capacity units."),
        Column("managed_rules_count", Type.BIGINT),
        Column("custom_rules_count", Type.BIGINT),
        Column("rate_limit_rules_count", Type.BIGINT),
        Column("associated_resources", Type.JSONB, "ARNs of what it protects."),
        Column("associated_resources_count", Type.BIGINT),
        Column("log_destinations", Type.JSONB, "ARNs."),
        Column("ip_sets", Type.JSONB, "ARNs of the IP sets that its rules name."),
        Column("created_date", Type.TIMESTAMPTZ, "Null: WAF does not say."),
        Column("last_modified", Type.TIMESTAMPTZ, "Null: WAF does not say."),
        Column("tags", Type.JSONB),
        Column("sampled_requests_enabled", Type.BOOLEAN),
        Column("cloudwatch_metrics_enabled", Type.BOOLEAN),
    ),
    key=("account_id", "scope", "waf_id"),
    rows=_acls,
    scope_of=_scope_of,
    stamps=("created_at",),
)


def _rules(payload: Payload) -> Iterator[Row]:
    """The rules, an action that is an object as compact JSON: the column that dashboards read is text."""
    rows: Iterable[Any] = whole(payload)
    for row in rows:
        action = row.get("action") if isinstance(row, Mapping) else None
        yield {**row, "action": _compact(action)} if isinstance(action, Mapping) else row


def _compact(action: Row) -> str:
    # Sorted, so that the same action is the same text; str for numbers that keep their digits.
    return json.dumps(action, separators=(",", ":"), sort_keys=True, default=str)


WAF_RULES_DETAILED = Table(
    "waf_rules_detailed",
    "The rules of web ACLs of a region and, under `Global`, of CloudFront.",
    columns=(
        ACCOUNT,
        Column("web_acl_name", Type.TEXT),
        Column("rule_name", Type.TEXT),
        Column("priority", Type.BIGINT),
        Column("action", Type.TEXT, 'As JSON, such as {"Block":{}}.'),
        Column("statement_type", Type.TEXT),
        Column("is_managed_rule", Type.BOOLEAN),
        Column("is_custom_rule", Type.BOOLEAN),
        Column("rate_limit", Type.BOOLEAN),
        Column("logging_enabled", Type.BOOLEAN),
        Column("geo_blocking", Type.BOOLEAN),
        Column("sql_injection", Type.BOOLEAN),
        Column("sample_request_enabled", Type.BOOLEAN),
        Column("cloudwatch_enabled", Type.BOOLEAN),
        Column("has_xss_protection", Type.BOOLEAN),
        Column("waf_version", Type.TEXT),
        Column("is_compliant", Type.BOOLEAN),
        Column("scope", Type.TEXT, "That of its ACL: REGIONAL or CLOUDFRONT."),
    ),
    key=("account_id", "scope", "web_acl_name", "rule_name"),
    rows=_rules,
    scope_of=_scope_of,
)

SECTIONS = (
    Section(
        name="waf",
        title="Web ACLs",
        wire="security.waf",
        scope=Scope.REGION,
        history=History.SNAPSHOT,
        operations=(),
        tables=(WAF_RULES,),
        status_field="security",
    ),
    Section(
        name="waf_rules",
        title="Rules of web ACLs",
        wire="security.waf_rules",
        scope=Scope.REGION,
        history=History.SNAPSHOT,
        operations=(),
        tables=(WAF_RULES_DETAILED,),
        status_field="security",
    ),
)
