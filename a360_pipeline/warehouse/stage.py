"""Rows of snapshots, checked and copied into temporary tables beside the tables they belong to."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from functools import cache
from operator import itemgetter
from typing import Any

import psycopg
from psycopg import sql

from a360_pipeline.sections.model import Column, Row, Table, Type
from a360_pipeline.warehouse.convert import CONVERTERS, BadValue, Text
from a360_pipeline.warehouse.tables import BY_NAME

Connection = psycopg.Connection[Any]

FRAME = "@frame"
FRAMES = sql.Identifier("stage@frames")
# An entry of a PostgreSQL index takes 2,704 bytes; a key that long is an attack or a mistake.
MAX_KEY_BYTES = 2600


@dataclass(frozen=True, slots=True)
class Frame:
    """What the rows of one section of one snapshot have in common."""

    account: str = ""
    region: str = ""
    """The region they are filed under."""
    section: str = ""
    rank: str = ""
    date: str | None = None
    interval: str | None = None
    is_listing: bool = False
    """Whether they are the section's facts, rather than just what frames them."""
    is_late: bool = False
    """Whether a later day's facts of the section stand already."""
    is_corrected: bool = False
    """Whether another snapshot of the same day was loaded before."""
    previous: str | None = None
    """The last day before this one that had facts."""
    retired_since: str | None = None
    """For late rows: the first later day whose complete listing leaves out what it does not mention."""
    is_complete: bool = False
    """Whether what it leaves out is gone: known when everything is merged."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be loaded, and why."""

    frame: int
    table: str
    row: Any
    reason: str


