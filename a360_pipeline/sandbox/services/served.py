"""All operations the sandbox answers, and all it knows to be true, found by looking into this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import a360_pipeline.sandbox.services
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization

Params = Mapping[str, Any]
Answer = Callable[[Organization, Caller, Params], dict[str, Any]]
Truth = Callable[[Organization, str, str], Iterable[Mapping[str, Any]]]
"""The rows that an account has in a region (or in `Global`), by the columns of a table of the warehouse.

A row has all columns of the table's key but the account's. A parent is told by its own key, dotted:
`security_id.service`.
"""


def _declared(name: str) -> dict[Any, Any]:
    package = a360_pipeline.sandbox.services
    found: dict[Any, Any] = {}
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name != __name__:
            found |= getattr(importlib.import_module(module.name), name, {})
    return found


ANSWERS: Mapping[tuple[str, str], Answer] = _declared("ANSWERS")
"""By botocore's name of the service and the operation."""

TRUTH: Mapping[str, Truth] = _declared("TRUTH")
"""By table of the warehouse."""
