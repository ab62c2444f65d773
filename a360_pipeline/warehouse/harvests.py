"""What is known of harvests of S3 Inventory: their regions, buckets, deliveries and queries."""

from __future__ import annotations

from a360_pipeline.sections.model import Column, Kept, Table, Type

HARVESTS = Table(
    "harvests",
    "Each harvest, and the state it is in.",
    columns=(
        Column("harvest_id", Type.TEXT),
        Column(
            "state",
            Type.TEXT,
            "planned, deploying, waiting, consolidating, analysing, reported, cleaning, done, failed or cancelled.",
        ),
        Column("lifetime", Type.TEXT, "once or recurring."),
        Column("request", Type.JSONB, "What was asked for, whole."),
        Column("plan", Type.JSONB, "What was to be made, as planned before anything was."),
        Column("message", Type.TEXT, "Why it failed, or what went wrong on the way."),
        Column("outcome", Type.TEXT, "How it ended before clean-up: reported, failed or cancelled."),
        Column("report", Type.JSONB, "What the report said, and whether the mail was sent."),
        Column("receipt", Type.JSONB, "What clean-up removed, and what it found left."),
        Column("created_at", Type.TIMESTAMPTZ),
        Column("deadline", Type.TIMESTAMPTZ, "When it stops waiting for deliveries."),
        Column("updated_at", Type.TIMESTAMPTZ),
    ),
    key=("harvest_id",),
    kept=Kept.LEDGER,
    stamps=(),
)

REGIONS = Table(
    "harvest_regions",
    "What a harvest has in each region of the hub's account: its stack and its destination bucket.",
    columns=(
        Column("harvest_id", Type.TEXT),
        Column("region", Type.TEXT),
        Column("state", Type.TEXT, "planned, deploying, ready, failed, deleting or gone."),
        Column("stack_name", Type.TEXT),
        Column("destination_bucket", Type.TEXT),
        Column("message", Type.TEXT),
        Column("updated_at", Type.TIMESTAMPTZ),
    ),
    key=("harvest_id", "region"),
    kept=Kept.LEDGER,
    stamps=(),
)

BUCKETS = Table(
    "harvest_buckets",
    "Every bucket that a harvest looks at, by account, and how it stands.",
    columns=(
        Column("harvest_id", Type.TEXT),
        Column("account_id", Type.TEXT),
        Column("bucket", Type.TEXT),
        Column("region", Type.TEXT, "Where the bucket is."),
        Column("way", Type.TEXT, "configured, reused, listed, empty or excluded: how its inventory is had."),
        Column(
            "state",
            Type.TEXT,
            "planned, inventory_configuration_not_created, in_progress, done, bucket_is_empty, "
            "bucket_not_available, bucket_access_lost, excluded, reused or verification_failed.",
        ),
        Column("configuration_id", Type.TEXT),
        Column("destination_bucket", Type.TEXT),
        Column(
            "destination_prefix",
            Type.TEXT,
            "Under which its deliveries arrive, with the bucket's and the configuration's name and a final slash.",
        ),
        Column("manifest_key", Type.TEXT, "Of the delivery that stands."),
        Column("message", Type.TEXT),
        Column("updated_at", Type.TIMESTAMPTZ),
    ),
    key=("harvest_id", "account_id", "bucket"),
    kept=Kept.LEDGER,
    stamps=(),
)

DELIVERIES = Table(
    "inventory_deliveries",
    "Each delivery of S3 Inventory, once: what it held, and what became of it.",
    columns=(
        Column("destination_bucket", Type.TEXT),
        Column("manifest_key", Type.TEXT),
        Column("harvest_id", Type.TEXT, "Of the harvest that counted it."),
        Column("account_id", Type.TEXT),
        Column("region", Type.TEXT),
        Column("bucket", Type.TEXT),
        Column("snapshot_date", Type.DATE),
        Column("delivered_at", Type.TIMESTAMPTZ, "The manifest's creationTimestamp."),
        Column("state", Type.TEXT, "consolidated, published, superseded or verification_failed."),
        Column("format", Type.TEXT),
        Column("fields", Type.JSONB, "The columns that were delivered."),
        Column("files", Type.BIGINT),
        Column("source_bytes", Type.BIGINT, "Of the delivered files."),
        Column("rows", Type.BIGINT),
        Column("object_bytes", Type.BIGINT, "Sum of the sizes that its rows tell."),
        Column("parts", Type.BIGINT, "Parquet files written."),
        Column("location", Type.TEXT, "Address of the folder that holds them."),
        Column("manifest_md5", Type.TEXT),
        Column("message", Type.TEXT),
        Column("updated_at", Type.TIMESTAMPTZ),
    ),
    key=("destination_bucket", "manifest_key"),
    kept=Kept.LEDGER,
    stamps=(),
)

QUERIES = Table(
    "harvest_queries",
    "Each analysis query of a harvest, and how it ended.",
    columns=(
        Column("harvest_id", Type.TEXT),
        Column("name", Type.TEXT),
        Column("state", Type.TEXT, "The engine's own word: QUEUED, RUNNING, SUCCEEDED, FAILED or CANCELLED."),
        Column("execution_id", Type.TEXT),
        Column("sql", Type.TEXT, "As it was run."),
        Column("rows", Type.BIGINT),
        Column("bytes_scanned", Type.BIGINT),
        Column("cost_usd", Type.NUMERIC),
        Column("location", Type.TEXT, "Address of the result."),
        Column("message", Type.TEXT),
        Column("updated_at", Type.TIMESTAMPTZ),
    ),
    key=("harvest_id", "name"),
    kept=Kept.LEDGER,
    stamps=(),
)

ROLLUPS = Table(
    "inventory_prefixes",
    "Objects, bytes and monthly cost by prefix, the larger ones; all of them are in the roll-up's Parquet.",
    columns=(
        Column("snapshot_date", Type.DATE),
        Column("account_id", Type.TEXT),
        Column("region", Type.TEXT),
        Column("bucket", Type.TEXT),
        Column("prefix", Type.TEXT, "Empty for the whole bucket."),
        Column("depth", Type.BIGINT),
        Column("objects", Type.BIGINT),
        Column("versions", Type.BIGINT, "Noncurrent versions and delete markers."),
        Column("bytes", Type.BIGINT),
        Column("monthly_usd", Type.NUMERIC, "Estimated, of storage alone."),
    ),
    key=("snapshot_date", "account_id", "bucket", "prefix"),
    kept=Kept.LEDGER,
    stamps=(),
)

HARVEST_TABLES = (HARVESTS, REGIONS, BUCKETS, DELIVERIES, QUERIES, ROLLUPS)
