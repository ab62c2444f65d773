"""Declarations of sections: they agree with AWS, with the contract, and with one another."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from a360_pipeline.sections.model import Column, Kept, Operation, Reference, Scope, Section, Table, Type
from a360_pipeline.sections.registry import SECTIONS, TABLES, is_paid
from a360_pipeline.warehouse.posture import FIGURES
from a360_pipeline.warehouse.tables import ALL_TABLES

CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "contract" / "tables.json"
BY_NAME = {table.name: table for table in TABLES}
OPERATIONS = sorted(
    {operation for section in SECTIONS.values() for operation in section.operations},
    key=lambda operation: (operation.service, operation.name),
)
NAME = re.compile(r"[a-z][a-z0-9_]*")
WITH_TIMES_OF_THEIR_OWN = {"findings", "guard_duty_findings"}
TABLES_OF_OURS = {"health_affected_entities"}
"""What no sender in the field ever told."""
REFERENCES_ADDED = {("findings", "account_id"), ("non_compliant_resources", "account_id")}
"""Rows that outlive what they were first told with, and so say themselves whose they are."""
WIDER: dict[str, frozenset[Type]] = {
    "varchar": frozenset({Type.TEXT}),
    "text": frozenset({Type.TEXT}),
    "enum": frozenset({Type.TEXT}),
    "integer": frozenset({Type.BIGINT, Type.NUMERIC}),
    "bigint": frozenset({Type.BIGINT, Type.NUMERIC}),
    "numeric": frozenset({Type.NUMERIC}),
    "boolean": frozenset({Type.BOOLEAN}),
    "date": frozenset({Type.DATE}),
    "timestamp with time zone": frozenset({Type.TIMESTAMPTZ}),
    "jsonb": frozenset({Type.JSONB}),
}
"""What a column of the contract may be here: the same, or more of it."""


@cache
def contract() -> dict[str, Any]:
    if not CONTRACT.exists():
        return {"enums": {}, "tables": {}}
    read: dict[str, Any] = json.loads(CONTRACT.read_text(encoding="utf-8"))
    return read


KEPT_TABLES = [table for table in TABLES if table.name in contract()["tables"]]
needs_contract = pytest.mark.skipif(not KEPT_TABLES, reason="the contract with the field is not at hand")


@cache
def operations_of(service: str) -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_service_model(service).operation_names)


def name_of(declared: Section | Table | Operation) -> str:
    return declared.action if isinstance(declared, Operation) else declared.name


def written_by_the_server(table: Table) -> set[str]:
    return {"id", *table.stamps}


each_section = pytest.mark.parametrize("section", SECTIONS.values(), ids=name_of)
each_table = pytest.mark.parametrize("table", TABLES, ids=name_of)
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
each_kept_table = pytest.mark.parametrize("table", KEPT_TABLES, ids=name_of)


# --- Sections


def test_every_section_has_a_place_of_its_own_in_the_snapshot() -> None:
    assert not [wire for wire, n in Counter(s.wire for s in SECTIONS.values()).items() if n > 1]
    wires = [section.wire.split(".") for section in SECTIONS.values()]
    assert not [(a, b) for a in wires for b in wires if a is not b and a == b[: len(a)]]


def test_a_section_is_filed_under_its_own_name() -> None:
    assert {name: section.name for name, section in SECTIONS.items()} == {name: name for name in SECTIONS}


@each_section
def test_a_section_is_named_for_machines_and_titled_for_people(section: Section) -> None:
    assert NAME.fullmatch(section.name)
    assert section.title[0].isupper()
    assert not section.title.endswith(".")
    # Senders report on every section but on what they report with.
    assert (section.status_field is None) is (section.name == "logs")


@each_section
def test_a_section_is_asked_as_its_scope_says(section: Section) -> None:
    """One that nothing collects yet is only read from snapshots of senders in the field."""
    not_of_its_scope = section.collect if section.scope is Scope.ORGANIZATION else section.collect_all
    assert not_of_its_scope is None


@each_section
def test_a_section_calls_something_if_it_is_collected_and_fills_something(section: Section) -> None:
    assert bool(section.operations) is (section.collect is not None or section.collect_all is not None)
    assert len(set(section.operations)) == len(section.operations)
    assert any(not table.frames for table in section.tables)


@each_operation
def test_an_operation_is_one_that_the_service_has(operation: Operation) -> None:
    """S14, I20: what AWS does not have is never called."""
    assert operation.name in operations_of(operation.service)


@each_operation
def test_an_operation_has_an_iam_action(operation: Operation) -> None:
    """I20: an action with a typo permits nothing."""
    assert re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]+", operation.action)


@each_operation
def test_what_aws_bills_by_request_is_counted_as_paid(operation: Operation) -> None:
    """S28: Cost Explorer takes a cent a request; nobody is surprised by its bill."""
    assert operation.usd_per_request >= 0
    assert (operation.usd_per_request > 0) is (operation.service == "ce")
    assert is_paid(operation.service, operation.name) is (operation.service == "ce")


def test_an_operation_that_no_section_calls_is_not_paid() -> None:
    assert not is_paid("ce", "GetNothing")


# --- Tables


def test_every_table_is_declared_once() -> None:
    declared = [table.name for section in SECTIONS.values() for table in section.tables]
    assert sorted(declared) == sorted(set(declared))
    assert sorted(table.name for table in TABLES) == sorted(declared)
    assert len({table.name for table in ALL_TABLES}) == len(ALL_TABLES)


@each_table
def test_a_table_and_its_columns_have_names_that_need_no_quotes(table: Table) -> None:
    columns = [column.name for column in table.columns]
    assert all(NAME.fullmatch(name) for name in (table.name, *columns))
    assert len(set(columns)) == len(columns)
    assert not written_by_the_server(table) & set(columns)
    assert table.description.endswith(".")


@each_table
def test_a_table_has_a_key_of_columns_that_it_has(table: Table) -> None:
    columns = {column.name for column in table.columns}
    assert table.key
    assert set(table.key) <= columns
    assert len(set(table.key)) == len(table.key)


@each_table
def test_a_key_is_of_columns_that_a_load_writes(table: Table) -> None:
    by_hand = {column.name for column in table.columns if isinstance(column, Column) and not column.is_loaded}
    assert not by_hand & set(table.key)


@each_table
def test_only_dated_tables_have_sets_that_are_replaced_and_a_set_is_part_of_the_key(table: Table) -> None:
    """R20, R18: a newer report of a day replaces that day's rows and no others."""
    if table.set_of:
        assert table.kept is Kept.DATED
    assert set(table.set_of) <= {column.name for column in table.columns}
    assert set(table.set_of) <= set(table.key)


