"""The ledgers: what is known and unknown, which objects were loaded, which rows were refused."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, Table, Type

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
        Column("rank", Type.TEXT, "Decides between snapshots of one day: the greatest one's facts stand."),
        Column("loaded_at", Type.TIMESTAMPTZ),
    ),
    key=("account_id", "region", "section", "date", "interval"),
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
    stamps=(),
)

LEDGERS = (COVERAGE, LOADS, REJECTED)
