"""Section `guard_duty`: threats that GuardDuty found in a region."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, History, Kept, Scope, Section, Table, Type
from a360_pipeline.sections.shapes import ACCOUNT

GUARD_DUTY_FINDINGS = Table(
    "guard_duty_findings",
    "Findings of GuardDuty, one row each, as they were last told of.",
    columns=(
        ACCOUNT,
        Column("detector_id", Type.TEXT, "Null where the sender does not say."),
        Column("finding_type", Type.TEXT, "Such as UnauthorizedAccess:EC2/SSHBruteForce.", field="type"),
        Column("severity", Type.NUMERIC, "1 to 10; 7 and above is high."),
        Column("title", Type.TEXT),
        Column("description", Type.TEXT),
        Column("confidence", Type.NUMERIC),
        Column("region", Type.TEXT),
        Column("created_at", Type.TIMESTAMPTZ, "When GuardDuty made the finding."),
        Column("updated_at", Type.TIMESTAMPTZ, "When GuardDuty last saw the activity."),
        Column("finding_id", Type.TEXT, field="id"),
    ),
    key=("finding_id",),
    kept=Kept.DELTA,
    # created_at and updated_at are the finding's own times (R29).
    stamps=(),
)

SECTION = Section(
    name="guard_duty",
    title="GuardDuty findings",
    wire="security.guard_duty",
    scope=Scope.REGION,
    history=History.SNAPSHOT,
    operations=(),
    tables=(GUARD_DUTY_FINDINGS,),
    status_field="security",
)
