"""Where the inventories of a harvest are kept and asked: its place, its table and its engine, from the settings."""

from __future__ import annotations

from dataclasses import replace

from a360_pipeline.engines.athena import Athena
from a360_pipeline.inventory.delivery import ROOT
from a360_pipeline.inventory.harvest.rows import Harvest
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.places import BucketPlace
from a360_pipeline.inventory.table import Catalog

RESULTS = "queries/"
"""Under which results of queries lie, and then the harvest."""


def inventory_place(means: Means) -> BucketPlace:
    """The bucket of consolidated inventories, and of what is made of them. Their folders begin with `inventory/`."""
    settings = means.settings
    above = settings.inventory_prefix.removesuffix(f"{ROOT}/")
    return BucketPlace(means.hub("s3"), settings.inventory_bucket, above, settings.kms_key_id)


def catalog_of(means: Means, harvest: Harvest) -> Catalog:
    """The table that the harvest asked for, or that of the settings."""
    catalog, request = Catalog.of(means), harvest.request
    return replace(
        catalog, database=request.get("database") or catalog.database, table=request.get("table") or catalog.table
    )


def engine_of(means: Means, harvest_id: str) -> Athena:
    """Athena of the hub, its results in a folder of the harvest."""
    output = f"s3://{means.settings.inventory_bucket}/{RESULTS}{harvest_id}/"
    return Athena(means.hub("athena"), means.hub("s3"), means.settings.athena_workgroup, output)
