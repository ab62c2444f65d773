"""Rows of snapshots, checked column by column and copied into temporary tables beside the tables they belong to."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from functools import cache
from itertools import compress, repeat
from typing import Any

import psycopg
from psycopg import sql

from a360_pipeline.sections.model import Column, Reference, Row, Table, Type
from a360_pipeline.warehouse.connection import Connection
from a360_pipeline.warehouse.convert import COLUMN_CONVERTERS, CONVERTERS, BadValue, Text
from a360_pipeline.warehouse.data_api import DataApiConnection
from a360_pipeline.warehouse.tables import BY_NAME

Key = tuple[Text, ...]

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
    has_facts: bool = False
    """Whether they are the section's facts, rather than just what frames them."""
    is_listing: bool = False
    """Whether, of the day's snapshots, this is the one that says what there is."""
    is_late: bool = False
    """Whether a later day's facts of the section stand already."""
    is_corrected: bool = False
    """Whether another snapshot of the same day and interval was loaded before."""
    is_retold: bool = False
    """Whether another snapshot of the same day was loaded before, whatever its interval."""
    previous: str | None = None
    """The last day before this one that had facts."""
    following: str | None = None
    """For late rows: the first later day that had facts."""
    retired_since: str | None = None
    """For late rows: the first later day whose complete listing leaves out what it does not mention."""
    is_complete: bool = False
    """Whether what it leaves out is gone."""
    lists_all_open: bool = False
    """Whether what is open and it leaves out is open no more: so it may be, though it is not complete."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be loaded, and why."""

    frame: int
    table: str
    row: Any
    reason: str


