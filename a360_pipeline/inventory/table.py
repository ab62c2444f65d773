"""The table of all inventories in the Glue catalogue: made, evolved, and its partitions pointed at deliveries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code
from a360_pipeline.engines.engine import Engine, QueryState
from a360_pipeline.engines.waiting import finish
from a360_pipeline.inventory.layout import FIELDS, PARTITION_FIELDS
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.views import Counted, parts_of, view_name, view_statements

COLUMNS = tuple((field.name, field.kind.value) for field in FIELDS)
KEYS = tuple((name, kind.value) for name, kind in PARTITION_FIELDS)
BATCH = 100
"""Partitions in one BatchUpdatePartition."""
VIEW_SECONDS = 300.0
"""How long the making of one view may take."""
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
DELIVERED_AT, MANIFEST_KEY = "a360.delivered_at", "a360.manifest_key"
"""Parameters of a partition: which delivery it points at."""


class ViewNotMade(RuntimeError):
    """Athena did not make a view. The message says which, and why."""


class TableDiffers(ValueError):
    """The catalogue has a table of this name that is not ours. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One bucket's inventory of one day, and the delivery that stands for it."""

    snapshot_date: dt.date
    account_id: str
    region: str
    bucket: str
    location: str
    delivered_at: dt.datetime | None = None
    manifest_key: str | None = None

    @property
    def values(self) -> list[str]:
        """As the catalogue tells partitions apart."""
        return [self.snapshot_date.isoformat(), self.account_id, self.region, self.bucket]

    @property
    def order(self) -> tuple[dt.datetime, str]:
        """Deliveries of one day by their age; where both are of one instant, the manifests' names decide."""
        return self.delivered_at or dt.datetime.min.replace(tzinfo=dt.UTC), self.manifest_key or ""

    def described(self, columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """As PartitionInput."""
        told = {DELIVERED_AT: self.delivered_at and self.delivered_at.isoformat(), MANIFEST_KEY: self.manifest_key}
        return {
            "Values": self.values,
            "StorageDescriptor": {"Columns": list(columns), "Location": self.location, **PARQUET},
            "Parameters": {name: value for name, value in told.items() if value},
        }

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Self:
        """From a Partition as the catalogue tells it."""
        date, account_id, region, bucket = found["Values"]
        told = found.get("Parameters", {})
        at = told.get(DELIVERED_AT)
        return cls(
            dt.date.fromisoformat(date),
            account_id,
            region,
            bucket,
            location=found["StorageDescriptor"]["Location"],
            delivered_at=at and dt.datetime.fromisoformat(at),
            manifest_key=told.get(MANIFEST_KEY),
        )


@dataclass(frozen=True, slots=True)
class Catalog:
    """The table `database`.`table`; `location` is the folder under which consolidated inventories lie."""

    glue: Any
    database: str
    table: str
    location: str

    @classmethod
    def of(cls, means: Means) -> Self:
        settings = means.settings
        location = f"s3://{settings.inventory_bucket}/{settings.inventory_prefix}"
        return cls(means.hub("glue"), settings.glue_database, settings.glue_table, location)

    def ensure(self) -> None:
        """Makes the database and the table where they lack, and adds the columns that the table lacks.

        Partitions get the new columns first: Athena compares a partition's columns with the table's by their place.
        To be called before deliveries are published, not meanwhile; calling it again changes nothing.
        Raises TableDiffers. (GetTable, CreateDatabase, CreateTable, UpdateTable)
        """
        found = self._found()
        if found is None:
            _unless("AlreadyExistsException", lambda: self.glue.create_database(DatabaseInput={"Name": self.database}))
            made = self._input([_column(*column) for column in COLUMNS])
            _unless(
                "AlreadyExistsException",
                lambda: self.glue.create_table(DatabaseName=self.database, TableInput=made),
            )
            found = self._found() or made
        columns = self._evolved(found)
        if columns != found["StorageDescriptor"]["Columns"]:
            self._evolve_partitions(columns)
            self.glue.update_table(
                DatabaseName=self.database,
                TableInput=self._input(columns, found.get("Parameters", {})),
                SkipArchive=True,
            )

    def publish(
        self,
        snapshot_date: dt.date,
        account_id: str,
        region: str,
        bucket: str,
        location: str,
        *,
        delivered_at: dt.datetime,
        manifest_key: str,
    ) -> bool:
        """Points the bucket's partition of the day at a delivery's folder: all of its rows are seen at once.

        Returns whether the delivery stands now; False where a newer one does. Publishing again changes nothing.
        Glue knows no conditional update: two deliveries of one bucket and day are not to be published at one time.
        (GetPartition, CreatePartition, UpdatePartition)
        """
        wanted = Partition(snapshot_date, account_id, region, bucket, location, delivered_at, manifest_key)
        described = wanted.described(self._columns())
        standing = self.standing(wanted)
        if standing is None:
            made = _unless(
                "AlreadyExistsException", lambda: self.glue.create_partition(**self._here, PartitionInput=described)
            )
            if made:
                return True
            standing = self.standing(wanted)
        if standing == wanted:
            return True
        if standing is not None and standing.order > wanted.order:
            return False
        self.glue.update_partition(**self._here, PartitionValueList=wanted.values, PartitionInput=described)
        return True

    def unpublish(self, snapshot_date: dt.date, account_id: str, region: str, bucket: str) -> bool:
        """Removes a partition, not its files; False when there is none (DeletePartition)."""
        key = Partition(snapshot_date, account_id, region, bucket, "")
        return _unless(
            "EntityNotFoundException",
            lambda: self.glue.delete_partition(**self._here, PartitionValues=key.values),
        )

    def standing(self, key: Partition) -> Partition | None:
        """What the catalogue has under the key of a partition; None where there is nothing (GetPartition)."""
        try:
            answer = self.glue.get_partition(**self._here, PartitionValues=key.values)
        except ClientError as error:
            if error_code(error) == "EntityNotFoundException":
                return None
            raise
        return Partition.read(answer["Partition"])

    def partitions(self) -> Iterator[Partition]:
        """All of them, page by page (GetPartitions)."""
        return (Partition.read(found) for found in self._pages(ExcludeColumnSchema=True))

    def harvest_view(self, engine: Engine, harvest_id: str, deliveries: Iterable[Counted]) -> str:
        """Makes the view over what a harvest counted, or makes it anew, and returns its name.

        `deliveries` are rows of `inventory_deliveries`, or partitions. Raises ValueError for names that are not of
        AWS's, ViewNotMade where Athena does not make it, StillRunning.
        """
        name = view_name(self.table, harvest_id)
        made = set()
        for part, statement in view_statements(self.database, self.table, name, deliveries):
            execution = finish(engine, engine.start(statement, self.database), patience=VIEW_SECONDS)
            if execution.state is not QueryState.SUCCEEDED:
                raise ViewNotMade(f"The view {self.database}.{part} was not made: {execution.reason}")
            made.add(part)
        self._drop(name, but=made)
        return name

    def drop_view(self, harvest_id: str) -> list[str]:
        """Removes the view of a harvest, and what it is made of; returns the names of those that were there."""
        return self._drop(view_name(self.table, harvest_id), but=())

    def _drop(self, name: str, but: Iterable[str]) -> list[str]:
        """(GetTables, DeleteTable)"""
        pages = self.glue.get_paginator("get_tables").paginate(DatabaseName=self.database, Expression=f"{name}.*")
        parts = parts_of(name)
        found = [table["Name"] for page in pages for table in page["TableList"]]
        wanted = sorted(one for one in found if parts.fullmatch(one) and one not in but)
        for one in wanted:
            gone = partial(self.glue.delete_table, DatabaseName=self.database, Name=one)
            _unless("EntityNotFoundException", gone)
        return wanted

    @property
    def _here(self) -> dict[str, str]:
        return {"DatabaseName": self.database, "TableName": self.table}

    def _pages(self, **options: Any) -> Iterator[Mapping[str, Any]]:
        for page in self.glue.get_paginator("get_partitions").paginate(**self._here, **options):
            yield from page["Partitions"]

    def _found(self) -> Mapping[str, Any] | None:
        """The table by its name: a listing would have to be read to its end."""
        try:
            found: Mapping[str, Any] = self.glue.get_table(DatabaseName=self.database, Name=self.table)["Table"]
        except ClientError as error:
            if error_code(error) == "EntityNotFoundException":
                return None
            raise
        return found

    def _columns(self) -> list[dict[str, Any]]:
        found = self._found()
        if found is None:
            raise TableDiffers(f"{self.database}.{self.table} is not there: it is to be made before it is filled.")
        return list(found["StorageDescriptor"]["Columns"])

    def _input(self, columns: list[dict[str, Any]], parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """As TableInput."""
        return {
            "Name": self.table,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", **(parameters or {})},
            "PartitionKeys": [_column(*key) for key in KEYS],
            "StorageDescriptor": {"Columns": columns, "Location": self.location, **PARQUET},
        }

    def _evolved(self, found: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The table's columns as they stand, and after them those that it lacks. Raises TableDiffers."""
        columns = list(found["StorageDescriptor"]["Columns"])
        keys = tuple((key["Name"], key["Type"]) for key in found.get("PartitionKeys", ()))
        types = {column["Name"]: column["Type"] for column in columns}
        wrong = [f"{name} is {types[name]}, not {kind}" for name, kind in COLUMNS if types.get(name, kind) != kind] + (
            [f"it is partitioned by {keys}, not {KEYS}"] if keys != KEYS else []
        )
        if wrong:
            raise TableDiffers(
                f"{self.database}.{self.table} is another table than that of inventories: {'; '.join(wrong)}. "
                "Set A360_GLUE_TABLE to another name, or remove the table."
            )
        return columns + [_column(name, kind) for name, kind in COLUMNS if name not in types]

    def _evolve_partitions(self, columns: list[dict[str, Any]]) -> None:
        """Gives the columns to the partitions that have others (BatchUpdatePartition). Raises RuntimeError."""
        old = [Partition.read(found) for found in self._pages() if found["StorageDescriptor"]["Columns"] != columns]
        for start in range(0, len(old), BATCH):
            some = old[start : start + BATCH]
            entries = [{"PartitionValueList": one.values, "PartitionInput": one.described(columns)} for one in some]
            answer = self.glue.batch_update_partition(**self._here, Entries=entries)
            _require_none_failed(answer.get("Errors", ()))


def _column(name: str, kind: str) -> dict[str, Any]:
    return {"Name": name, "Type": kind}


def _require_none_failed(errors: Iterable[Mapping[str, Any]]) -> None:
    said = [f"{'/'.join(e['PartitionValueList'])}: {e['ErrorDetail'].get('ErrorMessage', '')}" for e in errors]
    if said:
        raise RuntimeError(f"{len(said)} partitions did not get the new columns: {'; '.join(said[:5])}")


def _unless(code: str, call: Callable[[], Any]) -> bool:
    """Whether the call did what it is for; False where AWS says with the code that it was done before."""
    try:
        call()
    except ClientError as error:
        if error_code(error) == code:
            return False
        raise
    return True
