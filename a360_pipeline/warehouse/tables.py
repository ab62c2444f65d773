"""Every table of the warehouse: those that a load fills, parents first, its ledgers, and those of harvests."""

from __future__ import annotations

from a360_pipeline.sections.registry import TABLES
from a360_pipeline.warehouse.harvests import HARVEST_TABLES
from a360_pipeline.warehouse.ledger import LEDGERS

LOADED_TABLES = (*TABLES, *LEDGERS)
ALL_TABLES = (*LOADED_TABLES, *HARVEST_TABLES)
BY_NAME = {table.name: table for table in ALL_TABLES}
