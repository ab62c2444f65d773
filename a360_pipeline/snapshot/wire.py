"""One snapshot: what senders in the field write (v2), and ours, which adds `coverage`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import Any, NoReturn

from a360_pipeline.coverage import GLOBAL, SectionCoverage, Status
from a360_pipeline.sections.model import Payload, Row, Scope, Section, Table
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.snapshot.key import BadSnapshot, SnapshotKey

ENVELOPE = frozenset({"coverage", "logs"})
NESTED = frozenset({"security"})
"""Top-level objects that hold a section under each of their names."""
# Whatever walks a snapshot calls itself a few times a level, and Python stops at a thousand.
MAX_DEPTH = 100
CONTAINERS = frozenset({dict, list})
TOO_DEEP = "its JSON is nested too deeply to be a snapshot"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The facts of one account, region and day. `content` is the wire format, parsed."""

    key: SnapshotKey
    content: Mapping[str, Any]
    coverage: Mapping[str, SectionCoverage]
    is_ours: bool
    sha256: str = ""
    not_taken: Mapping[str, int] = field(default_factory=dict)
    """Rows of sections that nothing here reads yet, by their name in the wire format."""

    def payload(self, section: Section) -> Payload | None:
        """What the snapshot holds for a section; None where it holds nothing."""
        return _payload(self.content, section)

    def filed_under(self, section: Section) -> tuple[str, ...]:
        """The regions under which a section's facts belong, whatever region's file they came in."""
        if section.scope is not Scope.REGION:
            return (GLOBAL,)
        # What we ask once an account is in our snapshot of the whole account: a region's says nothing of it.
        is_asked_apart = self.is_ours and section.collect_account is not None
        is_split = self.key.region != GLOBAL and any(table.scope_of for table in section.tables) and not is_asked_apart
        return (self.key.region, GLOBAL) if is_split else (self.key.region,)


def _payload(content: Mapping[str, Any], section: Section) -> Payload | None:
    found: Any = content
    for name in section.wire.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def facts(table: Table, payload: Payload) -> Iterator[Row]:
    """The rows that a payload holds for a table, among them what is no object and will be refused.

    Raises BadSnapshot on a shape that holds no rows. An empty object says nothing and is left out.
    """
    try:
        yield from (row for row in table.rows(payload) if row != {})
    except (AttributeError, TypeError) as error:
        raise BadSnapshot(f"{table.name} cannot be read from it: {error}") from error


def count_rows(section: Section, payload: Payload) -> int:
    """How many rows of facts a payload holds, what frames them left out."""
    return sum(1 for table in section.tables if not table.frames for _ in facts(table, payload))


def write_snapshot(snapshot: Snapshot) -> bytes:
    """The snapshot as JSON. Money keeps the digits a double holds: what Cost Explorer gives, ten decimals."""
    coverage = {name: one.to_wire() for name, one in snapshot.coverage.items()}
    content = {**snapshot.content, "coverage": coverage}
    return json.dumps(content, default=_number, separators=(",", ":"), allow_nan=False).encode()


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} does not belong in a snapshot")


