"""Section `security_hub`: findings of every product that reports to Security Hub, and their totals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

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
    whole,
)
from a360_pipeline.sections.shapes import ACCOUNT, elements

SECURITY = Table(
    "security",
    "How many findings each product of Security Hub has, by severity and state.",
    columns=(
        ACCOUNT,
        Column("service", Type.TEXT, "The product, such as Security Hub or GuardDuty."),
        *(
            Column(name, Type.BIGINT, "Counted from the findings held.", is_loaded=False)
            for name in (
                "total_findings",
                "critical_count",
                "high_count",
                "medium_count",
                "low_count",
                "informational_count",
                "open_findings",
                "resolved_findings",
            )
        ),
    ),
    key=("account_id", "service"),
    kept=Kept.DELTA,
    # The findings have a table of their own, and a sender's totals are those of one day's delta.
    ignored=("findings", "total_findings", "severity_counts", "open_findings", "resolved_findings"),
)


def _findings(payload: Payload) -> Iterator[Row]:
    """The findings of all products, each told whose summary it stands under: its own names may differ."""
    summaries: Iterable[Any] = whole(payload)
    for summary in summaries:
        # What is no summary is refused where summaries are rows; its neighbors' findings stay.
        for finding in elements(summary.get("findings") if isinstance(summary, Mapping) else None):
            is_row = isinstance(finding, Mapping)
            yield {**finding, "summary_service": summary.get("service")} if is_row else finding


FINDINGS = Table(
    "findings",
    "Findings of Security Hub, one row each, as they were last told of.",
    columns=(
        Reference("security_id", "security", on=(("service", "summary_service"),)),
        Column("finding_id", Type.TEXT),
        Column("service", Type.TEXT, "What kind of resource it is about, as the sender names it."),
        Column("title", Type.TEXT),
        Column("description", Type.TEXT),
        Column("severity", Type.TEXT, "CRITICAL, HIGH, MEDIUM, LOW or INFORMATIONAL."),
        Column("status", Type.TEXT, "Of its workflow: NEW, NOTIFIED, SUPPRESSED or RESOLVED."),
        Column("resource_type", Type.TEXT),
        Column("resource_id", Type.TEXT),
        Column("created_at", Type.TIMESTAMPTZ, "When the product made the finding."),
        Column("updated_at", Type.TIMESTAMPTZ, "When the product last changed the finding."),
        Column("recommendation", Type.TEXT),
        Column("compliance_status", Type.TEXT, "PASSED, FAILED, WARNING or NOT_AVAILABLE."),
        Column("region", Type.TEXT),
        Column("workflow_state", Type.TEXT),
        Column("record_state", Type.TEXT, "ACTIVE or ARCHIVED."),
        Column("product_name", Type.TEXT),
        Column("company_name", Type.TEXT),
        Column("product_arn", Type.TEXT),
        Column("generator_id", Type.TEXT),
        Column("generator", Type.TEXT),
        ACCOUNT,
    ),
    key=("finding_id",),
    kept=Kept.DELTA,
    rows=_findings,
    # created_at and updated_at are the finding's own times.
    stamps=(),
)

SECTION = Section(
    name="security_hub",
    title="Security Hub findings",
    wire="security.security_hub",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(SECURITY, FINDINGS),
    status_field="security",
)
