"""The layout of inventories as Arrow has it, and so the files."""

from __future__ import annotations

import pyarrow as pa

from a360_pipeline.inventory.layout import FIELDS, Kind

ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.BIGINT: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TIMESTAMP: pa.timestamp("ms", tz="UTC"),
    Kind.DATE: pa.date32(),
}

SCHEMA = pa.schema([pa.field(field.name, ARROW_TYPES[field.kind]) for field in FIELDS])
"""Of every consolidated file; null where not delivered."""
