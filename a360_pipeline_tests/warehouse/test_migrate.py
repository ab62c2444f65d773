"""The migration creates what is declared, adds what lacks, and breaks nothing that dashboards bind to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from a360_pipeline.warehouse.migrate import Migration, migrate, view_files
from a360_pipeline.warehouse.tables import ALL_TABLES

CONTRACT = Path(__file__).parents[3] / "shared" / "contract"
OWN_VIEWS = {
    "account_context",
    "view_changes_since_yesterday",
    "view_cost_anomalies",
    "view_cost_history",
    "view_iam_access_keys",
    "view_iam_users",
}


@pytest.fixture
def url(new_database: Callable[[str], str]) -> str:
    return new_database("template0")


def columns(connection: psycopg.Connection[Any], relation: str) -> list[str]:
    cursor = connection.execute(f'SELECT * FROM "{relation}" LIMIT 0'.encode())
    return [column.name for column in cursor.description or ()]


def contract(name: str) -> Any:
    path = CONTRACT / name
    if not path.exists():
        pytest.skip("the contract is not at hand")
    return json.loads(path.read_text())


def test_a_second_migration_finds_nothing_to_add(url: str) -> None:
    first = migrate(url)
    assert {f"table {table.name}" for table in ALL_TABLES} <= set(first.added)
    assert migrate(url) == Migration((), first.views)


def test_two_migrations_at_once_end_like_one(url: str) -> None:
    start = threading.Barrier(2)
    done: list[Migration] = []

    def work() -> None:
        start.wait()
        done.append(migrate(url))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bool(migration.added) for migration in done) == [False, True]


def test_a_missing_column_and_index_are_added_and_rows_stay(url: str) -> None:
    migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO accounts (account_id, region) VALUES ('1', 'Global')")
        connection.execute("ALTER TABLE accounts DROP COLUMN csp CASCADE")
        connection.execute("DROP INDEX kms_keys_live_idx")
    migration = migrate(url)
    assert set(migration.added) == {"column accounts.csp", "index kms_keys_live_idx"}
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT account_id, csp FROM view_accounts").fetchall() == [("1", None)]


def test_what_nobody_declares_is_left_alone(url: str) -> None:
    migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE mine (n int)")
        connection.execute("ALTER TABLE accounts ADD COLUMN note text")
    assert migrate(url).added == ()
    with psycopg.connect(url) as connection:
        assert columns(connection, "mine") == ["n"]
        assert "note" in columns(connection, "accounts")


def test_a_view_of_ours_that_changed_its_columns_is_made_anew_and_nobody_elses_is_dropped(url: str) -> None:
    migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute("DROP VIEW view_contact_info")
        connection.execute("CREATE VIEW view_contact_info AS SELECT 1 AS other")
    migrate(url)
    with psycopg.connect(url) as connection:
        assert "city" in columns(connection, "view_contact_info")
        connection.execute("DROP VIEW view_contact_info")
        connection.execute("CREATE VIEW view_contact_info AS SELECT 1 AS other")
        connection.execute("CREATE VIEW mine AS SELECT other FROM view_contact_info")
    with pytest.raises(sa.exc.InternalError, match="view mine depends on view view_contact_info"):
        migrate(url)


def test_views_keep_their_grants(url: str) -> None:
    migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute("DO $$ BEGIN CREATE ROLE dashboard; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        connection.execute("GRANT SELECT ON view_accounts TO dashboard")
    migrate(url)
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT has_table_privilege('dashboard', 'view_accounts', 'SELECT')").fetchone()
        assert row == (True,)
        connection.execute("DROP OWNED BY dashboard")


def test_views_begin_with_the_columns_of_the_contract(connection: psycopg.Connection[Any]) -> None:
    views = contract("views.json")
    ours = set(view_files()) - OWN_VIEWS
    assert ours <= set(views)
    for name in ours:
        assert columns(connection, name)[: len(views[name])] == views[name], name


def test_what_dashboards_bind_to_is_there(connection: psycopg.Connection[Any]) -> None:
    bound = contract("quicksight-columns.json")
    for name in set(bound) & set(view_files()):
        assert set(bound[name]) <= set(columns(connection, name)), name


def test_tables_have_every_column_of_the_contract(connection: psycopg.Connection[Any]) -> None:
    tables = contract("tables.json")["tables"]
    for table in ALL_TABLES:
        if table.name in tables:
            expected = {column["name"] for column in tables[table.name]["columns"]}
            assert expected <= set(columns(connection, table.name)), table.name


def test_every_view_says_in_its_first_line_what_it_is_for() -> None:
    for name, query in view_files().items():
        assert query.startswith("-- "), name
