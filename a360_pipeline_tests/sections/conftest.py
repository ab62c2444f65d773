"""A stand-in whose accounts have more of everything than a page holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.sandbox.aws import StandIn, serve
from a360_pipeline.sandbox.facts.model import Sizes
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sections.registry import is_paid
from a360_pipeline.settings import Settings

LARGE = Sizes(keys=4, instances=2, applications=1, patches=1, others=120)


@pytest.fixture(scope="package")
def large() -> Iterator[StandIn]:
    """AWS with 120 of everything in the first account."""
    with serve(Organization.seeded(sizes=LARGE), bucket="a360-snapshots", member_role="a360-member") as running:
        yield running


@pytest.fixture
def large_sessions(large: StandIn) -> Sessions:
    settings = Settings.model_validate(
        {
            "endpoint_url": large.endpoint_url,
            "access_key_id": large.access_key_id,
            "secret_access_key": large.secret_access_key,
            "external_id": large.external_id,
            "max_attempts": 1,
        }
    )
    return Sessions(settings, is_paid)
