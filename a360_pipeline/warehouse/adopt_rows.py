"""The rows of adopted tables: what was invented goes, account-wide facts go where they belong, history begins."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sections.config_tables import STATUS_OF
from a360_pipeline.sections.model import Kept, Reference, Scope, Table, Type
from a360_pipeline.sections.registry import SECTION_OF, SECTIONS
from a360_pipeline.warehouse.connection import Connection
from a360_pipeline.warehouse.merge import ids
from a360_pipeline.warehouse.tables import BY_NAME

ORPHANED = "adopted without a parent: no row of {}"
NEVER_OPEN = "adopted as compliant: nothing says that it ever was not"

ACCOUNT_WIDE = {
    "cloudtrail_logs": "t.is_multi_region",
    "service_resources": "t.service_name = 'S3'",
    "waf_rules": "t.scope = 'CLOUDFRONT'",
    "waf_rules_detailed": "t.scope = 'CLOUDFRONT'",
}
"""What the tables' `scope_of` says of a row, in SQL; a test holds the two together."""

INVENTED = {
    "account_email": "t.account_email = 'unknown@example.com'",
    # The epoch, in whatever time zone it was written. Organizations did not exist for decades to come.
    "joined_timestamp": "t.joined_timestamp < '1970-01-03'",
}
"""Facts of accounts that senders made up where AWS said nothing (R24)."""

DERIVED = {
    # The text that a load makes of the attributes: it is in the key.
    ("application_signals", "service_key"): (
        "UPDATE application_signals t SET service_key = coalesce((SELECT string_agg(format('%s=%s', key, value), ',' "
        "ORDER BY key COLLATE \"C\") FROM jsonb_each_text(t.key_attributes)), '') "
        "WHERE jsonb_typeof(t.key_attributes) = 'object'"
    ),
    # The field stored the finding's id as the detector's (R29).
    ("guard_duty_findings", "finding_id"): (
        "UPDATE guard_duty_findings SET finding_id = detector_id, detector_id = NULL"
    ),
    ("log_messages", "number"): (
        "UPDATE log_messages t SET number = n.number FROM (SELECT id, row_number() OVER "
        "(PARTITION BY log_id ORDER BY id) AS number FROM log_messages) n WHERE n.id = t.id"
    ),
}
"""Columns that adopted tables get and whose values lie in others: how they are filled."""

CORRECTED = {
    # The times of loading, not the finding's own (R29). They served to tell which row is newest, and when it was seen.
    ("guard_duty_findings", "finding_id"): ("UPDATE guard_duty_findings SET created_at = NULL, updated_at = NULL"),
}
"""What must be known until duplicates are merged, and must not stay."""


def reject(driver: Connection, table: Table, condition: sql.Composable, reason: str) -> int:
    """Moves rows of a table, which the condition calls t, into rejected_rows."""
    has_account = any(reference.table == "accounts" for reference in table.references)
    return driver.execute(
        sql.SQL(
            "WITH gone AS (DELETE FROM {table} t WHERE {condition} RETURNING t.*) "
            "INSERT INTO rejected_rows (account_id, region, section, table_name, {row}, reason, rejected_at) "
            "SELECT {account}, {section}, {name}, to_jsonb(gone), {reason}, now() FROM gone {joined}"
        ).format(
            table=sql.Identifier(table.name),
            condition=condition,
            row=sql.Identifier("row"),
            account=sql.SQL("a.account_id, a.region" if has_account else "NULL, NULL"),
            section=sql.Literal(SECTION_OF.get(table.name)),
            name=sql.Literal(table.name),
            reason=sql.Literal(reason),
            joined=sql.SQL("LEFT JOIN accounts a ON a.id = gone.account_id" if has_account else ""),
        )
    ).rowcount


def clean(driver: Connection, names: Sequence[str]) -> dict[str, int]:
    """Takes away what the field invented, where it is recognizable; returns the rows removed by table."""
    removed: dict[str, int] = {}
    if "accounts" in names:
        _clean_accounts(driver)
    if "product_accounts" in names:
        removed["product_accounts"] = driver.execute(
            "DELETE FROM product_accounts t USING products p WHERE p.id = t.product_id AND p.name = 'None'"
        ).rowcount
    if "products" in names:
        removed["products"] = driver.execute("DELETE FROM products WHERE name = 'None'").rowcount
    return {name: count for name, count in removed.items() if count}


