"""The resource through which assets reach AWS and the warehouse: the settings, and what follows from them."""

from functools import cached_property

import dagster as dg

from a360_pipeline.aws.accounts import Account, accounts_from_json, accounts_to_json
from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.gaps import AcceptedGaps, read_accepted_gaps
from a360_pipeline.sections.registry import is_paid
from a360_pipeline.settings import Settings, load_settings
from a360_pipeline.snapshot.store import SnapshotStore
from a360_pipeline.warehouse.connection import Warehouse
from a360_pipeline.warehouse.reach import warehouse_of

OWNERS = ["team:cloud-platform"]
ORGANIZATION_KEY = "organization/accounts.json"


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

    @property
    def accepted(self) -> AcceptedGaps:
        return read_accepted_gaps(self.settings.accepted_gaps)

    @property
    def warehouse(self) -> Warehouse:
        return warehouse_of(self.settings)

    def write_organization(self, accounts: list[Account]) -> str:
        """Keeps the listing beside the snapshots, for the runs that collect, and returns its address."""
        self.store.put(ORGANIZATION_KEY, accounts_to_json(accounts))
        return self.store.uri(ORGANIZATION_KEY)

    def read_organization(self) -> list[Account]:
        """The accounts as last discovered. Raises dagster's Failure when they never were."""
        listing = self.store.get(ORGANIZATION_KEY)
        if listing is None:
            raise dg.Failure("no organization is known yet: materialize the asset `organization` first")
        return accounts_from_json(listing)
