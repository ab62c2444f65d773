"""The ledgers: what is known and unknown, which objects were loaded, which rows were refused."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, Kept, Table, Type

COVERAGE = Table(
    "coverage",
    "What is known of each account, region, section and day, and if not, why.",
    columns=(
        Column("account_id", Type.TEXT, "The 12-digit account id."),
        Column("region", Type.TEXT, "`Global` for account- and organization-wide sections."),
        Column("section", Type.TEXT),
        Column("date", Type.DATE, "The day of the run; its facts are of the day before."),
        Column("interval", Type.TEXT, "DAILY, WEEKLY, MONTHLY or YEARLY."),
        Column("status", Type.TEXT),
        Column("rows", Type.BIGINT, "Rows of facts the snapshot says it holds."),
        Column("rows_loaded", Type.BIGINT, "Rows of facts that went into the tables."),
        Column("rows_rejected", Type.BIGINT, "Rows that went into rejected_rows."),
        Column("rows_repeated", Type.BIGINT, "Rows the snapshot holds more than once, alike in everything."),
        Column("rows_superseded", Type.BIGINT, "Rows of listings that another interval's snapshot of the day told."),
        Column("rows_by_table", Type.JSONB, "Rows loaded, by table."),
        Column("calls", Type.BIGINT, "API calls."),
        Column("retries", Type.BIGINT),
        Column("throttles", Type.BIGINT),
        Column("paid_calls", Type.BIGINT),
        Column("seconds", Type.NUMERIC),
        Column("message", Type.TEXT),
        Column("accepted_by", Type.TEXT, "Who accepted the gap.", is_loaded=False),
        Column("accepted_reason", Type.TEXT, "Why the gap is accepted.", is_loaded=False),
        Column("snapshot_key", Type.TEXT),
        Column("is_complete", Type.BOOLEAN, "A whole listing of ours: what it leaves out is retired."),
        Column("rank", Type.TEXT, "Decides between snapshots of one day: the greatest one's facts stand."),
        Column("loaded_at", Type.TIMESTAMPTZ),
    ),
    key=("account_id", "region", "section", "date", "interval"),
    kept=Kept.LEDGER,
    stamps=(),
)

LOADS = Table(
    "load_ledger",
    "Every object that was dealt with, once: loaded, or quarantined and why.",
    columns=(
        Column("bucket", Type.TEXT),
        Column("key", Type.TEXT),
        Column("etag", Type.TEXT, "With last_modified tells the versions of a key apart."),
        Column("last_modified", Type.TIMESTAMPTZ, "When S3 received this version."),
        Column("sha256", Type.TEXT),
        Column("bytes", Type.BIGINT),
        Column("outcome", Type.TEXT, "loaded or quarantined."),
        Column("reason", Type.TEXT),
        Column("account_id", Type.TEXT),
        Column("region", Type.TEXT),
        Column("date", Type.DATE),
        Column("interval", Type.TEXT),
        Column("is_ours", Type.BOOLEAN, "Collected here rather than by a sender in the field."),
        Column("rows_loaded", Type.BIGINT),
        Column("rows_rejected", Type.BIGINT),
        Column("rows_superseded", Type.BIGINT, "Rows of facts that another snapshot of the day told better."),
        Column("not_taken", Type.JSONB, "Rows of sections that nothing here reads yet, by name."),
        Column("attempts", Type.BIGINT, "How often a loader met this version of the object."),
        Column("loaded_at", Type.TIMESTAMPTZ),
    ),
    key=("bucket", "key", "etag", "last_modified"),
    kept=Kept.LEDGER,
    stamps=(),
)

REJECTED = Table(
    "rejected_rows",
    "Rows of good snapshots that could not be loaded, whole, with the reason.",
    columns=(
        Column("snapshot_key", Type.TEXT),
        Column("account_id", Type.TEXT),
        Column("region", Type.TEXT),
        Column("section", Type.TEXT),
        Column("date", Type.DATE),
        Column("table_name", Type.TEXT),
        Column("row", Type.JSONB),
        Column("reason", Type.TEXT),
        Column("rejected_at", Type.TIMESTAMPTZ),
    ),
    key=(),
    kept=Kept.LEDGER,
    stamps=(),
)

CHANGES = Table(
    "resource_changes",
    "What changed or was retired, with the row before and after. What came is told by its own first_seen.",
    columns=(
        Column("table_name", Type.TEXT),
        Column("row_id", Type.BIGINT, "The row's id in its table."),
        Column("account_id", Type.BIGINT, "The row of accounts that the facts are filed under."),
        Column("date", Type.DATE, "The day of the snapshot that told it."),
        Column("change", Type.TEXT, "changed or retired."),
        Column("before", Type.JSONB),
        Column("after", Type.JSONB, "Null for what was retired."),
    ),
    key=("table_name", "row_id", "date", "change"),
    kept=Kept.LEDGER,
    stamps=(),
)

CLOSINGS = Table(
    "closings",
    "Results that close what is not known to have been open: days come in any order, and its opening may follow.",
    columns=(
        Column("table_name", Type.TEXT),
        Column("account_id", Type.BIGINT, "The row of accounts that it is filed under."),
        Column("row_key", Type.TEXT, "The key of the row that it closes, as one text."),
        Column("date", Type.DATE, "The last day that closed it."),
        Column("row", Type.JSONB, "The row as it is when closed."),
    ),
    key=("table_name", "account_id", "row_key"),
    kept=Kept.LEDGER,
    stamps=(),
)

POSTURE = Table(
    "daily_posture",
    "The findings held of each product at the end of each day, for trends.",
    columns=(
        Column("account_id", Type.BIGINT, "The row of accounts that the findings are filed under."),
        Column("product", Type.TEXT),
        Column("date", Type.DATE),
        Column("total_findings", Type.BIGINT),
        Column("critical_count", Type.BIGINT),
        Column("high_count", Type.BIGINT),
        Column("medium_count", Type.BIGINT),
        Column("low_count", Type.BIGINT),
        Column("informational_count", Type.BIGINT),
        Column("open_findings", Type.BIGINT),
        Column("resolved_findings", Type.BIGINT),
    ),
    key=("account_id", "product", "date"),
    kept=Kept.LEDGER,
    stamps=(),
)

LEDGERS = (COVERAGE, LOADS, REJECTED, CHANGES, CLOSINGS, POSTURE)
