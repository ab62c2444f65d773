"""What AWS Config answers about the rules of the caller's account and region, and what they found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError, not_served
from a360_pipeline.sandbox.facts import rules as facts
from a360_pipeline.sandbox.facts.rules import Pack, Result, Rule
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

LISTING = Paging(default=10, most=10, invalid="InvalidNextTokenException")
"""AWS gives 25 rules a page without being told how many."""
RESULTS = Paging(default=10, most=10, invalid="InvalidNextTokenException", size="Limit")
"""AWS gives up to 100 results a page; far less makes a small account page too."""
PACKS = Paging(default=2, most=2, invalid="InvalidNextTokenException", size="Limit")
"""AWS gives up to 20 packs a page."""

RULE_MEMBERS = {
    "ConfigRuleName": "rule_name",
    "ConfigRuleArn": "rule_arn",
    "Description": "description",
    "ConfigRuleState": "state",
    "CreatedBy": "created_by",
}
PACK_MEMBERS = {
    "ConformancePackName": "name",
    "ConformancePackArn": "arn",
    "CreatedBy": "created_by",
    "LastUpdateRequestedTime": "last_update_requested",
}
RESULT_MEMBERS = {
    "ComplianceType": "compliance_type",
    "Annotation": "annotation",
    "ConfigRuleInvokedTime": "config_rule_invoked_time",
    "ResultRecordedTime": "config_rule_invoked_time",
}
QUALIFIER_MEMBERS = {
    "ResourceType": "resource_type",
    "ResourceId": "resource_id",
    "EvaluationMode": "evaluation_mode",
}


def place(organization: Organization, account_id: str, region: str) -> facts.Place:
    """Where the rules of an account look in a region."""
    there = organization.region(account_id, region)
    return facts.Place(
        seed=organization.seed,
        account_id=account_id,
        region=region,
        settled=organization.settled,
        now=organization.now,
        count=organization.share(account_id, region, "config rules") if there.name else 0,
        instances=tuple(each.instance_id for each in there.instances if each.instance_id.startswith("i-")),
        keys=tuple(key.key_id for key in there.kms_keys),
    )


def _rules(organization: Organization, caller: Caller) -> tuple[Rule, ...]:
    return facts.rules(place(organization, caller.account_id, caller.region))


def _packs(organization: Organization, caller: Caller) -> tuple[Pack, ...]:
    return facts.packs(place(organization, caller.account_id, caller.region))


def describe_configuration_recorders(_organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if params:
        raise not_served("config:DescribeConfigurationRecorders of named recorders")
    role = f"arn:aws:iam::{caller.account_id}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    arn = f"arn:aws:config:{caller.region}:{caller.account_id}:configuration-recorder/default/000000000000000000001"
    recorder = {"arn": arn, "name": "default", "roleARN": role, "recordingScope": "PAID"}
    return {"ConfigurationRecorders": [recorder]}


def describe_config_rules(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if "ConfigRuleNames" in params or "Filters" in params:
        raise not_served("config:DescribeConfigRules of some rules")
    page, more = LISTING.page(caller, params, _rules(organization, caller))
    return {"ConfigRules": [_rule(rule) for rule in page]} | more


def _rule(rule: Rule) -> dict[str, Any]:
    source = {"Owner": rule.source_owner, "SourceIdentifier": rule.source_identifier}
    return members(rule, RULE_MEMBERS) | {"ConfigRuleId": rule.rule_arn.rpartition("/")[2], "Source": source}


def describe_compliance_by_config_rule(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if "ConfigRuleNames" in params or "ComplianceTypes" in params:
        raise not_served("config:DescribeComplianceByConfigRule of some rules")
    page, more = LISTING.page(caller, params, _rules(organization, caller))
    return {"ComplianceByConfigRules": [_compliance(rule) for rule in page]} | more


def _compliance(rule: Rule) -> dict[str, Any]:
    broken = sum(result.compliance_type == "NON_COMPLIANT" for result in rule.results)
    counted = {"ComplianceContributorCount": {"CappedCount": min(broken, 25), "CapExceeded": broken > 25}}
    compliance = {"ComplianceType": rule.compliance_type} | (counted if broken else {})
    return {"ConfigRuleName": rule.rule_name, "Compliance": compliance}


def describe_config_rule_evaluation_status(
    organization: Organization, caller: Caller, params: Params
) -> dict[str, Any]:
    if "ConfigRuleNames" in params:
        raise not_served("config:DescribeConfigRuleEvaluationStatus of some rules")
    page, more = RESULTS.page(caller, params, _rules(organization, caller))
    names = {
        "ConfigRuleName": "rule_name",
        "ConfigRuleArn": "rule_arn",
        "LastSuccessfulInvocationTime": "last_evaluated",
        "LastSuccessfulEvaluationTime": "last_evaluated",
    }
    return {"ConfigRulesEvaluationStatus": [members(rule, names) for rule in page]} | more


def get_compliance_details_by_config_rule(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    name = params["ConfigRuleName"]
    rule = next((rule for rule in _rules(organization, caller) if rule.rule_name == name), None)
    if rule is None:
        raise AwsError("NoSuchConfigRuleException", f"The ConfigRule '{name}' provided in the request is invalid.")
    asked = params.get("ComplianceTypes")
    wanted = [result for result in rule.results if not asked or result.compliance_type in asked]
    page, more = RESULTS.page(caller, params, wanted)
    return {"EvaluationResults": [_result(rule, result) for result in page]} | more


def _result(rule: Rule, result: Result) -> dict[str, Any]:
    qualifier = {"ConfigRuleName": rule.rule_name} | members(result, QUALIFIER_MEMBERS)
    identifier = {"EvaluationResultQualifier": qualifier, "OrderingTimestamp": result.config_rule_invoked_time}
    return members(result, RESULT_MEMBERS) | {"EvaluationResultIdentifier": identifier}


def describe_conformance_packs(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    if "ConformancePackNames" in params or "Filters" in params:
        raise not_served("config:DescribeConformancePacks of some packs")
    page, more = PACKS.page(caller, params, _packs(organization, caller))
    return {"ConformancePackDetails": [_pack(pack) for pack in page]} | more


def _pack(pack: Pack) -> dict[str, Any]:
    return members(pack, PACK_MEMBERS) | {"ConformancePackId": pack.arn.rpartition("/")[2]}


def describe_conformance_pack_compliance(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    name = params["ConformancePackName"]
    if "Filters" in params:
        raise not_served("the Filters of config:DescribeConformancePackCompliance")
    page, more = RESULTS.page(caller, params, _named_pack(organization, caller, name).rules)
    found = [{"ConfigRuleName": rule.rule_name, "ComplianceType": rule.compliance_type} for rule in page]
    return {"ConformancePackName": name, "ConformancePackRuleComplianceList": found} | more


def get_conformance_pack_compliance_summary(
    organization: Organization, caller: Caller, params: Params
) -> dict[str, Any]:
    packs = [_named_pack(organization, caller, name) for name in params["ConformancePackNames"]]
    page, more = PACKS.page(caller, params, packs)
    names = {"ConformancePackName": "name", "ConformancePackComplianceStatus": "compliance_status"}
    return {"ConformancePackComplianceSummaryList": [members(pack, names) for pack in page]} | more


def _named_pack(organization: Organization, caller: Caller, name: str) -> Pack:
    for pack in _packs(organization, caller):
        if pack.name == name:
            return pack
    raise AwsError("NoSuchConformancePackException", f"The conformance pack {name} does not exist.")


def rules_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `config_rules`."""
    names = (
        *("rule_name", "rule_arn", "description", "source_owner", "source_identifier", "state", "created_by"),
        *("conformance_pack", "compliance_type", "last_evaluated"),
    )
    rules = facts.rules(place(organization, account_id, region))
    return [{name: getattr(rule, name) for name in names} for rule in rules]


