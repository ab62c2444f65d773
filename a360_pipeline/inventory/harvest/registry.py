"""The registry of harvests in the warehouse: what is asked of it and written to it, a statement each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from psycopg import sql

from a360_pipeline.inventory.harvest.rows import (
    BucketRow,
    DeliveryRow,
    Harvest,
    QueryRow,
    RegionRow,
    bucket_of,
    delivery_of,
    harvest_of,
    query_of,
    region_of,
)
from a360_pipeline.inventory.harvest.states import (
    OUTCOMES,
    TAKING,
    BucketState,
    HarvestState,
    RegionState,
    ways_on,
)
from a360_pipeline.sections.model import Table
from a360_pipeline.warehouse.connection import Connection, named_rows
from a360_pipeline.warehouse.convert import clean_text, jsonb
from a360_pipeline.warehouse.harvests import BUCKETS, DELIVERIES, HARVESTS, QUERIES, REGIONS

if TYPE_CHECKING:
    from a360_pipeline.inventory.harvest.planned import Plan
    from a360_pipeline.inventory.harvest.request import HarvestRequest

ROWS_A_STATEMENT = 2000
"""So that a statement stays within what the RDS Data API takes."""
TAKING_STATES = sorted(map(str, TAKING))


class NoSuchHarvest(LookupError):
    """No harvest has the id. The message names it."""


class HarvestExists(ValueError):
    """A harvest of that id is there already, and stays as it is."""


class WrongState(ValueError):
    """The harvest cannot go from the state it is in to the one that was wanted. The message names both."""


class Registry:
    """Harvests over a connection in autocommit mode. Answers are whole: nothing is left to page."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Harvests

    def create(self, request: HarvestRequest, plan: Plan) -> Harvest:
        """Writes a planned harvest with its regions and buckets, all of it or nothing. Raises HarvestExists."""
        with self._connection.transaction():
            made = self._harvests(
                "INSERT INTO harvests (harvest_id, state, lifetime, request, plan, created_at, updated_at, deadline) "
                "VALUES (%s::text, 'planned', %s::text, %s::jsonb, %s::jsonb, now(), now(), now() + %s::interval) "
                "ON CONFLICT (harvest_id) DO NOTHING RETURNING {}",
                (
                    request.run_id,
                    str(request.lifetime),
                    request.model_dump_json(),
                    jsonb(plan.told()),
                    dt.timedelta(hours=request.time_limit_hours),
                ),
            )
            if not made:
                raise HarvestExists(
                    f"a harvest {request.run_id} is there already, and stays as it is: choose another run_id"
                )
            self._put(REGIONS, plan.region_rows())
            self._put(BUCKETS, plan.bucket_rows())
        return made[0]

    def harvest(self, harvest_id: str) -> Harvest:
        """Raises NoSuchHarvest."""
        found = self._harvests("SELECT {} FROM harvests WHERE harvest_id = %s::text", (harvest_id,))
        if not found:
            raise NoSuchHarvest(f"there is no harvest {harvest_id}")
        return found[0]

    def harvests(self) -> list[Harvest]:
        """Every harvest there ever was, the newest first."""
        return self._harvests("SELECT {} FROM harvests ORDER BY created_at DESC, harvest_id", ())

    def open_harvests(self) -> list[Harvest]:
        """Those that are not done: also what failed or was cancelled and is not cleaned up yet. The oldest first."""
        return self._harvests("SELECT {} FROM harvests WHERE state <> 'done' ORDER BY created_at, harvest_id", ())

    def move(self, harvest_id: str, to: HarvestState | str, message: str = "") -> Harvest:
        """Takes a harvest on to a state, at once or not at all, whoever else tries the same.

        Waiting starts anew with the time limit of the request. Raises WrongState and NoSuchHarvest.
        """
        wanted = HarvestState(to)
        moved = self._harvests(
            "UPDATE harvests SET state = %(to)s::text, message = NULLIF(%(message)s::text, ''), updated_at = now(), "
            "outcome = CASE WHEN %(is_outcome)s THEN %(to)s::text ELSE outcome END, "
            "deadline = CASE WHEN %(to)s::text = 'waiting' "
            "THEN now() + make_interval(hours => (request->>'time_limit_hours')::int) ELSE deadline END "
            "WHERE harvest_id = %(id)s::text AND state = ANY (CASE lifetime "
            "WHEN 'recurring' THEN %(recurring)s::text[] ELSE %(once)s::text[] END) RETURNING {}",
            {
                "id": harvest_id,
                "to": str(wanted),
                "message": clean_text(message),
                "is_outcome": wanted in OUTCOMES,
                "once": _before(wanted, is_recurring=False),
                "recurring": _before(wanted, is_recurring=True),
            },
        )
        if moved:
            return moved[0]
        found = self.harvest(harvest_id)
        allowed = ", ".join(sorted(ways_on(found.state, is_recurring=found.is_recurring))) or "nothing"
        raise WrongState(f"harvest {harvest_id} is {found.state}, from which {allowed} may follow, and not {wanted}")

    def note(self, harvest_id: str, message: str) -> Harvest:
        """Keeps what went wrong, or is waited for, without a change of state. Raises NoSuchHarvest."""
        return self._set_harvest(harvest_id, "message = NULLIF(%s::text, '')", clean_text(message))

    def set_report(self, harvest_id: str, report: Mapping[str, Any]) -> Harvest:
        """Keeps what the report said. Raises NoSuchHarvest."""
        return self._set_harvest(harvest_id, "report = %s::jsonb", jsonb(report))

    def set_receipt(self, harvest_id: str, receipt: Mapping[str, Any]) -> Harvest:
        """Keeps what clean-up removed and found left. Raises NoSuchHarvest."""
        return self._set_harvest(harvest_id, "receipt = %s::jsonb", jsonb(receipt))

    # --- Regions and buckets

    def regions(self, harvest_id: str) -> list[RegionRow]:
        """By name."""
        found = self._select(REGIONS, "WHERE harvest_id = %s::text ORDER BY region", harvest_id)
        return [region_of(row) for row in found]

    def set_region(self, harvest_id: str, region: str, state: RegionState | str, message: str = "") -> RegionRow:
        """How the stack of a region stands now. Raises NoSuchHarvest where the plan has no such region."""
        found = self._update(
            REGIONS,
            "state = %s::text, message = NULLIF(%s::text, '') WHERE harvest_id = %s::text AND region = %s::text",
            (str(RegionState(state)), clean_text(message), harvest_id, region),
        )
        if not found:
            raise NoSuchHarvest(f"harvest {harvest_id} has nothing in {region}")
        return region_of(found[0])

    def buckets(self, harvest_id: str) -> list[BucketRow]:
        """All of them, whatever their state, by account and name."""
        found = self._select(BUCKETS, "WHERE harvest_id = %s::text ORDER BY account_id, bucket", harvest_id)
        return [bucket_of(row) for row in found]

    def bucket(self, harvest_id: str, account_id: str, bucket: str) -> BucketRow:
        """Raises NoSuchHarvest where the harvest does not look at the bucket."""
        found = self._select(
            BUCKETS,
            "WHERE harvest_id = %s::text AND account_id = %s::text AND bucket = %s::text",
            *(harvest_id, account_id, bucket),
        )
        return bucket_of(self._known(found, harvest_id, account_id, bucket))

    def set_bucket(
        self,
        harvest_id: str,
        account_id: str,
        bucket: str,
        state: BucketState | str,
        message: str = "",
        *,
        manifest_key: str | None = None,
        unless: Sequence[BucketState] = (),
    ) -> BucketRow:
        """How a bucket stands now, and which delivery of it; without a `manifest_key` the same one stands.

        Of two who write at once the later one would win: a bucket in one of the states `unless` stays as it is.
        Raises NoSuchHarvest where the harvest does not look at the bucket.
        """
        found = self._update(
            BUCKETS,
            "state = %s::text, message = NULLIF(%s::text, ''), manifest_key = COALESCE(%s::text, manifest_key) "
            "WHERE harvest_id = %s::text AND account_id = %s::text AND bucket = %s::text "
            "AND NOT state = ANY (%s::text[])",
            (str(BucketState(state)), clean_text(message), manifest_key, harvest_id, account_id, bucket, [*unless]),
        )
        return bucket_of(found[0]) if found else self.bucket(harvest_id, account_id, bucket)

    def owner_of(self, destination_bucket: str, key: str) -> BucketRow | None:
        """The bucket whose delivery arrived under a key: the longest prefix of harvests that still take deliveries.

        Of several harvests that share a configuration, the newest one's bucket.
        """
        return next(iter(self.owners_of(destination_bucket, key)), None)

    def owners_of(self, destination_bucket: str, key: str) -> list[BucketRow]:
        """That bucket in every harvest that waits for the delivery, the newest harvest first."""
        found = self._select(
            BUCKETS,
            "JOIN (SELECT harvest_id, created_at FROM harvests WHERE state = ANY (%s::text[])) h USING (harvest_id) "
            "WHERE destination_bucket = %s::text AND starts_with(%s::text, destination_prefix) "
            "ORDER BY length(destination_prefix) DESC, h.created_at DESC, harvest_id",
            *(TAKING_STATES, destination_bucket, key),
        )
        rows = [bucket_of(row) for row in found]
        return [row for row in rows if row.destination_prefix == rows[0].destination_prefix]

    # --- Deliveries and queries

    def deliveries(self, harvest_id: str) -> list[DeliveryRow]:
        """Those that it took, and those of others that stand for a bucket of it; by bucket, the newest last."""
        found = self._select(
            DELIVERIES,
            "WHERE harvest_id = %s::text OR (destination_bucket, manifest_key) IN (SELECT destination_bucket, "
            "manifest_key FROM harvest_buckets WHERE harvest_id = %s::text AND manifest_key IS NOT NULL) "
            "ORDER BY account_id, bucket, delivered_at, manifest_key",
            *(harvest_id, harvest_id),
        )
        return [delivery_of(row) for row in found]

    def delivery(self, destination_bucket: str, manifest_key: str) -> DeliveryRow | None:
        """What is known of a delivery; None where nobody dealt with it yet."""
        found = self._select(
            DELIVERIES,
            "WHERE destination_bucket = %s::text AND manifest_key = %s::text",
            *(destination_bucket, manifest_key),
        )
        return delivery_of(found[0]) if found else None

    def known_deliveries(self, destination_bucket: str, manifest_keys: Sequence[str]) -> list[DeliveryRow]:
        """Those of many keys that somebody dealt with."""
        found = self._select(
            DELIVERIES,
            "WHERE destination_bucket = %s::text AND manifest_key = ANY (%s::text[]) ORDER BY manifest_key",
            *(destination_bucket, [*manifest_keys]),
        )
        return [delivery_of(row) for row in found]

    def record_delivery(self, row: DeliveryRow) -> DeliveryRow:
        """Writes what became of a delivery, once: whatever was known of it is replaced."""
        return delivery_of(self._record(DELIVERIES, row))

    def queries(self, harvest_id: str) -> list[QueryRow]:
        """By name."""
        found = self._select(QUERIES, "WHERE harvest_id = %s::text ORDER BY name", harvest_id)
        return [query_of(row) for row in found]

    def record_query(self, row: QueryRow) -> QueryRow:
        """Writes how a query stands: whatever was known of it is replaced."""
        return query_of(self._record(QUERIES, row))

    # --- Statements

    def _harvests(self, statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Harvest]:
        answer = self._connection.execute(sql.SQL(statement).format(_columns(HARVESTS)), parameters)
        return [harvest_of(row) for row in named_rows(answer)]

    def _set_harvest(self, harvest_id: str, change: str, value: str | None) -> Harvest:
        found = self._update(HARVESTS, f"{change} WHERE harvest_id = %s::text", (value, harvest_id))
        if not found:
            raise NoSuchHarvest(f"there is no harvest {harvest_id}")
        return harvest_of(found[0])

    def _known(self, found: Sequence[dict[str, Any]], harvest_id: str, account_id: str, bucket: str) -> dict[str, Any]:
        if not found:
            raise NoSuchHarvest(f"harvest {harvest_id} does not look at the bucket {bucket} of account {account_id}")
        return found[0]

    def _select(self, table: Table, rest: str, *parameters: Any) -> list[dict[str, Any]]:
        statement = sql.SQL("SELECT {} FROM {} {}").format(
            _columns(table),
            sql.Identifier(table.name),
            sql.SQL(rest),
        )
        return named_rows(self._connection.execute(statement, parameters))

    def _update(self, table: Table, rest: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        statement = sql.SQL("UPDATE {} SET updated_at = now(), {} RETURNING {}").format(
            sql.Identifier(table.name),
            sql.SQL(rest),
            _columns(table),
        )
        return named_rows(self._connection.execute(statement, parameters))

    def _record(self, table: Table, row: DeliveryRow | QueryRow) -> dict[str, Any]:
        statement = sql.SQL("{} RETURNING {}").format(_upsert(table), _columns(table))
        return named_rows(self._connection.execute(statement, {"rows": jsonb([asdict(row)])}))[0]

    def _put(self, table: Table, rows: Iterable[RegionRow | BucketRow]) -> None:
        left = iter(rows)
        while part := list(islice(left, ROWS_A_STATEMENT)):
            self._connection.execute(_upsert(table), {"rows": jsonb([asdict(row) for row in part])})


def _before(wanted: HarvestState, *, is_recurring: bool) -> list[str]:
    """The states from which one may go on to this one."""
    return [str(state) for state in HarvestState if wanted in ways_on(state, is_recurring=is_recurring)]


def _upsert(table: Table) -> sql.Composed:
    """Inserts rows given as JSON, or replaces what stands under their keys."""
    told = [column for column in table.values if column.name != "updated_at"]
    return sql.SQL(
        "INSERT INTO {table} ({names}, updated_at) SELECT {names}, now() "
        "FROM jsonb_to_recordset(%(rows)s::jsonb) AS told ({typed}) "
        "ON CONFLICT ({key}) DO UPDATE SET {changes}, updated_at = now()"
    ).format(
        table=sql.Identifier(table.name),
        names=_identifiers([column.name for column in told]),
        typed=sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type)) for column in told
        ),
        key=_identifiers(table.key),
        changes=sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column.name))
            for column in told
            if column.name not in table.key
        ),
    )


def _columns(table: Table) -> sql.Composed:
    return _identifiers([column.name for column in table.values])


def _identifiers(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
