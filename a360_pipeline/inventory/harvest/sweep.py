"""The second net: harvests that nobody ended, and what is left of those that are over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.inventory.harvest.decision import WORKING
from a360_pipeline.inventory.harvest.ending import Receipt, clean_up
from a360_pipeline.inventory.harvest.left import is_really_there, tagged_in
from a360_pipeline.inventory.harvest.locks import HARVEST, alone
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import Harvest
from a360_pipeline.inventory.harvest.states import HarvestState
from a360_pipeline.inventory.means import Means

LONG = dt.timedelta(hours=24)
"""After its deadline, or without a change, a harvest is one that nobody takes on any more."""


@dataclass(slots=True)
class Swept:
    """What a sweep did and found."""

    receipts: dict[str, Receipt] = field(default_factory=dict)
    """Of the harvests that it cleaned up, by their ids."""
    unknown: dict[str, list[str]] = field(default_factory=dict)
    """What is tagged with harvests that this warehouse does not know: another's may be at work, so it is left alone."""
    problems: list[str] = field(default_factory=list)
    """What could not be looked at or cleaned up, and why."""


def sweep(means: Means, now: dt.datetime | None = None) -> Swept:
    """Cleans up harvests that are long past their deadline, that stopped in the middle, or left something behind.

    What is tagged is looked for in every region that the hub has enabled (Account ListRegions, Resource Groups Tagging
    API GetResources). Raises WarehouseUnavailable; all else is a problem that is told.
    """
    now = now or dt.datetime.now(dt.UTC)
    swept = Swept()
    with means.connect() as connection:
        registry = Registry(connection)
        known = {one.harvest_id: one for one in registry.harvests()}
        tagged = _tagged(means, swept)
        for harvest_id, things in tagged.items():
            if harvest_id not in known:
                swept.unknown[harvest_id] = things
        for harvest in known.values():
            if is_abandoned(harvest, now) or (harvest.state is HarvestState.DONE and harvest.harvest_id in tagged):
                _end(means, registry, harvest, swept)
    return swept


def is_abandoned(harvest: Harvest, now: dt.datetime) -> bool:
    """Whether nobody has taken a harvest on for long though there is something to do."""
    if harvest.state in WORKING:
        return harvest.deadline is not None and now > harvest.deadline + LONG
    waits_for_round = harvest.state is HarvestState.REPORTED and harvest.is_recurring
    is_over = harvest.state is HarvestState.DONE
    return not (is_over or waits_for_round) and harvest.updated_at is not None and now > harvest.updated_at + LONG


def _end(means: Means, registry: Registry, harvest: Harvest, swept: Swept) -> None:
    harvest_id = harvest.harvest_id
    try:
        with alone(means, HARVEST, harvest_id) as is_alone:
            if not is_alone:
                return
            if harvest.state in WORKING:
                message = f"it was {harvest.state} for long after its deadline: nobody took it on"
                registry.move(harvest_id, HarvestState.FAILED, message)
            swept.receipts[harvest_id] = clean_up(means, harvest_id)
    except Exception as error:  # noqa: BLE001 - told; the other harvests are swept all the same
        swept.problems.append(f"harvest {harvest_id}: {explain(error)}")


def _tagged(means: Means, swept: Swept) -> dict[str, list[str]]:
    """What bears the tag of a harvest, in all regions, by the harvest's id."""
    found: dict[str, list[str]] = {}
    for region in _regions(means, swept):
        try:
            for arn, harvest_id in tagged_in(means, region):
                if is_really_there(means, region, arn):
                    found.setdefault(harvest_id, []).append(f"{arn} in {region}")
        except AWS_ERRORS as error:
            swept.problems.append(f"what is tagged in {region} cannot be looked for: {explain(error)}")
    return found


def _regions(means: Means, swept: Swept) -> Iterable[str]:
    pages = means.hub("account").get_paginator("list_regions")
    wanted = {"RegionOptStatusContains": ["ENABLED", "ENABLED_BY_DEFAULT"]}
    try:
        return sorted(one["RegionName"] for page in pages.paginate(**wanted) for one in page["Regions"])
    except AWS_ERRORS as error:
        swept.problems.append(f"the regions of the hub cannot be listed: {explain(error)}")
        return [means.settings.home_region]
