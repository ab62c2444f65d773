"""Where AWS has a service: a region without it does not answer, which is neither "nothing" nor a line that is down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import botocore.session
from botocore.exceptions import EndpointConnectionError

from a360_pipeline.coverage import Status, Unavailable

ONE_REGION: Mapping[str, str] = dict.fromkeys(
    (
        "ce",
        "cost-optimization-hub",
        "health",
        "license-manager",
        "marketplace-entitlement",
        "organizations",
        "support",
        "trustedadvisor",
    ),
    "us-east-1",
)
"""Services that the `aws` partition answers for in one region: AWS Marketplace grants its licenses there.
Other partitions have regions of their own for them, which are asked for by the home region."""


@lru_cache(maxsize=1024)
def region_of(service: str, region: str) -> str:
    """The region to ask a service in: the one it lives in, if it lives in one alone."""
    lives_in = ONE_REGION.get(service)
    if lives_in is None or botocore.session.get_session().get_partition_for_region(region) != "aws":
        return region
    return lives_in


@contextmanager
def only_where_it_exists(service: str, region: str) -> Iterator[None]:
    """Raises Unavailable if nothing answers in a region for which botocore's list has no endpoint of the service.

    A region that the list has, or a service that it says nothing about, keeps its EndpointConnectionError.
    """
    try:
        yield
    except EndpointConnectionError as error:
        session = botocore.session.get_session()
        known = session.get_available_regions(service, session.get_partition_for_region(region))
        if not known or region in known:
            raise
        raise Unavailable(Status.NOT_ENABLED, f"AWS has no {service} in {region}") from error
