"""The accounts of the organization as last discovered, kept beside the snapshots for the runs that collect."""

from __future__ import annotations

from a360_pipeline.aws.accounts import Account, accounts_from_json, accounts_to_json
from a360_pipeline.collection.shelf import Shelf

ORGANIZATION_KEY = "organization/accounts.json"


class NothingDiscovered(Exception):
    """No organization is known yet. The message says what to do."""


def write_organization(shelf: Shelf, accounts: list[Account]) -> str:
    """Keeps the listing, and returns its address."""
    shelf.put(ORGANIZATION_KEY, accounts_to_json(accounts))
    return shelf.uri(ORGANIZATION_KEY)


def read_organization(shelf: Shelf) -> list[Account]:
    """The accounts as last discovered. Raises NothingDiscovered."""
    listing = shelf.get(ORGANIZATION_KEY)
    if listing is None:
        raise NothingDiscovered("no organization is known yet: materialize the asset `organization` first")
    return accounts_from_json(listing)
