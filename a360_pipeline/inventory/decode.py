"""Delivered files, ORC, Parquet or CSV, as batches of the one typed layout."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset
import pyarrow.orc
import pyarrow.parquet

from a360_pipeline.inventory.arrow import ARROW_TYPES, SCHEMA
from a360_pipeline.inventory.layout import BY_NAME
from a360_pipeline.inventory.manifest import Format, VerificationFailed, layout_name

BATCH_ROWS = 32_768
BLOCK = 8 << 20
"""Bytes of CSV parsed at once; no line may be longer."""
READ_BUFFER = 1 << 20
GZIP = b"\x1f\x8b"
UNREADABLE = (pa.ArrowException, OSError, EOFError, ValueError, zlib.error)
"""What reading a file raises that is broken."""

DECODED = "SELECT try(url_decode(key)) AS key FROM encoded"


@dataclass(frozen=True, slots=True)
class Opened:
    """A delivered file: its columns, those known to the layout, its rows, and how many it says there are."""

    columns: tuple[str, ...]
    """By the layout's names, unknown ones as delivered."""
    batches: Iterator[pa.RecordBatch]
    promised: Callable[[], int]
    """Rows that the file's own account has; known at the latest when all are read."""


class Keys:
    """Decodes keys of CSV, which are percent-encoded. It has a DuckDB of its own: not to be shared between threads.

    What is no escape, as a lone %, stays; + is no space. A key whose bytes are no UTF-8 stays encoded as it
    came, whole, and is counted: its object can still be found by it, and nothing is replaced.
    """

    def __init__(self) -> None:
        self.left_encoded = 0
        self._opened = ExitStack()

    def __enter__(self) -> Keys:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @cached_property
    def _duck(self) -> duckdb.DuckDBPyConnection:
        # Deliveries in ORC and Parquet have no use for it.
        return self._opened.enter_context(duckdb.connect(config={"threads": 1}))

    def decode(self, keys: pa.Array) -> pa.Array:
        """The keys, decoded."""
        if not pc.any(pc.match_substring(keys, "%")).as_py():
            return keys
        self._duck.register("encoded", pa.table({"key": keys}))
        decoded = self._duck.sql(DECODED).to_arrow_table().column("key").combine_chunks().cast(pa.string())
        left = decoded.null_count - keys.null_count
        if not left:
            return decoded
        self.left_encoded += left
        return pc.coalesce(decoded, keys)


def open_file(path: Path, kind: Format, fields: Sequence[str], keys: Keys) -> Opened:
    """A delivered file that lies on disk. `fields` are the manifest's, which CSV has no header to tell.

    Raises VerificationFailed, when opened or while it is read, where the file is not what its format says, a value is
    not of its type, a row has no key, or there are fewer or more rows than the file itself tells of.
    """
    try:
        raw = _READERS[kind](path, fields)
    except UNREADABLE as error:
        raise VerificationFailed(f"it cannot be read as {kind}: {_said(error)}") from error
    names = tuple(map(layout_name, raw.columns))
    if len(set(names)) != len(names) or "key" not in names:
        raise VerificationFailed(f"its columns have no key, or one twice: {', '.join(names)[:400]}")
    return Opened(names, _checked(raw, kind, keys.decode if kind is Format.CSV else None), raw.promised)


def _checked(raw: Opened, kind: Format, decode: Callable[[pa.Array], pa.Array] | None) -> Iterator[pa.RecordBatch]:
    rows = 0
    try:
        for batch in raw.batches:
            rows += batch.num_rows
            yield _conform(batch, decode)
    except UNREADABLE as error:
        if isinstance(error, VerificationFailed):
            raise
        raise VerificationFailed(f"it cannot be read as {kind}, after {rows:,} rows: {_said(error)}") from error
    if rows != raw.promised():
        raise VerificationFailed(f"{rows:,} rows were read of {raw.promised():,} that it has")


def _conform(batch: pa.RecordBatch, decode: Callable[[pa.Array], pa.Array] | None) -> pa.RecordBatch:
    """A batch as the layout has it; null where not delivered."""
    delivered = {layout_name(name): batch.column(name) for name in batch.schema.names}
    columns = []
    for field in SCHEMA:
        column = delivered.get(field.name)
        if column is None:
            column = pa.nulls(batch.num_rows, field.type)
        elif column.type != field.type:
            # Only what is finer than a millisecond is cut off; ORC's instants have no zone and are of UTC.
            column = column.cast(field.type, safe=not pa.types.is_timestamp(column.type))
        columns.append(column)
    at = SCHEMA.get_field_index("key")
    if columns[at].null_count:
        raise VerificationFailed(f"{columns[at].null_count:,} of its rows have no key")
    if decode is not None:
        columns[at] = decode(columns[at])
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:400]


def _known(columns: Sequence[str]) -> list[str]:
    return [name for name in columns if layout_name(name) in BY_NAME]


def _parquet(path: Path, _fields: Sequence[str]) -> Opened:
    file = pyarrow.parquet.ParquetFile(path, pre_buffer=False, buffer_size=READ_BUFFER)
    columns = file.schema_arrow.names
    batches = file.iter_batches(batch_size=BATCH_ROWS, columns=_known(columns), use_threads=False)
    return Opened(tuple(columns), batches, lambda: int(file.metadata.num_rows))


def _orc(path: Path, _fields: Sequence[str]) -> Opened:
    file = pyarrow.orc.ORCFile(path)
    columns = file.schema.names
    # As a data set it comes by batches; the file itself would give a stripe at once, however large.
    scanner = pyarrow.dataset.dataset(path, format="orc").scanner(
        columns=_known(columns), batch_size=BATCH_ROWS, use_threads=False, batch_readahead=1
    )
    return Opened(tuple(columns), scanner.to_batches(), lambda: int(file.nrows))


def _csv(path: Path, fields: Sequence[str]) -> Opened:
    lines = _Lines(path)
    return Opened(tuple(fields), _csv_batches(lines, fields), lambda: lines.count)


def _csv_batches(lines: _Lines, fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with lines:
        if not lines.peek():
            return
        reader = pyarrow.csv.open_csv(
            pa.PythonFile(lines, mode="r"),
            read_options=pyarrow.csv.ReadOptions(column_names=list(fields), block_size=BLOCK, use_threads=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: ARROW_TYPES[BY_NAME[name].kind] for name in _known(fields)},
                include_columns=_known(fields),
                null_values=[""],
                strings_can_be_null=True,
                true_values=["true", "TRUE", "True"],
                false_values=["false", "FALSE", "False"],
                timestamp_parsers=[pyarrow.csv.ISO8601],
            ),
        )
        yield from reader


class _Lines(io.RawIOBase):
    """The text of a file, gzipped or not, whose lines are counted on the way."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            is_gzipped = file.read(len(GZIP)) == GZIP
        self._text: Any = gzip.open(path) if is_gzipped else path.open("rb")  # noqa: SIM115 - see close
        self._lines = 0
        self._last = b"\n"

    @property
    def count(self) -> int:
        return self._lines + (self._last != b"\n")

    def peek(self) -> bytes:
        peeked: bytes = self._text.peek(1)
        return peeked

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        text: bytes = self._text.read(size)
        if text:
            self._lines += text.count(b"\n")
            self._last = text[-1:]
        return text

    def close(self) -> None:
        self._text.close()
        super().close()


_READERS: dict[Format, Callable[[Path, Sequence[str]], Opened]] = {
    Format.CSV: _csv,
    Format.ORC: _orc,
    Format.PARQUET: _parquet,
}
