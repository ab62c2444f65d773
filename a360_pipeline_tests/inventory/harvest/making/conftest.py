"""One stand-in for the tests of a module: what a test makes there is gone before the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from moto.cloudformation.models import cloudformation_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends

from a360_pipeline.inventory.means import Means
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.settings import load_settings
from a360_pipeline.warehouse.connection import Server


@pytest.fixture(scope="module")
def stand_in(small_organization: Organization) -> Iterator[StandIn]:
    with serve(
        small_organization, bucket="a360-snapshots", member_role="a360-member", inventory_bucket="a360-inventory"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def shared(stand_in: StandIn) -> Means:
    """Clients are dear to build, so the tests of a module have the same."""
    ways_in = ("endpoint_url", "access_key_id", "secret_access_key", "external_id")
    return Means.of(load_settings(**{name: getattr(stand_in, name) for name in ways_in}))


@pytest.fixture
def means(shared: Means, stand_in: StandIn, warehouse_url: str) -> Iterator[Means]:
    """The shared clients, with an empty warehouse; buckets, stacks and faults are taken back."""
    accounts = [one.id for one in stand_in.organization.accounts]
    before = {one: set(s3_backends[one]["aws"].buckets) for one in accounts}
    yield replace(shared, warehouse=lambda: Server(lambda: warehouse_url))
    stand_in.faults.set()
    for one in accounts:
        for name in set(s3_backends[one]["aws"].buckets) - before[one]:
            remove_bucket(one, name)
        for backend in cloudformation_backends[one].values():
            backend.stacks.clear()
        for topics in sns_backends[one].values():
            topics.topics.clear()
            topics.subscriptions.clear()


def remove_bucket(account_id: str, name: str) -> None:
    """Takes a bucket away with all it holds, as its owner might at any time."""
    backend = s3_backends[account_id]["aws"]
    backend.tagger.delete_all_tags_for_resource(backend.buckets[name].arn)
    backend.buckets[name].keys.clear()
    backend.delete_bucket(name)
