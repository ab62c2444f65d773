"""What the commands of `a360` share: their options, what they say while working, and errors as one message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import click
import psycopg
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.gaps import GapsError
from a360_pipeline.report.coverage import NothingKnown
from a360_pipeline.settings import SettingsError, load_settings
from a360_pipeline.warehouse.connection import WarehouseUnavailable
from a360_pipeline.warehouse.connection import database_url as read_database_url

URL_ALONE = {"cluster_arn": None, "database_secret_arn": None, "database_iam": False}
"""Settings that a URL on the command line sets aside: it says all by itself."""


class Refused(click.ClickException):
    """What was asked for makes no sense as it stands: nothing was done."""

    exit_code = 2


said = Console(stderr=True, highlight=False, soft_wrap=True)
"""What is said while working. What a command answers goes to stdout."""


def tell(line: str) -> None:
    said.print(f"  {line}", style="dim", markup=False)


@contextmanager
def shown_progress(what: str, total: int) -> Iterator[tuple[Callable[[], None], Callable[[str], None]]]:
    """Yields what to call for each thing done and for each line: a terminal shows the one as a bar, a log the other."""
    if not said.is_terminal:
        yield (lambda: None), tell
        return
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=said) as bar:
        task = bar.add_task(what, total=total)
        yield (lambda: bar.advance(task)), (lambda _line: None)


def explained(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turns the errors a person can do something about into one message and exit code 1."""

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except (SettingsError, GapsError, WarehouseUnavailable, NothingKnown) as error:
            raise click.ClickException(str(error)) from error
        except AWS_ERRORS as error:
            raise click.ClickException(explain(error)) from error
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            lacking = error.diag.message_primary or error
            raise click.ClickException(f"the warehouse is not up to date ({lacking}): run `a360 migrate`") from error
        except psycopg.OperationalError as error:
            raise click.ClickException(f"the warehouse went away: {str(error).strip()}") from error
        except RuntimeError as error:
            # The sandbox is an extra: its errors can only be named where it is installed.
            if type(error).__name__ != "SandboxError":
                raise
            raise click.ClickException(str(error)) from error

    return wrapped


def on_a_warehouse(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command `--database-url`, and hands it the settings in force."""

    @click.option("--database-url", metavar="URL", help="The warehouse, in place of what settings say of it.")
    @wraps(command)
    def wrapped(*arguments: Any, database_url: str | None, **options: Any) -> Any:
        settings = load_settings(**({} if database_url is None else {**URL_ALONE, "database_url": database_url}))
        if settings.database_url is not None:
            read_database_url(settings)
        return command(*arguments, settings=settings, **options)

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
