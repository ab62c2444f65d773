"""A database that the field has filled is taken over whole: our shape, our keys, every row once, or not at all."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count, product
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from a360_pipeline.sections.model import Scope
from a360_pipeline.sections.registry import TABLES
from a360_pipeline.snapshot.sources import FolderStore
from a360_pipeline.warehouse import adopt as adopting
from a360_pipeline.warehouse.adopt_rows import ACCOUNT_WIDE
from a360_pipeline.warehouse.load import LoadResult, load
from a360_pipeline.warehouse.migrate import MigrationRefused, migrate, view_files
from a360_pipeline_tests.conftest import FIELD_SNAPSHOTS
from a360_pipeline_tests.warehouse.contents import contents

CONTRACT = Path(__file__).parents[3] / "shared" / "contract" / "tables.json"
ACCOUNTS = ("856763896160", "461768067441")
REGIONS = ("us-east-1", "eu-west-1")
LOADED = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
LATER = LOADED + dt.timedelta(hours=1)
DAY, NEXT_DAY = dt.date(2026, 2, 1), dt.date(2026, 2, 2)
AGGREGATES = {
    "view_summary",
    "view_product_summary",
    "view_acct_summary",
    "view_acct_security_findings_summary",
    "view_compute_optimizer_summary",
    "view_service_resources_summary",
}

Connection = psycopg.Connection[Any]
ENOUGH: dict[str, Any] = {"integer": 0, "numeric": 0, "date": DAY, "timestamp": LOADED, "period_g": "DAILY"}
"""For columns that the field requires and a test does not care for, by the beginning of their type."""


class Field:
    """A database as the system in the field makes and fills it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.contract = json.loads(CONTRACT.read_text())
        self.numbers = count(1)

    def make(self) -> None:
        for name, values in self.contract["enums"].items():
            self.run("CREATE TYPE {} AS ENUM ({})", name, sql.SQL(", ").join(map(sql.Literal, values)))
        for name, table in self.contract["tables"].items():
            columns = [
                f'"{c["name"]}" '
                + ("serial PRIMARY KEY" if c["name"] == "id" else c["type"] + ("" if c["nullable"] else " NOT NULL"))
                + (" DEFAULT now()" if c["name"] in ("created_at", "updated_at") else "")
                for c in table["columns"]
            ]
            columns += [f"UNIQUE ({', '.join(key)})" for key in table["unique"] or ()]
            self.run("CREATE TABLE {} ({})", name, sql.SQL(", ".join(columns)))
        for name, table in self.contract["tables"].items():
            for reference in table["references"] or ():
                self.run(
                    "ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {} (id) ON DELETE CASCADE",
                    name,
                    sql.Identifier(reference["column"]),
                    sql.Identifier(reference["table"]),
                )

    def run(self, statement: str, name: str, *parts: sql.Composable) -> None:
        self.connection.execute(sql.SQL(statement).format(sql.Identifier(name), *parts))

    def put(self, table: str, **values: Any) -> int:
        """Inserts a row, with something in each column that must not be null; returns its id."""
        row = dict(values)
        for column in self.contract["tables"][table]["columns"]:
            name, kind = column["name"], column["type"]
            if not column["nullable"] and name not in row and name != "id":
                row[name] = next((v for k, v in ENOUGH.items() if kind.startswith(k)), f"x{next(self.numbers)}"[:12])
            if name == "created_at":
                row.setdefault(name, LOADED)
            if name == "updated_at":
                row.setdefault(name, row["created_at"])
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join([sql.Placeholder()] * len(row)),
        )
        found = self.connection.execute(statement, list(row.values())).fetchone()
        assert found is not None
        return int(found[0])

    def account(self, account: str, region: str, **values: Any) -> int:
        invented = {
            "account_name": "None",
            "account_email": "unknown@example.com",
            "joined_timestamp": dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
            "partner_name": "None",
            "customer_name": "Example Corp",
        }
        return self.put("accounts", account_id=account, region=region, **{**invented, **values})

    def fill(self) -> None:
        """Two accounts in two regions, with everything that goes wrong in the field."""
        self.connection.execute("ALTER TABLE accounts ALTER COLUMN created_at DROP DEFAULT")
        none = self.put("products", name="None")
        for account, region in product(ACCOUNTS, REGIONS):
            row = self.account(account, region)
            at = {"account_id": row, "created_at": LATER if region == "us-east-1" else LOADED}
            self.put("product_accounts", product_id=none, account_id=row)
            self.account_wide(account, region, at)
            self.regional(account, region, at)
            for table in ("contact_info", "config_inventory", "marketplace_usage"):
                named = {"config_inventory": {"resource_id": f"vpc-{row}"}, "marketplace_usage": {"product_code": "p"}}
                self.put(table, **at, **named.get(table, {}))
            for table, key in {
                "alternate_contacts": "contact_type",
                "application_signals": "service_name",
                "certificates": "arn",
                "compute_optimizer": "resource_arn",
                "health_events": "arn",
                "inspector_findings": "finding_arn",
                "resilience_hub_apps": "app_arn",
                "secrets_manager_secrets": "arn",
                "support_tickets": "case_id",
                "trusted_advisor_checks": "check_name",
            }.items():
                shared = table in ("alternate_contacts", "trusted_advisor_checks")
                self.put(table, **at, **{key: "shared" if shared else f"{account}:{region}:{table}"})
            self.put("ri_sp_daily_savings", **at, subscription_id="s", reservation_type="RI", date_to=NEXT_DAY)

    def account_wide(self, account: str, region: str, at: dict[str, Any]) -> None:
        """What every region's sender says of the whole account."""
        newest = region == "us-east-1"
        report = self.put(
            "cost_reports",
            **at,
            current_period_cost=100 if newest else 90,
            period_start=DAY,
            period_end=NEXT_DAY,
            period_granularity="DAILY",
            region=region,
        )
        for service in ("EC2", "S3"):
            self.put("service_costs", cost_report_id=report, service_name=service, cost=50, region=region)
            self.put("services", **at, service=service, date_from=DAY, date_to=NEXT_DAY, cost=50, usage_types="All")
        self.put("cost_forecasts", cost_report_id=report, period_start=DAY, period_end=dt.date(2026, 12, 1), amount=7)
        self.put("service_resources", **at, service_name="S3", resource_id=f"b-{account}", region=region)
        self.put("service_resources", **at, service_name="EC2", resource_id=f"i-{account}", region=region)
        for scope in ("CLOUDFRONT", "REGIONAL"):
            self.put("waf_rules", **at, scope=scope, waf_id=f"{account}-{scope}", name=region)
            self.put("waf_rules_detailed", **at, scope=scope, web_acl_name=scope, rule_name="r")
        self.put("cloudtrail_logs", **at, arn=f"arn:{account}:{region}", is_multi_region=newest)

    def regional(self, account: str, region: str, at: dict[str, Any]) -> None:
        """What belongs to a region, repeated and collapsed."""
        for state, time in (("Enabled", LOADED), ("PendingDeletion", LATER)):
            key = {"key_id": "mrk-1", "arn": f"arn:aws:kms:{region}:{account}:key/mrk-1", "key_state": state}
            self.put("kms_keys", **{**at, "created_at": time}, **key)
            finding = {"detector_id": f"finding-{account}-{region}", "title": state}
            self.put("guard_duty_findings", **{**at, "created_at": time}, **finding)
        first = self.put("inventory_instances", **at, instance_id=f"i-1-{account}-{region}")
        self.put("inventory_instances", **at, instance_id=f"i-2-{account}-{region}")
        for name in ("app", "app", "other"):
            self.put("inventory_applications", **at, instance_id=first, name=name, version="1")
        self.put("inventory_applications", **at, instance_id=None, name="lost")
        self.put("inventory_patches", **at, instance_id=first, title="KB1")
        security = self.put("security", **at, service="Macie", total_findings=1)
        self.put("findings", security_id=security, finding_id=f"f-{account}-{region}", created_at=LOADED)
        report = self.put("config_reports", **at, date_from=DAY, date_to=NEXT_DAY)
        for resource, kinds in {
            "a": ("NON_COMPLIANT", "COMPLIANT"),
            "b": ("COMPLIANT",),
            "c": ("NON_COMPLIANT",),
        }.items():
            for hour, kind in enumerate(kinds):
                self.put(
                    "non_compliant_resources",
                    config_report_id=report,
                    resource_id=resource,
                    rule_name="rule",
                    compliance_type=kind,
                    status="OPEN",
                    created_at=LOADED + dt.timedelta(hours=hour),
                )
        log = self.put("logs", **at, date_created=dt.datetime(2026, 2, 2, tzinfo=dt.UTC), cost_status="Pass")
        for message in ("no access", "no access", "throttled"):
            self.put("log_messages", log_id=log, message=message, message_type="cost")


