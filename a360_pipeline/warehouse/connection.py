"""Connections to the warehouse, and one clear sentence when there is none."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from a360_pipeline.settings import Settings

# UTC, so that a time without an offset means the same everywhere.
# Sorting a batch in memory takes this much; the default spills to disk.
OPTIONS = "-c timezone=UTC -c statement_timeout=0 -c work_mem=64MB"


ESCAPES = "within a user's name or a password, write @ as %40, % as %25, / as %2F, and a space as %20"


class WarehouseUnavailable(RuntimeError):
    """The warehouse cannot be reached. The message says where it was looked for, never the password."""


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection in autocommit mode: transactions are opened where they are meant. Raises WarehouseUnavailable."""
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=15, options=OPTIONS, application_name="a360")
    except psycopg.OperationalError as error:
        place = conninfo_to_dict(url)
        raise WarehouseUnavailable(
            f"the warehouse at {place.get('host')}:{place.get('port', 5432)}/{place.get('dbname')} "
            f"does not answer as user {place.get('user')}: {str(error).strip()}"
        ) from None


def database_url(settings: Settings) -> str:
    """The warehouse's URL from the settings. Raises WarehouseUnavailable when there is none, or it cannot be read."""
    if settings.database_url is None:
        raise WarehouseUnavailable(
            "no warehouse is set: start the sandbox with `a360 sandbox up`, or set A360_DATABASE_URL"
        )
    url = settings.database_url.get_secret_value()
    try:
        host = str(conninfo_to_dict(url).get("host"))
    except (psycopg.ProgrammingError, UnicodeDecodeError):
        # Not libpq's own words, which quote the password.
        raise WarehouseUnavailable(f"the warehouse's URL (hidden) cannot be read: {ESCAPES}") from None
    if "@" in host:
        raise WarehouseUnavailable(f"the warehouse's URL (hidden) has more than one @: {ESCAPES}")
    return url
