"""The `a360 inventory` commands: deliveries in folders and buckets consolidated, asked, rolled up and compared."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from a360_pipeline.engines.duck import Duck, NothingToAsk
from a360_pipeline.engines.engine import Engine, QueryRefused, QueryState
from a360_pipeline.engines.waiting import finish
from a360_pipeline.inventory.analysis import PATIENCE, cost_of
from a360_pipeline.inventory.consolidate import consolidate_each
from a360_pipeline.inventory.delivery import Identity
from a360_pipeline.inventory.difference import difference, largest_changes
from a360_pipeline.inventory.harvest.keeping import engine_of
from a360_pipeline.inventory.library import QUERIES, WrongQuery, render
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.places import place_at
from a360_pipeline.inventory.rollup import roll_up
from a360_pipeline.inventory.side import Side
from a360_pipeline.inventory.snapshots import NotConsolidated, standing
from a360_pipeline.report.command import Refused, as_json, explained, tell
from a360_pipeline.settings import load_settings

SHOWN_ROWS = 20
EMBEDDED = "inventory"
"""What the table is called where a folder is asked."""
ASKED = "asked"
"""The folder of results of what people ask by themselves."""


@click.group()
def inventory() -> None:
    """Inventories of S3: consolidated, asked, rolled up, compared."""


def _s3() -> Any:
    return Means.of(load_settings()).hub("s3")


@inventory.command()
@click.argument("uris", metavar="URI...", nargs=-1, required=True)
@click.option("--account", required=True, help="The 12-digit id of the account whose buckets they are of.")
@click.option("--region", required=True, help="The region that the buckets are in.")
@click.option("--out", metavar="FOLDER|s3://...", required=True, help="Where consolidated Parquet goes.")
@as_json
@explained
def consolidate(uris: tuple[str, ...], account: str, region: str, out: str, as_json: bool) -> None:
    """Verifies deliveries and consolidates each: manifests, or folders and s3:// prefixes with manifests below.

    No row counts of a file whose size or MD5 is not the manifest's. A manifest names neither account nor region.
    """
    try:
        identity = Identity(account, region)
        outcomes = []
        for outcome in consolidate_each(uris, out, _s3(), identity):
            done = outcome.consolidated
            tell(f"{outcome.uri}: {outcome.message}" if done is None else f"{outcome.uri}: {done.rows} rows")
            outcomes.append(outcome)
    except ValueError as error:
        raise Refused(str(error)) from error
    good = [each.consolidated for each in outcomes if each.consolidated is not None]
    bad = [{"uri": each.uri, "message": each.message} for each in outcomes if each.consolidated is None]
    if as_json:
        told = [
            {"location": each.location, "rows": each.rows, "object_bytes": each.object_bytes, "files": each.files}
            for each in good
        ]
        click.echo(json.dumps({"consolidated": told, "failed": bad}))
    else:
        click.echo(f"{len(good)} deliveries consolidated, {sum(each.rows for each in good)} rows")
    if bad or not good:
        raise click.ClickException(f"{len(bad)} of {len(outcomes)} are not consolidated; {len(good)} are")


@inventory.command()
@click.argument("name", required=False)
@click.option("--sql", help="One's own SQL in Trino's dialect, which names the table by {ATHENA_TABLE}.")
@click.option("--from", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder.")
@click.option("--harvest", "harvest_id", help="Only what this harvest counted, while it is not cleaned up.")
@click.option("--set", "arguments", multiple=True, metavar="NAME=VALUE", help="A parameter; again for more.")
@as_json
@explained
def query(
    name: str | None,
    sql: str | None,
    folder: Path | None,
    harvest_id: str | None,
    arguments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Asks a query of the library, or one's own: Athena, or with --from what is consolidated in a folder.

    Without a name it lists the library.
    """
    if name is None and sql is None:
        _list_library(as_json)
        return
    given = dict(argument.partition("=")[::2] for argument in arguments)
    try:
        with _engine(folder, harvest_id) as (engine, database, table):
            text = render(sql or str(name), table, given)
            execution = finish(engine, engine.start(text, database), patience=PATIENCE)
            if execution.state is not QueryState.SUCCEEDED:
                raise click.ClickException(f"the query {execution.state}: {execution.reason}")
            rows = engine.result(execution)
            dollars = cost_of(execution) if folder is None else None
    except (WrongQuery, QueryRefused, NothingToAsk) as error:
        raise Refused(str(error)) from error
    if as_json:
        click.echo(json.dumps({"rows": rows.to_pylist(), "bytes_scanned": execution.bytes_scanned}, default=str))
        return
    console = Console(highlight=False)
    console.print(rows_grid(rows))
    cost = "" if dollars is None else f", {dollars:.6f} USD"
    console.print(f"{rows.num_rows} rows, {execution.bytes_scanned:,} bytes scanned{cost}")


