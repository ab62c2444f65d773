"""Statements and values as the RDS Data API has them, by psycopg's own knowledge of PostgreSQL's types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from psycopg import pq, sql
from psycopg.abc import Transformer as Loads
from psycopg.adapt import PyFormat, Transformer
from psycopg.postgres import types

from a360_pipeline.warehouse.data_api_errors import TooLarge

Query = str | sql.SQL | sql.Composed
Params = Sequence[Any] | Mapping[str, Any]
Parameter = dict[str, Any]
"""An SqlParameter: `name`, and a Field as its `value`."""

PLACE = re.compile(r"%(?:(?P<percent>%)|s|\((?P<name>\w+)\)s)")
OFFSET = re.compile(r"[+-]\d\d(?::?\d\d)*$")


def statement(query: Query, params: Params | None) -> tuple[str, list[Parameter]]:
    """A statement in psycopg's manner, with %s or %(name)s, in that of the Data API, with :name and its parameters.

    Every value goes as text with a cast, since hints know few types and none of arrays. A text, and a list of
    texts or of nothing, has no type of its own: the statement must say it, as in `unnest(%s::text[])`.
    """
    text = query if isinstance(query, str) else query.as_string()
    if params is None:
        return text, []
    named = params if isinstance(params, Mapping) else {f"p{number}": value for number, value in enumerate(params)}
    dumped = {name: _dumped(value) for name, value in named.items()}
    order = iter(named)

    def place(found: re.Match[str]) -> str:
        if found["percent"]:
            return "%"
        name = found["name"] or next(order)
        return f":{name}{dumped[name][1]}"

    return PLACE.sub(place, text), [{"name": name, "value": value} for name, (value, _) in dumped.items()]


def _dumped(value: Any) -> tuple[dict[str, Any], str]:
    """A Field, and the cast that gives it the value's type."""
    if value is None:
        return {"isNull": True}, ""
    dumper = Transformer().get_dumper(value, PyFormat.TEXT)
    known = types.get(dumper.oid)
    cast = "" if known is None else f"::{known.regtype}{'[]' if dumper.oid == known.array_oid else ''}"
    return {"stringValue": bytes(dumper.dump(value) or b"").decode()}, cast


def rows(answer: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The records of an ExecuteStatement with its metadata, as psycopg would give them."""
    loads = Transformer()
    names = [column["typeName"] for column in answer.get("columnMetadata", ())]
    return [
        tuple(_loaded(loads, field, name) for field, name in zip(record, names, strict=True))
        for record in answer.get("records", ())
    ]


def _loaded(loads: Loads, field: Mapping[str, Any], type_name: str) -> Any:
    ((kind, value),) = field.items()
    if kind == "isNull":
        return None
    if kind == "arrayValue":
        ((kind, members),) = value.items()
        single = type_name.removeprefix("_")
        return [_loaded(loads, {kind.removesuffix("s"): each}, single) for each in members]
    known = types.get(type_name) if kind == "stringValue" else None
    if known is None or value is None:
        return value
    if type_name == "timestamptz" and not OFFSET.search(value, len("YYYY-MM-DD")):
        # The Data API tells instants in UTC, and does not say so.
        value += "+00"
    return loads.get_loader(known.oid, pq.Format.TEXT).load(value.encode())


def arrays(rows: Iterable[Sequence[str | None]], most: int) -> Iterator[str]:
    """Rows as JSON arrays of objects by the column's number, each of at most `most` bytes within a request.

    Raises TooLarge for a row that is larger alone.
    """
    part: list[str] = []
    size = 0
    for row in rows:
        told = json.dumps({str(n): value for n, value in enumerate(row) if value is not None}, ensure_ascii=False)
        # The request is JSON in turn, in which quotes are escaped and so is all that is not ASCII.
        weight = len(json.dumps(told))
        if weight > most:
            raise TooLarge(f"a row takes {weight} bytes, and the Data API no more than {most} at once")
        if size + weight > most:
            yield f"[{','.join(part)}]"
            part, size = [], 0
        part.append(told)
        size += weight
    if part:
        yield f"[{','.join(part)}]"