@dataclass(slots=True)
class Staged:
    """Rows of one table on their way: `rows` hold the frame's number and then the plan's columns, as text."""

    table: Table
    rows: list[list[Text]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    repeated: dict[int, int] = field(default_factory=dict)
    unknown: dict[int, Counter[str]] = field(default_factory=dict)
    """Fields that nothing is made of, by name, with how many rows have them."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a staging table: where its value comes from, and how it is checked."""

    name: str
    type: Type
    source: str
    unset: str | None
    is_key: bool

    @property
    def get(self) -> Callable[[Row], Any]:
        names = self.source.split(".")
        if len(names) == 1:
            return lambda row: row.get(names[0])

        def dig(row: Row) -> Any:
            found: Any = row
            for name in names:
                found = found.get(name) if isinstance(found, Mapping) else None
            return found

        return dig


@cache
def fields_of(table: Table) -> tuple[Field, ...]:
    """The staging columns of a table: its own, and the natural keys by which its parents are found."""
    own = [
        Field(column.name, column.type, column.source, column.unset, column.name in table.key)
        for column in table.values
        if not column.source.startswith("@")
    ]
    for reference in table.references:
        for parent_column, source in reference.on:
            if not source.startswith("@"):
                parent: Column = BY_NAME[reference.table].column(parent_column)
                name = f"{reference.name}.{parent_column}"
                own.append(Field(name, parent.type, source, None, reference.name in table.key))
    return tuple(own)


def add_rows(staged: Staged, frame: int, rows: Iterable[Any]) -> int:
    """Checks rows and adds the good ones; returns how many there were.

    A row that comes twice, alike in everything, is counted as repeated; one that comes twice with the
    same key and other facts is rejected, for there is no telling which is true.
    """
    fields = fields_of(staged.table)
    plan = [(each, each.get, CONVERTERS[each.type]) for each in fields]
    keys = [number + 1 for number, each in enumerate(fields) if each.is_key]
    key_of: Callable[[list[Text]], Any] = itemgetter(*keys) if keys else tuple
    seen: dict[Any, list[Text]] = {}
    frame_text = str(frame)
    count = 0
    known = staged.table.known_fields
    for row in rows:
        count += 1
        if not isinstance(row, Mapping):
            what = f"it is {type(row).__name__}, where an object is expected"
            staged.rejected.append(Rejected(frame, staged.table.name, row, what))
            continue
        if not known.issuperset(row):
            unknown = staged.unknown.setdefault(frame, Counter())
            unknown.update(name for name, value in row.items() if name not in known and value not in (None, [], {}, ""))
        values: list[Text] = [frame_text]
        bad: list[str] = []
        for each, get, convert in plan:
            value = get(row)
            try:
                values.append(None if value is None or value == each.unset else convert(value))
            except BadValue as error:
                values.append(None)
                bad.append(f"{each.source}: {error}")
        if bad:
            staged.rejected.append(Rejected(frame, staged.table.name, row, "; ".join(bad)))
            # An account with a bad attribute is still the account that its facts belong to.
            if not staged.table.frames:
                continue
        reason = _clash(seen, key_of(values), values) if keys else None
        if reason is None:
            staged.rows.append(values)
        elif reason == "":
            staged.repeated[frame] = staged.repeated.get(frame, 0) + 1
        else:
            staged.rejected.append(Rejected(frame, staged.table.name, row, reason))
    return count


def _clash(seen: dict[Any, list[Text]], key: Any, values: list[Text]) -> str | None:
    """None for a new key, an empty text for the very same row again, else why the row cannot stand."""
    earlier = seen.setdefault(key, values)
    if earlier is not values:
        return "" if earlier == values else f"another row of this snapshot has the same key {key!r} and other facts"
    text = "".join(filter(None, key)) if isinstance(key, tuple) else key or ""
    if not text:
        return "it has nothing of what tells it from others: its key is empty"
    # A character takes four bytes at most: short keys, which is all real ones, need no encoding.
    if len(text) * 4 > MAX_KEY_BYTES and len(text.encode()) > MAX_KEY_BYTES:
        del seen[key]
        return f"its key is longer than {MAX_KEY_BYTES} bytes"
    return None


def append_rows(connection: Connection, table: Table, rows: Sequence[Sequence[Text]]) -> None:
    """Adds rows to a table that has no key: values are text in the order of its columns."""
    copy_rows(connection, sql.Identifier(table.name), [column.name for column in table.columns], rows)


def stage_name(table: Table) -> sql.Identifier:
    return sql.Identifier(f"stage@{table.name}")


def stage_frames(connection: Connection, frames: Sequence[Frame]) -> None:
    """Makes the temporary table that the rows' frame numbers point into."""
    connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE {} ({} bigint PRIMARY KEY, account text, region text, section text, rank text, "
            "date date, interval text, is_listing boolean, is_late boolean, is_corrected boolean, previous date, "
            "retired_since date, is_complete boolean) ON COMMIT DROP"
        ).format(FRAMES, sql.Identifier(FRAME))
    )
    names = [each.name for each in dataclass_fields(Frame)]
    rows: list[list[Text]] = [
        [str(number), *(None if (value := getattr(frame, name)) is None else str(value) for name in names)]
        for number, frame in enumerate(frames)
    ]
    copy_rows(connection, FRAMES, (FRAME, *names), rows)


def stage_rows(connection: Connection, staged: Staged) -> None:
    """Copies rows into a temporary table that goes with the transaction."""
    fields = fields_of(staged.table)
    name = stage_name(staged.table)
    columns = [sql.SQL("{} bigint").format(sql.Identifier(FRAME))]
    columns += [sql.SQL("{} {}").format(sql.Identifier(f.name), sql.SQL(f.type.value)) for f in fields]
    connection.execute(sql.SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DROP").format(name, sql.SQL(", ").join(columns)))
    copy_rows(connection, name, (FRAME, *(f.name for f in fields)), staged.rows)


def copy_rows(
    connection: Connection, table: sql.Identifier, columns: Sequence[str], rows: Sequence[Sequence[Text]]
) -> None:
    """COPY, in CSV because there NULL and the empty text differ. Values are text that PostgreSQL casts."""
    import pyarrow as pa  # noqa: PLC0415 - whoever only loads the definitions need not wait for it
    import pyarrow.csv  # noqa: PLC0415

    arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    if not arrays:
        return
    buffer = io.BytesIO()
    options = pa.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    pa.csv.write_csv(pa.Table.from_arrays(arrays, [str(n) for n in range(len(arrays))]), buffer, options)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(buffer.getbuffer())
