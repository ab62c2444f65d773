"""Takes a harvest on by one step at a time: what is next follows from the warehouse alone, whoever asks and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from a360_pipeline.aws.errors import UNREACHABLE, error_code, explain, status_of
from a360_pipeline.coverage import Status
from a360_pipeline.inventory.harvest.analysing import ask_anew
from a360_pipeline.inventory.harvest.arrivals import find_arrivals
from a360_pipeline.inventory.harvest.decision import WORKING, Step, next_step
from a360_pipeline.inventory.harvest.ending import clean_up
from a360_pipeline.inventory.harvest.locks import HARVEST, alone
from a360_pipeline.inventory.harvest.registry import Registry, WrongState
from a360_pipeline.inventory.harvest.rows import Harvest
from a360_pipeline.inventory.harvest.starting import list_buckets, start
from a360_pipeline.inventory.harvest.states import HarvestState
from a360_pipeline.inventory.harvest.take import take_all
from a360_pipeline.inventory.means import Means

Reporter = Callable[[Means, Registry, Harvest], Mapping[str, Any]]
"""Makes the report, sends it, and returns what is kept of it. Whatever it raises is kept in its place."""
Analyser = Callable[[Means, Registry, Harvest], str]
"""Asks the queries of a harvest and records each, all of them before the first is started; says how it went."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What others do for a harvest."""

    analyse: Analyser
    report: Reporter


GRACE = dt.timedelta(hours=1)
"""How long after its deadline a step is tried again that AWS was too busy for."""
BUSY = frozenset({"InternalError", "InternalFailure", "InternalServerException", "ServiceUnavailable", "SlowDown"})


@dataclass(frozen=True, slots=True)
class Advance:
    """What one step did. `step` is None where another process is at the harvest."""

    step: Step | None
    state: HarvestState
    message: str = ""


def advance(means: Means, harvest_id: str, parts: Parts, now: dt.datetime | None = None) -> Advance:
    """Carries out the one step that is next, and returns which that was and how the harvest stands then.

    Safe to call at any time, again, and by several processes. A step that fails is noted at the harvest, and all that
    follows goes on to the clean-up. Raises NoSuchHarvest and WarehouseUnavailable.
    """
    with alone(means, HARVEST, harvest_id) as is_alone, means.connect() as connection:
        registry = Registry(connection)
        harvest = registry.harvest(harvest_id)
        if not is_alone:
            return Advance(None, harvest.state, "another process is at it")
        buckets, deliveries = registry.buckets(harvest_id), registry.deliveries(harvest_id)
        step = next_step(harvest, buckets, deliveries, registry.queries(harvest_id), now or dt.datetime.now(dt.UTC))
        try:
            message = _WORK[step](_Work(means, registry, harvest, parts))
        except WrongState as error:
            # Somebody cancelled it meanwhile: the next step follows from that.
            message = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is must not keep the harvest from its clean-up
            message = _failed(registry, harvest, step, error, now or dt.datetime.now(dt.UTC))
        return Advance(step, registry.harvest(harvest_id).state, message)


def _failed(registry: Registry, harvest: Harvest, step: Step, error: Exception, now: dt.datetime) -> str:
    """Notes why a step failed. What AWS was too busy for is tried again; all else ends the harvest's work."""
    message = f"{step}: {explain(error)}"
    may_wait = harvest.deadline is None or now < harvest.deadline + GRACE
    if harvest.state not in WORKING or (may_wait and is_passing(error)):
        registry.note(harvest.harvest_id, message)
        return message
    try:
        registry.move(harvest.harvest_id, HarvestState.FAILED, message)
    except WrongState:
        registry.note(harvest.harvest_id, message)
    return message


def is_passing(error: Exception) -> bool:
    """Whether the same call may well succeed in a while."""
    return isinstance(error, UNREACHABLE) or status_of(error) is Status.THROTTLED or error_code(error) in BUSY


@dataclass(frozen=True, slots=True)
class _Work:
    """The steps; each returns what a person may want to know of it."""

    means: Means
    registry: Registry
    harvest: Harvest
    parts: Parts

    @property
    def id(self) -> str:
        return self.harvest.harvest_id

    def deploy(self) -> str:
        return start(self.means, self.registry, self.harvest)

    def wait(self) -> str:
        if self.harvest.state is HarvestState.REPORTED:
            self.registry.move(self.id, HarvestState.WAITING)
        return ""

    def consolidate(self) -> str:
        """What came until now is taken, and nothing that comes later."""
        if self.harvest.state is HarvestState.WAITING:
            self.registry.move(self.id, HarvestState.CONSOLIDATING)
        if self.harvest.report is not None:
            # In later rounds what is listed is listed anew, and what is asked is asked anew.
            ask_anew(self.registry, self.id)
            list_buckets(self.means, self.registry, self.registry.buckets(self.id))
        found = find_arrivals(self.means, self.registry)
        own = [arrival for arrival in found.arrivals if arrival.bucket.harvest_id == self.id]
        taken = take_all(self.means, self.registry, own)
        for _, error in taken.errors:
            if is_passing(error):
                raise error
        # Its bucket keeps its true state, and the harvest says why.
        problems = "; ".join([*found.problems, *taken.problems])
        self.registry.move(self.id, HarvestState.ANALYSING, problems)
        return problems or f"{len(taken.deliveries)} more deliveries were taken"

    def analyse(self) -> str:
        return self.parts.analyse(self.means, self.registry, self.harvest)

    def report(self) -> str:
        try:
            told = dict(self.parts.report(self.means, self.registry, self.harvest))
        except Exception as error:  # noqa: BLE001 - no report and no mail may keep the harvest from its clean-up
            told = {"error": explain(error)}
        self.registry.set_report(self.id, told)
        message = f"there is no report: {told['error']}" if "error" in told else ""
        if self.harvest.state is HarvestState.ANALYSING:
            self.registry.move(self.id, HarvestState.REPORTED, message or self.harvest.message or "")
        return message

    def clean_up(self) -> str:
        if self.harvest.state in WORKING:
            message = f"it was still {self.harvest.state} at its deadline"
            self.registry.move(self.id, HarvestState.FAILED, message)
            return message
        return clean_up(self.means, self.id).said

    def done(self) -> str:
        return ""


_WORK: Mapping[Step, Callable[[_Work], str]] = {
    Step.DEPLOY: _Work.deploy,
    Step.WAIT: _Work.wait,
    Step.CONSOLIDATE: _Work.consolidate,
    Step.ANALYSE: _Work.analyse,
    Step.REPORT: _Work.report,
    Step.CLEAN_UP: _Work.clean_up,
    Step.DONE: _Work.done,
}
