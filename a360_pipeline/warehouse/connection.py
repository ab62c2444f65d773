"""Connections to the warehouse, and one clear sentence when there is none."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict

from a360_pipeline.settings import Settings

# UTC, so that a time without an offset means the same everywhere.
OPTIONS = "-c timezone=UTC -c statement_timeout=0"


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
    """The warehouse's URL from the settings. Raises WarehouseUnavailable when there is none."""
    if settings.database_url is None:
        raise WarehouseUnavailable(
            "no warehouse is set: start the sandbox with `a360 sandbox up`, or set A360_DATABASE_URL"
        )
    return settings.database_url.get_secret_value()
