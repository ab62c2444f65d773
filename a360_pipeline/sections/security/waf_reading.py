"""How web ACLs and their rules are asked of WAF, and the rows made of its answers."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status, Unavailable
from a360_pipeline.sections.model import Payload, Row, Window
from a360_pipeline.sections.security import waf_statements as statements

REGIONAL, CLOUDFRONT = "REGIONAL", "CLOUDFRONT"
CLOUDFRONT_REGION = "us-east-1"
"""Where WAF answers for CloudFront, and nowhere else."""
TAGS = "TagInfoForResource.TagList"


def collect_acls(aws: AccountSession, _window: Window) -> Payload:
    """WAF ListWebACLs and GetWebACL of the region, with the logging, resources and tags of each ACL."""
    return [_acl(aws, REGIONAL, listed) for listed in _listed(aws, REGIONAL)]


def collect_acls_of_cloudfront(aws: AccountSession, _window: Window) -> Payload:
    """The same of CloudFront's ACLs. Raises Unavailable where the partition has none."""
    there = _for_cloudfront(aws)
    return [_acl(there, CLOUDFRONT, listed) for listed in _listed(there, CLOUDFRONT)]


def collect_rules(aws: AccountSession, _window: Window) -> Payload:
    """The rules of the region's web ACLs, from the answers that the ACLs were read from."""
    return _rule_rows(aws, REGIONAL)


def collect_rules_of_cloudfront(aws: AccountSession, _window: Window) -> Payload:
    """The same of CloudFront's ACLs. Raises Unavailable where the partition has none."""
    return _rule_rows(_for_cloudfront(aws), CLOUDFRONT)


def _for_cloudfront(aws: AccountSession) -> AccountSession:
    partition = aws.client("wafv2").meta.partition
    if partition != "aws":
        message = f"WAF answers for CloudFront in {CLOUDFRONT_REGION}, which the partition {partition} does not have"
        raise Unavailable(Status.NOT_ENABLED, message)
    return aws.at(CLOUDFRONT_REGION)


def _listed(aws: AccountSession, scope: str) -> list[Row]:
    listed: list[Row] = aws.once(
        f"web ACLs, {scope}", lambda: list(aws.pages("wafv2", "list_web_acls", "WebACLs", Scope=scope))
    )
    return listed


def _described(aws: AccountSession, scope: str, listed: Row) -> Row:
    """GetWebACL; where it is refused, what the listing says. The part is noted in whichever section asks."""
    described: Row = {}
    with aws.part(f"web ACL {listed['ARN']}"):
        described = aws.once(
            listed["ARN"],
            lambda: aws.call("wafv2", "get_web_acl", Name=listed["Name"], Scope=scope, Id=listed["Id"])["WebACL"],
        )
    return described or listed


def _logging(aws: AccountSession, arn: str) -> dict[str, Any]:
    """Whether an ACL logs, and where to: unknown where WAF would not say."""
    said: dict[str, Any] = {"logging_enabled": None, "log_destinations": None}
    with aws.part(f"logging of {arn}"):
        destinations = aws.once(f"logging of {arn}", lambda: _log_destinations(aws, arn))
        said |= {"logging_enabled": bool(destinations), "log_destinations": destinations}
    return said


def _log_destinations(aws: AccountSession, arn: str) -> list[str]:
    try:
        answer = aws.call("wafv2", "get_logging_configuration", ResourceArn=arn)
    except ClientError as error:
        # WAF's way of saying that the ACL does not log, which is a fact.
        if error_code(error) == "WAFNonexistentItemException":
            return []
        raise
    destinations: list[str] = answer["LoggingConfiguration"]["LogDestinationConfigs"]
    return destinations


def _resources(aws: AccountSession, arn: str) -> dict[str, Any]:
    """What an ACL of a region protects; how much that is only if every type of resource was told."""
    kinds = aws.client("wafv2").meta.service_model.shape_for("ResourceType").enum
    found: list[str] = []
    answered = 0
    for kind in kinds:
        with aws.part(f"{kind} of {arn}"):
            answer = aws.call("wafv2", "list_resources_for_web_acl", WebACLArn=arn, ResourceType=kind)
            found += answer.get("ResourceArns", ())
            answered += 1
    is_all = answered == len(kinds)
    return {
        "associated_resources": found if found or is_all else None,
        "associated_resources_count": len(found) if is_all else None,
    }


