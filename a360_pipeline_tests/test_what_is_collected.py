"""docs/what-is-collected.md: each section, what it calls of AWS and what that takes, and the tables it fills.

`python -m a360_pipeline_tests.test_what_is_collected` writes the page anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from a360_pipeline.sections.model import History, Operation, Scope, Section
from a360_pipeline.sections.registry import SECTIONS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "what-is-collected.md"
INTRODUCTION = """# What is collected

Every section, with the operations that it calls of AWS, the IAM actions which these take, and the tables it fills.
This page is made from the sections themselves. [The member role's policy](../infra/member-role-policy.json) is made
of the same actions, and `a360 preflight` tries them.
"""
ASKED = {
    Scope.ORGANIZATION: "once, by the hub, for all accounts",
    Scope.ACCOUNT: "each account, once",
    Scope.REGION: "each account, in every region",
}
TELLS = {
    History.EXACT: "how it was on a past day, too",
    History.TRAILING: "how it was on a past day, too, and restates that later",
    History.SNAPSHOT: "only how it is now",
}
HEADER = ("| operation | IAM actions | price |", "|---|---|---|")


def page() -> str:
    ours = [section for section in SECTIONS.values() if section.is_collected]
    others = [section for section in SECTIONS.values() if not section.is_collected]
    lines = [INTRODUCTION]
    for section in ours:
        lines += [*described(section), "", *HEADER, *map(row, section.operations), ""]
    lines += ["# What is not asked of AWS", ""]
    for section in others:
        lines += [f"- `{section.name}`, {section.title}. {tables_of(section)}"]
    return "\n".join(lines) + "\n"


def described(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    yield ""
    yield f"- Section `{section.name}`, in a snapshot under `{section.wire}`."
    of_account = "; once more for what is in no region" if section.collect_account else ""
    yield f"- Asked: {ASKED[section.scope]}{of_account}."
    if section.collect_members:
        yield "- An administrator account can answer for all (`A360_ADMINISTRATORS`)."
    yield f"- AWS tells {TELLS[section.history]}."
    yield f"- {tables_of(section)}"


def tables_of(section: Section) -> str:
    names = ", ".join(f"`{table.name}`" for table in section.tables)
    return f"{'Tables' if len(section.tables) > 1 else 'Table'}: {names}."


def row(operation: Operation) -> str:
    actions = "<br>".join(f"`{action}`" for action in operation.actions)
    price = f"${operation.usd_per_request} a request" if operation.usd_per_request else ""
    return f"| {operation.service} {operation.name} | {actions} | {price} |"


@pytest.mark.parametrize("section", SECTIONS.values(), ids=lambda section: section.name)
def test_a_section_is_told_with_its_operations_and_tables(section: Section) -> None:
    text = page()
    assert f"`{section.name}`" in text
    for table in section.tables:
        assert f"`{table.name}`" in text
    for operation in section.operations:
        assert row(operation) in text


def test_prices_and_other_actions_are_told() -> None:
    text = page()
    assert "| ce GetCostAndUsage | `ce:GetCostAndUsage` | $0.01 a request |" in text
    assert "| s3 ListBuckets | `s3:ListAllMyBuckets` |  |" in text
    assert "`compute-optimizer:GetEC2InstanceRecommendations`<br>`ec2:DescribeInstances`" in text


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m a360_pipeline_tests.test_what_is_collected`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
