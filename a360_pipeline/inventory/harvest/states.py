"""The words for how a harvest, its regions, buckets and deliveries stand, and the ways from one to the next."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class HarvestState(StrEnum):
    """How a harvest stands. Failed and cancelled ones are cleaned up like those that were reported."""

    PLANNED = "planned"
    DEPLOYING = "deploying"
    WAITING = "waiting"
    CONSOLIDATING = "consolidating"
    ANALYSING = "analysing"
    REPORTED = "reported"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CLEANING = "cleaning"
    DONE = "done"


OUTCOMES = frozenset({HarvestState.REPORTED, HarvestState.FAILED, HarvestState.CANCELLED})
"""How a harvest can end before its clean-up; kept in the column `outcome`."""
TAKING = frozenset(
    {
        HarvestState.PLANNED,
        HarvestState.DEPLOYING,
        HarvestState.WAITING,
        HarvestState.CONSOLIDATING,
        HarvestState.ANALYSING,
        HarvestState.REPORTED,
    }
)
"""Deliveries that arrive now are the harvest's own."""

_WAYS_ON: Mapping[HarvestState, frozenset[HarvestState]] = {
    HarvestState.PLANNED: frozenset({HarvestState.DEPLOYING}),
    HarvestState.DEPLOYING: frozenset({HarvestState.WAITING}),
    HarvestState.WAITING: frozenset({HarvestState.CONSOLIDATING}),
    HarvestState.CONSOLIDATING: frozenset({HarvestState.ANALYSING}),
    HarvestState.ANALYSING: frozenset({HarvestState.REPORTED}),
    HarvestState.REPORTED: frozenset({HarvestState.CLEANING}),
    HarvestState.FAILED: frozenset({HarvestState.CLEANING}),
    HarvestState.CANCELLED: frozenset({HarvestState.CLEANING}),
    HarvestState.CLEANING: frozenset({HarvestState.DONE}),
    HarvestState.DONE: frozenset(),
}
_WORKING = TAKING - {HarvestState.REPORTED}


def ways_on(state: HarvestState, *, is_recurring: bool) -> frozenset[HarvestState]:
    """The states that may follow. What works may fail; what is not yet cleaned up may be cancelled."""
    following = set(_WAYS_ON[state])
    if state in _WORKING:
        following |= {HarvestState.FAILED, HarvestState.CANCELLED}
    if state is HarvestState.REPORTED:
        following.add(HarvestState.CANCELLED)
        if is_recurring:
            following.add(HarvestState.WAITING)
    return frozenset(following)


class RegionState(StrEnum):
    """How the stack of a region stands."""

    PLANNED = "planned"
    DEPLOYING = "deploying"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"
    GONE = "gone"


class BucketState(StrEnum):
    """How a bucket of a harvest stands."""

    PLANNED = "planned"
    NOT_CREATED = "inventory_configuration_not_created"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    EMPTY = "bucket_is_empty"
    NOT_AVAILABLE = "bucket_not_available"
    ACCESS_LOST = "bucket_access_lost"
    EXCLUDED = "excluded"
    REUSED = "reused"
    VERIFICATION_FAILED = "verification_failed"


class Way(StrEnum):
    """How the inventory of a bucket is had. Of a bucket that cannot be looked at there is none."""

    CONFIGURED = "configured"
    REUSED = "reused"
    LISTED = "listed"
    EMPTY = "empty"
    EXCLUDED = "excluded"


class DeliveryState(StrEnum):
    """What became of a delivery."""

    CONSOLIDATED = "consolidated"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    VERIFICATION_FAILED = "verification_failed"
