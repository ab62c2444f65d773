"""What an administrator account tells of its members: each finding under the account that it is of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from a360_pipeline.aws.accounts import Account
from a360_pipeline.sections.model import Row

ENABLED = "ENABLED"


def associated(administrator: str | None, members: Iterable[Row], account: str, status: str) -> set[str]:
    """The ids of the accounts that an administrator sees: its own, and those of members that are enabled.

    `account` and `status` are what the service calls them in ListMembers; some write Enabled, some ENABLED.
    """
    enabled = {member[account] for member in members if str(member.get(status)).upper() == ENABLED}
    return enabled | ({administrator} if administrator else set())


def by_owner(accounts: Sequence[Account], seen: Set[str], findings: Iterable[Row], owner: str) -> dict[str, list[Row]]:
    """The findings of each account that is asked for and seen, by account id: an account not seen is left out.

    `owner` is what the service calls the account that a finding is of.
    """
    found: dict[str, list[Row]] = {account.id: [] for account in accounts if account.id in seen}
    for finding in findings:
        if finding[owner] in found:
            found[finding[owner]].append(finding)
    return found
