"""Amazon Athena: queries started once, looked at, stopped, and their result files read with their types."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code, error_message
from a360_pipeline.engines.athena_results import read_csv
from a360_pipeline.engines.engine import Execution, QueryRefused, QueryState

MOST_BYTES = 262_144
"""What Athena takes as the text of one query, in UTF-8."""


@dataclass(frozen=True, slots=True)
class Athena:
    """Both clients are botocore's. `output` is the address of the folder where result files come to lie.

    A workgroup that enforces its configuration puts them into its own folder; they are read where they are.
    """

    athena: Any
    s3: Any
    workgroup: str
    output: str

    @property
    def name(self) -> str:
        return "athena"

    def start(self, sql: str, database: str, token: str | None = None) -> str:
        """Starts a query, or a statement such as CREATE VIEW, and returns its id (StartQueryExecution).

        An attempt that is made again starts nothing twice; with a `token` of one's own (32 to 128 characters) no later
        call that bears the same does. Raises QueryRefused where Athena does not take the text.
        """
        size = len(sql.encode())
        if size > MOST_BYTES:
            raise QueryRefused(f"The query has {size:,} bytes, and Athena takes {MOST_BYTES:,}.")
        try:
            answer = self.athena.start_query_execution(
                QueryString=sql,
                ClientRequestToken=token or secrets.token_hex(32),
                QueryExecutionContext={"Database": database},
                ResultConfiguration={"OutputLocation": self.output},
                WorkGroup=self.workgroup,
            )
        except ClientError as error:
            if error_code(error) != "InvalidRequestException":
                raise
            raise QueryRefused(f"Athena refuses the query: {error_message(error)}") from error
        execution_id: str = answer["QueryExecutionId"]
        return execution_id

    def look(self, execution_id: str) -> Execution:
        """How it stands now (GetQueryExecution)."""
        found = self.athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
        status, statistics = found["Status"], found.get("Statistics", {})
        state = QueryState(status["State"])
        return Execution(
            id=execution_id,
            state=state,
            reason=status.get("StateChangeReason", "") if state in (QueryState.FAILED, QueryState.CANCELLED) else "",
            bytes_scanned=statistics.get("DataScannedInBytes", 0),
            seconds=statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
            location=found["ResultConfiguration"]["OutputLocation"] if state is QueryState.SUCCEEDED else None,
        )

    def cancel(self, execution_id: str) -> None:
        """Ends it; one that is over stays as it is (StopQueryExecution)."""
        self.athena.stop_query_execution(QueryExecutionId=execution_id)

    def result(self, execution: Execution) -> pa.Table:
        """All rows of a query that SUCCEEDED, from its result file, however many they are.

        GetQueryResults is asked for the types alone: the file has none. A statement that answers no rows, such as
        CREATE VIEW, gives a table without columns. Raises ValueError for a query that did not succeed.
        """
        if execution.location is None:
            raise ValueError(f"The query {execution.id} has no result: it is {execution.state}. {execution.reason}")
        if not execution.location.endswith(".csv"):
            return pa.table({})
        answer = self.athena.get_query_results(QueryExecutionId=execution.id, MaxResults=1)
        columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "result.csv"
            self._fetch(execution.location, path)
            return read_csv(path, columns)

    def _fetch(self, location: str, path: Path) -> None:
        address = urlsplit(location, allow_fragments=False)
        body = self.s3.get_object(Bucket=address.netloc, Key=address.path.removeprefix("/"))["Body"]
        with path.open("wb") as file:
            shutil.copyfileobj(body, file, 1024 * 1024)
