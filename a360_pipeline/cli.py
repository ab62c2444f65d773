"""The `a360` command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from a360_pipeline.report.command import (
    Refused,
    as_json,
    explained,
    on_a_warehouse,
    said,
    sandbox_options,
    shown_progress,
    tell,
)
from a360_pipeline.settings import Settings, SettingsError, load_settings
from a360_pipeline.warehouse.connection import connect
from a360_pipeline.warehouse.reach import server_url, warehouse_of

UI_PORT = 3000


@click.group()
@click.version_option(package_name="a360-pipeline")
def main() -> None:
    """Tells the truth about every AWS account and every S3 object of an organization."""


def _sandbox_up(settings: Settings, accounts: int, regions: str, seed: int) -> Any:
    from a360_pipeline.sandbox import control

    wanted = tuple(region.strip() for region in regions.split(",") if region.strip())
    return control.up(settings, accounts=accounts, regions=wanted, seed=seed, progress=tell)


def _day(accounts: int, regions: str, seed: int) -> tuple[Settings, list[str]]:
    """Brings the sandbox up and runs a day on it; returns the settings in force and why runs failed."""
    said.print("[bold]Sandbox[/bold]: PostgreSQL and a stand-in for AWS")
    _sandbox_up(load_settings(), accounts, regions, seed)
    settings = load_settings()
    os.environ["A360_HOME"] = str(settings.home.resolve())
    said.print("[bold]Warehouse[/bold]: tables and views")
    _migrate(settings)
    said.print("[bold]Dagster[/bold]: discover, collect, load")
    from a360_pipeline.definitions import defs
    from a360_pipeline.defs.daily import open_instance, run_day, run_harvest
    from a360_pipeline.sandbox import control

    if settings.dagster_database_url is None:
        raise SettingsError("A360_DAGSTER_DATABASE_URL is not set, and no sandbox says what it is")
    today = datetime.now(UTC).date()
    with open_instance(settings.home / "dagster", settings.dagster_database_url.get_secret_value()) as instance:
        failures = run_day(defs, instance, tell)
        said.print("[bold]S3 Inventory[/bold]: plan, configure, deliver, consolidate, analyse, report, clean up")
        request = {"run_id": _demo_harvest(), "listed_objects": 20}
        failures += run_harvest(defs, instance, request, lambda: control.deliver(settings, today), tell)
    return settings, failures


def _demo_harvest() -> str:
    return f"demo-{datetime.now(UTC).date()}"


@main.command()
@sandbox_options
@as_json
@explained
def demo(accounts: int, regions: str, seed: int, as_json: bool) -> None:
    """Runs a whole day on a made-up organization and shows what came of it."""
    from a360_pipeline.inventory.means import Means
    from a360_pipeline.report.harvested import print_harvested, read_harvested
    from a360_pipeline.report.summary import print_summary, read_summary

    settings, failures = _day(accounts, regions, seed)
    url = server_url(settings)
    with connect(url) as connection:
        summary = read_summary(connection)
    harvested = read_harvested(Means.of(settings), _demo_harvest(), settings.home / "reports")
    if as_json:
        told = {**summary.to_dict(), "harvest": asdict(harvested), "failures": failures, "database_url": url}
        click.echo(json.dumps(told, default=str))
    else:
        console = Console(highlight=False)
        print_summary(summary, console)
        print_harvested(harvested, console)
        _look_further(console, url, harvested.report)
    if failures:
        raise click.ClickException("the day is not complete:\n" + "\n".join(failures))


def _look_further(console: Console, url: str, report: Path) -> None:
    console.print(
        f"\n[bold]Look further[/bold]\n"
        f"  psql '{url}'\n"
        f"                               the warehouse; its views begin with view_\n"
        f"  {report}\n"
        f"                               the report of the harvest, as a page\n"
        f"  .venv/bin/a360 inventory query secrets_by_name\n"
        f"                               which buckets hold secrets? `a360 inventory query` lists the library\n"
        f"  make dev                     the Dagster UI on what you have just seen\n"
        f"  .venv/bin/a360 sandbox down  stop the sandbox; its data stays in .a360",
        soft_wrap=True,
    )


@main.command()
@sandbox_options
@click.option("--port", default=UI_PORT, show_default=True, help="Port of the Dagster UI.")
@explained
def dev(accounts: int, regions: str, seed: int, port: int) -> None:
    """Runs a day like `demo`, then serves the Dagster UI, its schedule and its sensors until Ctrl-C."""
    _, failures = _day(accounts, regions, seed)
    for failure in failures:
        said.print(failure, style="red", markup=False)
    said.print(f"[bold]Dagster UI[/bold]: http://127.0.0.1:{port}")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "a360_pipeline.definitions"]
    try:
        ended = subprocess.run([*command, "-h", "127.0.0.1", "-p", str(port)], check=False)
    except KeyboardInterrupt:
        return
    sys.exit(ended.returncode)


class _Later(click.Group):
    """A group of commands whose module is imported when one of them is asked for: `a360 --help` must not wait."""

    def __init__(self, module: str, **options: Any) -> None:
        super().__init__(**options)
        self._module = module

    def _group(self) -> click.Group:
        group: click.Group = getattr(import_module(self._module), str(self.name))
        return group

    def list_commands(self, ctx: click.Context) -> list[str]:
        return self._group().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._group().get_command(ctx, cmd_name)


for _name, _help in (
    ("inventory", "Inventories of S3: consolidated, asked, rolled up, compared."),
    ("harvest", "Harvests of S3 Inventory across accounts and regions."),
    ("quarantine", "Objects that could not be loaded."),
):
    main.add_command(_Later(f"a360_pipeline.report.{_name}_command", name=_name, help=_help))


@main.group()
def sandbox() -> None:
    """AWS and PostgreSQL on this machine."""


@sandbox.command("up")
@sandbox_options
@as_json
@explained
def sandbox_up(accounts: int, regions: str, seed: int, as_json: bool) -> None:
    """Starts what does not run yet."""
    _answer_state(_sandbox_up(load_settings(), accounts, regions, seed), as_json)


@sandbox.command("down")
@as_json
@explained
def sandbox_down(as_json: bool) -> None:
    """Stops what runs; the warehouse's data stays."""
    from a360_pipeline.sandbox import control

    settings = load_settings()
    stopped = control.down(settings)
    if not as_json:
        said.print("stopped" if stopped else "nothing ran")
    _answer_state(control.status(settings), as_json)


