"""RDS Data API over the sandbox's own PostgreSQL: statements by HTTP, and transactions that are held by their id."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from moto.secretsmanager.exceptions import SecretsManagerClientError
from moto.secretsmanager.models import secretsmanager_backends
from psycopg import errors, pq
from psycopg.conninfo import conninfo_to_dict

from a360_pipeline.sandbox import sql_fields
from a360_pipeline.sandbox.errors import AwsError, denied
from a360_pipeline.sandbox.identity import PARTITION, Caller
from a360_pipeline.sandbox.organization import Organization

Params = Mapping[str, Any]

NAME = "a360"
MOST_ASKED = 4 * 1024**2
MOST_ANSWERED = 1024**2
MOST_OF_A_ROW = 64 * 1024
# PostgreSQL itself ends what takes too long, and forgets who does not come back.
OPTIONS = "-c timezone=UTC -c statement_timeout=45s -c idle_in_transaction_session_timeout=180s"


@dataclass(slots=True)
class Transaction:
    """A session of its own, one statement at a time."""

    connection: psycopg.Connection[Any]
    busy: threading.Lock = field(default_factory=threading.Lock)


class DataApi:
    """One cluster, whose databases are those of a PostgreSQL server, and the secret with which to enter it."""

    def __init__(self, organization: Organization, url: str | None = None) -> None:
        self._owner = organization.management.id
        self._region = organization.region_names[0]
        self._server = conninfo_to_dict(url or "")
        self._transactions: dict[str, Transaction] = {}
        self.resuming = 0
        """How many calls are still refused because the database wakes up."""
        self.cluster_arn = f"arn:{PARTITION}:rds:{self._region}:{self._owner}:cluster:{NAME}"
        self.secret_arn = self._keep_secret() if url else ""

    @property
    def answers(self) -> Mapping[tuple[str, str], Callable[[Organization, Caller, Params], dict[str, Any]]]:
        return {
            ("rds-data", "BeginTransaction"): self.begin_transaction,
            ("rds-data", "CommitTransaction"): self.commit_transaction,
            ("rds-data", "RollbackTransaction"): self.rollback_transaction,
            ("rds-data", "ExecuteStatement"): self.execute_statement,
            ("rds-data", "BatchExecuteStatement"): self.batch_execute_statement,
        }

    def begin_transaction(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        self._admit(caller, params)
        connection = self._connect(params)
        _run(connection, b"BEGIN")
        number = secrets.token_urlsafe(48)
        self._transactions[number] = Transaction(connection)
        return {"transactionId": number}

    def commit_transaction(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        return self._end(caller, params, b"COMMIT", "Transaction Committed")

    def rollback_transaction(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        return self._end(caller, params, b"ROLLBACK", "Rollback Complete")

    def execute_statement(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        self._admit(caller, params)
        bound = sql_fields.bound(params["sql"], params.get("parameters", ()))
        with self._session(params) as connection:
            result = _run(connection, *bound)
            _bounded(result)
            written = (result.command_status or b"").split()[:1] in ([b"INSERT"], [b"UPDATE"], [b"DELETE"], [b"MERGE"])
            answer: dict[str, Any] = {"numberOfRecordsUpdated": (result.command_tuples or 0) if written else 0}
            if result.status == pq.ExecStatus.TUPLES_OK:
                answer["records"] = sql_fields.records(result)
                if params.get("includeResultMetadata"):
                    answer["columnMetadata"] = sql_fields.metadata(result)
            return answer

    def batch_execute_statement(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        self._admit(caller, params)
        sets = params.get("parameterSets") or [[]]
        with self._session(params) as connection:
            for parameters in sets:
                _run(connection, *sql_fields.bound(params["sql"], parameters))
        return {"updateResults": [{"generatedFields": []} for _ in sets]}

    def _admit(self, caller: Caller, params: Params) -> None:
        """Raises AwsError where the call is not for this cluster, or too large, or too early."""
        arn = params["resourceArn"]
        if caller.account_id != self._owner:
            raise denied("rest-json", caller.arn, "rds-data", "because no resource-based policy allows it", arn)
        if arn != self.cluster_arn:
            raise AwsError("DatabaseNotFoundException", f"DBCluster {arn} is not found.", 404)
        if not self._server.get("host"):
            raise AwsError("HttpEndpointNotEnabledException", f"HttpEndpoint is not enabled for cluster {arn}.")
        if len(json.dumps(params, default=str)) > MOST_ASKED:
            raise AwsError("BadRequestException", "Request entity too large: the limit is 4 MiB.", 413)
        if self.resuming:
            self.resuming -= 1
            raise AwsError(
                "DatabaseResumingException",
                f"The Aurora DB instance {NAME} is resuming after being auto-paused. Please wait a few seconds.",
            )

    def _keep_secret(self) -> str:
        told = {"username": self._server["user"], "password": self._server["password"]}
        secret = secretsmanager_backends[self._owner][self._region].create_secret(
            name=f"{NAME}/warehouse",
            secret_string=json.dumps(told),
            secret_binary=None,
            description="User and password of the warehouse",
            tags=[],
            kms_key_id=None,
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )
        return str(json.loads(secret)["ARN"])

    def _connect(self, params: Params) -> psycopg.Connection[Any]:
        try:
            backend = secretsmanager_backends[self._owner][self._region]
            secret = json.loads(backend.get_secret_value(params["secretArn"], "", "AWSCURRENT")["SecretString"])
            entry = {"user": secret["username"], "password": secret["password"]}
        except SecretsManagerClientError:
            raise AwsError("SecretsErrorException", "Secrets Manager can't find the specified secret.") from None
        except (KeyError, TypeError, ValueError):
            raise AwsError("InvalidSecretException", "The secret holds no username and password.") from None
        where = {**self._server, **entry, "dbname": params.get("database") or self._server["dbname"]}
        try:
            return psycopg.connect(**where, options=OPTIONS, autocommit=True)
        except psycopg.OperationalError as error:
            told = str(error).strip().splitlines()[-1]
            raise AwsError("DatabaseErrorException", told.partition("FATAL:")[2].strip() or told) from None

    @contextmanager
    def _session(self, params: Params) -> Iterator[psycopg.Connection[Any]]:
        if "transactionId" in params:
            with self._held(params["transactionId"]) as connection:
                yield connection
        else:
            with self._connect(params) as connection:
                yield connection

    @contextmanager
    def _held(self, number: str) -> Iterator[psycopg.Connection[Any]]:
        transaction = self._transactions.get(number)
        if transaction is None:
            raise _gone(number)
        if not transaction.busy.acquire(blocking=False):
            raise AwsError("DatabaseErrorException", "Transaction is still running a query.")
        try:
            yield transaction.connection
        finally:
            transaction.busy.release()
            if transaction.connection.pgconn.status != pq.ConnStatus.OK:
                self._transactions.pop(number, None)
                transaction.connection.close()

    def _end(self, caller: Caller, params: Params, command: bytes, told: str) -> dict[str, Any]:
        self._admit(caller, params)
        number = params["transactionId"]
        with self._held(number) as connection:
            try:
                result = _run(connection, command)
            finally:
                self._transactions.pop(number, None)
                connection.close()
        if result.command_status != command:
            raise AwsError("DatabaseErrorException", "ERROR: current transaction is aborted; SQLState: 25P02")
        return {"transactionStatus": told}

    def close(self) -> None:
        """Rolls back what nobody has ended."""
        while self._transactions:
            self._transactions.popitem()[1].connection.close()


def _run(
    connection: psycopg.Connection[Any],
    text: bytes,
    values: list[bytes | None] | None = None,
    kinds: list[int] | None = None,
) -> pq.abc.PGresult:
    """One statement in PostgreSQL's extended protocol, which takes no second one. Raises AwsError."""
    result = connection.pgconn.exec_params(text, values or [], kinds or [])
    if result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        return result
    if connection.pgconn.status != pq.ConnStatus.OK:
        raise _gone("of this session")
    error = errors.error_from_result(result)
    if isinstance(error, errors.QueryCanceled):
        raise AwsError("StatementTimeoutException", "Request timed out")
    raise AwsError("DatabaseErrorException", f"ERROR: {error.diag.message_primary}; SQLState: {error.sqlstate}")


def _gone(number: str) -> AwsError:
    return AwsError("TransactionNotFoundException", f"Transaction {number} is not found", 404)


def _bounded(result: pq.abc.PGresult) -> None:
    total = 0
    for row in range(result.ntuples):
        size = sum(len(result.get_value(row, column) or b"") for column in range(result.nfields))
        if size > MOST_OF_A_ROW:
            raise AwsError("UnsupportedResultException", "A row of the result is larger than 64 KB.")
        total += size
    if total > MOST_ANSWERED:
        raise AwsError("BadRequestException", "Database returned more than the allowed response size limit")
