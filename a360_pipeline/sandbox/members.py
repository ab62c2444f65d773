"""Facts as members of an answer: renamed by a table, and absent where unknown, as AWS leaves them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def members(fact: object, names: Mapping[str, str]) -> dict[str, Any]:
    """The members that `names` maps to fields of the fact, without those that are None."""
    values = {member: getattr(fact, field) for member, field in names.items()}
    return {member: value for member, value in values.items() if value is not None}