@each_table
def test_a_reference_names_its_parent_by_its_whole_natural_key(table: Table) -> None:
    """R6: a row is attached to the parent that it names, not to the first there is."""
    for reference in table.references:
        parent = BY_NAME[reference.table]
        named = {column for column, _ in reference.on}
        # A parent that belongs to an account is looked for among the rows of the same account.
        given = {"account_id"} if any(each.name == "account_id" for each in parent.references) else set()
        assert named | given == set(parent.key)
        assert not named & given
        assert all(isinstance(column, Column) for column in parent.columns if column.name in named)


@each_table
def test_a_parent_comes_before_its_children(table: Table) -> None:
    names = [each.name for each in TABLES]
    assert all(names.index(each.table) < names.index(table.name) for each in table.references)


@each_table
def test_a_table_of_facts_belongs_to_an_account(table: Table) -> None:
    """R2: whose a row is can be told from the row."""
    seen, waiting = set(), [table]
    while waiting:
        seen |= {each.table for each in waiting[0].references}
        waiting = [*waiting[1:], *(BY_NAME[each.table] for each in waiting[0].references)]
    assert ("accounts" in seen) is (table.name not in {"accounts", "products"})


@each_table
def test_what_people_set_by_hand_no_load_writes(table: Table) -> None:
    """R22: the owner of a product is not reset on each load; nor are totals that are counted, R17."""
    counted = [name for name in FIGURES if table.name == "security"]
    by_hand = [column.name for column in table.columns if isinstance(column, Column) and not column.is_loaded]
    assert by_hand == (["owner", "position", "description"] if table.name == "products" else counted)


# --- The contract with dashboards


def columns_of_contract(table: Table) -> list[tuple[str, str]]:
    """Name and type of the columns that dashboards read, lengths left out; what the server writes is not ours."""
    return [
        (column["name"], "enum" if column["type"] in contract()["enums"] else column["type"].split("(")[0])
        for column in contract()["tables"][table.name]["columns"]
        if column["name"] not in written_by_the_server(table)
    ]


@needs_contract
def test_every_table_that_is_declared_is_of_the_contract_or_listed_here_as_ours() -> None:
    assert set(BY_NAME) - {table.name for table in KEPT_TABLES} == TABLES_OF_OURS


@needs_contract
@each_kept_table
def test_every_column_that_dashboards_read_is_there(table: Table) -> None:
    declared = {column.name for column in table.columns}
    assert {name for name, _ in columns_of_contract(table)} <= declared


@needs_contract
@each_kept_table
def test_every_time_stamp_that_dashboards_read_is_there(table: Table) -> None:
    """R25: updated_at is there for a load to change; R29: unless it is the finding's own time."""
    listed = {column["name"] for column in contract()["tables"][table.name]["columns"]}
    of_the_finding = {column.name for column in table.values} if table.name in WITH_TIMES_OF_THEIR_OWN else set()
    assert listed & {"created_at", "updated_at"} <= set(table.stamps) | of_the_finding


@needs_contract
@each_kept_table
def test_no_column_is_narrower_than_dashboards_expect(table: Table) -> None:
    """R14, R32: no text has a limit, no fraction is rounded."""
    declared = {column.name: column for column in table.columns}
    for name, kind in columns_of_contract(table):
        column = declared[name]
        if isinstance(column, Reference):
            assert kind == "integer"
        else:
            assert column.type in WIDER[kind], f"{table.name}.{name} was {kind}"


@needs_contract
@each_kept_table
def test_a_reference_of_the_contract_leads_to_the_same_table(table: Table) -> None:
    expected = contract()["tables"][table.name]["references"] or []
    declared = {(each.name, each.table) for each in table.references if (table.name, each.name) not in REFERENCES_ADDED}
    assert declared == {(each["column"], each["table"]) for each in expected}
