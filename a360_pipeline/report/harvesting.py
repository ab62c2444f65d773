"""A harvest from its request to the last mail: what its steps need of queries, roll-up, reports and mail."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from a360_pipeline.aws.accounts import Account
from a360_pipeline.aws.errors import explain
from a360_pipeline.engines.engine import QueryState
from a360_pipeline.inventory.analysis import OWN
from a360_pipeline.inventory.harvest.advance import Advance, Parts, advance
from a360_pipeline.inventory.harvest.analysing import FINDINGS, analyse_harvest, counted
from a360_pipeline.inventory.harvest.decision import Step
from a360_pipeline.inventory.harvest.keeping import inventory_place
from a360_pipeline.inventory.harvest.plan import plan_harvest
from a360_pipeline.inventory.harvest.planned import Plan
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.request import HarvestRequest
from a360_pipeline.inventory.harvest.rows import DeliveryRow, Harvest
from a360_pipeline.inventory.harvest.states import HarvestState
from a360_pipeline.inventory.library import QUERIES
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.places import NotThere, place_of
from a360_pipeline.inventory.rollup import roll_up
from a360_pipeline.inventory.rollup_warehouse import to_warehouse
from a360_pipeline.inventory.steps import FindingData, StepInput, StepOutcome, run_steps
from a360_pipeline.report.harvest import Console, harvest_report, receipt_report
from a360_pipeline.report.letter import Report
from a360_pipeline.report.mail import Identity, Outcome, request_verification, send
from a360_pipeline.report.verdict import Course, FirstRows
from a360_pipeline.settings import Profile

REPORTS, ROLLUPS = "reports", "rollups"
"""Folders of the inventory's bucket; under each, one of the harvest's name."""
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Begun:
    """A harvest that is planned and recorded, and how the addresses of its mail stand."""

    harvest: Harvest
    plan: Plan
    identities: tuple[Identity, ...]


def begin(means: Means, request: HarvestRequest, accounts: Iterable[Account]) -> Begun:
    """Plans a harvest and records it; nothing is made yet but the requests to verify the addresses of its mail.

    Raises HarvestExists, and what planning and the warehouse raise.
    """
    plan = plan_harvest(means, request, accounts)
    with means.connect() as connection:
        harvest = Registry(connection).create(request, plan)
    sender, recipients = _addresses(means, request)
    identities = request_verification(means.hub("sesv2"), sender, recipients) if sender or recipients else ()
    return Begun(harvest, plan, identities)


def go_on(means: Means, harvest_id: str, now: dt.datetime | None = None) -> Advance:
    """Carries out the step that is next, and sends the receipt once all is cleaned up. Raises as `advance`."""
    done = advance(means, harvest_id, PARTS, now)
    if done.step is Step.CLEAN_UP and done.state is HarvestState.DONE:
        with means.connect() as connection:
            harvest = Registry(connection).harvest(harvest_id)
        _mail(means, harvest, receipt_report(harvest))
    return done


def go_on_until_it_waits(
    means: Means, harvest_id: str, now: dt.datetime | None = None, most: int = 50
) -> list[Advance]:
    """Step after step until the next is to wait, or is the same as the last and brings nothing new."""
    steps: list[Advance] = []
    while len(steps) < most:
        done = go_on(means, harvest_id, now)
        steps.append(done)
        is_stuck = len(steps) > 1 and (done.step, done.state) == (steps[-2].step, steps[-2].state)
        if done.step in (None, Step.WAIT, Step.DONE) or done.state is HarvestState.DONE or is_stuck:
            break
    return steps


def _addresses(means: Means, request: HarvestRequest) -> tuple[str | None, tuple[str, ...]]:
    settings = means.settings
    return request.sender or settings.mail_sender, request.recipients or settings.mail_recipients


def _mail(means: Means, harvest: Harvest, report: Report) -> Outcome:
    return send(means.hub("sesv2"), *_addresses(means, HarvestRequest.model_validate(harvest.request)), report)


def _report(means: Means, registry: Registry, harvest: Harvest) -> Mapping[str, Any]:
    """Rolls up what was counted, runs the steps, makes the report, keeps it in the bucket, and mails it."""
    harvest_id = harvest.harvest_id
    place = inventory_place(means)
    queries = registry.queries(harvest_id)
    findings = {
        row.name: FindingData(row.name, place, f"{FINDINGS}{harvest_id}/{row.name}.parquet")
        for row in queries
        if row.state == QueryState.SUCCEEDED
    }
    told = _rolled_up(means, registry, harvest_id)
    steps = run_steps(StepInput(harvest_id, findings, means, dry_run=means.settings.steps_dry_run))
    course = Course(
        harvest,
        registry.regions(harvest_id),
        registry.buckets(harvest_id),
        registry.deliveries(harvest_id),
        queries,
        {name: _first_rows(name, data) for name, data in findings.items()},
        steps,
    )
    console = Console(means.settings.home_region) if means.settings.profile is Profile.AWS else None
    report = harvest_report(course, console)
    folder = f"{REPORTS}/{harvest_id}"
    for name, text in (("report.html", report.html), ("report.txt", report.text)):
        place.write(f"{folder}/{name}", text.encode())
    mail = _mail(means, harvest, report)
    return {
        "subject": report.subject,
        "html": place.uri(f"{folder}/report.html"),
        "text": place.uri(f"{folder}/report.txt"),
        "mail": mail.said,
        "is_sent": mail.is_sent,
        "steps": [_step(each) for each in steps],
        **told,
    }


def _rolled_up(means: Means, registry: Registry, harvest_id: str) -> dict[str, Any]:
    """The roll-up of what was counted, in the bucket and in the warehouse; or why there is none."""
    try:
        return roll_up_harvest(means, registry, harvest_id)
    except Exception as error:  # noqa: BLE001 - told in the report, which is made all the same
        return {"rollup_error": explain(error)}


def roll_up_harvest(means: Means, registry: Registry, harvest_id: str) -> dict[str, Any]:
    """Rolls up what a harvest counted; returns where that is, and its rows. Raises what reading and writing raise."""
    deliveries = counted(registry, harvest_id)
    if not deliveries:
        return {}
    place, s3 = inventory_place(means), means.hub("s3")
    day = max(str(row.snapshot_date) for row in deliveries)
    with tempfile.TemporaryDirectory(prefix="a360-rollup-") as name:
        out = Path(name) / "rollup"
        rolled = roll_up([part for row in deliveries for part in _parts(row, s3)], out, s3=s3)
        for path in sorted(each for each in out.rglob("*") if each.is_file()):
            place.upload(path, f"{ROLLUPS}/{harvest_id}/{day}/{path.relative_to(out)}")
        with means.connect() as connection:
            kept = to_warehouse(out, connection)
    return {
        "rollup": place.uri(f"{ROLLUPS}/{harvest_id}/{day}"),
        "rollup_prefixes": rolled.prefixes,
        "rollup_in_warehouse": kept,
    }


def _parts(row: DeliveryRow, s3: Any) -> list[str]:
    """The addresses of a delivery's files. Raises NotThere where they are not all there."""
    place, prefix = place_of(str(row.location), s3)
    parts = [place.uri(entry.key) for entry in place.list(prefix) if entry.key.endswith(".parquet")]
    if len(parts) != row.parts:
        raise NotThere(f"{row.location} holds {len(parts)} files of {row.parts}")
    return parts


def _first_rows(name: str, data: FindingData) -> FirstRows:
    query = QUERIES.get(name)
    head = list(islice(data.rows(SHOWN), SHOWN))
    columns = tuple(head[0]) if head else ()
    return FirstRows(query.purpose if query else OWN, columns, [tuple(row.values()) for row in head])


def _step(outcome: StepOutcome) -> dict[str, Any]:
    return {"name": outcome.name, "is_done": outcome.is_done, "said": outcome.said, "dry_run": outcome.dry_run}


PARTS = Parts(analyse_harvest, _report)
"""What `advance` needs of the rooms above it."""
