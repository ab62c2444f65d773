"""Section `config`: how far an account keeps its AWS Config rules, and which resources break them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from a360_pipeline.sections.model import (
    Column,
    History,
    Kept,
    Payload,
    Reference,
    Row,
    Scope,
    Section,
    Table,
    Type,
)
from a360_pipeline.sections.shapes import ACCOUNT, elements

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
        Column("curr_non_compliant", Type.BIGINT, "Of the rules evaluated in the period."),
        Column("curr_compliant", Type.BIGINT, "Of the rules evaluated in the period."),
    ),
    # A month's report begins on the day of the report of its first day (R19).
    key=("account_id", "date_from", "date_to"),
    kept=Kept.DATED,
    # Unpacked, so that a list where the report belongs is refused rather than taken for no report.
    rows=lambda payload: [{**payload}],
    # It has a table of its own.
    ignored=("non_compliant_resources",),
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

SECTION = Section(
    name="config",
    title="Config rules and what breaks them",
    wire="config",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(CONFIG_REPORTS, NON_COMPLIANT_RESOURCES),
    status_field="config",
)