def packs_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `conformance_packs`."""
    return [
        {
            "name": pack.name,
            "arn": pack.arn,
            "created_by": pack.created_by,
            "last_update_requested": pack.last_update_requested,
            "compliance_status": pack.compliance_status,
            "total_rules": len(pack.rules),
            "compliant_rules": sum(rule.compliance_type == "COMPLIANT" for rule in pack.rules),
            "non_compliant_rules": sum(rule.compliance_type == "NON_COMPLIANT" for rule in pack.rules),
        }
        for pack in facts.packs(place(organization, account_id, region))
    ]


def reports_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """The row of `config_reports`: of yesterday, as of today."""
    rules = facts.rules(place(organization, account_id, region))
    if not rules:
        return []
    midnight = organization.now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight - dt.timedelta(days=1)
    kept, broken = ([r for r in rules if r.compliance_type == kind] for kind in ("COMPLIANT", "NON_COMPLIANT"))
    return [
        {
            "date_from": start.date(),
            "date_to": midnight.date(),
            "compliance_score": round(100 * len(kept) / len(rules), 2),
            "total_rules": len(rules),
            "compliant_rules": len(kept),
            "non_compliant_rules": len(broken),
            "curr_compliant": sum(rule.last_evaluated is not None and rule.last_evaluated >= start for rule in kept),
            "curr_non_compliant": sum(
                rule.last_evaluated is not None and rule.last_evaluated >= start for rule in broken
            ),
        }
    ]


def results_truth(organization: Organization, account_id: str, region: str) -> list[dict[str, Any]]:
    """Rows of `non_compliant_resources`."""
    names = (
        *("resource_type", "resource_id", "compliance_type", "annotation", "evaluation_mode"),
        "config_rule_invoked_time",
    )
    return [
        {name: getattr(result, name) for name in names}
        | {"rule_name": rule.rule_name, "conformance_pack": rule.conformance_pack, "status": "OPEN"}
        for rule in facts.rules(place(organization, account_id, region))
        for result in rule.results
        if result.compliance_type == "NON_COMPLIANT"
    ]


ANSWERS = {
    ("config", "DescribeConfigurationRecorders"): describe_configuration_recorders,
    ("config", "DescribeConfigRules"): describe_config_rules,
    ("config", "DescribeComplianceByConfigRule"): describe_compliance_by_config_rule,
    ("config", "DescribeConfigRuleEvaluationStatus"): describe_config_rule_evaluation_status,
    ("config", "GetComplianceDetailsByConfigRule"): get_compliance_details_by_config_rule,
    ("config", "DescribeConformancePacks"): describe_conformance_packs,
    ("config", "DescribeConformancePackCompliance"): describe_conformance_pack_compliance,
    ("config", "GetConformancePackComplianceSummary"): get_conformance_pack_compliance_summary,
}

TRUTH = {
    "config_rules": rules_truth,
    "conformance_packs": packs_truth,
    "config_reports": reports_truth,
    "non_compliant_resources": results_truth,
}
