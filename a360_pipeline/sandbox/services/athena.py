"""Athena over the sandbox's own DuckDB: queries that take their course, result files in S3, and what was scanned."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from moto.athena.models import athena_backends
from moto.s3.models import s3_backends

from a360_pipeline.sandbox.athena.refusals import NotTaken
from a360_pipeline.sandbox.athena.run import Outcome, Run
from a360_pipeline.sandbox.athena.statement import Kind, parse
from a360_pipeline.sandbox.athena.values import csv_line, texts
from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.identity import PARTITION, Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

Params = Mapping[str, Any]

WORKGROUP = "a360"
"""Made at the start, as the hub's stack would; whoever needs another makes it."""
REFUSED = "InvalidRequestException"
ROWS = Paging(default=1000, most=1000, invalid=REFUSED)
EXECUTIONS = Paging(default=50, most=50, invalid=REFUSED)
AT_ONCE = 2
QUEUED_LOOKS, RUNNING_LOOKS = 1, 2
"""A query is QUEUED at the first look and RUNNING at the second, so that nobody counts on results at once."""


@dataclass(eq=False)
class Query:
    """A query that was started."""

    id: str
    asked: Params
    run: Run
    location: str
    cutoff: int | None
    submitted: dt.datetime
    future: Future[Outcome] = field(default_factory=Future)
    looks: int = 0
    is_stopped: bool = False
    completed: dt.datetime | None = None

    @property
    def workgroup(self) -> str:
        return str(self.asked.get("WorkGroup", "primary"))

    @property
    def state(self) -> str:
        if self.is_stopped:
            return "CANCELLED"
        if self.looks <= QUEUED_LOOKS:
            return "QUEUED"
        if self.looks <= RUNNING_LOOKS or not self.future.done():
            return "RUNNING"
        if self._is_over_cutoff:
            return "CANCELLED"
        return "FAILED" if self.future.result().error else "SUCCEEDED"

    @property
    def reason(self) -> str:
        if self.is_stopped:
            return "Query cancelled by user"
        return "Bytes scanned limit was exceeded" if self._is_over_cutoff else self.future.result().error

    @property
    def _is_over_cutoff(self) -> bool:
        return self.cutoff is not None and self.future.result().bytes_scanned > self.cutoff


