"""Athena's result files: CSV in which NULL is nothing at all and an empty text is a pair of quotes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

BLOCK_BYTES = 32 * 1024**2
"""The longest row that can be read is as long as a block; Athena's own rows end at 32 MB."""

TYPES: Mapping[str, pa.DataType] = {
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
"""By Athena's word for them. Whatever else there is, such as arrays and maps, stays the text that Athena writes."""


def read_csv(path: Path, columns: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows of a result file; `columns` is the ColumnInfo of GetQueryResults. Several may have one name."""
    places = [str(place) for place in range(len(columns))]
    types = {place: _type_of(column) for place, column in zip(places, columns, strict=True)}
    read = csv.read_csv(
        path,
        # By place, not by the header: names may come twice.
        csv.ReadOptions(column_names=places, skip_rows_after_names=1, block_size=BLOCK_BYTES),
        # A row of one NULL is an empty line.
        csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["true"],
            false_values=["false"],
        ),
    )
    typed = [LATER.get(column["Type"], _as_it_is)(read[place]) for place, column in zip(places, columns, strict=True)]
    return pa.Table.from_arrays(typed, names=[column["Name"] for column in columns])


def _type_of(column: Mapping[str, Any]) -> pa.DataType:
    if column["Type"] == "decimal":
        return pa.decimal128(column["Precision"], column["Scale"])
    return TYPES.get(column["Type"], pa.string())


def _as_it_is(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values


def _instants(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Instants in UTC, of texts such as `2026-03-02 10:00:00.000 Europe/Zurich`."""
    parts = pc.extract_regex(values, r"^(?P<local>\S+ \S+?) ?(?P<zone>[A-Za-z+-].*)$")
    local, zone = (pc.struct_field(parts, name) for name in ("local", "zone"))
    told = pc.cast(local, pa.timestamp("us"))
    instants = pa.chunked_array([pa.nulls(len(values), pa.timestamp("us", tz="UTC"))])
    for name in pc.unique(pc.drop_null(zone)).to_pylist():
        there = pc.cast(pc.assume_timezone(told, name, ambiguous="earliest", nonexistent="latest"), instants.type)
        instants = pc.if_else(pc.equal(zone, name), there, instants)
    return instants


LATER: Mapping[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]] = {"timestamp with time zone": _instants}
"""Types that are read as text first."""