@sandbox.command("status")
@as_json
@explained
def sandbox_status(as_json: bool) -> None:
    """Says what runs, and where."""
    from a360_pipeline.sandbox import control

    _answer_state(control.status(load_settings()), as_json)


def _answer_state(state: Any, as_json: bool) -> None:
    if as_json:
        click.echo(state.to_json())
        return
    click.echo(f"sandbox {state.state}")
    for name in ("endpoint_url", "database_url", "cluster_arn", "database_secret_arn"):
        if getattr(state, name):
            click.echo(f"{name} {getattr(state, name)}")


def _migrate(settings: Settings, *, adopt: bool = False) -> Any:
    from a360_pipeline.warehouse.migrate import MigrationRefused, migrate

    url = server_url(settings)
    connect(url).close()  # says in one sentence when there is no database
    try:
        migration = migrate(url, adopt=adopt)
    except MigrationRefused as error:
        raise click.ClickException(str(error)) from error
    tell(f"{len(migration.added)} added, {len(migration.views)} views")
    return migration


@main.command()
@click.option("--adopt", is_flag=True, help="Take over tables that another system made and filled.")
@as_json
@explained
@on_a_warehouse
def migrate(settings: Settings, adopt: bool, as_json: bool) -> None:
    """Creates the warehouse or brings it up to date; nothing is ever dropped."""
    migration = _migrate(settings, adopt=adopt)
    if as_json:
        click.echo(json.dumps(asdict(migration)))
        return
    for added in migration.added:
        click.echo(f"added {added}")
    if migration.adopted is not None:
        click.echo(f"adopted {len(migration.adopted.tables)} tables with {migration.adopted.kept} rows")


@main.command()
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="The day of the run; by default today, UTC.")
@click.option("--account", "accounts", multiple=True, help="A 12-digit id; again for more. By default all.")
@click.option("--region", "regions", multiple=True, help="A region; again for more. By default those of the settings.")
@click.option("--section", "sections", multiple=True, help="A section; again for more. By default all.")
@click.option("--out", metavar="FOLDER|s3://...", help="Where snapshots go; by default the bucket of the settings.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be called and what it costs; collect nothing.")
@as_json
@explained
def collect(date: datetime | None, out: str | None, only_plan: bool, as_json: bool, **chosen: tuple[str, ...]) -> None:
    """Collects snapshots; exit code 1 when something is missing that nobody has accepted.

    With --section a snapshot holds these sections alone, and takes the place of one of that day that still waits.
    """
    from a360_pipeline.collection.order import UnknownSection
    from a360_pipeline.gaps import read_accepted_gaps
    from a360_pipeline.report import collected

    settings = load_settings()
    accepted = read_accepted_gaps(settings.accepted_gaps)
    try:
        asked = collected.Asked(date.date() if date else None, out=out, **chosen)
        errand = collected.prepare(asked, settings)
    except (collected.NotToBeCollected, UnknownSection) as error:
        raise Refused(str(error)) from error
    console = Console(highlight=False)
    if only_plan:
        plan = collected.make_plan(errand)
        click.echo(json.dumps(plan.to_dict())) if as_json else collected.print_plan(plan, console)
        return
    with shown_progress("snapshots", len(list(errand.order.places()))) as (advance, say):
        result = collected.carry_out(errand, accepted, advance, say)
    click.echo(json.dumps(result.to_dict())) if as_json else collected.print_collected(result, console)
    if result.missing():
        raise click.ClickException("the rest is collected, but: " + "; ".join(result.missing()))


