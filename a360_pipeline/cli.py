"""The `a360` command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any

import click
from rich.console import Console

from a360_pipeline.gaps import GapsError
from a360_pipeline.settings import Settings, SettingsError, load_settings
from a360_pipeline.warehouse.connection import WarehouseUnavailable, connect, database_url

UI_PORT = 3000

said = Console(stderr=True, highlight=False, soft_wrap=True)
"""What is said while working. What a command answers goes to stdout."""


def tell(line: str) -> None:
    said.print(f"  {line}", style="dim", markup=False)


def people_can_read(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turns the errors a person can do something about into one message and exit code 1."""

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except (SettingsError, GapsError, WarehouseUnavailable) as error:
            raise click.ClickException(str(error)) from error
        except RuntimeError as error:
            # The sandbox is an extra: its errors can only be named where it is installed.
            if type(error).__name__ != "SandboxError":
                raise
            raise click.ClickException(str(error)) from error

    return wrapped


def sandbox_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--seed", default=7, show_default=True, help="Draws another organization."),
        click.option("--regions", default="us-east-1,eu-central-2", show_default=True, help="Comma-separated."),
        click.option("--accounts", default=4, show_default=True, type=click.IntRange(3, 500)),
    ):
        command = option(command)
    return command


as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


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
    from a360_pipeline.defs.daily import open_instance, run_day

    if settings.dagster_database_url is None:
        raise SettingsError("A360_DAGSTER_DATABASE_URL is not set, and no sandbox says what it is")
    with open_instance(settings.home / "dagster", settings.dagster_database_url.get_secret_value()) as instance:
        return settings, run_day(defs, instance, tell)


@main.command()
@sandbox_options
@as_json
@people_can_read
def demo(accounts: int, regions: str, seed: int, as_json: bool) -> None:
    """Runs a whole day on a made-up organization and shows what came of it."""
    from a360_pipeline.report.summary import print_summary, read_summary

    settings, failures = _day(accounts, regions, seed)
    url = database_url(settings)
    with connect(url) as connection:
        summary = read_summary(connection)
    if as_json:
        click.echo(json.dumps({**summary.to_dict(), "failures": failures, "database_url": url}, default=str))
    else:
        console = Console(highlight=False)
        print_summary(summary, console)
        _look_further(console, url)
    if failures:
        raise click.ClickException("the day is not complete:\n" + "\n".join(failures))


def _look_further(console: Console, url: str) -> None:
    console.print(
        f"\n[bold]Look further[/bold]\n"
        f"  psql '{url}'\n"
        f"                               the warehouse; its views begin with view_\n"
        f"  make dev                     the Dagster UI on what you have just seen\n"
        f"  .venv/bin/a360 sandbox down  stop the sandbox; its data stays in .a360",
        soft_wrap=True,
    )


@main.command()
@sandbox_options
@click.option("--port", default=UI_PORT, show_default=True, help="Port of the Dagster UI.")
@people_can_read
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


@main.group()
def sandbox() -> None:
    """AWS and PostgreSQL on this machine."""


@sandbox.command("up")
@sandbox_options
@as_json
@people_can_read
def sandbox_up(accounts: int, regions: str, seed: int, as_json: bool) -> None:
    """Starts what does not run yet."""
    _answer_state(_sandbox_up(load_settings(), accounts, regions, seed), as_json)


@sandbox.command("down")
@as_json
@people_can_read
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
@people_can_read
def sandbox_status(as_json: bool) -> None:
    """Says what runs, and where."""
    from a360_pipeline.sandbox import control

    _answer_state(control.status(load_settings()), as_json)


def _answer_state(state: Any, as_json: bool) -> None:
    if as_json:
        click.echo(state.to_json())
        return
    click.echo(f"sandbox {state.state}")
    for name in ("endpoint_url", "database_url"):
        if getattr(state, name):
            click.echo(f"{name} {getattr(state, name)}")


def _migrate(settings: Settings) -> Any:
    from a360_pipeline.warehouse.migrate import migrate

    migration = migrate(database_url(settings))
    tell(f"{len(migration.added)} added, {len(migration.views)} views")
    return migration


@main.command()
@as_json
@people_can_read
def migrate(as_json: bool) -> None:
    """Creates the warehouse or brings it up to date; nothing is ever dropped."""
    migration = _migrate(load_settings())
    if as_json:
        click.echo(json.dumps(asdict(migration)))
        return
    for added in migration.added:
        click.echo(f"added {added}")
