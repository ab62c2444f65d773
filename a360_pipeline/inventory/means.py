"""What the work on inventories is done with: the settings, sessions of every account, and the warehouse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.settings import Settings
from a360_pipeline.warehouse.connection import Connection, Warehouse, connect
from a360_pipeline.warehouse.reach import warehouse_of


def unpaid(_service: str, _operation: str) -> bool:
    """No call of a harvest is billed by request as Cost Explorer's are."""
    return False


@dataclass(frozen=True)
class Means:
    """Clients are shared and safe between threads; a connection to the warehouse is each caller's own."""

    settings: Settings
    sessions: Sessions
    warehouse: Callable[[], Warehouse] = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Means:
        """With sessions of the harvest role, which may do what the member role may not."""
        role = settings.model_copy(update={"member_role": settings.harvest_role})
        return cls(settings, Sessions(role, unpaid), lambda: warehouse_of(settings))

    @cached_property
    def hub_account(self) -> str:
        """The account that the hub is in, where destination buckets are made."""
        return self.sessions.own_id()

    def hub(self, service: str, region: str | None = None) -> Any:
        """A botocore client of the hub's account, in the home region unless another is named."""
        return self.sessions.client(service, None, region or self.settings.home_region)

    def member(self, service: str, account_id: str, region: str) -> Any:
        """A botocore client of an account's harvest role; of the hub's own account the hub itself."""
        owner = None if account_id == self.hub_account else account_id
        return self.sessions.client(service, owner, region)

    def connect(self) -> Connection:
        """A connection of the warehouse, in autocommit mode. Raises WarehouseUnavailable."""
        return connect(self.warehouse())
