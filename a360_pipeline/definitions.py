"""The product's table of contents: what Dagster loads."""

import dagster as dg

from a360_pipeline.defs import collection, harvest, inventory, recollection, warehouse
from a360_pipeline.defs.hub import Hub

defs = dg.Definitions.merge(
    collection.defs,
    recollection.defs,
    warehouse.defs,
    harvest.defs,
    inventory.defs,
    dg.Definitions(resources={"hub": Hub()}),
)