@contextmanager
def _engine(folder: Path | None, harvest_id: str | None) -> Iterator[tuple[Engine, str, str]]:
    """The engine, the database and the table to ask."""
    if folder is not None:
        with Duck({EMBEDDED: folder}) as duck:
            yield duck, "", EMBEDDED
        return
    from a360_pipeline.inventory.views import view_name

    settings = load_settings()
    table = view_name(settings.glue_table, harvest_id) if harvest_id else settings.glue_table
    yield engine_of(Means.of(settings), ASKED), settings.glue_database, table


def _list_library(as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({each.name: each.purpose for each in QUERIES.values()}))
        return
    grid = Grid("query", "what for", box=SIMPLE)
    for each in QUERIES.values():
        grid.add_row(each.name, escape(each.purpose))
    Console(highlight=False).print(grid)


def rows_grid(rows: pa.Table, most: int = SHOWN_ROWS) -> Grid:
    """The first rows of a result for a terminal. Keys are whatever people named their objects."""
    more = f", of {rows.num_rows}" if rows.num_rows > most else ""
    grid = Grid(box=SIMPLE, caption=f"{min(most, rows.num_rows)}{more}")
    for name in rows.column_names:
        grid.add_column(escape(name), overflow="fold")
    for row in rows.slice(0, most).to_pylist():
        grid.add_row(*(escape("" if value is None else str(value)) for value in row.values()))
    return grid


@inventory.command()
@click.argument("source", metavar="FOLDER|s3://...")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the roll-up, replaced if there.")
@as_json
@explained
def rollup(source: str, out: Path, as_json: bool) -> None:
    """Rolls consolidated inventories up by every prefix: objects, bytes, versions and estimated monthly cost."""
    s3 = _s3()
    try:
        parts, empty = standing(place_at(source, s3))
        if not parts and not empty:
            raise Refused(f"nothing is consolidated below {source}")
        rolled = roll_up(parts, out, empty=empty, s3=s3)
    except NotConsolidated as error:
        raise Refused(str(error)) from error
    if as_json:
        click.echo(json.dumps(asdict(rolled), default=str))
        return
    usd = "unknown" if rolled.monthly_usd is None else f"{rolled.monthly_usd:.2f} USD"
    click.echo(
        f"{rolled.snapshots} buckets and days, {rolled.prefixes} prefixes, {rolled.objects} objects, about {usd}"
    )


@inventory.command()
@click.argument("before", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("after", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--before-date", type=click.DateTime(["%Y-%m-%d"]), help="Its snapshots of this day; else the newest.")
@click.option("--after-date", type=click.DateTime(["%Y-%m-%d"]), help="Its snapshots of this day; else the newest.")
@click.option("--out", type=click.Path(path_type=Path), help="Parquet file of all changes; else they are only shown.")
@click.option("--depth", default=1, show_default=True, help="Level of the prefixes to show.")
@as_json
@explained
def diff(
    before: Path, after: Path, before_date: Any, after_date: Any, out: Path | None, depth: int, as_json: bool
) -> None:
    """Compares two roll-ups, or two days of one, prefix by prefix."""
    one = Side(before, before_date.date() if before_date else None)
    other = Side(after, after_date.date() if after_date else None)
    with tempfile.TemporaryDirectory(prefix="a360-diff-") as folder:
        path = out or Path(folder) / "changes.parquet"
        try:
            found = difference(one, other, path)
        except (FileNotFoundError, ValueError) as error:
            raise Refused(str(error)) from error
        changes = largest_changes(path, SHOWN_ROWS, depth)
    if as_json:
        click.echo(json.dumps({**asdict(found), "changes": [asdict(each) for each in changes]}, default=str))
        return
    grid = Grid("account", "bucket", "prefix", "change", "objects", "bytes", box=SIMPLE)
    for each in changes:
        grid.add_row(
            each.account,
            escape(each.bucket),
            escape(each.prefix),
            each.change,
            f"{each.objects:+}",
            _signed(each.bytes),
        )
    Console(highlight=False).print(grid)
    for which, buckets in (("before", found.only_before), ("after", found.only_after)):
        if buckets:
            click.echo(f"only {which}: {', '.join(f'{each.account} {each.bucket}' for each in buckets)}")


def _signed(number: int | None) -> str:
    return "unknown" if number is None else f"{number:+}"
