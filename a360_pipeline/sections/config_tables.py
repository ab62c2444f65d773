"""The tables of section `config`, and the row of a result, which is told alike of one account and of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from a360_pipeline.sections.model import Column, Kept, Payload, Reference, Row, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT, at, elements

BROKEN = "NON_COMPLIANT"
KEPT = "COMPLIANT"

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
        Column("conformance_pack", Type.TEXT, "`Standalone` for a rule of no pack; null where it is not known."),
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
    # Lists that have tables of their own, and what is said of them.
    ignored=("non_compliant_resources", "rules", "conformance_packs", "untold", "lists_all_open"),
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
        Column("conformance_pack", Type.TEXT, "`Standalone` for a rule of no pack; null where it is not known."),
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


def result_row(result: Row, conformance_pack: str | None) -> Row:
    """A result of a rule as snapshots have it, whether Config tells it of one account or of all."""
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
