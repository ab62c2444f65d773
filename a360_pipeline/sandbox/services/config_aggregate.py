"""What an aggregator of AWS Config answers about the rules of all accounts: what each account is told, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from a360_pipeline.sandbox.errors import AwsError, not_served
from a360_pipeline.sandbox.facts import rules as facts
from a360_pipeline.sandbox.facts.rules import Rule
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.members import members
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging
from a360_pipeline.sandbox.services.config import QUALIFIER_MEMBERS, RESULT_MEMBERS, place
from a360_pipeline.sandbox.services.config_resources import AGGREGATOR, AGGREGATORS

Params = Mapping[str, Any]

LISTING = Paging(default=25, most=1000, invalid="InvalidNextTokenException", size="Limit")
RESULTS = Paging(default=10, most=10, invalid="InvalidNextTokenException", size="Limit")
"""AWS gives up to 100 results a page; far less makes a small account page too."""
WITH_RESULTS = ("COMPLIANT", "NON_COMPLIANT")
"""An aggregator tells of nothing else."""


def sources_status(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    """Everything came from everywhere, a moment ago."""
    _known(params)
    told = [
        {
            "SourceId": account.id,
            "SourceType": "ACCOUNT",
            "AwsRegion": there.name,
            "LastUpdateStatus": "SUCCEEDED",
            "LastUpdateTime": organization.now,
        }
        for account in organization.accounts
        for there in account.regions
        if "SUCCEEDED" in params.get("UpdateStatus", ("SUCCEEDED",))
    ]
    page, more = AGGREGATORS.page(caller, params, told)
    return {"AggregatedSourceStatusList": page} | more


def compliance_by_rules(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    told = [
        _owned(owner, ConfigRuleName=rule.rule_name, Compliance={"ComplianceType": rule.compliance_type})
        for owner in _owners(organization, params, "DescribeAggregateComplianceByConfigRules")
        for rule in facts.rules(owner)
        if rule.compliance_type in WITH_RESULTS
    ]
    page, more = LISTING.page(caller, params, told)
    return {"AggregateComplianceByConfigRules": page} | more


def compliance_details(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    _known(params)
    owner = place(organization, params["AccountId"], params["AwsRegion"])
    asked = params.get("ComplianceType")
    if asked not in (None, *WITH_RESULTS):
        raise AwsError("ValidationException", f"The compliance type {asked} is not supported.")
    told = [
        result
        for rule in facts.rules(owner)
        if rule.rule_name == params["ConfigRuleName"]
        for result in _results(owner, rule)
        if asked in (None, result["ComplianceType"])
    ]
    page, more = RESULTS.page(caller, params, told)
    return {"AggregateEvaluationResults": page} | more


def _results(owner: facts.Place, rule: Rule) -> Iterator[dict[str, Any]]:
    for result in rule.results:
        if result.compliance_type in WITH_RESULTS:
            qualifier = {"ConfigRuleName": rule.rule_name} | members(result, QUALIFIER_MEMBERS)
            identifier = {"EvaluationResultQualifier": qualifier, "OrderingTimestamp": result.config_rule_invoked_time}
            yield _owned(owner, **members(result, RESULT_MEMBERS), EvaluationResultIdentifier=identifier)


def compliance_by_packs(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    told = []
    for owner in _owners(organization, params, "DescribeAggregateComplianceByConformancePacks"):
        for pack in facts.packs(owner):
            outcomes = [rule.compliance_type for rule in pack.rules]
            compliance = {
                "ComplianceType": pack.compliance_status,
                "CompliantRuleCount": outcomes.count("COMPLIANT"),
                "NonCompliantRuleCount": outcomes.count("NON_COMPLIANT"),
                "TotalRuleCount": len(outcomes),
            }
            told.append(_owned(owner, ConformancePackName=pack.name, Compliance=compliance))
    page, more = RESULTS.page(caller, params, told)
    return {"AggregateComplianceByConformancePacks": page} | more


def _owners(organization: Organization, params: Params, operation: str) -> list[facts.Place]:
    """The accounts with the region that is asked for."""
    _known(params)
    filters = params.get("Filters", {})
    if filters.keys() != {"AwsRegion"}:
        raise not_served(f"config:{operation} of other than one region")
    return [place(organization, account.id, filters["AwsRegion"]) for account in organization.accounts]


def _known(params: Params) -> None:
    if params["ConfigurationAggregatorName"] != AGGREGATOR:
        message = f"The configuration aggregator {params['ConfigurationAggregatorName']} does not exist."
        raise AwsError("NoSuchConfigurationAggregatorException", message)


def _owned(owner: facts.Place, **told: Any) -> dict[str, Any]:
    return {**told, "AccountId": owner.account_id, "AwsRegion": owner.region}


ANSWERS = {
    ("config", "DescribeConfigurationAggregatorSourcesStatus"): sources_status,
    ("config", "DescribeAggregateComplianceByConfigRules"): compliance_by_rules,
    ("config", "GetAggregateComplianceDetailsByConfigRule"): compliance_details,
    ("config", "DescribeAggregateComplianceByConformancePacks"): compliance_by_packs,
}
