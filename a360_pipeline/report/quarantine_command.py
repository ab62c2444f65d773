"""The `a360 quarantine` commands: what could not be loaded, and another try for it."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from a360_pipeline.report.command import Refused, as_json, explained, on_a_warehouse, said
from a360_pipeline.report.loaded import store_of
from a360_pipeline.settings import Settings
from a360_pipeline.warehouse.connection import connect
from a360_pipeline.warehouse.quarantine import NotInQuarantine, choose, read_quarantined, replay
from a360_pipeline.warehouse.reach import warehouse_of


@click.group()
def quarantine() -> None:
    """Objects that could not be loaded."""


@quarantine.command("list")
@as_json
@explained
@on_a_warehouse
def quarantine_list(settings: Settings, as_json: bool) -> None:
    """Lists what could not be loaded and was not replaced since, and why."""
    snapshots = store_of(settings)
    with connect(warehouse_of(settings)) as connection:
        found = read_quarantined(connection)
    if as_json:
        click.echo(json.dumps([{**asdict(each), "uri": each.uri(snapshots)} for each in found], default=str))
        return
    for each in found:
        click.echo(f"{each.key}\t{each.quarantined_at:%Y-%m-%d %H:%M} UTC\t{each.reason}")
    said.print(f"{len(found)} objects in quarantine")


@quarantine.command("replay")
@click.argument("keys", metavar="[KEY...]", nargs=-1)
@click.option("--all", "with_all", is_flag=True, help="Everything that `quarantine list` shows.")
@as_json
@explained
@on_a_warehouse
def quarantine_replay(keys: tuple[str, ...], with_all: bool, settings: Settings, as_json: bool) -> None:
    """Gives objects another try: puts them back under the data prefix, where the sensor or `a360 load` takes them.

    Files, and objects that were loaded from elsewhere, lie where they always did: `a360 load` takes them again.
    """
    if bool(keys) == with_all:
        raise Refused("name keys that `a360 quarantine list` shows, or say --all")
    snapshots = store_of(settings)
    with connect(warehouse_of(settings)) as connection:
        found = read_quarantined(connection)
        try:
            done = replay(connection, snapshots, found if with_all else choose(found, keys, snapshots))
        except NotInQuarantine as error:
            raise Refused(str(error)) from error
    if as_json:
        click.echo(json.dumps(asdict(done)))
    else:
        for line in done.lines():
            click.echo(line)
    if done.problems:
        raise click.ClickException("\n".join(f"{uri}: {problem}" for uri, problem in done.problems.items()))