def _acl(aws: AccountSession, scope: str, listed: Row) -> Row:
    arn = listed["ARN"]
    row = acl_row(scope, _described(aws, scope, listed)) | _logging(aws, arn)
    if scope == REGIONAL:
        row |= _resources(aws, arn)
    with aws.part(f"tags of {arn}"):
        row["tags"] = list(aws.pages("wafv2", "list_tags_for_resource", TAGS, ResourceARN=arn))
    return row


def acl_row(scope: str, acl: Row) -> dict[str, Any]:
    """A row of what GetWebACL says of an ACL, or, of one that may not be read, of the little that a listing says."""
    visibility = acl.get("VisibilityConfig", {})
    return {
        "name": acl["Name"],
        "id": acl["Id"],
        "arn": acl["ARN"],
        "scope": scope,
        "description": acl.get("Description"),
        "default_action": acl.get("DefaultAction"),
        "capacity": acl.get("Capacity"),
        **(_figures(statements.rules_of(acl)) if "VisibilityConfig" in acl else {}),
        "associated_resources": None,
        "associated_resources_count": None,
        "tags": None,
        "created_date": None,
        "last_modified": None,
        "sampled_requests_enabled": visibility.get("SampledRequestsEnabled"),
        "cloudwatch_metrics_enabled": visibility.get("CloudWatchMetricsEnabled"),
        "is_managed_by_firewall_manager": acl.get("ManagedByFirewallManager"),
    }


def _figures(rules: list[Row]) -> Row:
    managed = [rule for rule in rules if statements.is_managed(rule)]
    rates = [rule for rule in rules if statements.is_rate_limit(rule)]
    geo = [each for rule in rules for each in statements.blocked(rule)]
    return {
        "rules_count": len(rules),
        "managed_rules_count": len(managed),
        "custom_rules_count": len([rule for rule in rules if rule not in managed and rule not in rates]),
        "rate_limit_rules_count": len(rates),
        "geo_blocking_enabled": bool(geo),
        "blocked_countries": sorted({code for is_blocked, codes in geo if is_blocked for code in codes}),
        "spared_countries": sorted({code for is_blocked, codes in geo if not is_blocked for code in codes}),
        "ip_sets": sorted({arn for rule in rules for arn in statements.ip_sets(rule)}),
    }


def _rule_rows(aws: AccountSession, scope: str) -> list[Row]:
    rows: list[Row] = []
    for listed in _listed(aws, scope):
        acl = _described(aws, scope, listed)
        is_logged = _logging(aws, listed["ARN"])["logging_enabled"]
        rows += [rule_row(scope, acl, rule) | {"logging_enabled": is_logged} for rule in statements.rules_of(acl)]
    return rows


def rule_row(scope: str, acl: Row, rule: Row) -> dict[str, Any]:
    """A row of a rule of an ACL as GetWebACL has it."""
    is_managed = statements.is_managed(rule)
    return {
        "web_acl_name": acl["Name"],
        "scope": scope,
        "rule_name": rule["Name"],
        "priority": rule["Priority"],
        "action": rule.get("Action") or rule.get("OverrideAction"),
        "statement_type": next(iter(rule["Statement"]), None),
        "is_managed_rule": is_managed,
        "is_custom_rule": not is_managed,
        "rate_limit": statements.is_rate_limit(rule),
        "geo_blocking": any(statements.blocked(rule)),
        "sql_injection": statements.looks_for(rule, "SqliMatchStatement"),
        "sample_request_enabled": rule["VisibilityConfig"]["SampledRequestsEnabled"],
        "cloudwatch_enabled": rule["VisibilityConfig"]["CloudWatchMetricsEnabled"],
        "has_xss_protection": statements.looks_for(rule, "XssMatchStatement"),
        "waf_version": "v2",
        "is_compliant": None,
        "firewall_manager_process": rule.get("Process"),
    }