def read_snapshot(path: str, body: bytes) -> Snapshot:
    """The snapshot of an object, `path` being its key below the prefix.

    Raises BadSnapshot when the envelope is bad: the name, the JSON, the account.
    """
    key = SnapshotKey.parse(path)
    content = _parse(body)
    _check_account(key, content.get("account"))
    coverage, is_ours = _coverage(key, content)
    return Snapshot(
        key=key,
        content=content,
        coverage=coverage,
        is_ours=is_ours,
        sha256=hashlib.sha256(body).hexdigest(),
        not_taken=_not_taken(content),
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _parse(body: bytes) -> dict[str, Any]:
    if not body.strip():
        raise BadSnapshot("it is empty")
    try:
        content = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except RecursionError:
        raise BadSnapshot(TOO_DEEP) from None
    except (ValueError, ArithmeticError) as error:  # JSON, UTF-8, and numbers beyond all measure
        raise BadSnapshot(f"it is no valid JSON, perhaps cut off: {error}") from None
    if not isinstance(content, dict):
        raise BadSnapshot(f"its JSON is {_kind(content)}, where an object is expected")
    _check_depth(content)
    return content


def _check_depth(content: dict[str, Any]) -> None:
    level: list[Any] = [content]
    for _ in range(MAX_DEPTH):
        inside = chain.from_iterable(outer.values() if type(outer) is dict else outer for outer in level)
        level = [inner for inner in inside if type(inner) in CONTAINERS]
        if not level:
            return
    raise BadSnapshot(TOO_DEEP)


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _check_account(key: SnapshotKey, account: Any) -> None:
    if not isinstance(account, Mapping) or not account.get("account_id"):
        raise BadSnapshot("it has no account.account_id")
    if account["account_id"] != key.account:
        raise BadSnapshot(f"it says account {account['account_id']!r}, its name says {key.account}")
    region = account.get("region")
    if region is not None and region != key.region:
        raise BadSnapshot(f"it says region {region!r}, its name says {key.region}")


def _coverage(key: SnapshotKey, content: Mapping[str, Any]) -> tuple[dict[str, SectionCoverage], bool]:
    ours = content.get("coverage")
    if ours is None:
        return _coverage_of_the_field(key, content), False
    try:
        return {name: SectionCoverage.from_wire(one) for name, one in ours.items() if name in SECTIONS}, True
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadSnapshot(f"its coverage cannot be read: {error!r}") from None


def _coverage_of_the_field(key: SnapshotKey, content: Mapping[str, Any]) -> dict[str, SectionCoverage]:
    logs = content.get("logs")
    logs = logs if isinstance(logs, Mapping) else {}
    messages: dict[str, list[str]] = {}
    listed = logs.get("message")
    for message in listed if isinstance(listed, list) else ():
        if isinstance(message, Mapping):
            for name, text in message.items():
                messages.setdefault(str(name), []).append(str(text))
    return {
        section.name: _judge(_payload(content, section), section, logs, messages)
        for section in SECTIONS.values()
        if key.region != GLOBAL or section.scope is not Scope.REGION
    }


def _judge(
    payload: Payload | None, section: Section, logs: Mapping[str, Any], messages: Mapping[str, list[str]]
) -> SectionCoverage:
    """The sender's own status, mapped: a Pass with a message hides a failure, so it is `partial`."""
    said = logs.get(f"{section.status_field}_status") if section.status_field else "Pass"
    message = "; ".join(messages.get(section.status_field or "", ())) or None
    if payload is None:
        return SectionCoverage(Status.FAILED, message=message or "the sender sent nothing for this section")
    try:
        rows = count_rows(section, payload)
    except BadSnapshot as error:
        return SectionCoverage(Status.FAILED, message=message or str(error))
    if said == "Pass" and not message:
        return SectionCoverage(Status.OK if rows else Status.EMPTY, rows)
    if rows:
        return SectionCoverage(Status.PARTIAL, rows, message or f"the sender's status is {said!r}")
    return SectionCoverage(Status.FAILED, message=message or f"the sender's status is {said!r}")


def _not_taken(content: Mapping[str, Any]) -> dict[str, int]:
    taken = {section.wire for section in SECTIONS.values()}
    places: dict[str, Any] = {}
    for name, value in content.items():
        if name in NESTED and isinstance(value, Mapping):
            places |= {f"{name}.{inner}": what for inner, what in value.items()}
        elif name not in ENVELOPE:
            places[name] = value
    for section in SECTIONS.values():
        payload = _payload(content, section)
        if section.parts and isinstance(payload, Mapping):
            read = {name for table in section.tables for name in table.known_fields}.union(section.parts)
            places |= {f"{section.wire}.{name}": what for name, what in payload.items() if name not in read}
    sizes = {name: len(what) if isinstance(what, list) else int(bool(what)) for name, what in places.items()}
    return {name: size for name, size in sorted(sizes.items()) if size and name not in taken}
