"""Whether a resource's policy lets a service of AWS do something there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

Context = Mapping[str, str]
"""What a request says of itself, by condition key in lower case."""


def allows(policy: str | bytes | None, service: str, action: str, resource: str, context: Context) -> bool:
    """Whether some statement allows it to the service, and none denies it.

    A condition that is not known here is one that an allowance lacks, and that a denial has.
    """
    statements = _many(json.loads(policy)["Statement"]) if policy else []
    fitting = [one for one in statements if _is_about(one, service, action, resource)]
    allowed = any(one["Effect"] == "Allow" and _holds(one, context, unknown=False) for one in fitting)
    return allowed and not any(one["Effect"] == "Deny" and _holds(one, context, unknown=True) for one in fitting)


def _is_about(statement: Mapping[str, Any], service: str, action: str, resource: str) -> bool:
    principal = statement.get("Principal", {})
    named = _many(principal.get("Service", [])) if isinstance(principal, dict) else [principal]
    # Of what is denied to everybody, `{"AWS": "*"}` is the same as `*`.
    everybody = isinstance(principal, dict) and "*" in _many(principal.get("AWS", [])) and statement["Effect"] == "Deny"
    return (
        (everybody or "*" in named or service in named)
        and any(_fits(action.lower(), pattern.lower()) for pattern in _many(statement.get("Action", [])))
        and any(_fits(resource, pattern) for pattern in _many(statement.get("Resource", [])))
    )


def _holds(statement: Mapping[str, Any], context: Context, *, unknown: bool) -> bool:
    return all(
        _holds_one(operator, context.get(key.lower()), _many(wanted), unknown=unknown)
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _holds_one(operator: str, value: str | None, wanted: list[Any], *, unknown: bool) -> bool:
    name = operator.removesuffix("IfExists")
    if name == "Null":
        return (value is None) == (str(wanted[0]).lower() == "true")
    is_negated = "Not" in name
    test = TESTS.get(name.replace("Not", ""))
    if test is None:
        return unknown
    if value is None:
        return is_negated or operator != name
    return any(test(value, str(one)) for one in wanted) != is_negated


def _fits(value: str, pattern: str) -> bool:
    return fnmatchcase(value, pattern.replace("[", "[[]"))


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": _fits,
    "ArnEquals": _fits,
    "ArnLike": _fits,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "NumericLessThan": lambda value, wanted: float(value) < float(wanted),
    "NumericGreaterThan": lambda value, wanted: float(value) > float(wanted),
}
