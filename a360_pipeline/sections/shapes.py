"""Shapes that sections share: where rows lie in a payload, instants, and columns that many tables have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from a360_pipeline.sections.model import Payload, Reference, Row

ACCOUNT = Reference(
    "account_id",
    "accounts",
    on=(("account_id", "@account"), ("region", "@region")),
    description="The account's row of this region, or of `Global` for what is account-wide.",
)


def instant(value: dt.datetime | None) -> str | None:
    """An instant as snapshots write it: ISO 8601 with its offset."""
    return None if value is None else value.isoformat()


def elements(found: Any) -> Iterator[Any]:
    """What a list holds, or what lies alone where a list is expected; what is no object is refused as a row.

    An empty object says nothing and is left out here, before anything is added to it.
    """
    yield from (each for each in (found if isinstance(found, list) else [found] if found else ()) if each != {})


def at(name: str) -> Callable[[Payload], Iterable[Row]]:
    """The rows under one name of a payload that is an object."""
    return lambda payload: elements(payload.get(name))


def owner_of(row: Any, name: str, own: str) -> str:
    """The account that the ARN under `name` says a row is of; `own` where it says none."""
    arn = row.get(name) if isinstance(row, Mapping) else None
    account = arn.split(":", 5)[4:5] if isinstance(arn, str) and arn.startswith("arn:") else []
    return account[0] if account and len(account[0]) == 12 and account[0].isdecimal() else own
