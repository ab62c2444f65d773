"""The Glue catalogue of a caller as Athena reads it, and views as Athena keeps them there."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from moto.glue.models import glue_backends

VIEW = "VIRTUAL_VIEW"
OPENING, CLOSING = "/* Presto View: ", " */"


@dataclass(frozen=True)
class Source:
    """A table or a view of the catalogue."""

    database: str
    name: str
    found: Mapping[str, Any]
    partitions: tuple[tuple[tuple[str, ...], str], ...] = ()
    """Values and location of each."""

    @property
    def is_view(self) -> bool:
        return self.found.get("TableType") == VIEW

    @cached_property
    def columns(self) -> dict[str, str]:
        """Types by name, of columns that the files have."""
        return _typed(self.found.get("StorageDescriptor", {}).get("Columns", ()))

    @cached_property
    def keys(self) -> dict[str, str]:
        """Types by name, of columns that the partitions have."""
        return _typed(self.found.get("PartitionKeys", ()))

    @property
    def location(self) -> str:
        location: str = self.found.get("StorageDescriptor", {}).get("Location", "")
        return location

    @property
    def is_parquet(self) -> bool:
        return "parquet" in self.found.get("StorageDescriptor", {}).get("InputFormat", "").lower()

    @property
    def query(self) -> str:
        """What a view is made of, in Trino's dialect."""
        text: str = self.found["ViewOriginalText"]
        return str(json.loads(b64decode(text.removeprefix(OPENING).removesuffix(CLOSING)))["originalSql"])


class Catalogue:
    """That of one account in one region."""

    def __init__(self, account_id: str, region: str) -> None:
        self._glue = glue_backends[account_id][region]

    def source(self, database: str, name: str) -> Source | None:
        """A table or view by its name; names are told without regard to case."""
        tables = self._tables(database)
        table = tables.get(name.lower())
        if table is None:
            return None
        partitions = tuple(
            (tuple(map(str, one.values)), str(one.partition_input["StorageDescriptor"]["Location"]))
            for one in list(table.partitions.values())
        )
        return Source(database.lower(), name.lower(), table.as_dict(), partitions)

    def has(self, database: str) -> bool:
        return database.lower() in self._glue.databases

    def put_view(self, database: str, name: str, query: str, columns: Mapping[str, str]) -> None:
        """Keeps a view, in place of the one that was; `columns` are Trino's types by name."""
        told = [{"name": column, "type": kind} for column, kind in columns.items()]
        text = json.dumps(
            {"originalSql": query, "catalog": "awsdatacatalog", "schema": database, "columns": told}, sort_keys=True
        )
        made = {
            "Name": name,
            "TableType": VIEW,
            "Parameters": {"presto_view": "true", "comment": "Presto View"},
            "PartitionKeys": [],
            "ViewOriginalText": f"{OPENING}{b64encode(text.encode()).decode()}{CLOSING}",
            "ViewExpandedText": "/* Presto View */",
            "StorageDescriptor": {
                "Columns": [{"Name": column, "Type": _of_hive(kind)} for column, kind in columns.items()]
            },
        }
        put = self._glue.update_table if name in self._tables(database) else self._glue.create_table
        put(database, name, made)

    def drop(self, database: str, name: str) -> None:
        self._glue.delete_table(database, name)

    def _tables(self, database: str) -> Mapping[str, Any]:
        held = self._glue.databases.get(database.lower())
        return held.tables if held else {}


def _typed(columns: Any) -> dict[str, str]:
    return {column["Name"].lower(): column.get("Type", "string").lower() for column in columns}


def _of_hive(kind: str) -> str:
    return {"varchar": "string", "integer": "int", "varbinary": "binary", "real": "float"}.get(kind, kind)