@main.command()
@click.option("--account", "accounts", multiple=True, help="A 12-digit id; again for more. By default all.")
@click.option("--region", "regions", multiple=True, help="A region; again for more. By default an account's first.")
@click.option("--section", "sections", multiple=True, help="A section; again for more. By default all.")
@click.option("--hub", "is_hub", is_flag=True, help="Try what the hub needs instead.")
@as_json
@explained
def preflight(is_hub: bool, as_json: bool, **chosen: tuple[str, ...]) -> None:
    """Tries what collecting needs, with no paid call; exit code 1 when something is missing that nobody has accepted.

    Of each listing it reads the first page, and asks what is asked of every item of the first one alone. For what is
    denied it says the least to be added to which policy.
    """
    from a360_pipeline.collection.order import UnknownSection
    from a360_pipeline.gaps import read_accepted_gaps
    from a360_pipeline.report import preflight as report
    from a360_pipeline.report.collected import NotToBeCollected

    settings = load_settings()
    console = Console(highlight=False)
    if is_hub:
        _preflight_of_hub(settings, console, as_json)
        return
    accepted = read_accepted_gaps(settings.accepted_gaps)
    asked = report.Asked(**chosen)
    try:
        order = report.prepare(asked, settings)
    except (NotToBeCollected, UnknownSection) as error:
        raise Refused(str(error)) from error
    found = report.carry_out(asked, order, settings, accepted)
    click.echo(json.dumps(found.to_dict())) if as_json else report.print_preflight(found, console)
    if found.missing:
        raise click.ClickException(f"{len(found.missing)} are missing that nobody has accepted")


def _preflight_of_hub(settings: Settings, console: Console, as_json: bool) -> None:
    from a360_pipeline.report.hub import check_hub, print_checks

    checks = list(check_hub(settings))
    click.echo(json.dumps([each.to_dict() for each in checks])) if as_json else print_checks(checks, console)
    failed = [each.name for each in checks if not each.passed]
    if failed:
        raise click.ClickException(f"the hub lacks: {', '.join(failed)}")


@main.command()
@click.argument("addresses", metavar="URI...", nargs=-1, required=True)
@as_json
@explained
@on_a_warehouse
def load(addresses: tuple[str, ...], settings: Settings, as_json: bool) -> None:
    """Loads snapshots: files, folders (all *.json in them), and s3://BUCKET/PREFIX.

    The last three parts of a path say what a snapshot is of: ACCOUNT/REGION/DATE_INTERVAL.json. What lies under the
    data prefix of a bucket moves to loaded/ or quarantine/; everything else stays as it is.
    """
    from a360_pipeline.report.loaded import load_all, print_loaded, store_of
    from a360_pipeline.snapshot.sources import SourceError, find_sources

    warehouse = warehouse_of(settings)
    try:
        sources = find_sources(addresses, store_of(settings))
    except SourceError as error:
        raise Refused(str(error)) from error
    with shown_progress("snapshots", sum(len(source.objects) for source in sources)) as (advance, say):
        loaded = load_all(sources, warehouse, settings, advance, say)
    if as_json:
        click.echo(json.dumps(loaded.to_dict()))
    else:
        print_loaded(loaded, Console(highlight=False))
    if loaded.missing():
        raise click.ClickException("the rest is loaded, but: " + "; ".join(loaded.missing()))


@main.command()
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="The day of the run; by default the latest one.")
@click.option("--account", help="The 12-digit id of the one account to show.")
@click.option("--all", "with_all", is_flag=True, help="Show what is known, too.")
@as_json
@explained
@on_a_warehouse
def coverage(settings: Settings, date: datetime | None, account: str | None, with_all: bool, as_json: bool) -> None:
    """Says what is missing of a day, why, and who accepted it; exit code 1 when there is a gap nobody accepted."""
    from a360_pipeline.report.coverage import print_coverage, read_coverage

    with connect(warehouse_of(settings)) as connection:
        found = read_coverage(connection, date.date() if date else None, account)
    if as_json:
        click.echo(json.dumps(found.to_dict(with_all), default=str))
    else:
        print_coverage(found, Console(highlight=False), with_all)
    if found.open_gaps:
        raise click.ClickException(f"{len(found.open_gaps)} gaps that nobody has accepted")
