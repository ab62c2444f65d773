"""Finds deliveries that wait to be taken: the queue says so first, and a listing finds what the queue did not say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.inventory.harvest.destinations import Listed, Look, walk
from a360_pipeline.inventory.harvest.known import Known, Spot
from a360_pipeline.inventory.harvest.notices import CHECKSUM, Inbox, Message, Notice
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import BucketRow, DeliveryRow
from a360_pipeline.inventory.harvest.states import DeliveryState, Way
from a360_pipeline.inventory.means import Means

SLICE = 10_000
"""Keys that one look lists at most."""
MESSAGES = 1000
"""Messages that one look receives at most."""
TAKEN = frozenset({DeliveryState.PUBLISHED, DeliveryState.SUPERSEDED})
"""States of a delivery that verified and is published, or need not be."""
FOLDER_NAME = "%Y-%m-%dT%H-%MZ"
"""How S3 names the folder of a delivery's manifest."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery that S3 completed and that is not taken, for one bucket of one harvest."""

    bucket: BucketRow
    destination_bucket: str
    manifest_key: str
    messages: tuple[Message, ...] = field(default=(), repr=False)
    """Those that told of it, to be deleted once it is recorded."""

    @property
    def uri(self) -> str:
        return f"s3://{self.destination_bucket}/{self.manifest_key}"


@dataclass(frozen=True, slots=True)
class Found:
    """What one look found."""

    arrivals: list[Arrival]
    """The oldest of a bucket first."""
    unknown: tuple[str, ...] = ()
    """Addresses of manifests that belong to no bucket of a harvest: whose they are is not guessed."""
    problems: tuple[str, ...] = ()
    """What could not be looked at, and why: that nothing was found there says nothing."""


def find_arrivals(means: Means, registry: Registry, limit: int = SLICE, now: dt.datetime | None = None) -> Found:
    """The deliveries that wait, of all harvests that take some now.

    Remembers nothing: what the warehouse holds is done, and all else that lies there waits. Lists at most `limit`
    keys. Account and region come from the harvest's own rows, for a manifest names neither. A queue or a prefix that
    cannot be read is a problem that is told, and keeps nothing else from being found.
    """
    known = Known.of(registry)
    look = Look(limit, now or dt.datetime.now(dt.UTC))
    told = _Told()
    try:
        told.hear(Inbox.of(means), registry, known, min(limit, MESSAGES))
    except AWS_ERRORS as error:
        look.problems.append(f"the queue of notices cannot be read: {explain(error)}")
    listed = _Listing.of(walk(means, known, look))
    spots = sorted({*told.messages, *listed.manifests})
    recorded = known.deliveries | _recorded_elsewhere(registry, known, spots)
    arrivals = [
        Arrival(row, *spot, tuple(told.messages.get(spot, ())))
        for spot in spots
        for row in known.owners(*spot)
        if _waits(known, row, spot, recorded.get(spot), listed, is_told=spot in told.messages)
    ]
    return Found(arrivals, tuple(told.unknown), tuple(look.problems))


def _recorded_elsewhere(registry: Registry, known: Known, spots: Iterable[Spot]) -> dict[Spot, DeliveryRow]:
    """What harvests before, or side by side, recorded of deliveries that these do not know."""
    strange: dict[str, list[str]] = {}
    for bucket, key in spots:
        if (bucket, key) not in known.deliveries:
            strange.setdefault(bucket, []).append(key)
    return {
        (bucket, row.manifest_key): row
        for bucket, keys in strange.items()
        for row in registry.known_deliveries(bucket, keys)
    }


