"""The accounts of the organization as last discovered, kept beside the snapshots for the runs that collect."""

from __future__ import annotations

from a360_pipeline.aws.accounts import Discovered, discovered_from_json, discovered_to_json
from a360_pipeline.collection.shelf import Shelf

ORGANIZATION_KEY = "organization/discovered.json"


class NothingDiscovered(Exception):
    """No organization is known yet. The message says what to do."""


def write_organization(shelf: Shelf, discovered: Discovered) -> str:
    """Keeps the listing, and returns its address."""
    shelf.put(ORGANIZATION_KEY, discovered_to_json(discovered))
    return shelf.uri(ORGANIZATION_KEY)


def read_discovered(shelf: Shelf) -> Discovered:
    """The accounts as last discovered, and those that were skipped. Raises NothingDiscovered."""
    listing = shelf.get(ORGANIZATION_KEY)
    if listing is None:
        raise NothingDiscovered("no organization is known yet: materialize the asset `organization` first")
    return discovered_from_json(listing)