def _clean_accounts(driver: Connection) -> None:
    wrong: dict[str, sql.Composable] = {name: sql.SQL(condition) for name, condition in INVENTED.items()}
    for column in BY_NAME["accounts"].values:
        if column.unset is not None and column.type is Type.TEXT:
            unset = sql.SQL("t.{} = {}").format(sql.Identifier(column.name), sql.Literal(column.unset))
            known = wrong.get(column.name)
            wrong[column.name] = sql.SQL("({} OR {})").format(known, unset) if known else unset
    sets = [
        sql.SQL("{0} = CASE WHEN {1} THEN NULL ELSE t.{0} END").format(sql.Identifier(name), condition)
        for name, condition in wrong.items()
    ]
    driver.execute(
        sql.SQL("UPDATE accounts t SET {} WHERE {}").format(
            sql.SQL(", ").join(sets), sql.SQL(" OR ").join(wrong.values())
        )
    )


def make_global_rows(driver: Connection) -> list[int]:
    """Gives every account the row that its account-wide facts belong to, made of its newest one; returns their ids."""
    found = driver.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'accounts'::regclass AND attnum > 0 "
        "AND NOT attisdropped AND attgenerated = '' AND attname <> 'id'"
    )
    columns = [name for (name,) in found]
    earliest = "min(a.{}) OVER (PARTITION BY a.account_id)"
    special = {"region": sql.Literal(GLOBAL)} | {
        name: sql.SQL(earliest).format(sql.Identifier(name)) for name in ("created_at", "first_seen")
    }
    made = driver.execute(
        sql.SQL(
            "INSERT INTO accounts ({columns}) SELECT DISTINCT ON (a.account_id) {values} FROM accounts a "
            "WHERE a.account_id IS NOT NULL AND NOT EXISTS "
            "(SELECT FROM accounts g WHERE g.account_id = a.account_id AND g.region = {region}) "
            "ORDER BY a.account_id, a.updated_at DESC NULLS LAST, a.created_at DESC NULLS LAST, a.id DESC RETURNING id"
        ).format(
            columns=ids(columns),
            values=sql.SQL(", ").join([special.get(name, sql.Identifier("a", name)) for name in columns]),
            region=sql.Literal(GLOBAL),
        )
    )
    return [number for (number,) in made]


def link_to_products(driver: Connection, made: Sequence[int]) -> None:
    """Links the rows that were made to the products of their accounts, as a load links every row of an account."""
    driver.execute(
        "INSERT INTO product_accounts (product_id, account_id, created_at, updated_at) "
        "SELECT l.product_id, g.id, min(l.created_at), max(l.updated_at) FROM accounts g "
        "JOIN accounts a ON a.account_id = g.account_id JOIN product_accounts l ON l.account_id = a.id "
        "WHERE g.id = ANY(%s) GROUP BY l.product_id, g.id ORDER BY min(l.id)",
        [list(made)],
    )


def reject_orphans(driver: Connection, table: Table, added: frozenset[str]) -> int:
    """What refers to no parent, or to one that is not there, cannot stand in our table."""
    count = 0
    for reference in table.references:
        if reference.name in added:
            continue
        condition = sql.SQL("NOT EXISTS (SELECT FROM {} p WHERE p.id = t.{})").format(
            sql.Identifier(reference.table), sql.Identifier(reference.name)
        )
        count += reject(driver, table, condition, ORPHANED.format(reference.table))
    return count


def file_by_scope(driver: Connection, table: Table) -> None:
    """Files what is account-wide under the account's row of no region (R9, R10)."""
    if table.frames or SECTION_OF.get(table.name) is None:
        return
    is_wide = SECTIONS[SECTION_OF[table.name]].scope is not Scope.REGION
    if not is_wide and table.scope_of is None:
        return
    name, region = sql.Identifier(table.name), sql.Literal(GLOBAL)
    framed = [column.name for column in table.values if column.source == "@region"]
    sets = [sql.SQL("{} = {}").format(sql.Identifier(column), region) for column in framed]
    if any(reference.table == "accounts" for reference in table.references):
        driver.execute(
            sql.SQL(
                "UPDATE {name} t SET {sets} FROM accounts a JOIN accounts g ON g.account_id = a.account_id "
                "AND g.region = {region} WHERE a.id = t.account_id AND a.id <> g.id AND {condition}"
            ).format(
                name=name,
                sets=sql.SQL(", ").join([sql.SQL("account_id = g.id"), *sets]),
                region=region,
                condition=sql.SQL("true" if is_wide else ACCOUNT_WIDE[table.name]),
            )
        )
    elif sets:
        differs = sql.SQL("({}) IS DISTINCT FROM ({})").format(
            ids(framed), sql.SQL(", ").join([region for _ in framed])
        )
        driver.execute(sql.SQL("UPDATE {} SET {} WHERE {}").format(name, sql.SQL(", ").join(sets), differs))