@pytest.fixture
def url(new_database: Callable[[str], str]) -> str:
    if not CONTRACT.exists():
        pytest.skip("the contract is not at hand")
    return new_database("template0")


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as opened:
        yield opened


@pytest.fixture
def field(connection: Connection) -> Field:
    made = Field(connection)
    made.make()
    return made


@pytest.fixture
def filled(field: Field) -> Field:
    field.fill()
    return field


def ask(connection: Connection, query: str) -> list[Any]:
    return [row[0] if len(row) == 1 else row for row in connection.execute(query.encode())]


def whole(connection: Connection) -> dict[str, list[Any]]:
    """Every row of every table, and every column's type."""
    names = ask(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    rows = {name: ask(connection, f'SELECT to_jsonb(t)::text FROM "{name}" t ORDER BY 1') for name in names}
    shape = "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
    rows["@columns"] = ask(connection, f"{shape} WHERE table_schema = 'public' ORDER BY 1, 2")
    rows["@constraints"] = ask(connection, "SELECT conrelid::regclass::text, conname FROM pg_constraint ORDER BY 1, 2")
    return rows


def test_without_adopt_a_database_of_the_field_is_refused_and_left_alone(url: str, filled: Field) -> None:
    before = whole(filled.connection)
    with pytest.raises(MigrationRefused, match=r"36 tables .* make a backup, then run `a360 migrate --adopt`"):
        migrate(url)
    assert whole(filled.connection) == before


def test_adoption_brings_every_table_to_the_shape_of_a_new_warehouse(
    url: str, filled: Field, new_database: Callable[[str], str]
) -> None:
    adopted = migrate(url, adopt=True).adopted
    assert adopted is not None
    assert set(adopted.tables) == set(filled.contract["tables"])
    assert {"accounts.id", "accounts.account_name", "cost_reports.period_granularity"} <= set(adopted.widened)
    with psycopg.connect(new_database("template_warehouse"), autocommit=True) as new:
        shapes = [
            (
                "SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision, "
                "is_nullable, column_default, is_identity FROM information_schema.columns "
                "WHERE table_schema = 'public' ORDER BY 1, 2"
            ),
            (
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 1, 2"
            ),
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
            "SELECT attrelid::regclass::text, attname, col_description(attrelid, attnum) FROM pg_attribute "
            "WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind = 'r') AND attnum > 0 AND NOT attisdropped ORDER BY 1, 2",
        ]
        for shape in shapes:
            assert ask(filled.connection, shape) == ask(new, shape)


def test_a_second_adoption_finds_nothing_to_do(url: str, filled: Field) -> None:
    first = migrate(url, adopt=True)
    before = whole(filled.connection)
    second = migrate(url, adopt=True)
    assert second.added == ()
    assert second.adopted == adopting.Adoption()
    assert whole(filled.connection) == before
    assert migrate(url).views == first.views


@pytest.mark.parametrize("step", ["set_aside", "reshape", "make_global_rows", "merge_duplicates", "add_key"])
def test_a_failure_in_the_middle_leaves_the_database_as_it_was(
    step: str, url: str, filled: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.connection.execute("CREATE VIEW theirs AS SELECT account_name FROM accounts")
    before = whole(filled.connection)
    real = getattr(adopting, step)
    calls = count(1)

    def fails(*arguments: Any) -> Any:
        done = real(*arguments)
        if next(calls) == 1 + (step in ("reshape", "merge_duplicates", "add_key")) * 9:
            raise RuntimeError("pulled the plug")
        return done

    monkeypatch.setattr(adopting, step, fails)
    with pytest.raises(RuntimeError, match="pulled the plug"):
        migrate(url, adopt=True)
    assert whole(filled.connection) == before
    assert len(ask(filled.connection, "SELECT account_name FROM theirs")) == 4


def test_each_account_gets_its_row_of_no_region_and_loses_what_was_invented(url: str, filled: Field) -> None:
    """R21, R23, R24."""
    adopted = migrate(url, adopt=True).adopted
    assert adopted is not None
    assert adopted.removed == {"products": 1, "product_accounts": 4}
    rows = ask(
        filled.connection,
        "SELECT account_id, region, account_name, account_email, joined_timestamp, partner_name, customer_name, "
        "first_seen, last_seen, retired_at FROM accounts",
    )
    day = LOADED.date()
    assert Counter(rows) == Counter(
        (account, region, None, None, None, None, "Example Corp", day, day, None)
        for account, region in product(ACCOUNTS, (*REGIONS, "Global"))
    )
    assert ask(filled.connection, "SELECT count(*) FROM products") == [0]


def test_real_attributes_and_products_stay_and_the_new_row_is_linked_to_them(url: str, field: Field) -> None:
    rows = [field.account("111122223333", region, account_name="shop", account_email="a@b.c") for region in REGIONS]
    mine = [field.put("products", name=name, owner="me") for name in ("Shop", "Shop", "None of these")]
    for link in (mine[0], mine[1], mine[2]):
        field.put("product_accounts", product_id=link, account_id=rows[0])
    migrate(url, adopt=True)
    assert ask(field.connection, "SELECT DISTINCT account_name, account_email FROM accounts") == [("shop", "a@b.c")]
    assert ask(field.connection, "SELECT name, owner, id FROM products ORDER BY 1") == [
        ("None of these", "me", mine[2]),
        ("Shop", "me", mine[1]),
    ]
    linked = "SELECT a.region, count(*) FROM product_accounts l JOIN accounts a ON a.id = l.account_id GROUP BY 1"
    assert ask(field.connection, f"{linked} ORDER BY 1") == [("Global", 2), ("us-east-1", 2)]


def test_cost_stands_once_per_account_and_the_newest_figure_wins(url: str, filled: Field) -> None:
    """R9: never summed."""
    migrate(url, adopt=True)
    costs = "SELECT a.account_id, a.region, t.region, t.current_period_cost, t.told_on FROM cost_reports t"
    assert Counter(ask(filled.connection, f"{costs} JOIN accounts a ON a.id = t.account_id")) == Counter(
        (account, "Global", "Global", 100, NEXT_DAY) for account in ACCOUNTS
    )
    of_account = "SELECT account, sum(cost) FROM {} GROUP BY 1 ORDER BY 1"
    for view in ("view_acct_serv", "view_acct_serv_cost"):
        assert ask(filled.connection, of_account.format(view)) == [(account, 100) for account in sorted(ACCOUNTS)]
    forecast = "SELECT amount, period_end, told_on, region FROM cost_forecasts"
    assert ask(filled.connection, forecast) == [(7, dt.date(2026, 12, 1), NEXT_DAY, "Global")] * 2


def test_what_no_region_owns_is_filed_once_and_what_a_region_owns_stays_there(url: str, filled: Field) -> None:
    """R10."""
    migrate(url, adopt=True)

    def filed(table: str, what: str) -> list[Any]:
        return ask(
            filled.connection,
            f"SELECT DISTINCT a.region, {what}, count(*) OVER (PARTITION BY a.region, {what}) FROM {table} t "
            "JOIN accounts a ON a.id = t.account_id ORDER BY 1, 2",
        )

    everywhere = [("eu-west-1", 2), ("us-east-1", 2)]
    assert filed("service_resources", "service_name") == [
        ("Global", "S3", 2),
        *((region, "EC2", n) for region, n in everywhere),
    ]
    for table in ("waf_rules", "waf_rules_detailed"):
        assert filed(table, "scope") == [
            ("Global", "CLOUDFRONT", 2),
            *((region, "REGIONAL", n) for region, n in everywhere),
        ]
    assert filed("cloudtrail_logs", "is_multi_region") == [("Global", True, 2), ("eu-west-1", False, 2)]
    for table in ("trusted_advisor_checks", "alternate_contacts", "contact_info", "ri_sp_daily_savings"):
        assert filed(table, "0") == [("Global", 0, 2)]
    assert filed("support_tickets", "0") == [("Global", 0, 4)]


def test_of_rows_that_say_the_same_the_newest_stands_seen_since_the_first(url: str, field: Field) -> None:
    """R11, R29: a key of several regions is a key of each; a finding's id was stored as its detector's."""
    row = field.account("111122223333", "us-east-1")
    for day, state in enumerate(("Enabled", "Disabled", "PendingDeletion")):
        at = {"account_id": row, "created_at": LOADED + dt.timedelta(days=day)}
        field.put("kms_keys", **at, key_id="k", arn="arn:k", key_state=state)
        field.put("kms_keys", **at, key_id="k", arn="arn:k:eu", key_state="Enabled")
        field.put("guard_duty_findings", **at, detector_id="f", title=state)
    adopted = migrate(url, adopt=True).adopted
    assert adopted is not None
    assert adopted.merged == {"kms_keys": 4, "guard_duty_findings": 2}
    seen = (LOADED.date(), LOADED.date() + dt.timedelta(days=2), None)
    keys = "SELECT arn, key_state, first_seen, last_seen, retired_at FROM kms_keys ORDER BY 1"
    assert ask(field.connection, keys) == [("arn:k", "PendingDeletion", *seen), ("arn:k:eu", "Enabled", *seen)]
    findings = "SELECT finding_id, detector_id, title, created_at, first_seen, last_seen, retired_at"
    assert ask(field.connection, f"{findings} FROM guard_duty_findings") == [
        ("f", None, "PendingDeletion", None, *seen)
    ]


def test_children_follow_the_row_that_stands_and_are_one_a_key_then(url: str, field: Field) -> None:
    """Rows of accounts without a region are one to us, and so are then their instances and what is on these."""
    rows = [field.account("111122223333", None) for _ in range(2)]
    field.connection.execute("ALTER TABLE inventory_instances DROP CONSTRAINT inventory_instances_instance_id_key")
    for number, row in enumerate(rows):
        at = {"account_id": row, "created_at": LOADED + dt.timedelta(hours=number)}
        instance = field.put("inventory_instances", **at, instance_id="i-1")
        for name in ("same", f"only {number}"):
            field.put("inventory_applications", **at, instance_id=instance, name=name, publisher=str(number))
    migrate(url, adopt=True)
    names = "SELECT t.name, t.publisher, i.instance_id, a.region FROM inventory_applications t"
    joined = f"{names} JOIN inventory_instances i ON i.id = t.instance_id JOIN accounts a ON a.id = t.account_id"
    assert ask(field.connection, f"{joined} ORDER BY 1") == [
        ("only 0", "0", "i-1", None),
        ("only 1", "1", "i-1", None),
        ("same", "1", "i-1", None),
    ]


def test_messages_of_a_log_are_all_kept_in_their_order(url: str, filled: Field) -> None:
    """R27."""
    migrate(url, adopt=True)
    told = "SELECT number, message, count(*), min(told_on) FROM log_messages GROUP BY 1, 2 ORDER BY 1"
    assert ask(filled.connection, told) == [
        (1, "no access", 4, NEXT_DAY),
        (2, "no access", 4, NEXT_DAY),
        (3, "throttled", 4, NEXT_DAY),
    ]


def test_rows_that_our_shape_cannot_hold_are_rejected_whole(url: str, filled: Field) -> None:
    """R26: what was found compliant, and never anything else, is among them."""
    filled.put("kms_keys", account_id=1, key_id="without an ARN")
    filled.connection.execute("ALTER TABLE kms_keys DROP CONSTRAINT kms_keys_pkey")
    adopted = migrate(url, adopt=True).adopted
    assert adopted is not None
    assert adopted.rejected == {"inventory_applications": 4, "non_compliant_resources": 4, "kms_keys": 1}
    rejected = (
        "SELECT table_name, reason, count(*), min(\"row\" ->> 'name'), min(\"row\" ->> 'key_id') FROM rejected_rows"
    )
    assert ask(filled.connection, f"{rejected} GROUP BY 1, 2 ORDER BY 1") == [
        ("inventory_applications", "adopted without a parent: no row of inventory_instances", 4, "lost", None),
        ("kms_keys", "adopted without a key: it has nothing of what tells it from others", 1, None, "without an ARN"),
        ("non_compliant_resources", "adopted as compliant: nothing says that it ever was not", 4, None, None),
    ]
    whose = "SELECT account_id, region FROM rejected_rows WHERE table_name = 'kms_keys'"
    assert ask(filled.connection, whose) == [(ACCOUNTS[0], REGIONS[0])]
    held = "SELECT resource_id, compliance_type, status, count(*) FROM non_compliant_resources GROUP BY 1, 2, 3"
    assert ask(filled.connection, f"{held} ORDER BY 1") == [
        ("a", "COMPLIANT", "RESOLVED", 4),
        ("c", "NON_COMPLIANT", "OPEN", 4),
    ]


def test_findings_and_results_belong_to_the_account_of_their_parent(url: str, filled: Field) -> None:
    migrate(url, adopt=True)
    for table, parent, reference in (
        ("findings", "security", "security_id"),
        ("non_compliant_resources", "config_reports", "config_report_id"),
    ):
        astray = (
            f"SELECT count(*) FROM {table} t JOIN {parent} p ON p.id = t.{reference} WHERE t.account_id <> p.account_id"
        )
        assert ask(filled.connection, astray) == [0]
        assert ask(filled.connection, f"SELECT count(DISTINCT account_id) FROM {table}") == [4]


def test_every_row_is_kept_merged_rejected_or_removed(url: str, filled: Field) -> None:
    tables = filled.contract["tables"]
    before = sum(ask(filled.connection, f"SELECT count(*) FROM {name}")[0] for name in tables)
    adopted = migrate(url, adopt=True).adopted
    assert adopted is not None
    gone = sum(sum(counts.values()) for counts in (adopted.merged, adopted.rejected, adopted.removed))
    rows_made = len(ACCOUNTS)
    assert adopted.kept + gone == before + rows_made


def test_ids_go_on_after_the_greatest_ever_given(url: str, filled: Field) -> None:
    last = filled.put("kms_keys", account_id=1, arn="gone")
    filled.connection.execute("DELETE FROM kms_keys WHERE arn = 'gone'")
    migrate(url, adopt=True)
    new = ask(filled.connection, "INSERT INTO kms_keys (account_id, arn) VALUES (1, 'new') RETURNING id")
    assert new == [last + 1]


def test_every_view_answers_after_adoption(url: str, filled: Field) -> None:
    migrate(url, adopt=True)
    for name in view_files():
        filled.connection.execute(f'SELECT * FROM "{name}"'.encode())
    assert ask(filled.connection, "SELECT count(*) FROM view_kms_keys") == [4]


def test_views_of_the_field_keep_their_grants_and_those_of_others_their_definition(url: str, filled: Field) -> None:
    for statement in (
        'DO $$ BEGIN CREATE ROLE "quick sight"; EXCEPTION WHEN duplicate_object THEN NULL; END $$',
        "CREATE VIEW view_accounts AS SELECT account_id, id FROM accounts",
        "CREATE VIEW theirs AS SELECT account_id, count(*) AS n FROM view_accounts GROUP BY 1",
        "CREATE VIEW theirs_on_theirs AS SELECT n FROM theirs",
        "CREATE MATERIALIZED VIEW kept AS SELECT account_name FROM accounts",
        "CREATE UNIQUE INDEX kept_names ON kept (account_name) WHERE false",
        "CREATE VIEW daily AS SELECT id FROM cost_reports WHERE period_granularity = 'DAILY'",
        'GRANT SELECT ON view_accounts, theirs TO "quick sight"',
        "CREATE TABLE mine (account integer REFERENCES accounts, note text NOT NULL)",
        "INSERT INTO mine VALUES (1, 'a note')",
    ):
        filled.connection.execute(statement.encode())
    adopted = migrate(url, adopt=True).adopted
    assert adopted is not None
    assert [(lost.name, "'DAILY'" in lost.definition) for lost in adopted.lost] == [("public.daily", True)]
    assert ask(filled.connection, "SELECT sum(n) FROM theirs_on_theirs") == [6]
    assert ask(filled.connection, "SELECT count(*) FROM kept") == [6]
    assert ask(filled.connection, "SELECT indexname FROM pg_indexes WHERE tablename = 'kept'") == ["kept_names"]
    for view in ("view_accounts", "theirs"):
        granted = f"SELECT has_table_privilege('quick sight', '{view}', 'SELECT')"
        assert ask(filled.connection, granted) == [True]
    assert ask(filled.connection, "SELECT * FROM mine") == [(1, "a note")]
    filled.connection.execute('DROP OWNED BY "quick sight"')


def test_a_trigger_of_the_field_stamps_nothing_and_works_again_afterwards(url: str, field: Field) -> None:
    row = field.account("111122223333", "us-east-1")
    for hour, cost in ((0, 1), (1, 2)):
        at = {"account_id": row, "created_at": LOADED + dt.timedelta(hours=hour)}
        field.put("services", **at, service="EC2", date_from=DAY, date_to=NEXT_DAY, cost=cost, usage_types=None)
    for statement in (
        "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.updated_at = now() - NEW.cost * interval '1 day'; RETURN NEW; END $$",
        "CREATE TRIGGER stamp BEFORE UPDATE ON services FOR EACH ROW EXECUTE FUNCTION stamp()",
    ):
        field.connection.execute(statement.encode())
    migrate(url, adopt=True)
    assert ask(field.connection, "SELECT cost, updated_at FROM services") == [(2, LATER)]
    field.connection.execute("UPDATE services SET cost = 0")
    assert ask(field.connection, "SELECT updated_at > now() - interval '1 hour' FROM services") == [True]


def test_the_scope_of_a_row_is_the_same_in_sql_as_in_its_section(connection: Connection) -> None:
    samples: dict[str, list[dict[str, Any]]] = {
        "cloudtrail_logs": [{"is_multi_region": value} for value in (True, False, None)],
        "service_resources": [{"service_name": value} for value in ("S3", "EC2", None)],
        "waf_rules": [{"scope": value} for value in ("CLOUDFRONT", "REGIONAL", None)],
        "waf_rules_detailed": [{"scope": value} for value in ("CLOUDFRONT", "REGIONAL", None)],
    }
    split = {table.name: table.scope_of for table in TABLES if table.scope_of}
    assert set(ACCOUNT_WIDE) == set(split) == set(samples)
    for name, scope_of in split.items():
        for row in samples[name]:
            kind = "boolean" if name == "cloudtrail_logs" else "text"
            query = f"SELECT ({ACCOUNT_WIDE[name]}) IS TRUE FROM jsonb_to_record(%s) AS t({next(iter(row))} {kind})"
            told = connection.execute(query.encode(), [Jsonb(row)]).fetchone()
            assert told == (scope_of(row) is Scope.ACCOUNT,)


def load_field_snapshots(url: str) -> LoadResult:
    if not FIELD_SNAPSHOTS.is_dir():
        pytest.skip("the field's snapshots are not at hand")
    store = FolderStore(FIELD_SNAPSHOTS, "data/")
    objects = [store.stored(path) for path in sorted(FIELD_SNAPSHOTS.glob("*/*/*.json"))]
    return load(store, url, objects, batch_files=2, batch_bytes=10**9)


def put_what_snapshots_tell(field: Field) -> None:
    """Some of what the snapshots tell, as the field would have it: per region, twice, and not quite right."""
    for path in sorted(FIELD_SNAPSHOTS.glob("*/*/*.json")):
        told = json.loads(path.read_text())
        account, region = path.parts[-3:-1]
        (row,) = ask(
            field.connection, f"SELECT id FROM accounts WHERE account_id = '{account}' AND region = '{region}'"
        )
        at = {"account_id": row}
        for key in told["security"]["kms"] * 2:
            field.put("kms_keys", **at, key_id=key["key_id"], arn=key["arn"], key_state="Unknown")
        for finding in told["security"]["guard_duty"] * 2:
            field.put("guard_duty_findings", **at, detector_id=finding["id"], title="?")
        for instance in told["inventory"]["instances"]:
            field.put("inventory_instances", **at, instance_id=instance["instance_id"])
        for resource in told["service_resources"]:
            named = {name: resource.get(name) for name in ("service_name", "resource_type", "resource_id")}
            field.put("service_resources", **at, **named, region=region)
        for service in told["service"]:
            named = {name: service.get(name) for name in ("service", "usage_types", "date_from", "date_to")}
            field.put("services", **at, **named, cost=1)
        period = told["cost"]["period"]
        field.put("cost_reports", **at, period_start=period["start"], period_end=period["end"], region=region)
        for signal in told["application"]:
            named = {"service_name": signal["service_name"], "key_attributes": Jsonb(signal["key_attributes"])}
            field.put("application_signals", **at, **named)


def test_after_adoption_snapshots_load_as_into_a_new_warehouse(
    url: str, filled: Field, new_database: Callable[[str], str]
) -> None:
    if not FIELD_SNAPSHOTS.is_dir():
        pytest.skip("the field's snapshots are not at hand")
    put_what_snapshots_tell(filled)
    new_url = new_database("template_warehouse")
    migrate(url, adopt=True)
    made, expected = load_field_snapshots(url), load_field_snapshots(new_url)
    assert (len(made.loaded), made.quarantined, made.rejected) == (4, {}, expected.rejected)
    with psycopg.connect(new_url, autocommit=True, options="-c timezone=UTC") as new:
        fresh = contents(new)
        count_keys = "SELECT count(*) FROM kms_keys WHERE last_seen IS NULL"
        assert ask(filled.connection, count_keys) == ask(new, count_keys)
    adopted = contents(filled.connection)
    # What was there before counts in the views that add up, and in those that tell what came and when.
    named = set(json.loads(CONTRACT.with_name("views.json").read_text())) - AGGREGATES
    comparable = (named & set(fresh)) | {"coverage", "loads", "rejected"}
    lacking = {name: Counter(fresh[name]) - Counter(adopted[name]) for name in comparable}
    assert {name: rows for name, rows in lacking.items() if rows} == {}
    for exact in ("view_accounts", "view_guard_duty_findings", "coverage", "loads"):
        assert len(set(adopted[exact]) - set(fresh[exact])) == (4 if exact == "view_guard_duty_findings" else 0)
