"""What the rules of a web ACL say: their statements, however deep they are nested, and what comes of a match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from a360_pipeline.sections.model import Row

LOGIC = {"AndStatement": "Statements", "OrStatement": "Statements", "NotStatement": "Statement"}
INSIDE = {**LOGIC, "RateBasedStatement": "ScopeDownStatement", "ManagedRuleGroupStatement": "ScopeDownStatement"}
"""By type of statement: the member that holds the statements in it."""
GROUPS = ("ManagedRuleGroupStatement", "RuleGroupReferenceStatement")
"""Statements that stand for rules which the ACL does not tell."""
FIREWALL_MANAGER = {
    "PRE_PROCESS": "PreProcessFirewallManagerRuleGroups",
    "POST_PROCESS": "PostProcessFirewallManagerRuleGroups",
}


def rules_of(acl: Row) -> list[Row]:
    """The rules of a web ACL as GetWebACL has it, those of Firewall Manager told by `Process` and read alike."""
    managed = [
        {**rule, "Process": process, "Statement": rule["FirewallManagerStatement"]}
        for process, member in FIREWALL_MANAGER.items()
        for rule in acl.get(member, ())
    ]
    return [*acl.get("Rules", ()), *managed]


def nested(statement: Row) -> Iterator[tuple[str, Any]]:
    """A statement and all in it, outermost first: the type of each, and what it says."""
    for kind, said in statement.items():
        yield kind, said
        for inner in _inside(kind, said):
            yield from nested(inner)


def _inside(kind: str, said: Any) -> Sequence[Row]:
    inner = said.get(INSIDE[kind]) if kind in INSIDE else None
    return inner if isinstance(inner, list) else [inner] if inner else []


def kinds(rule: Row) -> set[str]:
    """The types of all statements in a rule."""
    return {kind for kind, _ in nested(rule["Statement"])}


def is_managed(rule: Row) -> bool:
    return "ManagedRuleGroupStatement" in rule["Statement"]


def is_rate_limit(rule: Row) -> bool:
    return "RateBasedStatement" in kinds(rule)


def looks_for(rule: Row, kind: str) -> bool | None:
    """Whether a rule has a statement of a type; None for a group of rules, which may have one that is not told."""
    return True if kind in kinds(rule) else None if set(GROUPS) & set(rule["Statement"]) else False


def ip_sets(rule: Row) -> list[str]:
    """ARNs of the IP sets that a rule names."""
    return [said["ARN"] for kind, said in nested(rule["Statement"]) if kind == "IPSetReferenceStatement"]


def blocked(rule: Row) -> Iterator[tuple[bool, Sequence[str]]]:
    """The countries whose requests a rule blocks, after True; and those that it spares when it blocks others.

    A country that is let through, counted or held to a rate is not blocked.
    """
    if "Block" in rule.get("Action", {}):
        yield from _countries(rule["Statement"], is_matched=True)


def _countries(statement: Row, *, is_matched: bool) -> Iterator[tuple[bool, Sequence[str]]]:
    for kind, said in statement.items():
        if kind == "GeoMatchStatement":
            yield is_matched, said.get("CountryCodes", ())
        for inner in _inside(kind, said) if kind in LOGIC else ():
            yield from _countries(inner, is_matched=is_matched is not (kind == "NotStatement"))
