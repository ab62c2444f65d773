"""Says whether the hub has what it needs: the organization, the bucket, its key, and the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import psycopg
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as Grid

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.aws.sampling import Samples
from a360_pipeline.settings import Settings
from a360_pipeline.snapshot import bucket
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse.connection import WarehouseUnavailable, connect
from a360_pipeline.warehouse.lacking import lacking
from a360_pipeline.warehouse.reach import warehouse_of

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the hub needs, and what is said of it."""

    name: str
    passed: bool
    message: str


def check_hub(settings: Settings) -> Iterator[Check]:
    """All checks, one after the other; what fails says so and stops none of the others."""
    sessions = Samples(settings, lambda _service, _operation: False)
    store = SnapshotStore.of(settings, sessions.client("s3", None, settings.home_region))
    yield _check("organization", partial(_organization, sessions))
    yield _check("bucket", partial(bucket.check_there, store))
    yield _check("bucket versions", partial(bucket.check_versioned, store))
    if settings.kms_key_id is not None:
        yield _check("bucket key", partial(_key, sessions, settings.kms_key_id))
    yield _check("bucket writing", partial(bucket.check_written, store))
    yield _check("warehouse", partial(_warehouse, settings))


def _check(name: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(name, True, ask())
    except (bucket.Unfit, WarehouseUnavailable) as error:
        return Check(name, False, str(error))
    except psycopg.Error as error:
        return Check(name, False, " ".join(str(error).split()))
    except AWS_ERRORS as error:
        return Check(name, False, explain(error))


def _organization(sessions: Samples) -> str:
    # Not discovery itself, which refuses where the first account, the only one that a sample has, is at rest.
    hub = sessions.hub()
    management = hub.call("organizations", "describe_organization")["Organization"]["MasterAccountId"]
    for service, method, result, whose in (
        ("organizations", "list_accounts", "Accounts", {}),
        ("organizations", "list_tags_for_resource", "Tags", {"ResourceId": management}),
        ("account", "list_regions", "Regions", {}),
    ):
        list(hub.pages(service, method, result, **whose))
    return "accounts, their tags and their regions can be read"


def _key(sessions: Samples, key_id: str) -> str:
    key = sessions.hub().call("kms", "describe_key", KeyId=key_id)["KeyMetadata"]
    if key["KeyState"] != "Enabled":
        raise bucket.Unfit(f"{key['Arn']} is {key['KeyState']}")
    return f"{key['Arn']} is enabled"


def _warehouse(settings: Settings) -> str:
    with closing(connect(warehouse_of(settings))) as connection:
        lacks = lacking(connection)
    if lacks:
        more = f" and {len(lacks) - SHOWN} more" if len(lacks) > SHOWN else ""
        raise WarehouseUnavailable(f"it lacks {', '.join(lacks[:SHOWN])}{more}: run `a360 migrate`")
    return "it answers, and has every table and column"


def print_checks(checks: list[Check], console: Console) -> None:
    """Prints a line a check."""
    grid = Grid(title="Hub", title_justify="left", title_style="bold", box=SIMPLE)
    for column in ("needed", "", "what is said of it"):
        grid.add_column(column, overflow="fold")
    for each in checks:
        grid.add_row(each.name, "ok" if each.passed else "missing", each.message)
    console.print(grid)
