"""Locks that the warehouse keeps, so that two processes do not do the same at one time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from a360_pipeline.inventory.means import Means

HARVEST = 360_011
"""Whoever takes a harvest on."""
PARTITION = 360_012
"""Whoever points a bucket's partitions at a delivery."""


@contextmanager
def alone(means: Means, kind: int, name: str) -> Iterator[bool]:
    """Whether nobody else does this now; for as long as the block lasts nobody else begins to.

    It spares double work: what is done under it may be done twice. The Data API ends a transaction that idles for
    three minutes, and the lock with it.
    """
    with means.connect() as connection, connection.transaction():
        got = connection.execute("SELECT pg_try_advisory_xact_lock(%s::int, %s::int)", (kind, _number(name)))
        yield bool(got.fetchone()[0])


@contextmanager
def in_turn(means: Means, kind: int, name: str) -> Iterator[None]:
    """Waits until nobody else does this; for what takes no longer than a few seconds."""
    with means.connect() as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)::text", (kind, _number(name)))
        yield


def _number(name: str) -> int:
    """Two names of one number wait for each other, which does no harm."""
    return zlib.crc32(name.encode()) - 2**31
