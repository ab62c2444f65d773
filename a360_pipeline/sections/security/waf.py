"""Sections `waf` and `waf_rules`: web ACLs, and the rules in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from a360_pipeline.sections.model import (
    Column,
    History,
    Operation,
    Payload,
    Row,
    Scope,
    Section,
    Table,
    Type,
    whole,
)
from a360_pipeline.sections.security import waf_reading as reading
from a360_pipeline.sections.shapes import ACCOUNT


def _scope_of(row: Row) -> Scope:
    # Every region's sender lists the ACLs of CloudFront, which belong to no region.
    return Scope.ACCOUNT if row.get("scope") == reading.CLOUDFRONT else Scope.REGION


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
        Column("geo_blocking_enabled", Type.BOOLEAN, "Whether a rule of its own blocks requests by their country."),
        Column("blocked_countries", Type.TEXT, "Country codes, comma-separated."),
        Column("capacity", Type.BIGINT, "In web ACL capacity units."),
        Column("managed_rules_count", Type.BIGINT),
        Column("custom_rules_count", Type.BIGINT),
        Column("rate_limit_rules_count", Type.BIGINT),
        Column(
            "associated_resources", Type.JSONB, "ARNs of what it protects; null for CLOUDFRONT, where WAF does not say."
        ),
        Column("associated_resources_count", Type.BIGINT),
        Column("log_destinations", Type.JSONB, "ARNs."),
        Column("ip_sets", Type.JSONB, "ARNs of the IP sets that its rules name."),
        Column("created_date", Type.TIMESTAMPTZ, "Null: WAF does not say."),
        Column("last_modified", Type.TIMESTAMPTZ, "Null: WAF does not say."),
        Column("tags", Type.JSONB),
        Column("sampled_requests_enabled", Type.BOOLEAN),
        Column("cloudwatch_metrics_enabled", Type.BOOLEAN),
        Column("spared_countries", Type.JSONB, "Country codes that rules spare which block all others."),
        Column("is_managed_by_firewall_manager", Type.BOOLEAN),
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
        Column("geo_blocking", Type.BOOLEAN, "Whether it blocks by country; to allow or count is not to block."),
        Column("sql_injection", Type.BOOLEAN, "Null for a group of rules, which the ACL does not tell."),
        Column("sample_request_enabled", Type.BOOLEAN),
        Column("cloudwatch_enabled", Type.BOOLEAN),
        Column("has_xss_protection", Type.BOOLEAN, "Null for a group of rules, which the ACL does not tell."),
        Column("waf_version", Type.TEXT),
        Column("is_compliant", Type.BOOLEAN, "Null: WAF knows no such thing. Senders in the field always say true."),
        Column("scope", Type.TEXT, "That of its ACL: REGIONAL or CLOUDFRONT."),
        Column(
            "firewall_manager_process",
            Type.TEXT,
            "PRE_PROCESS or POST_PROCESS for a group that Firewall Manager puts before or after the ACL's own rules.",
        ),
    ),
    key=("account_id", "scope", "web_acl_name", "rule_name"),
    rows=_rules,
    scope_of=_scope_of,
)


READ = tuple(Operation("wafv2", name) for name in ("ListWebACLs", "GetWebACL", "GetLoggingConfiguration"))
ABOUT_ACLS = (
    # For each type of resource WAF asks the service that has it, in the caller's name; API Gateway it does not ask.
    Operation(
        "wafv2",
        "ListResourcesForWebACL",
        also=(
            "amplify:ListResourcesForWebACL",
            "apprunner:ListAssociatedServicesForWebAcl",
            "appsync:ListResourcesForWebACL",
            "bedrock-agentcore:GatewayListResourcesForWebACL",
            "cognito-idp:ListResourcesForWebACL",
            "ec2:DescribeVerifiedAccessInstanceWebAclAssociations",
            "elasticloadbalancing:DescribeWebACLAssociation",
        ),
    ),
    Operation("wafv2", "ListTagsForResource"),
)

SECTIONS = (
    Section(
        name="waf",
        title="Web ACLs",
        wire="security.waf",
        scope=Scope.REGION,
        history=History.SNAPSHOT,
        operations=(*READ, *ABOUT_ACLS),
        tables=(WAF_RULES,),
        collect=reading.collect_acls,
        collect_account=reading.collect_acls_of_cloudfront,
        status_field="security",
    ),
    Section(
        name="waf_rules",
        title="Rules of web ACLs",
        wire="security.waf_rules",
        scope=Scope.REGION,
        history=History.SNAPSHOT,
        operations=READ,
        tables=(WAF_RULES_DETAILED,),
        collect=reading.collect_rules,
        collect_account=reading.collect_rules_of_cloudfront,
        status_field="security",
    ),
)
