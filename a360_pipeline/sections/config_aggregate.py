"""What an aggregator of AWS Config tells of the rules of all accounts in a region, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.aggregators import aggregator_of
from a360_pipeline.sections.config_tables import BROKEN, CONFIG_RULES, CONFORMANCE_PACKS, KEPT, result_row
from a360_pipeline.sections.model import AccountRows, Payload, Row, Table, Window

UNTOLD = "an aggregator does not tell of rules without results, nor which packs were deleted"
"""Why what it tells is never all: its listing of rules has gaps, and that of packs has more than there are."""
NOT_OF_NOW = ("FAILED", "OUTDATED")
WHOLE = "ORGANIZATION"


def collect_members(aws: AccountSession, window: Window, accounts: Sequence[Account]) -> AccountRows:
    """What an aggregator (DescribeConfigurationAggregators) knows of the rules of this region, by account id.

    Config DescribeAggregateComplianceByConfigRules, GetAggregateComplianceDetailsByConfigRule of the rules that are
    broken, DescribeAggregateComplianceByConformancePacks; DescribeConfigurationAggregatorSourcesStatus says of whom
    it is not up to date. What a rule is, its pack and when it was evaluated stay unknown. An account of which the
    aggregator knows nothing is left out. Raises Unavailable where no aggregator covers the region.
    """
    name = aggregator_of(aws)
    rules = _by_account(accounts, _listed(aws, name, "rules"))
    packs: dict[str, list[Row]] = {}
    with aws.part("conformance packs"):
        packs = _by_account(accounts, _listed(aws, name, "packs"))
    late: Mapping[str | None, str] | None = None
    with aws.part("of whom the aggregator is up to date"):
        late = _late(aws, name)
    return {
        account.id: _payload(aws, window, name, account.id, rules.get(account.id, []), packs.get(account.id, []), late)
        for account in accounts
        if account.id in rules or account.id in packs
    }


LISTINGS = {
    "rules": ("describe_aggregate_compliance_by_config_rules", "AggregateComplianceByConfigRules"),
    "packs": ("describe_aggregate_compliance_by_conformance_packs", "AggregateComplianceByConformancePacks"),
}


def _listed(aws: AccountSession, aggregator: str, what: str) -> Iterator[Any]:
    method, result = LISTINGS[what]
    return aws.pages(
        "config", method, result, ConfigurationAggregatorName=aggregator, Filters={"AwsRegion": aws.region}
    )


def _by_account(accounts: Sequence[Account], listed: Iterator[Any]) -> dict[str, list[Row]]:
    wanted = {account.id for account in accounts}
    found: dict[str, list[Row]] = {}
    for each in listed:
        if each["AccountId"] in wanted:
            found.setdefault(each["AccountId"], []).append(each)
    return found


def _late(aws: AccountSession, aggregator: str) -> dict[str | None, str]:
    """Why what the aggregator has of an account in this region is not of now, by account id; None is the organization.

    Config DescribeConfigurationAggregatorSourcesStatus.
    """
    asked = {"ConfigurationAggregatorName": aggregator, "UpdateStatus": list(NOT_OF_NOW)}
    method, result = "describe_configuration_aggregator_sources_status", "AggregatedSourceStatusList"
    return {
        None if each.get("SourceType") == WHOLE else each["SourceId"]: " ".join(
            filter(None, (each.get("LastUpdateStatus"), each.get("LastErrorCode")))
        )
        for each in aws.pages("config", method, result, **asked)
        # A source of no region is one of which nothing came from anywhere.
        if each.get("AwsRegion", aws.region) == aws.region
    }


def _payload(
    aws: AccountSession,
    window: Window,
    aggregator: str,
    account_id: str,
    rules: Sequence[Row],
    packs: Sequence[Row],
    late: Mapping[str | None, str] | None,
) -> Payload:
    rows = [_rule(rule) for rule in rules]
    kept, broken = ([row["rule_name"] for row in rows if row["compliance_type"] == kind] for kind in (KEPT, BROKEN))
    results: list[Row] = []
    failed_before = len(aws.failed_parts)
    for rule_name in broken:
        with aws.part(f"results of {rule_name} in {account_id}"):
            results += [result_row(each, None) for each in _results_of(aws, aggregator, account_id, rule_name)]
    came = len(aws.failed_parts) == failed_before
    why_late = (late or {}).get(account_id, (late or {}).get(None))
    return {
        "date_from": window.start.isoformat(),
        "date_to": window.end.isoformat(),
        # Of how many rules these are, and which were evaluated lately, is not told.
        **dict.fromkeys(("compliance_score", "total_rules", "curr_non_compliant", "curr_compliant")),
        "compliant_rules": len(kept),
        "non_compliant_rules": len(broken),
        "non_compliant_resources": results,
        "rules": rows,
        "conformance_packs": [_pack(pack) for pack in packs],
        "untold": UNTOLD if why_late is None else f"what the aggregator has is not of now: {why_late}; {UNTOLD}",
        "lists_all_open": came and late is not None and why_late is None,
    }


def _results_of(aws: AccountSession, aggregator: str, account_id: str, rule_name: str) -> Iterator[Any]:
    asked = {
        "ConfigurationAggregatorName": aggregator,
        "ConfigRuleName": rule_name,
        "AccountId": account_id,
        "AwsRegion": aws.region,
        "ComplianceType": BROKEN,
        "Limit": 100,
    }
    return aws.pages("config", "get_aggregate_compliance_details_by_config_rule", "AggregateEvaluationResults", **asked)


def _rule(rule: Row) -> dict[str, Any]:
    compliance = rule.get("Compliance", {}).get("ComplianceType")
    return _unknown(CONFIG_RULES) | {"rule_name": rule["ConfigRuleName"], "compliance_type": compliance}


def _pack(pack: Row) -> dict[str, Any]:
    compliance = pack.get("Compliance", {})
    return _unknown(CONFORMANCE_PACKS) | {
        "name": pack["ConformancePackName"],
        "compliance_status": compliance.get("ComplianceType"),
        "total_rules": compliance.get("TotalRuleCount"),
        "compliant_rules": compliance.get("CompliantRuleCount"),
        "non_compliant_rules": compliance.get("NonCompliantRuleCount"),
    }


def _unknown(table: Table) -> dict[str, Any]:
    return dict.fromkeys(column.source for column in table.values)


def untold(payload: Payload) -> str | None:
    """What the payload of an aggregator does not tell; None of what an account told itself."""
    said: str | None = payload.get("untold")
    return said


def lists_all_open(payload: Payload) -> bool:
    """Whether all that breaks a rule is among what an aggregator told, as of now."""
    return isinstance(payload, Mapping) and payload.get("lists_all_open") is True
