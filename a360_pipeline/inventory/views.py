"""The view of a harvest: SQL that reads of the inventories' table exactly the partitions that the harvest counted.

The predicate is on partition columns alone, so that nothing else is read. Athena takes 262,144 bytes of text at a time
and twenty thousand names of buckets have more: such a harvest gets views of some thousand partitions each, and
its own view joins them. So nothing has to be made beside views: no list of deliveries, no table, no file.

A view names partitions, not folders: of a bucket whose partition is pointed at a newer delivery of that day it reads
the newer one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import groupby
from typing import Protocol

from a360_pipeline.inventory.layout import FIELDS, PARTITION_FIELDS

MOST_BYTES = 200_000
"""Of a predicate: well under what Athena takes, for a view is stored in base64 and Glue has a limit too."""
HARVEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
NAME = re.compile(r"[a-z_][a-z0-9_]{0,254}")
ACCOUNT = re.compile(r"\d{12}", re.ASCII)
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}", re.ASCII)
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


class Counted(Protocol):
    """What a harvest counted of one bucket and day: a row of `inventory_deliveries`, or a partition."""

    @property
    def snapshot_date(self) -> dt.date | None: ...
    @property
    def account_id(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def bucket(self) -> str: ...


def view_name(table: str, harvest_id: str) -> str:
    """A name that Athena takes, another one for each harvest. Raises ValueError for what is no harvest's id."""
    if not HARVEST_ID.fullmatch(harvest_id):
        raise ValueError(f"{harvest_id[:130]!r} is no id of a harvest: letters, digits, '.', '_' and '-' are expected.")
    readable = re.sub(r"[^a-z0-9]+", "_", harvest_id.lower())[:60].strip("_")
    return f"{table}_{readable}_{sha256(harvest_id.encode()).hexdigest()[:8]}"


def parts_of(name: str) -> re.Pattern[str]:
    """The names of the views that the view of a harvest may be made of, its own included."""
    return re.compile(rf"{re.escape(name)}(_part_\d+)?")


def view_statements(
    database: str, table: str, name: str, deliveries: Iterable[Counted], most_bytes: int = MOST_BYTES
) -> Iterator[tuple[str, str]]:
    """Views by name and the statements that make them, in the order that they need; the harvest's own comes last.

    Raises ValueError for names that are not of AWS's, and for a delivery without a date.
    """
    for given in (database, table, name):
        if not NAME.fullmatch(given):
            raise ValueError(f"{given[:256]!r} is no name of a database, a table or a view.")
    columns = ", ".join(
        f'"{column}"' for column in (*(field.name for field in FIELDS), *(key for key, _ in PARTITION_FIELDS))
    )
    predicates = list(_predicates(deliveries, most_bytes)) or ["false"]
    read = [(table, f" WHERE {predicate}") for predicate in predicates]
    if len(read) > 1:
        parts = [f"{name}_part_{number}" for number in range(1, len(read) + 1)]
        yield from ((part, _view(database, part, columns, [one])) for part, one in zip(parts, read, strict=True))
        read = [(part, "") for part in parts]
    yield name, _view(database, name, columns, read)


def _view(database: str, name: str, columns: str, read: Iterable[tuple[str, str]]) -> str:
    # Of names and conditions that were looked at before.
    selects = (f'SELECT {columns} FROM "{database}"."{source}"{condition}' for source, condition in read)  # noqa: S608 - checked above
    return f'CREATE OR REPLACE VIEW "{database}"."{name}" AS {" UNION ALL ".join(selects)}'


def _predicates(deliveries: Iterable[Counted], most_bytes: int) -> Iterator[str]:
    """Conditions of at most so many bytes, no two of which hold for one partition."""
    keys = sorted({_key(delivery) for delivery in deliveries})
    terms: list[str] = []
    size = 0
    for place, some in groupby(keys, lambda key: key[:3]):
        for term in _terms(place, [bucket for *_, bucket in some], most_bytes):
            if terms and size + len(term) > most_bytes:
                yield " OR ".join(terms)
                terms, size = [], 0
            terms.append(term)
            size += len(term) + len(" OR ")
    if terms:
        yield " OR ".join(terms)


def _terms(place: tuple[str, ...], buckets: list[str], most_bytes: int) -> Iterator[str]:
    date, account, region = place
    head = f"(\"snapshot_date\" = DATE '{date}' AND \"account\" = '{account}' AND \"region\" = '{region}' AND "
    each = max((most_bytes - len(head)) // (max(map(len, buckets)) + len("'', ")) - 1, 1)
    for start in range(0, len(buckets), each):
        names = ", ".join(f"'{bucket}'" for bucket in buckets[start : start + each])
        yield f'{head}"bucketname" IN ({names}))'


def _key(delivery: Counted) -> tuple[str, str, str, str]:
    """The partition's values, each of the form that AWS gives it: nothing else comes into a statement."""
    values = (delivery.account_id, delivery.region, delivery.bucket)
    for value, form in zip(values, (ACCOUNT, REGION, BUCKET), strict=True):
        if not form.fullmatch(value):
            raise ValueError(f"{value[:300]!r} is no account, region or bucket of AWS.")
    if delivery.snapshot_date is None:
        raise ValueError(f"The delivery of {'/'.join(values)} has no date: it was not consolidated.")
    return delivery.snapshot_date.isoformat(), *values
