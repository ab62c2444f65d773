"""What Cost Explorer's answers about commitments have in common."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code


def unless_unavailable(items: Iterable[Any]) -> Iterator[Any]:
    """The items; none where Cost Explorer has no data, which is what it says of those that have no commitments."""
    try:
        yield from items
    except ClientError as error:
        if error_code(error) != "DataUnavailableException":
            raise


def exact(figure: str | None) -> Decimal | None:
    """The figure that a text holds; None where there is none."""
    return Decimal(figure) if figure else None


def seconds_between(start: str | None, end: str | None) -> int | None:
    """How long from one instant to another."""
    if not start or not end:
        return None
    return round((dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(start)).total_seconds())
