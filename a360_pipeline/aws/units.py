"""Organizational units: which accounts are in them or in units below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code
from a360_pipeline.settings import SettingsError

if TYPE_CHECKING:
    from a360_pipeline.aws.sessions import AccountSession


class Units:
    """The tree below the units that are asked for: two listings a unit, however many accounts there are."""

    def __init__(self, hub: AccountSession) -> None:
        self._hub = hub
        self._known: dict[str, frozenset[str]] = {}

    def members(self, units: Iterable[str], setting: str) -> dict[str, str]:
        """The accounts anywhere below the units (or roots), each with the first unit that has it.

        Operations: organizations ListAccountsForParent and ListOrganizationalUnitsForParent.
        Raises SettingsError for a unit that is not there, naming the setting; ClientError for all else.
        """
        found: dict[str, str] = {}
        for unit in units:
            try:
                accounts = self._below(unit)
            except ClientError as error:
                if error_code(error) != "ParentNotFoundException":
                    raise
                raise SettingsError(f"{setting} names {unit}, which the organization does not have") from error
            for account_id in accounts:
                found.setdefault(account_id, unit)
        return found

    def _below(self, unit: str) -> frozenset[str]:
        if unit not in self._known:
            accounts = self._hub.pages("organizations", "list_accounts_for_parent", "Accounts", ParentId=unit)
            own = {account["Id"] for account in accounts}
            units = self._hub.pages(
                "organizations", "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=unit
            )
            self._known[unit] = frozenset(own.union(*[self._below(each["Id"]) for each in units]))
        return self._known[unit]
