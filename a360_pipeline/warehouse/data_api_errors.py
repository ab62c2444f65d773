"""Errors of the RDS Data API as psycopg's own, so that a loader needs to know only those."""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg
from psycopg import errors

from a360_pipeline.aws.errors import THROTTLING, error_code, error_message, explain

SQLSTATE = re.compile(r"^(?:ERROR:\s*)?(?P<told>.*?)[;\s]*SQLState:\s*(?P<state>[0-9A-Z]{5})", re.DOTALL)
CLASSES: Mapping[str, type[psycopg.Error]] = {
    "DatabaseResumingException": errors.CannotConnectNow,
    "DatabaseUnavailableException": errors.ConnectionFailure,
    "ServiceUnavailableError": errors.ConnectionFailure,
    "StatementTimeoutException": errors.QueryCanceled,
    "TransactionNotFoundException": errors.IdleSessionTimeout,
    **dict.fromkeys(THROTTLING, errors.TooManyConnections),
}
"""What PostgreSQL itself would say where the Data API has a code of its own."""
UNSUPPORTED = "UnsupportedResultException"
OF_A_TYPE = re.compile(r"data type|multidimensional", re.IGNORECASE)
SIZE = re.compile(r"response size limit|too large", re.IGNORECASE)


class TooLarge(psycopg.DataError):
    """What would be sent or answered is beyond a limit of the Data API. It is the data's fault: less of it works."""


def translated(error: Exception) -> psycopg.Error:
    """psycopg's error for one of AWS. What has no SQLSTATE, and whatever nobody foresaw, is an OperationalError."""
    code, told = error_code(error), error_message(error)
    stated = SQLSTATE.search(told)
    if stated is not None:
        return _of_state(stated["state"], stated["told"])
    if code == UNSUPPORTED and OF_A_TYPE.search(told):
        return psycopg.NotSupportedError(told)
    if code == UNSUPPORTED or SIZE.search(told):
        return TooLarge(told)
    return CLASSES.get(code, psycopg.OperationalError)(explain(error))


def _of_state(state: str, told: str) -> psycopg.Error:
    try:
        return errors.lookup(state)(told)
    except KeyError:
        return psycopg.DatabaseError(f"{told} ({state})")