class AthenaService:
    """All queries of this stand-in; files of tables are kept in a folder that goes with it."""

    def __init__(self, organization: Organization) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="a360-athena-")
        self._pool = ThreadPoolExecutor(AT_ONCE, "athena")
        self._lock = threading.Lock()
        self._queries: dict[tuple[str, str], dict[str, Query]] = {}
        self._tokens: dict[tuple[str, str, str], Query] = {}
        home = athena_backends[organization.management.id][organization.region_names[0]]
        home.create_work_group(WORKGROUP, {"EnforceWorkGroupConfiguration": False}, "Inventories", [])

    @property
    def answers(self) -> Mapping[tuple[str, str], Callable[[Organization, Caller, Params], dict[str, Any]]]:
        return {
            ("athena", "StartQueryExecution"): self.start_query_execution,
            ("athena", "GetQueryExecution"): self.get_query_execution,
            ("athena", "BatchGetQueryExecution"): self.batch_get_query_execution,
            ("athena", "ListQueryExecutions"): self.list_query_executions,
            ("athena", "StopQueryExecution"): self.stop_query_execution,
            ("athena", "GetQueryResults"): self.get_query_results,
            ("athena", "GetWorkGroup"): self.get_work_group,
        }

    def start_query_execution(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        """The text is parsed at once, and runs when its turn comes. A token that came before starts nothing."""
        group = self._workgroup(caller, params.get("WorkGroup", "primary"))["Configuration"]
        asked = {name: value for name, value in params.items() if name != "ClientRequestToken"}
        token = (caller.account_id, caller.region, params.get("ClientRequestToken") or str(uuid.uuid4()))
        database = params.get("QueryExecutionContext", {}).get("Database", "default").lower()
        with self._lock:
            before = self._tokens.get(token)
            if before is not None and before.asked != asked:
                raise AwsError(REFUSED, "Idempotent parameters do not match")
            if before is not None:
                return {"QueryExecutionId": before.id}
            try:
                statement = parse(params["QueryString"], database)
            except NotTaken as error:
                raise AwsError(REFUSED, str(error)) from None
            number = str(uuid.uuid4())
            query = Query(
                number,
                asked,
                Run(statement, database, caller.account_id, caller.region, Path(self._folder.name)),
                _location(params, group, number, ".csv" if statement.kind is Kind.SELECT else ".txt"),
                group.get("BytesScannedCutoffPerQuery"),
                dt.datetime.now(dt.UTC),
            )
            _bucket(caller.account_id, query.location)
            self._tokens[token] = query
            self._queries.setdefault((caller.account_id, caller.region), {})[number] = query
            query.future = self._pool.submit(_carry_out, query)
        return {"QueryExecutionId": number}

    def get_query_execution(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        return {"QueryExecution": _described(self._query(caller, params["QueryExecutionId"]))}

    def batch_get_query_execution(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        held = self._queries.get((caller.account_id, caller.region), {})
        wanted: list[str] = params["QueryExecutionIds"]
        return {
            "QueryExecutions": [_described(held[number]) for number in wanted if number in held],
            "UnprocessedQueryExecutionIds": [
                {"QueryExecutionId": number, "ErrorCode": REFUSED, "ErrorMessage": _unknown(number)}
                for number in wanted
                if number not in held
            ],
        }

    def list_query_executions(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        held = list(self._queries.get((caller.account_id, caller.region), {}).values())
        newest_first = [one.id for one in reversed(held) if one.workgroup == params.get("WorkGroup", "primary")]
        page, more = EXECUTIONS.page(caller, params, newest_first)
        return {"QueryExecutionIds": page} | more

    def stop_query_execution(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        query = self._query(caller, params["QueryExecutionId"])
        if query.state in ("QUEUED", "RUNNING"):
            query.is_stopped, query.completed = True, dt.datetime.now(dt.UTC)
            query.run.stop()
        return {}

    def get_query_results(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        query = self._query(caller, params["QueryExecutionId"])
        if query.state in ("QUEUED", "RUNNING"):
            raise AwsError(REFUSED, f"Query has not yet finished. Current state: {query.state}")
        if query.state != "SUCCEEDED":
            raise AwsError(REFUSED, f"Query did not finish successfully. Final query state: {query.state}")
        outcome = query.future.result()
        told: dict[str, Any] = {
            "ResultSetMetadata": {"ColumnInfo": [column.info for column in outcome.columns]},
            "Rows": [],
        }
        if outcome.rows is None:
            return {"UpdateCount": 0, "ResultSet": told}
        # The names of the columns are the first row.
        page, more = ROWS.page(caller, params, range(outcome.rows.num_rows + 1))
        first = max(page[0] - 1, 0) if page else 0
        rows: list[tuple[str | None, ...]] = [tuple(c.name for c in outcome.columns)] if page and page[0] == 0 else []
        rows += texts(outcome.rows.slice(first, len(page) - len(rows)))
        told["Rows"] = [{"Data": [{} if one is None else {"VarCharValue": one} for one in row]} for row in rows]
        return {"UpdateCount": 0, "ResultSet": told, **more}

    def get_work_group(self, _organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
        return {"WorkGroup": self._workgroup(caller, params["WorkGroup"])}

    def settle(self) -> None:
        """Returns when nothing runs: for tests, which have no time to look every now and then."""
        wait([query.future for queries in self._queries.values() for query in queries.values()])

    def close(self) -> None:
        """Stops what still runs, and removes the files."""
        for queries in self._queries.values():
            for query in queries.values():
                query.run.stop()
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def _workgroup(self, caller: Caller, name: str) -> dict[str, Any]:
        group = athena_backends[caller.account_id][caller.region].get_work_group(name)
        if group is None:
            raise AwsError(REFUSED, f"WorkGroup {name} is not found.")
        return {name: value for name, value in group.items() if name != "CreationTime" and value is not None}

    def _query(self, caller: Caller, number: str) -> Query:
        query = self._queries.get((caller.account_id, caller.region), {}).get(number)
        if query is None:
            raise AwsError(REFUSED, _unknown(number))
        return query


def _carry_out(query: Query) -> Outcome:
    """Runs a query and writes its files, unless it is stopped before."""
    outcome = query.run.outcome()
    if not query.is_stopped:
        query.completed = dt.datetime.now(dt.UTC)
        if not outcome.error:
            _write(query, outcome)
    return outcome


def _write(query: Query, outcome: Outcome) -> None:
    """The result, and beside it what is told of its columns; AWS's own `.metadata` is binary and described nowhere."""
    body = ""
    if outcome.rows is not None:
        body = csv_line([column.name for column in outcome.columns]) + "".join(map(csv_line, texts(outcome.rows)))
    told = json.dumps([column.info for column in outcome.columns])
    address = urlsplit(query.location, allow_fragments=False)
    s3 = s3_backends[query.run.account_id][PARTITION]
    for name, content in ((address.path[1:], body), (f"{address.path[1:]}.metadata", told)):
        s3.put_object(address.netloc, name, content.encode())


def _described(query: Query) -> dict[str, Any]:
    """As QueryExecution; each look at a query takes it further on its course."""
    query.looks += 1
    state, asked = query.state, query.asked
    status: dict[str, Any] = {"State": state, "SubmissionDateTime": query.submitted}
    statistics: dict[str, Any] = {}
    if state in ("SUCCEEDED", "FAILED", "CANCELLED"):
        completed = query.completed or query.submitted
        status["CompletionDateTime"] = completed
        millis = int((completed - query.submitted).total_seconds() * 1000)
        scanned = 0 if query.is_stopped else query.future.result().bytes_scanned
        statistics = {
            "EngineExecutionTimeInMillis": millis,
            "TotalExecutionTimeInMillis": millis,
            "DataScannedInBytes": scanned,
        }
    if state in ("FAILED", "CANCELLED"):
        status["StateChangeReason"] = query.reason
    if state == "FAILED":
        status["AthenaError"] = {
            "ErrorCategory": 2,
            "ErrorType": 1000,
            "Retryable": False,
            "ErrorMessage": query.reason,
        }
    return {
        "QueryExecutionId": query.id,
        "Query": asked["QueryString"],
        "StatementType": "DML" if query.run.statement.kind is Kind.SELECT else "DDL",
        "SubstatementType": str(query.run.statement.kind),
        "ResultConfiguration": {"OutputLocation": query.location},
        "QueryExecutionContext": {"Database": query.run.database, "Catalog": "awsdatacatalog"},
        "Status": status,
        "Statistics": statistics,
        "WorkGroup": query.workgroup,
        "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"},
    }


def _location(params: Params, group: Params, number: str, suffix: str) -> str:
    own = params.get("ResultConfiguration", {}).get("OutputLocation")
    groups = group.get("ResultConfiguration", {}).get("OutputLocation")
    folder = (groups or own) if group.get("EnforceWorkGroupConfiguration") else (own or groups)
    if not folder:
        raise AwsError(REFUSED, "No output location provided. An output location is required.")
    return f"{folder.rstrip('/')}/{number}{suffix}"


def _bucket(account_id: str, location: str) -> None:
    address = urlsplit(location, allow_fragments=False)
    if address.scheme != "s3" or address.netloc not in s3_backends[account_id][PARTITION].buckets:
        raise AwsError(REFUSED, f"Unable to verify/create output bucket {address.netloc}")


def _unknown(number: str) -> str:
    return f"QueryExecution {number} was not found"