def fill(driver: Connection, table: Table, added: frozenset[str]) -> None:
    """Fills the columns by which we remember when rows were told of, and whose a row is that did not say."""
    parent = next((reference for reference in table.references if reference.table != "accounts"), None)
    values = {name: value for name, value in _values(table, parent).items() if name in added}
    if not values:
        return
    sets = [sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in values.items()]
    source: sql.Composable = sql.SQL("")
    if parent is not None:
        source = sql.SQL("FROM {} p WHERE p.id = t.{}").format(
            sql.Identifier(parent.table), sql.Identifier(parent.name)
        )
    driver.execute(
        sql.SQL("UPDATE {} t SET {} {}").format(sql.Identifier(table.name), sql.SQL(", ").join(sets), source)
    )


def _values(table: Table, parent: Reference | None) -> dict[str, sql.Composable]:
    columns = names_of(table)
    created = ["t.created_at"] if "created_at" in columns else []
    updated = ["t.updated_at"] if "updated_at" in columns else []
    values: dict[str, str] = {}
    if parent is not None:
        values["account_id"] = "p.account_id"
    if table.has_history:
        # Null as the last day would claim that it still is: whether it is, the next listing says.
        values["first_seen"] = f"coalesce({', '.join([*created, 'now()'])})::date"
        values["last_seen"] = f"coalesce(greatest({', '.join([*created, *updated, 'NULL::timestamptz'])}), now())::date"
    elif table.kept is Kept.DATED and parent is not None and BY_NAME[parent.table].kept is Kept.DATED:
        values["told_on"] = "p.told_on"
    elif table.kept is Kept.DATED:
        # A period may end after the day that told of it, and a row may be written long after: it is the earlier.
        own = [f"t.{name}" for name in ("date_to", "period_end", "date_created") if name in columns]
        days = ", ".join(f"({name})::date" for name in [*own, *created])
        values["told_on"] = f"coalesce(least({days}), now()::date)"
    return {name: sql.SQL(value) for name, value in values.items()}


def names_of(table: Table) -> set[str]:
    """The columns that tell of a row itself, and when it was written."""
    return {column.name for column in table.columns}.union(table.stamps)


def derive(driver: Connection, table: Table, added: frozenset[str]) -> None:
    """Fills the parts of our keys that the field's tables lack."""
    _run(driver, DERIVED, table, added)


def correct(driver: Connection, table: Table, added: frozenset[str]) -> None:
    """Takes away what served only to tell the newest of several rows."""
    _run(driver, CORRECTED, table, added)


def _run(driver: Connection, statements: dict[tuple[str, str], str], table: Table, added: frozenset[str]) -> None:
    for (name, column), statement in statements.items():
        if name == table.name and column in added:
            driver.execute(statement)


def reject_never_open(driver: Connection, table: Table) -> int:
    """A result that found something compliant closes the row it was told of before, and is no row of its own (R26)."""
    closing = [kind for kind, status in STATUS_OF.items() if status == "RESOLVED"]
    driver.execute(
        "UPDATE non_compliant_resources SET status = 'RESOLVED' "
        "WHERE compliance_type = ANY(%s) AND status IS DISTINCT FROM 'RESOLVED'",
        [closing],
    )
    condition = sql.SQL(
        "t.id IN (SELECT id FROM (SELECT id, bool_or((compliance_type = ANY({closing})) IS NOT TRUE) "
        "OVER (PARTITION BY {key}) AS was_open FROM {name}) results WHERE NOT was_open)"
    ).format(closing=sql.Literal(closing), key=ids(table.key), name=sql.Identifier(table.name))
    return reject(driver, table, condition, NEVER_OPEN)
