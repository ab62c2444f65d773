"""The resource through which assets reach AWS and the warehouse: the settings, and what follows from them."""

import datetime as dt
from collections.abc import Iterable
from functools import cached_property

import dagster as dg

from a360_pipeline.aws.accounts import Account, Discovered, discover
from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.collection.order import Order
from a360_pipeline.collection.organization import NothingDiscovered, read_discovered, write_organization
from a360_pipeline.gaps import AcceptedGaps, read_accepted_gaps
from a360_pipeline.inventory.means import Means
from a360_pipeline.sections.registry import is_paid
from a360_pipeline.settings import Settings, load_settings
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse.connection import Warehouse
from a360_pipeline.warehouse.reach import warehouse_of

OWNERS = ["team:cloud-platform"]


class Hub(dg.ConfigurableResource["Hub"]):
    """Reads the settings when a run needs them, so that loading the definitions needs none."""

    @cached_property
    def settings(self) -> Settings:
        return load_settings()

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.settings, is_paid)

    @cached_property
    def store(self) -> SnapshotStore:
        return SnapshotStore.of(self.settings, self.sessions.client("s3", None, self.settings.home_region))

    @cached_property
    def means(self) -> Means:
        """What harvests are done with."""
        return Means.of(self.settings)

    @property
    def accepted(self) -> AcceptedGaps:
        return read_accepted_gaps(self.settings.accepted_gaps)

    @property
    def warehouse(self) -> Warehouse:
        return warehouse_of(self.settings)

    def discover(self) -> Discovered:
        """The accounts that the settings select, and those that are skipped."""
        return discover(self.sessions, self.settings)

    def write_organization(self, discovered: Discovered) -> str:
        """Keeps the listing beside the snapshots, for the runs that collect, and returns its address."""
        return write_organization(self.store, discovered)

    def read_organization(self) -> Discovered:
        """The accounts as last discovered. Raises dagster's Failure when they never were."""
        try:
            return read_discovered(self.store)
        except NothingDiscovered as error:
            raise dg.Failure(str(error)) from error

    def order(
        self, accounts: list[Account], organization: list[Account], run_date: dt.date, sections: Iterable[str] = ()
    ) -> Order:
        """What a run collects, as the settings have it; no sections: all."""
        return Order.of(self.settings, accounts, organization, run_date, dt.datetime.now(dt.UTC).date(), sections)
