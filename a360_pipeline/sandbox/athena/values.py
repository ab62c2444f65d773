"""Values as Athena writes them, and the types that it tells of them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

NUMBERS: Mapping[str, tuple[str, int]] = {
    "TINYINT": ("tinyint", 3),
    "SMALLINT": ("smallint", 5),
    "INTEGER": ("integer", 10),
    "BIGINT": ("bigint", 19),
    "FLOAT": ("float", 17),
    "DOUBLE": ("double", 17),
}
"""Athena's name and precision, by DuckDB's name."""
WIDE = frozenset({"HUGEINT", "UHUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT"})
"""What DuckDB counts in and Trino does not know: Trino's sums of bigint are bigint."""
OTHERS: Mapping[str, tuple[str, int]] = {
    "BOOLEAN": ("boolean", 0),
    "DATE": ("date", 0),
    "TIMESTAMP": ("timestamp", 3),
    "TIMESTAMP_S": ("timestamp", 3),
    "TIMESTAMP_MS": ("timestamp", 3),
    "TIMESTAMP_NS": ("timestamp", 3),
    "TIMESTAMP WITH TIME ZONE": ("timestamp with time zone", 3),
    "BLOB": ("varbinary", 1_073_741_824),
}
TEXT = ("varchar", 2_147_483_647)


@dataclass(frozen=True, slots=True)
class Told:
    """A column of a result."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0

    @classmethod
    def of(cls, name: str, kind: str) -> Told:
        """`kind` is DuckDB's."""
        if kind in WIDE:
            return cls(name, *NUMBERS["BIGINT"])
        if kind.startswith("DECIMAL("):
            precision, scale = kind.removeprefix("DECIMAL(").removesuffix(")").split(",")
            return cls(name, "decimal", int(precision), int(scale))
        if kind.endswith("]"):
            return cls(name, "array")
        if kind.startswith(("MAP(", "STRUCT(")):
            return cls(name, "map" if kind.startswith("MAP(") else "row")
        return cls(name, *(NUMBERS.get(kind) or OTHERS.get(kind) or TEXT))

    @property
    def sql_type(self) -> str:
        """As CREATE TABLE would have it."""
        return f"decimal({self.precision},{self.scale})" if self.type == "decimal" else self.type

    @property
    def info(self) -> dict[str, Any]:
        """As ColumnInfo of GetQueryResults."""
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type,
            "Precision": self.precision,
            "Scale": self.scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.type == "varchar",
        }


def texts(rows: pa.Table) -> Iterator[tuple[str | None, ...]]:
    """Row by row what GetQueryResults tells and what the file holds; NULL is None."""
    for batch in rows.to_batches(max_chunksize=10_000):
        columns = [
            [None if value is None else text(value) for value in column.to_pylist(maps_as_pydicts="lossy")]
            for column in batch.columns
        ]
        yield from zip(*columns, strict=True)


def text(value: Any) -> str:
    """One value that is not NULL."""
    return next((write(value) for kind, write in WRITERS.items() if isinstance(value, kind)), None) or str(value)


def csv_line(values: Sequence[str | None]) -> str:
    """Everything in quotes but NULL, which is nothing."""
    return ",".join("" if value is None else '"{}"'.format(value.replace('"', '""')) for value in values) + "\n"


def double(value: float) -> str:
    """As Java writes it: with an exponent below a thousandth and from ten millions on."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    rest = "".join(map(str, digits[1:])) or "0"
    return f"{'-' * sign}{digits[0]}.{rest}E{int(exponent) + len(digits) - 1}"


def _instant(value: dt.datetime) -> str:
    told = f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03}"
    return told if value.tzinfo is None else f"{told} UTC"


def _inner(value: Any) -> str:
    return "null" if value is None else text(value)


WRITERS: Mapping[type, Callable[[Any], str]] = {
    str: str,
    bool: lambda value: str(value).lower(),
    float: double,
    Decimal: lambda value: f"{value:f}",
    dt.datetime: _instant,
    dt.date: dt.date.isoformat,
    bytes: lambda value: value.hex(" "),
    list: lambda value: f"[{', '.join(map(_inner, value))}]",
    dict: lambda value: "{" + ", ".join(f"{_inner(key)}={_inner(one)}" for key, one in value.items()) + "}",
}
"""Looked through in this order: an instant is a date too."""
