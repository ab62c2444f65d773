"""What WAF answers about web ACLs: those of a region, and in one region those of CloudFront."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sandbox.errors import AwsError, invalid
from a360_pipeline.sandbox.facts.chance import chance
from a360_pipeline.sandbox.facts.firewall import RULES, Told
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

LISTING = Paging(
    default=3,
    most=100,
    invalid="WAFInvalidParameterException",
    cursor="NextMarker",
    next_cursor="NextMarker",
    size="Limit",
)
CLOUDFRONT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Acl:
    """A web ACL. `rules` are places in `RULES`; the log destination is None where it does not log."""

    id: str
    arn: str
    name: str
    scope: str
    description: str | None
    is_blocking: bool
    capacity: int
    rules: tuple[int, ...]
    log_destination: str | None
    resources: tuple[tuple[str, str], ...]
    """Type and ARN."""
    tags: tuple[tuple[str, str], ...]
    is_sampled: bool


def _acls(organization: Organization, account_id: str, region: str) -> Mapping[str, Acl]:
    """The ACLs of a region or, in `Global`, of CloudFront, by ARN."""
    # A third of what there is of other things: each is asked a dozen questions.
    count = -(-organization.share(account_id, region, "wafv2") // 3)
    return _drawn(organization.seed, account_id, region, count)


@lru_cache(maxsize=256)
def _drawn(seed: int, account_id: str, region: str, count: int) -> Mapping[str, Acl]:
    rng = chance(seed, account_id, region, "wafv2")
    acls = (_acl(rng, account_id, region, place) for place in range(count))
    return {acl.arn: acl for acl in acls}


def _acl(rng: random.Random, account_id: str, region: str, place: int) -> Acl:
    scope, home, folder = ("CLOUDFRONT", CLOUDFRONT_REGION, "global") if region == GLOBAL else _of(region)
    name, acl_id = f"{rng.choice(('shop', 'depot', 'track'))}-acl-{place:03}", uuid.UUID(int=rng.getrandbits(128))
    balancer = f"arn:aws:elasticloadbalancing:{home}:{account_id}:loadbalancer/app/web-{place:03}/{place:016x}"
    resources = (
        ("APPLICATION_LOAD_BALANCER", balancer),
        ("API_GATEWAY", f"arn:aws:apigateway:{home}::/restapis/{place:010x}/stages/live"),
        ("COGNITO_USER_POOL", f"arn:aws:cognito-idp:{home}:{account_id}:userpool/{home}_{place:09}"),
    )
    return Acl(
        id=str(acl_id),
        arn=f"arn:aws:wafv2:{home}:{account_id}:{folder}/webacl/{name}/{acl_id}",
        name=name,
        scope=scope,
        description=f"Guards {name.split('-', maxsplit=1)[0]}" if place % 3 else None,
        is_blocking=place % 4 == 3,
        capacity=rng.randrange(1, 1500),
        # The first has a rule of every kind, others some, the fifth none.
        rules=tuple(range(len(RULES))) if place == 0 else tuple(range(place % 5, len(RULES), 4)) if place % 5 else (),
        # What is not logged protects something all the same.
        log_destination=f"arn:aws:logs:{home}:{account_id}:log-group:aws-waf-logs-{name}" if place % 2 else None,
        resources=resources[: 1 + place % 3] if scope == "REGIONAL" and place % 4 != 2 else (),
        tags=(("team", rng.choice(("edge", "shop"))),) if place % 2 == 0 else (),
        is_sampled=place % 3 != 1,
    )


def _of(region: str) -> tuple[str, str, str]:
    return "REGIONAL", region, "regional"


def list_web_acls(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if params["Scope"] == "CLOUDFRONT" and caller.region != CLOUDFRONT_REGION:
        raise AwsError(
            "WAFInvalidParameterException", "The scope is not valid., field: SCOPE_VALUE, parameter: CLOUDFRONT"
        )
    region = GLOBAL if params["Scope"] == "CLOUDFRONT" else caller.region
    page, more = LISTING.page(caller, params, list(_acls(organization, caller.account_id, region).values()))
    listed = ({"Name": acl.name, "Id": acl.id, "ARN": acl.arn, "LockToken": acl.id} | _description(acl) for acl in page)
    return {"WebACLs": list(listed)} | more


def _description(acl: Acl) -> dict[str, str]:
    return {} if acl.description is None else {"Description": acl.description}


def _visible(organization: Organization, caller: Caller) -> dict[str, Acl]:
    here = _acls(organization, caller.account_id, caller.region)
    wide = _acls(organization, caller.account_id, GLOBAL) if caller.region == CLOUDFRONT_REGION else {}
    return {**here, **wide}


def _found(organization: Organization, caller: Caller, arn: str) -> Acl:
    acl = _visible(organization, caller).get(arn)
    if acl is None:
        raise _nonexistent()
    return acl


def _nonexistent() -> AwsError:
    message = "AWS WAF couldn't perform the operation because your resource doesn't exist."
    return AwsError("WAFNonexistentItemException", message)


def get_web_acl(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if not {"Name", "Scope", "Id"} <= set(params):
        raise invalid("wafv2", "The sandbox finds a web ACL by its Name, Scope and Id.")
    named = {(acl.name, acl.scope, acl.id): acl for acl in _visible(organization, caller).values()}
    acl = named.get((params["Name"], params["Scope"], params["Id"]))
    if acl is None:
        raise _nonexistent()
    rules = [_rule(RULES[place], number) for number, place in enumerate(acl.rules)]
    groups = [rule for rule in rules if "FirewallManagerStatement" in rule]
    described = {
        "Name": acl.name,
        "Id": acl.id,
        "ARN": acl.arn,
        "DefaultAction": _default_action(acl),
        "Rules": [rule for rule in rules if rule not in groups],
        "VisibilityConfig": _visibility(acl.name, is_sampled=acl.is_sampled),
        "Capacity": acl.capacity,
        "PreProcessFirewallManagerRuleGroups": groups,
        "ManagedByFirewallManager": bool(groups),
        "LabelNamespace": f"awswaf:{caller.account_id}:webacl:{acl.name}:",
    }
    return {"WebACL": described | _description(acl), "LockToken": acl.id}


def _default_action(acl: Acl) -> dict[str, Any]:
    return {"Block": {}} if acl.is_blocking else {"Allow": {}}


def _rule(told: Told, priority: int) -> dict[str, Any]:
    member = "FirewallManagerStatement" if told.process else "Statement"
    action = {"OverrideAction" if told.is_group else "Action": told.action}
    visibility = _visibility(told.name, is_sampled=priority % 2 == 0)
    return {"Name": told.name, "Priority": priority, member: told.statement, "VisibilityConfig": visibility} | action


def _visibility(name: str, *, is_sampled: bool) -> dict[str, Any]:
    return {"SampledRequestsEnabled": is_sampled, "CloudWatchMetricsEnabled": True, "MetricName": name}


def get_logging_configuration(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    acl = _found(organization, caller, params["ResourceArn"])
    if acl.log_destination is None:
        raise _nonexistent()
    return {"LoggingConfiguration": {"ResourceArn": acl.arn, "LogDestinationConfigs": [acl.log_destination]}}


def list_resources_for_web_acl(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    acl = _found(organization, caller, params["WebACLArn"])
    if acl.scope == "CLOUDFRONT":
        raise invalid("wafv2", "CloudFront tells which distributions a web ACL protects.")
    wanted = params.get("ResourceType", "APPLICATION_LOAD_BALANCER")
    return {"ResourceArns": [arn for kind, arn in acl.resources if kind == wanted]}


def list_tags_for_resource(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    acl = _found(organization, caller, params["ResourceARN"])
    page, more = LISTING.page(caller, params, acl.tags)
    listed = {"TagList": _tags(page)} if page else {}
    return {"TagInfoForResource": {"ResourceARN": acl.arn} | listed} | more


def _tags(tags: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags]


def acls_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `waf_rules`."""
    return [_acl_truth(acl) for acl in _acls(organization, account_id, region).values()]


