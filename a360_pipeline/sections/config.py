"""Section `config`: how far an account keeps its AWS Config rules, and which resources break them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.coverage import Status, Unavailable
from a360_pipeline.sections.model import (
    Column,
    History,
    Kept,
    Operation,
    Payload,
    Reference,
    Row,
    Scope,
    Section,
    Table,
    Type,
    Window,
)
from a360_pipeline.sections.shapes import ACCOUNT, at, elements

BROKEN = "NON_COMPLIANT"
KEPT = "COMPLIANT"
STANDALONE = "Standalone"
PACKS_CREATE_AS = "config-conforms.amazonaws.com"
"""The service that AWS names as the creator of a rule of a conformance pack."""
SUMMARIES_A_CALL = 5

CONFIG_RULES = Table(
    "config_rules",
    "Config rules, and whether they are kept.",
    columns=(
        ACCOUNT,
        Column("rule_name", Type.TEXT),
        Column("rule_arn", Type.TEXT),
        Column("description", Type.TEXT),
        Column("source_owner", Type.TEXT, "AWS, CUSTOM_LAMBDA or CUSTOM_POLICY."),
        Column("source_identifier", Type.TEXT, "The managed rule, or the function that evaluates."),
        Column("state", Type.TEXT, "ACTIVE, EVALUATING, DELETING or DELETING_RESULTS."),
        Column("created_by", Type.TEXT, "The service that made it; null where people did."),
        Column("conformance_pack", Type.TEXT, "`Standalone` for a rule of no pack."),
        Column("compliance_type", Type.TEXT, "COMPLIANT, NON_COMPLIANT or INSUFFICIENT_DATA."),
        Column("last_evaluated", Type.TIMESTAMPTZ, "Null until it was.", is_volatile=True),
    ),
    key=("account_id", "rule_name"),
    rows=at("rules"),
)

CONFORMANCE_PACKS = Table(
    "conformance_packs",
    "Conformance packs: sets of Config rules that are deployed as one.",
    columns=(
        ACCOUNT,
        Column("name", Type.TEXT),
        Column("arn", Type.TEXT),
        Column("created_by", Type.TEXT, "The service that made it; null where people did."),
        Column("last_update_requested", Type.TIMESTAMPTZ),
        Column("compliance_status", Type.TEXT, "COMPLIANT, NON_COMPLIANT or INSUFFICIENT_DATA."),
        Column("total_rules", Type.BIGINT),
        Column("compliant_rules", Type.BIGINT),
        Column("non_compliant_rules", Type.BIGINT),
    ),
    key=("account_id", "name"),
    rows=at("conformance_packs"),
)

CONFIG_REPORTS = Table(
    "config_reports",
    "How many Config rules an account kept in a period, and how many it broke.",
    columns=(
        ACCOUNT,
        Column("date_from", Type.DATE),
        Column("date_to", Type.DATE, "Exclusive."),
        Column("compliance_score", Type.NUMERIC, "Percentage of the rules that are kept."),
        Column("total_rules", Type.BIGINT),
        Column("compliant_rules", Type.BIGINT),
        Column("non_compliant_rules", Type.BIGINT),
        Column("curr_non_compliant", Type.BIGINT, "Of the rules evaluated since the period began."),
        Column("curr_compliant", Type.BIGINT, "Of the rules evaluated since the period began."),
    ),
    # A month's report begins on the day of the report of its first day (R19).
    key=("account_id", "date_from", "date_to"),
    kept=Kept.DATED,
    # Unpacked, so that a list where the report belongs is refused rather than taken for no report.
    rows=lambda payload: [{**payload}],
    # They have tables of their own.
    ignored=("non_compliant_resources", "rules", "conformance_packs"),
    stamps=("created_at",),
)

# INSUFFICIENT_DATA is not among them: it is no result, and neither opens nor closes anything.
STATUS_OF = {"NON_COMPLIANT": "OPEN", "COMPLIANT": "RESOLVED", "NOT_APPLICABLE": "RESOLVED"}


def _results(payload: Payload) -> Iterator[Row]:
    """The results of a report, each told which report it is of, and what it does to the row it speaks of."""
    report = {"date_from": payload.get("date_from"), "date_to": payload.get("date_to")}
    for result in elements(payload.get("non_compliant_resources")):
        if not isinstance(result, Mapping):
            yield result
        elif result.get("compliance_type") != "INSUFFICIENT_DATA":
            yield {**result, "report": report, "status": STATUS_OF.get(str(result.get("compliance_type")))}


NON_COMPLIANT_RESOURCES = Table(
    "non_compliant_resources",
    "Resources that break a Config rule, or broke it until they were found compliant.",
    columns=(
        Reference(
            "config_report_id",
            "config_reports",
            on=(("date_from", "report.date_from"), ("date_to", "report.date_to")),
            description="The latest report that mentions it.",
        ),
        Column("resource_type", Type.TEXT),
        Column("resource_id", Type.TEXT),
        Column("compliance_type", Type.TEXT, "What the latest result says, such as NON_COMPLIANT."),
        Column("rule_name", Type.TEXT),
        Column("annotation", Type.TEXT),
        Column("evaluation_mode", Type.TEXT, "DETECTIVE or PROACTIVE."),
        Column("conformance_pack", Type.TEXT, "`Standalone` for a rule of no pack."),
        Column("status", Type.TEXT, "OPEN, or RESOLVED once a result found it compliant."),
        Column("config_rule_invoked_time", Type.TIMESTAMPTZ, is_volatile=True),
        # A row outlives the report that told of it first, so it says itself whose it is.
        ACCOUNT,
    ),
    key=("account_id", "rule_name", "resource_type", "resource_id", "conformance_pack"),
    kept=Kept.DELTA,
    closes="status",
    rows=_results,
    stamps=("created_at",),
)


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
                broken += [_result(result, rule["conformance_pack"]) for result in _results_of(aws, rule["rule_name"])]
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


def _result(result: Row, conformance_pack: str | None) -> Row:
    qualifier = result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]
    invoked = result.get("ConfigRuleInvokedTime")
    return {
        "rule_name": qualifier["ConfigRuleName"],
        "resource_type": qualifier["ResourceType"],
        "resource_id": qualifier["ResourceId"],
        "compliance_type": result.get("ComplianceType"),
        "annotation": result.get("Annotation"),
        "evaluation_mode": qualifier.get("EvaluationMode"),
        "conformance_pack": conformance_pack,
        "config_rule_invoked_time": invoked and invoked.isoformat(),
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
    ),
    tables=(CONFIG_REPORTS, NON_COMPLIANT_RESOURCES, CONFIG_RULES, CONFORMANCE_PACKS),
    collect=collect,
    parts=("rules", "conformance_packs"),
    status_field="config",
)
