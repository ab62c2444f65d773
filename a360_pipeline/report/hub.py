"""Says whether the hub has what it needs: to collect, to harvest and mail of it, to deploy, and for dashboards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import psycopg
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from a360_pipeline.aws.errors import AWS_ERRORS, error_message, explain, status_of
from a360_pipeline.aws.sampling import Samples
from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.collection.preflight import EXPLICIT, NAMED
from a360_pipeline.coverage import Status
from a360_pipeline.report import hub_services
from a360_pipeline.report.mail import Identity, identity_states
from a360_pipeline.settings import Settings
from a360_pipeline.snapshot import bucket
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse.connection import WarehouseUnavailable, connect
from a360_pipeline.warehouse.lacking import lacking
from a360_pipeline.warehouse.reach import warehouse_of

SHOWN = 3


class State(StrEnum):
    """How a thing stands that the hub needs, or may need. Only what is missing keeps the hub from passing."""

    OK = "ok"
    NOTE = "note"
    """It is not there, and only who wants what it is for needs it."""
    WARNING = "warning"
    """Something will not be as it is meant, or it could not be learnt whether it will."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the hub needs, and what is said of it."""

    name: str
    state: State
    message: str

    @property
    def passed(self) -> bool:
        return self.state is not State.MISSING

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "passed": self.passed, "state": self.state, "message": self.message}


def check_hub(settings: Settings) -> Iterator[Check]:
    """All checks, one after the other; what fails says so and stops none of the others."""
    sessions = Samples(settings, lambda _service, _operation: False)
    # Not one of the samples, which read but the first page of a listing.
    whole = Sessions(settings)
    hub = whole.hub()
    s3 = sessions.client("s3", None, settings.home_region)
    store = SnapshotStore.of(settings, s3)
    inventories = SnapshotStore.of(settings.model_copy(update={"bucket": settings.inventory_bucket}), s3)
    yield _check("organization", partial(_organization, sessions))
    yield _check("bucket", partial(bucket.check_there, store))
    yield _check("bucket versions", partial(bucket.check_versioned, store))
    if settings.kms_key_id is not None:
        yield _check("bucket key", partial(_key, sessions, settings.kms_key_id))
    yield _check("bucket writing", partial(bucket.check_written, store))
    yield _check("warehouse", partial(_warehouse, settings))
    yield _check("inventory bucket", partial(bucket.check_there, inventories))
    yield _check("inventory bucket writing", partial(bucket.check_written, inventories))
    yield _check("inventory queue", partial(hub_services.check_queue, hub))
    yield _check("dead-letter queue", partial(hub_services.check_dead_letters, hub))
    yield _check("Athena workgroup", partial(hub_services.check_workgroup, hub, settings.athena_workgroup))
    yield from _mail(whole, settings)
    yield _check("StackSets", partial(hub_services.check_stack_sets, hub), State.NOTE)
    yield _check("QuickSight", lambda: hub_services.check_dashboards(hub, whole.own_id()), State.NOTE)


def _check(name: str, ask: Callable[[], str], otherwise: State = State.MISSING) -> Check:
    """`otherwise` is how it stands where it is not as it should be. What AWS does not tell is never a mere note."""
    try:
        return Check(name, State.OK, ask())
    except (bucket.Unfit, WarehouseUnavailable) as error:
        return Check(name, otherwise, str(error))
    except psycopg.Error as error:
        return Check(name, otherwise, " ".join(str(error).split()))
    except AWS_ERRORS as error:
        return Check(name, State.WARNING if otherwise is State.NOTE else otherwise, f"{explain(error)}{_mend(error)}")


def _mend(error: Exception) -> str:
    """What to allow, where that is all that is lacking."""
    said = error_message(error)
    named = NAMED.search(said)
    if named is None or EXPLICIT in said or status_of(error) is not Status.DENIED:
        return ""
    return f": allow {named[1]} to the hub"


def _mail(sessions: Sessions, settings: Settings) -> Iterator[Check]:
    """Each address: a sender that may not be used is missing, a recipient that gets nothing a warning."""
    sender, recipients = settings.mail_sender, settings.mail_recipients
    if sender is None and not recipients:
        yield Check("mail", State.NOTE, "no mail is sent: neither A360_MAIL_SENDER nor A360_MAIL_RECIPIENTS is set")
        return
    if sender is None:
        yield Check("mail", State.WARNING, "no mail is sent: A360_MAIL_RECIPIENTS is set, and A360_MAIL_SENDER is not")
    elif not recipients:
        yield Check("mail", State.NOTE, "A360_MAIL_RECIPIENTS is not set: mail is sent to whom a harvest names, alone")
    ses = sessions.client("sesv2", None, settings.home_region)
    yield from map(_address, identity_states(ses, sender, recipients))


def _address(identity: Identity) -> Check:
    lacking_state = State.MISSING if identity.is_sender else State.WARNING
    name = f"mail {'from' if identity.is_sender else 'to'} {identity.address}"
    return Check(name, State.OK if identity.is_ready else lacking_state, identity.said)


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
        grid.add_row(escape(each.name), each.state, escape(each.message))
    console.print(grid)
