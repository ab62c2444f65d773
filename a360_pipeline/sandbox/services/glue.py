"""Listings of the Glue catalogue in pages, where moto gives all at once; the catalogue itself is moto's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from moto.core.exceptions import JsonRESTError
from moto.glue.models import glue_backends

from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.identity import Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging

PARTITIONS = Paging(default=1000, most=1000, invalid="InvalidInputException")
TABLES = Paging(default=100, most=100, invalid="InvalidInputException")
Found = TypeVar("Found")


def get_partitions(_organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    glue = glue_backends[caller.account_id][caller.region]
    found = _of_moto(
        lambda: glue.get_partitions(params["DatabaseName"], params["TableName"], params.get("Expression", ""))
    )
    page, more = PARTITIONS.page(caller, params, found)
    described = [partition.as_dict() for partition in page]
    if params.get("ExcludeColumnSchema"):
        described = [
            one | {"StorageDescriptor": {k: v for k, v in one["StorageDescriptor"].items() if k != "Columns"}}
            for one in described
        ]
    return {"Partitions": described} | more


def get_tables(_organization: Organization, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    glue = glue_backends[caller.account_id][caller.region]
    found = _of_moto(lambda: glue.get_tables(params["DatabaseName"], params.get("Expression")))
    page, more = TABLES.page(caller, params, sorted(found, key=lambda table: str(table.name)))
    return {"TableList": [table.as_dict() for table in page]} | more


def _of_moto(call: Callable[[], Found]) -> Found:
    try:
        return call()
    except JsonRESTError as error:
        raise AwsError(error.error_type, error.message) from None


ANSWERS = {("glue", "GetPartitions"): get_partitions, ("glue", "GetTables"): get_tables}
