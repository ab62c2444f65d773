"""Ends a harvest: what it made is removed everywhere, and that nothing is left is looked up, not assumed."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from a360_pipeline.inventory.harvest.left import left_of
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.removal import remove_all, stop_queries
from a360_pipeline.inventory.harvest.rows import Harvest
from a360_pipeline.inventory.harvest.states import HarvestState
from a360_pipeline.inventory.means import Means

SHOWN = 5
"""Of each kind, in the message; the receipt has all."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a clean-up did: all of it by name."""

    harvest_id: str
    removed: tuple[str, ...]
    left: tuple[str, ...]
    """What is still there, or could not be looked at."""
    errors: tuple[str, ...]
    at: dt.datetime
    why: str | None = None
    """What the harvest said of itself before it was cleaned up."""

    @property
    def is_clean(self) -> bool:
        return not self.left and not self.errors

    @property
    def said(self) -> str:
        """In a line."""
        if self.is_clean:
            return f"nothing is left; {len(self.removed)} things were removed"
        told = {"left": self.left, "errors": self.errors}
        return "; ".join(f"{len(lines)} {what}: {_some(lines)}" for what, lines in told.items() if lines)

    def told(self) -> dict[str, Any]:
        """As the warehouse keeps it."""
        return {**asdict(self), "at": self.at.isoformat(), "is_clean": self.is_clean}


def _some(lines: tuple[str, ...]) -> str:
    more = len(lines) - SHOWN
    return "; ".join(lines[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def cancel(means: Means, harvest_id: str, why: str = "somebody cancelled it") -> Harvest:
    """Ends a harvest's work: nothing more is taken or asked, queries that run are stopped, and its clean-up is next.

    Raises NoSuchHarvest, and WrongState where it is cleaned up already.
    """
    with means.connect() as connection:
        registry = Registry(connection)
        registry.move(harvest_id, HarvestState.CANCELLED, why)
        problems = stop_queries(means, registry, harvest_id)
        return registry.note(harvest_id, "; ".join([why, *problems]))


def clean_up(means: Means, harvest_id: str) -> Receipt:
    """Removes all that a harvest made, in every account and region, and then looks for what is left.

    Each thing is tried, whatever fails before it; running it again goes on with what is left. The harvest is done
    when nothing is left, and else stays in clean-up with the reason: nobody's word counts for a thing that is gone.
    History stays: what was consolidated, and its partitions. Raises WrongState for a harvest that is at work (cancel
    it first), and NoSuchHarvest.
    """
    with means.connect() as connection:
        registry = Registry(connection)
        harvest = registry.harvest(harvest_id)
        why = harvest.receipt["why"] if harvest.receipt else harvest.message
        if harvest.state not in (HarvestState.CLEANING, HarvestState.DONE):
            harvest = registry.move(harvest_id, HarvestState.CLEANING, why or "")
        done = remove_all(means, registry, harvest)
        left = left_of(means, harvest_id, registry.regions(harvest_id), registry.buckets(harvest_id))
        receipt = Receipt(
            harvest_id, tuple(done.removed), tuple(left), tuple(done.errors), dt.datetime.now(dt.UTC), why
        )
        registry.set_receipt(harvest_id, receipt.told())
        if not receipt.is_clean:
            registry.note(harvest_id, receipt.said)
        elif harvest.state is HarvestState.CLEANING:
            registry.move(harvest_id, HarvestState.DONE, why or "")
        return receipt
