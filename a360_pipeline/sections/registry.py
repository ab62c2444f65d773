"""All sections, found by looking into this folder: a new section is a new file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from decimal import Decimal
from graphlib import TopologicalSorter

import a360_pipeline.sections
from a360_pipeline.sections.model import Section, Table


def _declared() -> Iterator[Section]:
    package = a360_pipeline.sections
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        declares = vars(importlib.import_module(module.name))
        if "SECTION" in declares:
            yield declares["SECTION"]
        if module.name != __name__:
            yield from declares.get("SECTIONS", ())


def _parents_first(tables: dict[str, Table]) -> tuple[Table, ...]:
    parents = {name: {reference.table for reference in table.references} for name, table in tables.items()}
    return tuple(tables[name] for name in TopologicalSorter(parents).static_order())


SECTIONS: dict[str, Section] = {section.name: section for section in sorted(_declared(), key=lambda s: s.name)}
"""Every section by name."""

TABLES: tuple[Table, ...] = _parents_first({t.name: t for s in SECTIONS.values() for t in s.tables})
"""Every table that sections fill, parents before their children."""

SECTION_OF: dict[str, str] = {table.name: section.name for section in SECTIONS.values() for table in section.tables}
"""The section that fills a table."""


def price(service: str, operation: str) -> Decimal:
    """What AWS bills for a call of this operation, in US dollars; nothing for almost all."""
    return _PRICES.get((service, operation), Decimal(0))


def is_paid(service: str, operation: str) -> bool:
    """Whether AWS bills a call of this operation."""
    return (service, operation) in _PRICES


_PRICES = {(o.service, o.name): o.usd_per_request for s in SECTIONS.values() for o in s.operations if o.usd_per_request}