@dataclass(slots=True)
class Staged:
    """Rows of one table on their way. `columns` hold the number of each row's frame and then its fields, as text."""

    table: Table
    columns: list[list[Text]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    repeated: Counter[int] = field(default_factory=Counter)
    """Rows that a frame holds more than once, alike in everything."""
    unknown: dict[int, Counter[str]] = field(default_factory=dict)
    """Fields that nothing is made of, by name, with how many rows have them."""
    keys: dict[Key, int] = field(default_factory=dict)
    """The place of each row by what makes it this row, its account's included."""
    beaten: set[int] = field(default_factory=set)
    """Places of rows that a snapshot of higher rank tells otherwise."""
    parents: dict[str, set[Key]] = field(default_factory=dict)
    """By the name of a reference: the keys of the parents that rows refer to."""

    @property
    def is_empty(self) -> bool:
        return not (self.columns and self.columns[0])

    def frame_at(self, place: int) -> int:
        """The number of the frame of the row at a place."""
        return int(self.columns[0][place] or 0)

    def counts(self) -> Counter[int]:
        """How many rows each frame has."""
        counted = Counter(map(int, filter(None, self.columns[0]))) if self.columns else Counter[int]()
        counted.subtract(map(self.frame_at, self.beaten))
        return counted


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a staging table: where its value comes from, and of what type it is."""

    name: str
    type: Type
    source: str
    unset: str | None

    def values(self, rows: Sequence[Row]) -> list[Any]:
        """What each row has there, None where it has nothing."""
        first, *inner = self.source.split(".")
        found = [row.get(first) for row in rows]
        for name in inner:
            found = [each.get(name) if isinstance(each, Mapping) else None for each in found]
        return found if self.unset is None else [None if each == self.unset else each for each in found]


@cache
def fields_of(table: Table) -> tuple[Field, ...]:
    """The staging columns of a table: its own, and the natural keys by which its parents are found."""
    own = [
        Field(column.name, column.type, column.source, column.unset)
        for column in table.values
        if not column.source.startswith("@")
    ]
    for reference in table.references:
        for parent_column, source in reference.on:
            if not source.startswith("@"):
                parent: Column = BY_NAME[reference.table].column(parent_column)
                own.append(Field(f"{reference.name}.{parent_column}", parent.type, source, None))
    return tuple(own)


@cache
def identity_of(table: Table) -> tuple[str, ...]:
    """What makes a row this row: names of staging columns and, with an @, of what its frame says."""
    columns = {column.name: column for column in table.columns}
    parts: list[str] = []
    for name in table.key:
        column = columns[name]
        if isinstance(column, Reference):
            parts += identity_of_parent(column)
        else:
            parts.append(column.source if column.source.startswith("@") else name)
    return tuple(parts)


@cache
def identity_of_parent(reference: Reference) -> tuple[str, ...]:
    """What makes a row's parent that parent, in the order of the parent's own identity."""
    parent, sources = BY_NAME[reference.table], dict(reference.on)
    parts: list[str] = []
    for name in parent.key:
        if name in sources:
            source = sources[name]
            parts.append(source if source.startswith("@") else f"{reference.name}.{name}")
        else:
            parts += ("@account", "@region")
    return tuple(parts)


def add_rows(staged: Staged, number: int, frames: Sequence[Frame], rows: Iterable[Any]) -> int:
    """Checks the rows of one of the frames and adds the good ones; returns how many there were.

    A row that comes twice, alike in everything, is counted as repeated; one that comes twice with the same key and
    other facts is rejected, for there is no telling which is true. Of the same row in two frames, that of the frame
    of higher rank is added.
    """
    table, fields = staged.table, fields_of(staged.table)
    told = list(rows)
    good: list[Row] = [row for row in told if isinstance(row, dict)]
    if len(good) < len(told):
        found = ((row, type(row).__name__) for row in told if not isinstance(row, dict))
        staged.rejected += [
            Rejected(number, table.name, row, f"it is {kind}, where an object is expected") for row, kind in found
        ]
    _count_unknown(staged, number, good)
    bad: dict[int, list[str]] = {}
    columns: dict[str, Sequence[Text]] = {each.name: _converted(each, good, bad) for each in fields}
    staged.rejected += [Rejected(number, table.name, good[place], "; ".join(why)) for place, why in bad.items()]
    # An account with a bad attribute is still the account that its facts belong to.
    if bad and not table.frames:
        good, columns = _without(bad, good, columns)
    if table.key:
        unfit = _unfit(staged, number, frames, good, columns)
        if unfit:
            good, columns = _without(unfit, good, columns)
        _note_keys(staged, list(_keys(identity_of(table), frames[number], columns, len(good))))
    for reference in table.references:
        if reference.table != "accounts":
            parents = _keys(identity_of_parent(reference), frames[number], columns, len(good))
            staged.parents.setdefault(reference.name, set()).update(parents)
    if not staged.columns:
        staged.columns = [[] for _ in range(len(fields) + 1)]
    for column, more in zip(staged.columns, ([str(number)] * len(good), *columns.values()), strict=True):
        column.extend(more)
    return len(told)


def _count_unknown(staged: Staged, number: int, rows: Sequence[Row]) -> None:
    known = staged.table.known_fields
    for row in rows:
        if not known.issuperset(row):
            unknown = staged.unknown.setdefault(number, Counter())
            unknown.update(name for name, value in row.items() if name not in known and value not in (None, [], {}, ""))


def _converted(each: Field, rows: Sequence[Row], bad: dict[int, list[str]]) -> Sequence[Text]:
    """A column as text; why a value cannot be taken is noted in `bad`, by the row's place."""
    values = each.values(rows)
    try:
        return COLUMN_CONVERTERS[each.type](values)
    except BadValue:
        column: list[Text] = []
        for place, value in enumerate(values):
            try:
                column.append(None if value is None else CONVERTERS[each.type](value))
            except BadValue as error:
                column.append(None)
                bad.setdefault(place, []).append(f"{each.source}: {error}")
        return column


def _without(
    places: Container[int], rows: Sequence[Row], columns: Mapping[str, Sequence[Text]]
) -> tuple[list[Row], dict[str, Sequence[Text]]]:
    keep = [place not in places for place in range(len(rows))]
    return list(compress(rows, keep)), {name: list(compress(column, keep)) for name, column in columns.items()}


def _keys(parts: Iterable[str], frame: Frame, columns: Mapping[str, Sequence[Text]], count: int) -> Iterable[Key]:
    return zip(
        *(repeat(getattr(frame, part[1:]), count) if part.startswith("@") else columns[part] for part in parts),
        strict=True,
    )


def _unfit(
    staged: Staged,
    number: int,
    frames: Sequence[Frame],
    rows: Sequence[Row],
    columns: Mapping[str, Sequence[Text]],
) -> set[int]:
    """The places of rows that cannot be added for what they have for a key."""
    identity = identity_of(staged.table)
    own = [columns[part] for part in identity if not part.startswith("@")]
    keys = list(_keys(identity, frames[number], columns, len(rows)))
    is_short = sum(max((len(text) for text in column if text), default=0) for column in own) * 4 <= MAX_KEY_BYTES
    is_full = not own or any(all(column) for column in own)
    if is_short and is_full and len(set(keys)) == len(keys) and staged.keys.keys().isdisjoint(keys):
        return set()
    unfit: set[int] = set()
    places: dict[Key, int] = {}
    for place, key in enumerate(keys):
        reason: str | None = None
        text = "".join(column[place] or "" for column in own)
        if own and not text:
            reason = "it has nothing of what tells it from others: its key is empty"
        elif len(text.encode()) > MAX_KEY_BYTES:
            reason = f"its key is longer than {MAX_KEY_BYTES} bytes"
        elif places.setdefault(key, place) != place:
            if all(column[places[key]] == column[place] for column in columns.values()):
                staged.repeated[number] += 1
            else:
                reason = f"another row of this snapshot has the same key {key!r} and other facts"
        elif key not in staged.keys or frames[staged.frame_at(staged.keys[key])].rank <= frames[number].rank:
            continue
        unfit.add(place)
        if reason:
            staged.rejected.append(Rejected(number, staged.table.name, rows[place], reason))
    return unfit


def _note_keys(staged: Staged, keys: Sequence[Key]) -> None:
    first = len(staged.columns[0]) if staged.columns else 0
    new = dict(zip(keys, range(first, first + len(keys)), strict=True))
    staged.beaten.update(staged.keys[key] for key in staged.keys.keys() & new.keys())
    staged.keys |= new


def append_rows(connection: Connection, table: Table, rows: Sequence[Sequence[Text]]) -> None:
    """Adds rows to a table that has no key: values are text in the order of its columns."""
    columns = list(zip(*rows, strict=True))
    copy_columns(connection, sql.Identifier(table.name), [column.name for column in table.columns], columns)


def stage_name(table: Table) -> sql.Identifier:
    return sql.Identifier(f"stage@{table.name}")


def make_stages(connection: Connection, tables: Iterable[Table]) -> None:
    """Makes the temporary tables of a batch, its frames' among them; they go with the transaction."""
    definitions = [
        sql.SQL(
            "{} ({} bigint, account text, region text, section text, rank text, date date, interval text, "
            "has_facts boolean, is_listing boolean, is_late boolean, is_corrected boolean, is_retold boolean, "
            "previous date, following date, retired_since date, is_complete boolean, "
            "lists_all_open boolean)"
        ).format(FRAMES, sql.Identifier(FRAME)),
        *map(_definition, tables),
    ]
    creations = [sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP;").format(each) for each in definitions]
    body = sql.SQL("BEGIN {} END").format(sql.SQL(" ").join(creations)).as_string()
    connection.execute(sql.SQL("DO {}").format(sql.Literal(body)))


def copy_frames(connection: Connection, frames: Sequence[Frame]) -> None:
    names = [each.name for each in dataclass_fields(Frame)]
    columns = [[_text(getattr(frame, name)) for frame in frames] for name in names]
    copy_columns(connection, FRAMES, (FRAME, *names), [[str(n) for n in range(len(frames))], *columns])


def copy_stage(connection: Connection, staged: Staged) -> None:
    """Copies rows into their temporary table, but for those that a snapshot of higher rank tells otherwise."""
    names = (FRAME, *(each.name for each in fields_of(staged.table)))
    columns = [_left(column, staged.beaten) for column in staged.columns]
    copy_columns(connection, stage_name(staged.table), names, columns)


def _definition(table: Table) -> sql.Composed:
    columns = [sql.SQL("{} bigint").format(sql.Identifier(FRAME))]
    columns += [sql.SQL("{} {}").format(sql.Identifier(f.name), sql.SQL(f.type.value)) for f in fields_of(table)]
    return sql.SQL("{} ({})").format(stage_name(table), sql.SQL(", ").join(columns))


def _text(value: Any) -> Text:
    return None if value is None else str(value)


def _left(column: Sequence[Text], beaten: set[int]) -> Sequence[Text]:
    return [value for place, value in enumerate(column) if place not in beaten] if beaten else column


def copy_columns(
    connection: Connection, table: sql.Identifier, names: Sequence[str], columns: Sequence[Sequence[Text]]
) -> None:
    """Adds rows to a table at once: by COPY, or as JSON through the Data API. Values are text that PostgreSQL casts."""
    if isinstance(connection, psycopg.Connection):
        _copy(connection, table, names, columns)
    elif isinstance(connection, DataApiConnection):
        connection.insert(table, names, columns)
    else:
        raise TypeError(f"rows cannot be sent over {connection!r}")


def _copy(
    connection: psycopg.Connection[Any], table: sql.Identifier, names: Sequence[str], columns: Sequence[Sequence[Text]]
) -> None:
    """COPY, in CSV because there NULL and the empty text differ."""
    import pyarrow as pa  # noqa: PLC0415 - whoever only loads the definitions need not wait for it
    import pyarrow.csv  # noqa: PLC0415

    if not columns or not columns[0]:
        return
    arrays = [pa.array(column, pa.string()) for column in columns]
    buffer = io.BytesIO()
    options = pa.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    pa.csv.write_csv(pa.Table.from_arrays(arrays, [str(n) for n in range(len(arrays))]), buffer, options)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        table, sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(buffer.getbuffer())
