"""A day's warehouse against the sandbox's truth: every entity of every table, in its account and region."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import dagster as dg
import psycopg
from psycopg import sql

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.definitions import defs
from a360_pipeline.defs.daily import run_day
from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.services.served import TRUTH, Truth
from a360_pipeline.sections.model import Table
from a360_pipeline.warehouse.tables import BY_NAME


def test_a_day_puts_every_entity_of_the_truth_into_its_table_and_no_other(
    environment: StandIn, instance: dg.DagsterInstance, connection: psycopg.Connection[Any]
) -> None:
    assert run_day(defs, instance) == []
    different: dict[str, tuple[list[str], list[str]]] = {}
    for name, truth in TRUTH.items():
        wanted = told(environment.organization, truth)
        assert wanted, f"the sandbox has nothing for {name}"
        found = held(connection, BY_NAME[name], list(wanted[0]))
        lacking, beyond = subtract(wanted, found), subtract(found, wanted)
        if lacking or beyond:
            different[name] = (lacking[:3], beyond[:3])
    assert different == {}


def told(organization: Organization, truth: Truth) -> list[dict[str, Any]]:
    """The rows of all accounts, each with its account and region."""
    return [
        {"account": account.id, "filed_under": region, **row}
        for account in organization.accounts
        for region in (GLOBAL, *(region.name for region in account.regions))
        for row in truth(organization, account.id, region)
    ]


def held(connection: psycopg.Connection[Any], table: Table, names: list[str]) -> list[dict[str, Any]]:
    """The rows of a table, in the columns that the truth has."""
    owner: sql.Composable = sql.SQL("t.account_id")
    if not any(reference.table == "accounts" for reference in table.references):
        owner = value_of(table, f"{table.references[0].name}.account_id")
    columns = [value_of(table, name) for name in names if name not in ("account", "filed_under")]
    query = sql.SQL("SELECT a.account_id, a.region, {} FROM {} t JOIN accounts a ON a.id = {}").format(
        sql.SQL(", ").join(columns), sql.Identifier(table.name), owner
    )
    return [dict(zip(names, row, strict=True)) for row in connection.execute(query)]


def value_of(table: Table, name: str) -> sql.Composable:
    """A column of the table `t`, or, dotted, a column of one of its parents."""
    here, _, there = name.partition(".")
    if not there:
        return sql.Identifier("t", name)
    parent = next(reference.table for reference in table.references if reference.name == here)
    return sql.SQL("(SELECT p.{} FROM {} p WHERE p.id = t.{})").format(
        sql.Identifier(there), sql.Identifier(parent), sql.Identifier(here)
    )


def subtract(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[str]:
    return sorted({shown(row) for row in rows} - {shown(row) for row in others})


def shown(row: Mapping[str, Any]) -> str:
    return json.dumps({name: plain(value) for name, value in row.items()}, sort_keys=True)


def plain(value: Any) -> Any:
    """Numbers and instants that are the same are written the same."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(Decimal(str(value)).normalize())
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value
