"""The organizational units: where each account hangs in the tree below the root."""

from __future__ import annotations

from dataclasses import dataclass

from a360_pipeline.sandbox.facts.chance import draw
from a360_pipeline.sandbox.facts.model import Account

ROOT = "Root"
PARENTS = {"Workloads": ROOT, "Prod": "Workloads", "Dev": "Workloads", "Security": ROOT, "Closed": ROOT}
"""Each unit by name, with the name of its parent."""


@dataclass(frozen=True, slots=True)
class Units:
    """The tree of one organization: ids by name, and who hangs where."""

    seed: int

    @property
    def names(self) -> dict[str, str]:
        """The name of the root and of each unit, by id."""
        return {self.id_of(name): name for name in (ROOT, *PARENTS)}

    def id_of(self, name: str) -> str:
        """The id of the root, `r-xxxx`, or of a unit, `ou-xxxx-xxxxxxxx`."""
        root, unit = (f"{draw(self.seed, 'unit', each):016x}" for each in (ROOT, name))
        return f"r-{root[:4]}" if name == ROOT else f"ou-{root[:4]}-{unit[:8]}"

    def below(self, name: str) -> tuple[str, ...]:
        """The names of the units that hang right below one."""
        return tuple(unit for unit, parent in PARENTS.items() if parent == name)


def unit_of(account: Account, management_id: str) -> str:
    """The name of the unit that an account hangs in; the management account hangs in the root."""
    tags = dict(account.tags)
    if account.status != "ACTIVE":
        return "Closed"
    if account.id == management_id:
        return ROOT
    if tags["category"] == "governance":
        return "Security"
    return "Prod" if tags["environment"] == "prod" else "Dev"