@dataclass(frozen=True, slots=True)
class _Told:
    """What the queue tells."""

    messages: dict[Spot, list[Message]] = field(default_factory=dict)
    """By destination bucket and manifest."""
    unknown: dict[str, None] = field(default_factory=dict)
    """Addresses that belong to nobody, each once."""

    def hear(self, inbox: Inbox, registry: Registry, known: Known, most: int) -> None:
        """Receives messages; deletes what is done, and sets apart what belongs to nobody."""
        for message in inbox.receive(most):
            if inbox.settle([message], lambda notice: _is_settled(known, notice)):
                continue
            strange = [notice.uri for notice in message.notices if not _is_awaited(registry, known, notice)]
            if strange:
                self.unknown.update(dict.fromkeys(strange))
                inbox.bury(message, f"it belongs to no bucket of a harvest that is open: {', '.join(strange)}")
            for notice in message.notices:
                self.messages.setdefault((notice.bucket, notice.manifest_key), []).append(message)


def _is_settled(known: Known, notice: Notice) -> bool:
    spot = (notice.bucket, notice.manifest_key)
    recorded = known.deliveries.get(spot)
    return recorded is not None and all(_stands(known, row, recorded) for row in known.owners(*spot))


def _is_awaited(registry: Registry, known: Known, notice: Notice) -> bool:
    """Also by a harvest that takes none just now: the message stays in the queue until it does."""
    spot = (notice.bucket, notice.manifest_key)
    return bool(known.owners(*spot)) or registry.owner_of(*spot) is not None


def _stands(known: Known, row: BucketRow, recorded: DeliveryRow) -> bool:
    """Whether all is done about a delivery, as far as the bucket goes: it stands there, or a newer one does."""
    standing = known.deliveries.get((recorded.destination_bucket, row.manifest_key or ""))
    return recorded.state in TAKEN and standing is not None and order_of(standing) >= order_of(recorded)


def order_of(row: DeliveryRow) -> tuple[dt.datetime, str]:
    """The newest delivery is the last by this."""
    return row.delivered_at or dt.datetime.min.replace(tzinfo=dt.UTC), row.manifest_key


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a listing tells of deliveries."""

    manifests: frozenset[Spot]
    newest: dict[Spot, str]
    """The last manifest by destination bucket and prefix: their folders are named by time."""
    changed: dict[Spot, dt.datetime]
    """When anything under a prefix was written last."""

    @classmethod
    def of(cls, objects: Iterable[Listed]) -> _Listing:
        manifests: set[Spot] = set()
        newest: dict[Spot, str] = {}
        changed: dict[Spot, dt.datetime] = {}
        for one in objects:
            place = (one.destination_bucket, one.prefix)
            changed[place] = max(one.last_modified, changed.get(place, one.last_modified))
            if one.key.endswith(CHECKSUM):
                manifest_key = f"{one.key.removesuffix('checksum')}json"
                manifests.add((one.destination_bucket, manifest_key))
                newest[place] = max(manifest_key, newest.get(place, ""))
        return cls(frozenset(manifests), newest, changed)


def _waits(
    known: Known, row: BucketRow, spot: Spot, recorded: DeliveryRow | None, listed: _Listing, *, is_told: bool
) -> bool:
    """Whether a delivery is still to be taken for a bucket of a harvest."""
    place = (spot[0], row.destination_prefix or "")
    if recorded is None:
        return is_told or row.way is not Way.REUSED or _is_recent(known, row, spot[1], listed.newest.get(place))
    if recorded.state is not DeliveryState.VERIFICATION_FAILED:
        return not _stands(known, row, recorded)
    # What was written since may have made it whole. S3 tells whole seconds.
    changed, since = listed.changed.get(place), recorded.updated_at
    return is_told or (changed is not None and since is not None and changed >= since.replace(microsecond=0))


def _is_recent(known: Known, row: BucketRow, manifest_key: str, newest: str | None) -> bool:
    """Of an inventory that was there before, the last delivery counts, and those since the harvest began."""
    created_at = known.harvests[row.harvest_id].created_at
    folder = manifest_key.removeprefix(row.destination_prefix or "")
    return manifest_key == newest or (created_at is not None and folder >= f"{created_at:{FOLDER_NAME}}")
