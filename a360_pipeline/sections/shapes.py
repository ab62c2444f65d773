"""Shapes that sections share: where rows lie in a payload, and columns that many tables have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from a360_pipeline.sections.model import Payload, Reference, Row

ACCOUNT = Reference(
    "account_id",
    "accounts",
    on=(("account_id", "@account"), ("region", "@region")),
    description="The account's row of this region, or of `Global` for what is account-wide.",
)


def at(name: str) -> Callable[[Payload], Iterable[Row]]:
    """The rows under one name of a payload that is an object."""

    def rows(payload: Payload) -> Iterable[Row]:
        found: Any = payload.get(name)
        return [found] if isinstance(found, Mapping) else found or ()

    return rows
