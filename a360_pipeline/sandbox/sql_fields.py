"""Statements, parameters and values between the RDS Data API and PostgreSQL's own protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.postgres import types

from a360_pipeline.sandbox.errors import AwsError

TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|::|:(?P<name>[A-Za-z_]\w*)")
TEXT, ANY, VOID = types["text"].oid, 0, 2278
HINTS = {
    "DATE": types["date"].oid,
    "DECIMAL": types["numeric"].oid,
    "JSON": types["json"].oid,
    "TIME": types["time"].oid,
    "TIMESTAMP": types["timestamp"].oid,
    "UUID": types["uuid"].oid,
}
GIVEN: Mapping[str, tuple[int, Callable[[Any], str | None]]] = {
    "isNull": (ANY, lambda _: None),
    "stringValue": (TEXT, str),
    "longValue": (types["int8"].oid, str),
    "doubleValue": (types["float8"].oid, repr),
    "booleanValue": (types["bool"].oid, lambda value: str(value).lower()),
    "blobValue": (types["bytea"].oid, lambda value: f"\\x{value.hex()}"),
}
"""By member of a Field: the type that a parameter gets, and its text."""
Value = tuple[str, Callable[[bytes], Any]]
TOLD: Mapping[int, Value] = {
    types[name].oid: how
    for names, how in (
        ("bool", ("booleanValue", lambda told: told == b"t")),
        ("int2 int4 int8", ("longValue", int)),
        ("float4 float8", ("doubleValue", float)),
        ("bytea", ("blobValue", lambda told: bytes.fromhex(told[2:].decode()))),
        # In UTC, and without saying so.
        ("timestamptz", ("stringValue", lambda told: told.decode().removesuffix("+00"))),
        (
            "text varchar bpchar name numeric date time timestamp json jsonb uuid inet cidr",
            ("stringValue", bytes.decode),
        ),
    )
    for name in names.split()
}
"""By type: the member of a Field that tells it, and how. The Data API gives no other types."""
ARRAYS = {types[name].array_oid: name for name in ("bool", "int4", "int8", "float8", "text", "date", "numeric")}
MEMBERS = {"booleanValue": "booleanValues", "longValue": "longValues", "doubleValue": "doubleValues"}


def bound(statement: str, parameters: Sequence[Mapping[str, Any]]) -> tuple[bytes, list[bytes | None], list[int]]:
    """A statement with :name as one with $1, and the texts and types of its parameters. Raises AwsError."""
    given = {each["name"]: each for each in parameters}
    order: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0]
        if name not in given:
            raise AwsError("BadRequestException", f"Cannot find parameter: {name}")
        return f"${order.setdefault(name, len(order) + 1)}"

    text = TOKEN.sub(place, statement)
    bindings = [_bound(given[name]) for name in order]
    return text.encode(), [told for told, _ in bindings], [oid for _, oid in bindings]


def _bound(parameter: Mapping[str, Any]) -> tuple[bytes | None, int]:
    ((kind, value),) = parameter["value"].items()
    if kind == "arrayValue":
        raise AwsError("BadRequestException", "Array parameters are not supported.")
    oid, write = GIVEN[kind]
    told = write(value)
    return None if told is None else told.encode(), HINTS.get(parameter.get("typeHint", ""), oid) if told else oid


def records(result: pq.abc.PGresult) -> list[list[dict[str, Any]]]:
    """The rows of a result as lists of Fields. Raises AwsError for types that the Data API does not give."""
    columns = range(result.nfields)
    read = [_field(result.ftype(column)) for column in columns]
    return [
        [
            {"isNull": True} if (told := result.get_value(row, column)) is None else read[column](told)
            for column in columns
        ]
        for row in range(result.ntuples)
    ]


def _field(oid: int) -> Callable[[bytes], dict[str, Any]]:
    if oid in TOLD:
        kind, read = TOLD[oid]
        return lambda told: {kind: read(told)}
    if oid in ARRAYS:
        kind, read = TOLD[types[ARRAYS[oid]].oid]
        split = Transformer().get_loader(types["text"].array_oid, pq.Format.TEXT)
        members = MEMBERS.get(kind, "stringValues")
        return lambda told: {"arrayValue": {members: [read(each.encode()) for each in split.load(told)]}}
    raise AwsError("UnsupportedResultException", f"The result contains the unsupported data type {_name(oid)}.")


def metadata(result: pq.abc.PGresult) -> list[dict[str, Any]]:
    """The ColumnMetadata of a result's columns."""
    names = [(result.fname(column) or b"").decode() for column in range(result.nfields)]
    return [
        {"name": name, "label": name, "typeName": _name(result.ftype(column)), "nullable": 2}
        for column, name in enumerate(names)
    ]


def _name(oid: int) -> str:
    if oid in ARRAYS:
        return f"_{ARRAYS[oid]}"
    known = types.get(oid)
    return known.name if known else "void" if oid == VOID else str(oid)