def _acl_truth(acl: Acl) -> dict[str, Any]:
    rules = [RULES[place] for place in acl.rules]
    resources = [arn for _, arn in acl.resources] if acl.scope == "REGIONAL" else None
    return {
        "scope": acl.scope,
        "waf_id": acl.id,
        "name": acl.name,
        "arn": acl.arn,
        "description": acl.description,
        "default_action": _default_action(acl),
        "rules_count": len(rules),
        "logging_enabled": acl.log_destination is not None,
        "log_destinations": [acl.log_destination] if acl.log_destination else [],
        "geo_blocking_enabled": any(rule.blocks_by_country for rule in rules),
        "blocked_countries": ",".join(sorted({code for rule in rules for code in rule.blocked})),
        "spared_countries": sorted({code for rule in rules for code in rule.spared}),
        "capacity": acl.capacity,
        "managed_rules_count": sum(rule.is_managed for rule in rules),
        "custom_rules_count": sum(not (rule.is_managed or rule.is_rate_limit) for rule in rules),
        "rate_limit_rules_count": sum(rule.is_rate_limit for rule in rules),
        "associated_resources": resources,
        "associated_resources_count": None if resources is None else len(resources),
        "ip_sets": sorted({arn for rule in rules for arn in rule.ip_sets}),
        "tags": _tags(list(acl.tags)),
        "sampled_requests_enabled": acl.is_sampled,
        "cloudwatch_metrics_enabled": True,
        "is_managed_by_firewall_manager": any(rule.process for rule in rules),
    }


def rules_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `waf_rules_detailed`; the priority of each is its place in its ACL."""
    return [
        {
            "scope": acl.scope,
            "web_acl_name": acl.name,
            "rule_name": RULES[place].name,
            "priority": number,
            "statement_type": next(iter(RULES[place].statement)),
            "is_managed_rule": RULES[place].is_managed,
            "is_custom_rule": not RULES[place].is_managed,
            "rate_limit": RULES[place].is_rate_limit,
            "logging_enabled": acl.log_destination is not None,
            "geo_blocking": RULES[place].blocks_by_country,
            "sql_injection": RULES[place].sql_injection,
            "has_xss_protection": RULES[place].xss,
            "sample_request_enabled": number % 2 == 0,
            "is_compliant": None,
            "firewall_manager_process": RULES[place].process,
        }
        for acl in _acls(organization, account_id, region).values()
        for number, place in enumerate(acl.rules)
    ]


ANSWERS = {
    ("wafv2", "ListWebACLs"): list_web_acls,
    ("wafv2", "GetWebACL"): get_web_acl,
    ("wafv2", "GetLoggingConfiguration"): get_logging_configuration,
    ("wafv2", "ListResourcesForWebACL"): list_resources_for_web_acl,
    ("wafv2", "ListTagsForResource"): list_tags_for_resource,
}

TRUTH = {"waf_rules": acls_truth, "waf_rules_detailed": rules_truth}
