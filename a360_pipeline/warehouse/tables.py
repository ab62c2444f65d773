"""Every table of the warehouse: those that sections fill, parents first, and the ledgers."""

from __future__ import annotations

from a360_pipeline.sections.registry import TABLES
from a360_pipeline.warehouse.ledger import LEDGERS

ALL_TABLES = (*TABLES, *LEDGERS)
BY_NAME = {table.name: table for table in ALL_TABLES}
