"""Answers made of botocore's output shapes, which note every member that is looked for and that AWS does not have."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

INSTANT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ACCOUNTS = tuple(f"{digit * 4}22223333" for digit in "12345")
"""Those of the organization: whoever is asked first, the first of them."""
TEXTS: tuple[tuple[str, Callable[[int], str]], ...] = (
    (r"account_?id$|linkedaccount$|affectedaccounts$", lambda number: ACCOUNTS[number % len(ACCOUNTS)]),
    (r"(relationship|member)status$", lambda _number: "ENABLED"),
    (
        r"(at|seen|time|timecreated|timestamp|date|begin|^end|returnableuntil|lastmodified)$",
        lambda number: (INSTANT + dt.timedelta(minutes=number)).isoformat(),
    ),
)
"""Texts that sections read something in, by the member's name: accounts, members at work, instants."""
FIGURES = frozenset(
    {
        "ForecastResult",
        "ReservationAggregates",
        "SavingsPlansAmortizedCommitment",
        "SavingsPlansSavings",
        "SavingsPlansUtilization",
    }
)
"""Shapes of Cost Explorer whose texts are figures."""
MOST_OF_A_KIND = 2
"""How often a shape may lie within itself, as a statement of WAF does."""
DEEPEST = 7
"""How deep optional members are made: what Security Hub tells of a resource goes deeper than anybody reads."""


@dataclass
class Reading:
    """What was looked for in answers that their shapes do not have, as Shape.member."""

    unknown: set[str] = field(default_factory=set)


class Told(dict[str, Any]):
    """A structure of an answer. It notes what is asked of it by a name that its shape does not have."""

    __slots__ = ("_reading", "_shape")

    def __init__(self, members: Mapping[str, Any], shape: Any, reading: Reading) -> None:
        super().__init__(members)
        self._shape, self._reading = shape, reading

    def with_members(self, members: Mapping[str, Any]) -> Told:
        return Told(members, self._shape, self._reading)

    def _note(self, name: object) -> None:
        if name not in self._shape.members and name != "ResponseMetadata":
            self._reading.unknown.add(f"{self._shape.name}.{name}")

    def __getitem__(self, name: str) -> Any:
        self._note(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self._note(name)
        return super().__contains__(name)


@dataclass(frozen=True)
class Making:
    """How answers are made: what lists hold, which optional members are left out, and what is written in texts.

    `always` names members, as Shape.member, that AWS never leaves out though its model does not say so.
    """

    reading: Reading
    items: int = 2
    dropping: Random | None = None
    always: frozenset[str] = frozenset()

    def structure(self, shape: Any, number: int, suffix: str = "", within: tuple[str, ...] = ()) -> Told:
        """A structure with all its members, or some of those that may be missing."""
        inside = (*within, shape.name)
        kept = {
            name: member
            for name, member in shape.members.items()
            if name in shape.required_members or (self._is_told(f"{shape.name}.{name}") and self._fits(member, inside))
        }
        made = {name: self.value(member, name, number, suffix, inside) for name, member in kept.items()}
        return Told(made, shape, self.reading)

    def _is_told(self, member: str) -> bool:
        return self.dropping is None or member in self.always or self.dropping.random() < 0.5

    @staticmethod
    def _fits(shape: Any, within: tuple[str, ...]) -> bool:
        return len(within) <= DEEPEST and within.count(shape.name) < MOST_OF_A_KIND

    def value(self, shape: Any, name: str, number: int, suffix: str, within: tuple[str, ...]) -> Any:
        """A value of a shape: `number` and `suffix` tell it from others of the same name."""
        if shape.type_name == "structure":
            return self.structure(shape, number, suffix, within)
        if shape.type_name == "list":
            return self.list(shape, name, number, suffix, within)
        if shape.type_name == "map":
            return {
                self.value(shape.key, name, number, suffix, within): self.value(
                    shape.value, name, number, suffix, within
                )
            }
        return scalar(shape, name, number, suffix, within[-1])

    def list(self, shape: Any, name: str, number: int, suffix: str, within: tuple[str, ...]) -> list[Any]:
        if not self._fits(shape.member, within):
            return []
        first = number * self.items
        return [
            self.value(shape.member, name, place, suffix, (*within, shape.name))
            for place in range(first, first + self.items)
        ]


def scalar(shape: Any, name: str, number: int, suffix: str, within: str) -> Any:
    """A text, number, truth, instant or bytes, different by number and suffix where its type allows."""
    match shape.type_name:
        case "string":
            return f"{number}.25" if within in FIGURES else _text(shape, name, number, suffix)
        case "boolean":
            return number % 2 == 0
        case "timestamp":
            return INSTANT + dt.timedelta(minutes=number)
        case "blob":
            return f"{name}-{number}".encode()
        case _:
            return _number(shape, number)


def _number(shape: Any, number: int) -> float:
    least = shape.metadata.get("min", 0)
    most = shape.metadata.get("max", max(least, 100))
    figure = min(least + number + 1, most)
    return int(figure) if shape.type_name in ("integer", "long") else figure + 0.0


def _text(shape: Any, name: str, number: int, suffix: str) -> str:
    made = next((made for pattern, made in TEXTS if re.search(pattern, name, re.IGNORECASE)), None)
    if shape.enum:
        said = made(number) if made else None
        return said if said in shape.enum else str(shape.enum[number % len(shape.enum)])
    return made(number) if made else f"{name.lower()}-{number}{suffix}".ljust(shape.metadata.get("min", 0), "-")
