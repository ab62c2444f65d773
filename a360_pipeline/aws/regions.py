"""Where AWS has a service: a region without it does not answer, which is neither "nothing" nor a line that is down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import botocore.session
from botocore.exceptions import EndpointConnectionError

from a360_pipeline.coverage import Status, Unavailable


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
