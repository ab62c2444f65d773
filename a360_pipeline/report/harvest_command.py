"""The `a360 harvest` commands: what Dagster's jobs and sensor do, from a shell."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from a360_pipeline.aws.accounts import discover
from a360_pipeline.inventory.harvest.arrivals import find_arrivals
from a360_pipeline.inventory.harvest.ending import Receipt, cancel, clean_up
from a360_pipeline.inventory.harvest.plan import plan_harvest
from a360_pipeline.inventory.harvest.registry import HarvestExists, NoSuchHarvest, Registry, WrongState
from a360_pipeline.inventory.harvest.request import HarvestRequest, RequestRefused, read_request
from a360_pipeline.inventory.harvest.sweep import sweep
from a360_pipeline.inventory.harvest.take import take_all
from a360_pipeline.inventory.means import Means
from a360_pipeline.report.command import Refused, as_json, explained, tell
from a360_pipeline.report.harvesting import begin, go_on_until_it_waits
from a360_pipeline.settings import load_settings

REQUEST = click.argument("request", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def harvest() -> None:
    """Harvests of S3 Inventory across accounts and regions."""


def _means() -> Means:
    return Means.of(load_settings())


def _asked(path: Path) -> HarvestRequest:
    try:
        return read_request(path)
    except RequestRefused as error:
        raise Refused(str(error)) from error


@harvest.command()
@REQUEST
@as_json
@explained
def plan(request: Path, as_json: bool) -> None:
    """Says what a request would make where; makes nothing."""
    means = _means()
    found = plan_harvest(means, _asked(request), discover(means.sessions, means.settings).accounts)
    click.echo(json.dumps(found.told(), default=str) if as_json else found.text())


@harvest.command()
@REQUEST
@as_json
@explained
def start(request: Path, as_json: bool) -> None:
    """Plans a harvest, makes its stacks and configurations, and leaves it waiting for S3."""
    means, asked = _means(), _asked(request)
    try:
        begun = begin(means, asked, discover(means.sessions, means.settings).accounts)
    except HarvestExists as error:
        raise Refused(str(error)) from error
    for identity in begun.identities:
        tell(identity.said)
    _go_on(means, asked.run_id)
    _show(means, asked.run_id, as_json)


@harvest.command()
@click.argument("harvest_id")
@as_json
@explained
def advance(harvest_id: str, as_json: bool) -> None:
    """Takes what was delivered, and takes a harvest on until it has to wait."""
    means = _means()
    with means.connect() as connection:
        registry = Registry(connection)
        _known(registry, harvest_id)
        found = find_arrivals(means, registry)
        taken = take_all(means, registry, [one for one in found.arrivals if one.bucket.harvest_id == harvest_id])
    tell(f"{len(taken.deliveries)} deliveries taken")
    _go_on(means, harvest_id)
    _show(means, harvest_id, as_json)
    if taken.problems or found.problems:
        raise click.ClickException("; ".join([*found.problems, *taken.problems]))


@harvest.command()
@click.argument("harvest_id", required=False)
@as_json
@explained
def status(harvest_id: str | None, as_json: bool) -> None:
    """Says how a harvest stands, or all of them."""
    means = _means()
    if harvest_id is not None:
        _show(means, harvest_id, as_json)
        return
    with means.connect() as connection:
        rows = [(one.harvest_id, str(one.state), one.message or "") for one in Registry(connection).harvests()]
    if as_json:
        click.echo(json.dumps([{"harvest_id": name, "state": state, "message": why} for name, state, why in rows]))
        return
    grid = Grid("harvest", "state", "message", box=SIMPLE)
    for row in rows:
        grid.add_row(*map(escape, row))
    Console(highlight=False).print(grid)


@harvest.command("cancel")
@click.argument("harvest_id")
@explained
def cancel_it(harvest_id: str) -> None:
    """Ends a harvest's work and cleans up after it."""
    means = _means()
    try:
        cancel(means, harvest_id)
    except (NoSuchHarvest, WrongState) as error:
        raise Refused(str(error)) from error
    _told(clean_up(means, harvest_id))


@harvest.command("clean-up")
@click.argument("harvest_id")
@explained
def clean_it_up(harvest_id: str) -> None:
    """Removes whatever a harvest made; exit code 1 while anything is left."""
    try:
        _told(clean_up(_means(), harvest_id))
    except (NoSuchHarvest, WrongState) as error:
        raise Refused(str(error)) from error


@harvest.command("sweep")
@explained
def sweep_all() -> None:
    """Cleans up after harvests that nobody ended, and names what is tagged with unknown ones."""
    swept = sweep(_means())
    for name, receipt in swept.receipts.items():
        click.echo(f"{name}: {receipt.said}")
    strangers = [f"unknown harvest {name}: {', '.join(things)}" for name, things in swept.unknown.items()]
    if swept.problems or strangers or not all(receipt.is_clean for receipt in swept.receipts.values()):
        raise click.ClickException("; ".join([*swept.problems, *strangers]) or "something is left")


def _go_on(means: Means, harvest_id: str) -> None:
    for done in go_on_until_it_waits(means, harvest_id):
        tell(f"{done.step or 'another process is at it'}: {done.state} {done.message}".strip())


def _known(registry: Registry, harvest_id: str) -> Any:
    try:
        return registry.harvest(harvest_id)
    except NoSuchHarvest as error:
        raise Refused(str(error)) from error


def _told(receipt: Receipt) -> None:
    click.echo(receipt.said)
    if not receipt.is_clean:
        raise click.ClickException("something is left: run `a360 harvest clean-up` again once it can be removed")


def _show(means: Means, harvest_id: str, as_json: bool) -> None:
    with means.connect() as connection:
        registry = Registry(connection)
        found = _known(registry, harvest_id)
        buckets = registry.buckets(harvest_id)
    if as_json:
        told = {"harvest": asdict(found), "buckets": [asdict(row) for row in buckets]}
        click.echo(json.dumps(told, default=str))
        return
    grid = Grid("account", "bucket", "region", "how", "state", "why", box=SIMPLE)
    for row in buckets:
        cells = (row.account_id, row.bucket, row.region, row.way, row.state, row.message)
        grid.add_row(*(escape(str(each or "")) for each in cells))
    console = Console(highlight=False)
    console.print(grid)
    console.print(f"{harvest_id} is {found.state}. {escape(found.message or '')}")
