"""Values of the wire format as PostgreSQL takes them: checked one by one, so that a bad one has a name."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from a360_pipeline.sections.model import Type

Text = str | None
MAX_BIGINT = 2**63
# PostgreSQL's numeric holds more, but no money and no measure of ours does.
MAX_MAGNITUDE = 1000


class BadValue(ValueError):
    """A value is not of its column's type. The message says what it is."""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def clean_text(value: str) -> str:
    """Text that PostgreSQL can hold: no NUL, no half of a surrogate pair."""
    if value.isascii():
        return value.replace("\x00", "") if "\x00" in value else value
    return value.replace("\x00", "").encode("utf-8", "replace").decode()


def text(value: Any) -> Text:
    if type(value) is str:
        return clean_text(value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    raise BadValue(f"{_shown(value)} is no text")


def boolean(value: Any) -> Text:
    if value is True:
        return "t"
    if value is False:
        return "f"
    raise BadValue(f"{_shown(value)} is neither true nor false")


def bigint(value: Any) -> Text:
    if type(value) is int and -MAX_BIGINT <= value < MAX_BIGINT:
        return str(value)
    number = _decimal(value)
    if number != number.to_integral_value() or not -MAX_BIGINT <= number < MAX_BIGINT:
        raise BadValue(f"{_shown(value)} is no whole number of 64 bits")
    return str(int(number))


def numeric(value: Any) -> Text:
    return str(_decimal(value))


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str | float):
        raise BadValue(f"{_shown(value)} is no number")
    try:
        number = Decimal(value) if not isinstance(value, float) else Decimal(str(value))
    except InvalidOperation:
        raise BadValue(f"{_shown(value)} is no number") from None
    if (
        not number.is_finite()
        or abs(number.adjusted()) > MAX_MAGNITUDE
        or len(number.as_tuple().digits) > MAX_MAGNITUDE
    ):
        raise BadValue(f"{_shown(value)} is beyond what a number here can be")
    return number


def date(value: Any) -> Text:
    try:
        return dt.date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise BadValue(f"{_shown(value)} is no date: YYYY-MM-DD is expected") from None


def timestamptz(value: Any) -> Text:
    """An instant keeps its offset; without one it is UTC, as senders in the field mean it."""
    try:
        instant = dt.datetime.fromisoformat(value)
        if instant.tzinfo is dt.UTC:
            return instant.isoformat()
        if instant.tzinfo is None:
            return f"{instant.isoformat()}+00:00"
        return instant.astimezone(dt.UTC).isoformat()
    except (TypeError, ValueError, OverflowError):
        raise BadValue(f"{_shown(value)} is no time: ISO 8601 is expected") from None


def jsonb(value: Any) -> Text:
    return json.dumps(_clean_json(value), default=str)


def _clean_json(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {clean_text(str(name)): _clean_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_json(inner) for inner in value]
    # A decimal with more digits than a double holds is kept whole, as text, by json.dumps(default=str).
    return float(value) if isinstance(value, Decimal) and Decimal(str(float(value))) == value else value


CONVERTERS: dict[Type, Callable[[Any], Text]] = {
    Type.TEXT: text,
    Type.BIGINT: bigint,
    Type.NUMERIC: numeric,
    Type.BOOLEAN: boolean,
    Type.DATE: date,
    Type.TIMESTAMPTZ: timestamptz,
    Type.JSONB: jsonb,
}


def _each(convert: Callable[[Any], Text], values: Sequence[Any]) -> list[Text]:
    return [None if value is None else convert(value) for value in values]


def _texts(values: Sequence[Any]) -> Sequence[Text]:
    """A column of texts at once: nearly always all of it is plain ASCII."""
    try:
        joined = "".join([value for value in values if value is not None])
    except TypeError:
        return _each(text, values)
    return values if joined.isascii() and "\x00" not in joined else _each(text, values)


COLUMN_CONVERTERS: dict[Type, Callable[[Sequence[Any]], Sequence[Text]]] = {
    **{kind: partial(_each, convert) for kind, convert in CONVERTERS.items()},
    Type.TEXT: _texts,
}
"""The same for a column of values or None at once. Raises BadValue when one of them is bad, not saying which."""
