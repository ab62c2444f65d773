"""Whose a delivery is: the buckets of harvests by where their deliveries arrive, for many keys at once."""

from __future__ import annotations

from dataclasses import dataclass

from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import BucketRow, DeliveryRow, Harvest
from a360_pipeline.inventory.harvest.states import BucketState, HarvestState, Way

Spot = tuple[str, str]
"""A destination bucket, and a prefix or a manifest's key there."""

TAKES_NOW = frozenset({HarvestState.WAITING, HarvestState.CONSOLIDATING})
"""States in which deliveries are taken: later ones would change what the queries of the harvest are just reading."""
DELIVERED = frozenset({Way.CONFIGURED, Way.REUSED})
"""Ways of buckets that S3 delivers inventories of."""


@dataclass(frozen=True, slots=True)
class Known:
    """The harvests that take deliveries now, their buckets, and the deliveries that they counted."""

    harvests: dict[str, Harvest]
    buckets: dict[Spot, list[BucketRow]]
    """By destination bucket and prefix; harvests side by side may go by one inventory."""
    deliveries: dict[Spot, DeliveryRow]

    @classmethod
    def of(cls, registry: Registry) -> Known:
        """Asks the warehouse twice a harvest, however many buckets and deliveries there are."""
        harvests = {one.harvest_id: one for one in registry.open_harvests() if one.state in TAKES_NOW}
        buckets: dict[Spot, list[BucketRow]] = {}
        deliveries: dict[Spot, DeliveryRow] = {}
        for harvest_id in harvests:
            for row in registry.buckets(harvest_id):
                # Without a configuration nothing arrives, and where the stack failed there is no destination to list.
                is_awaited = row.way in DELIVERED and row.state is not BucketState.NOT_CREATED
                if is_awaited and row.destination_bucket and row.destination_prefix:
                    buckets.setdefault((row.destination_bucket, row.destination_prefix), []).append(row)
            for delivery in registry.deliveries(harvest_id):
                deliveries[delivery.destination_bucket, delivery.manifest_key] = delivery
        return cls(harvests, buckets, deliveries)

    def prefix_of(self, destination_bucket: str, key: str) -> str | None:
        """The longest prefix of a bucket of ours that the key lies under."""
        end = key.rfind("/")
        while end >= 0:
            if (destination_bucket, key[: end + 1]) in self.buckets:
                return key[: end + 1]
            end = key.rfind("/", 0, end)
        return None

    def owners(self, destination_bucket: str, key: str) -> list[BucketRow]:
        """The buckets whose deliveries arrive there, one a harvest."""
        prefix = self.prefix_of(destination_bucket, key)
        return [] if prefix is None else self.buckets[destination_bucket, prefix]
