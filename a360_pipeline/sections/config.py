"""Section `config`: how far an account keeps its AWS Config rules, and which resources break them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status, Unavailable
from a360_pipeline.sections.config_aggregate import collect_members, lists_all_open, untold
from a360_pipeline.sections.config_tables import (
    BROKEN,
    CONFIG_REPORTS,
    CONFIG_RULES,
    CONFORMANCE_PACKS,
    KEPT,
    NON_COMPLIANT_RESOURCES,
    result_row,
)
from a360_pipeline.sections.model import History, Operation, Payload, Row, Scope, Section, Window

STANDALONE = "Standalone"
PACKS_CREATE_AS = "config-conforms.amazonaws.com"
"""The service that AWS names as the creator of a rule of a conformance pack."""
SUMMARIES_A_CALL = 5


def collect(aws: AccountSession, window: Window) -> Payload:
    """Config DescribeConfigRules and how each is kept; GetComplianceDetailsByConfigRule of those that are not.

    What a rule found counts whenever it found it: a resource is broken until Config says otherwise. Raises
    Unavailable where DescribeConfigurationRecorders knows of no recorder: Config is off.
    """
    if not aws.call("config", "describe_configuration_recorders").get("ConfigurationRecorders"):
        raise Unavailable(Status.NOT_ENABLED, f"AWS Config has no recorder in {aws.region}")
    listed = list(aws.pages("config", "describe_config_rules", "ConfigRules"))
    by_rule = aws.pages("config", "describe_compliance_by_config_rule", "ComplianceByConfigRules")
    compliance = {each["ConfigRuleName"]: each.get("Compliance", {}).get("ComplianceType") for each in by_rule}
    packs, members = _packs(aws)
    evaluated: dict[str, dt.datetime | None] | None = None
    with aws.part("when the rules were evaluated"):
        evaluated = {
            each["ConfigRuleName"]: each.get("LastSuccessfulEvaluationTime")
            for each in aws.pages("config", "describe_config_rule_evaluation_status", "ConfigRulesEvaluationStatus")
        }
    rules = [_rule(rule, compliance, members, evaluated or {}) for rule in listed]
    broken: list[Row] = []
    for rule in rules:
        if rule["compliance_type"] == BROKEN:
            with aws.part(f"results of {rule['rule_name']}"):
                broken += [
                    result_row(result, rule["conformance_pack"]) for result in _results_of(aws, rule["rule_name"])
                ]
    return {
        **_report(rules, evaluated, window),
        "non_compliant_resources": broken,
        "rules": rules,
        "conformance_packs": packs,
    }


def _results_of(aws: AccountSession, rule_name: str) -> Iterator[Any]:
    # Unasked, AWS lists the compliant ones among them, which in a large account are nearly all.
    asked: dict[str, Any] = {"ConfigRuleName": rule_name, "ComplianceTypes": [BROKEN], "Limit": 100}
    return aws.pages("config", "get_compliance_details_by_config_rule", "EvaluationResults", **asked)


def _packs(aws: AccountSession) -> tuple[list[Row], dict[str, str]]:
    """The conformance packs, and the pack of each rule that is in one."""
    packs: list[Row] = []
    members: dict[str, str] = {}
    with aws.part("conformance packs"):
        listed = list(aws.pages("config", "describe_conformance_packs", "ConformancePackDetails"))
        statuses = _pack_statuses(aws, [pack["ConformancePackName"] for pack in listed])
        for pack in listed:
            name = pack["ConformancePackName"]
            rules: list[Row] | None = None
            with aws.part(f"rules of conformance pack {name}"):
                asked = {"ConformancePackName": name}
                method, result = "describe_conformance_pack_compliance", "ConformancePackRuleComplianceList"
                rules = list(aws.pages("config", method, result, **asked))
                members |= {rule["ConfigRuleName"]: name for rule in rules}
            packs.append(_pack(pack, statuses.get(name), rules))
    return packs, members


def _pack_statuses(aws: AccountSession, names: Sequence[str]) -> dict[str, str]:
    statuses: dict[str, str] = {}
    with aws.part("whether conformance packs are kept"):
        for start in range(0, len(names), SUMMARIES_A_CALL):
            asked = {"ConformancePackNames": names[start : start + SUMMARIES_A_CALL]}
            method, result = "get_conformance_pack_compliance_summary", "ConformancePackComplianceSummaryList"
            for summary in aws.pages("config", method, result, **asked):
                statuses[summary["ConformancePackName"]] = summary["ConformancePackComplianceStatus"]
    return statuses


def _pack(pack: Row, status: str | None, rules: Sequence[Row] | None) -> Row:
    requested = pack.get("LastUpdateRequestedTime")
    return {
        "name": pack["ConformancePackName"],
        "arn": pack["ConformancePackArn"],
        "created_by": pack.get("CreatedBy"),
        "last_update_requested": requested and requested.isoformat(),
        "compliance_status": status,
        "total_rules": None if rules is None else len(rules),
        "compliant_rules": None if rules is None else sum(rule.get("ComplianceType") == KEPT for rule in rules),
        "non_compliant_rules": None if rules is None else sum(rule.get("ComplianceType") == BROKEN for rule in rules),
    }


def _rule(
    rule: Row,
    compliance: Mapping[str, str | None],
    members: Mapping[str, str],
    evaluated: Mapping[str, dt.datetime | None],
) -> Row:
    name, source = rule["ConfigRuleName"], rule.get("Source", {})
    last = evaluated.get(name)
    # Where its pack could not be asked for, a rule that AWS made for one is of none that is known.
    no_pack = None if rule.get("CreatedBy") == PACKS_CREATE_AS else STANDALONE
    return {
        "rule_name": name,
        "rule_arn": rule.get("ConfigRuleArn"),
        "description": rule.get("Description"),
        "source_owner": source.get("Owner"),
        "source_identifier": source.get("SourceIdentifier"),
        "state": rule.get("ConfigRuleState"),
        "created_by": rule.get("CreatedBy"),
        "conformance_pack": members.get(name, no_pack),
        "compliance_type": compliance.get(name),
        "last_evaluated": last and last.isoformat(),
    }


def _report(rules: Sequence[Row], evaluated: Mapping[str, dt.datetime | None] | None, window: Window) -> dict[str, Any]:
    """The counts, in the window that senders in the field give them."""
    start = dt.datetime.combine(window.start, dt.time(), dt.UTC)
    recent = {name for name, last in (evaluated or {}).items() if last and last >= start}
    kept, broken = ([r["rule_name"] for r in rules if r["compliance_type"] == kind] for kind in (KEPT, BROKEN))
    return {
        "date_from": window.start.isoformat(),
        "date_to": window.end.isoformat(),
        "compliance_score": round(100 * len(kept) / len(rules), 2) if rules else None,
        "total_rules": len(rules),
        "compliant_rules": len(kept),
        "non_compliant_rules": len(broken),
        "curr_non_compliant": None if evaluated is None else len(recent.intersection(broken)),
        "curr_compliant": None if evaluated is None else len(recent.intersection(kept)),
    }


SECTION = Section(
    name="config",
    title="Config rules and what breaks them",
    wire="config",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(
        Operation("config", "DescribeConfigurationRecorders"),
        Operation("config", "DescribeConfigRules"),
        Operation("config", "DescribeComplianceByConfigRule"),
        Operation("config", "DescribeConfigRuleEvaluationStatus"),
        Operation("config", "GetComplianceDetailsByConfigRule"),
        Operation("config", "DescribeConformancePacks"),
        Operation("config", "DescribeConformancePackCompliance"),
        Operation("config", "GetConformancePackComplianceSummary"),
        Operation("config", "DescribeConfigurationAggregators"),
        Operation("config", "DescribeConfigurationAggregatorSourcesStatus"),
        Operation("config", "DescribeAggregateComplianceByConfigRules"),
        Operation("config", "GetAggregateComplianceDetailsByConfigRule"),
        Operation("config", "DescribeAggregateComplianceByConformancePacks"),
    ),
    tables=(CONFIG_REPORTS, NON_COMPLIANT_RESOURCES, CONFIG_RULES, CONFORMANCE_PACKS),
    collect=collect,
    collect_members=collect_members,
    untold=untold,
    lists_all_open=lists_all_open,
    parts=("rules", "conformance_packs"),
    status_field="config",
)
