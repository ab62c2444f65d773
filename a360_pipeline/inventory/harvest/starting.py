"""Makes what a harvest needs: stacks, configurations, listings; whoever was killed at it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from a360_pipeline.aws.errors import explain
from a360_pipeline.inventory.harvest.configurations import configure
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import BucketRow, Harvest, RegionRow
from a360_pipeline.inventory.harvest.smoke import place_smoke
from a360_pipeline.inventory.harvest.stacks import deploy_region
from a360_pipeline.inventory.harvest.states import BucketState, HarvestState, RegionState, Way
from a360_pipeline.inventory.listing import take_listing
from a360_pipeline.inventory.means import Means

THREADS = 8
OVER = frozenset({RegionState.READY, RegionState.FAILED})


def start(means: Means, registry: Registry, harvest: Harvest) -> str:
    """Deploys each region, configures and lists each bucket, and then lets the harvest wait for deliveries.

    What is done already is not done again, so that it may take as many calls as it needs. A region or a bucket that
    fails keeps its reason, and none of the others from going on. Returns how many did.
    """
    harvest_id = harvest.harvest_id
    if harvest.state is HarvestState.PLANNED:
        registry.move(harvest_id, HarvestState.DEPLOYING)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="region") as pool:
        unready = [row.region for row in registry.regions(harvest_id) if row.state is not RegionState.READY]
        list(pool.map(partial(deploy_region, means, harvest_id), unready))
    regions = {row.region: row for row in registry.regions(harvest_id)}
    planned = [row for row in registry.buckets(harvest_id) if row.state is BucketState.PLANNED]
    configured = [row for row in planned if row.way is Way.CONFIGURED and _is_over(regions, row)]
    _each(means, registry, configured, lambda _own, row: _configure(means, registry, regions, row))
    list_buckets(means, registry, planned)
    going = [row.region for row in regions.values() if row.state not in OVER]
    if going:
        return f"still deploying: {', '.join(going)}"
    if harvest.request.get("smoke_test"):
        for row, problem in place_smoke(means, registry.buckets(harvest_id)):
            registry.set_bucket(harvest_id, row.account_id, row.bucket, BucketState.NOT_AVAILABLE, problem)
    registry.move(harvest_id, HarvestState.WAITING)
    ready = sum(row.state is RegionState.READY for row in regions.values())
    return f"{ready} of {len(regions)} regions are ready; {len(planned)} buckets were configured or listed"


def list_buckets(means: Means, registry: Registry, buckets: Iterable[BucketRow]) -> None:
    """Lists those that are to be listed; each as one delivery of the day."""
    listed = [row for row in buckets if row.way is Way.LISTED]
    _each(means, registry, listed, lambda own, row: take_listing(means, own, row))


def _is_over(regions: dict[str, RegionRow], row: BucketRow) -> bool:
    """Whether all is done about the destination that a bucket is to deliver to."""
    region = regions.get(row.region or "")
    return region is None or region.state in OVER


def _configure(means: Means, registry: Registry, regions: dict[str, RegionRow], row: BucketRow) -> None:
    region = regions.get(row.region or "")
    if region is not None and region.state is RegionState.READY:
        configure(means, row.harvest_id, row)
        return
    reason = f"there is no destination in {row.region}: {region.message if region else 'the plan has none'}"
    registry.set_bucket(row.harvest_id, row.account_id, row.bucket, BucketState.NOT_CREATED, reason)


def _each(
    means: Means, registry: Registry, rows: Iterable[BucketRow], work: Callable[[Registry, BucketRow], object]
) -> None:
    """Works at buckets side by side; what is raised is the state of its bucket, and no other's."""

    def tried(row: BucketRow) -> None:
        try:
            with means.connect() as connection:
                work(Registry(connection), row)
        except Exception as error:  # noqa: BLE001 - kept at the bucket; the others go on
            state = BucketState.NOT_CREATED if row.way is Way.CONFIGURED else BucketState.NOT_AVAILABLE
            registry.set_bucket(row.harvest_id, row.account_id, row.bucket, state, explain(error))

    with ThreadPoolExecutor(THREADS, thread_name_prefix="bucket") as pool:
        list(pool.map(tried, rows))
