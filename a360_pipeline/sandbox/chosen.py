"""What a request asks of a listing: which of its items, by name, and nothing that the sandbox does not serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from a360_pipeline.sandbox.errors import AwsError, not_served

Item = TypeVar("Item")


def chosen(
    items: Sequence[Item], wanted: Sequence[str] | None, name: Callable[[Item], str | None], unknown: str, what: str
) -> Sequence[Item]:
    """The items that are named, in the order of the listing; all, where none is. `unknown` is AWS's code for a name
    that none has, and `what` says what it names."""
    if not wanted:
        return items
    missing = [one for one in wanted if one not in {name(item) for item in items}]
    if missing:
        raise AwsError(unknown, f"The {what} '{missing[0]}' does not exist")
    return [item for item in items if name(item) in wanted]


def serves_only(params: Mapping[str, Any], members: Sequence[str], action: str) -> None:
    """Refuses a request that asks for more than the sandbox knows how to answer."""
    more = sorted(set(params) - set(members))
    if more:
        raise not_served(f"the {more[0]} of {action}")
