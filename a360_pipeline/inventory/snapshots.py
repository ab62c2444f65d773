"""Of which bucket and day consolidated files are: the folders they lie in say it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from a360_pipeline.inventory.delivery import ROOT, Delivery, consolidated_below, newest
from a360_pipeline.inventory.places import Place


class NotConsolidated(ValueError):
    """A path is not that of a consolidated file, or paths contradict each other. The message says which."""


@dataclass(frozen=True, slots=True, order=True)
class Snapshot:
    """What a bucket held on a day."""

    date: dt.date
    account: str
    region: str
    bucket: str


def snapshot_of(uri: str) -> tuple[Snapshot, str]:
    """The snapshot that a file of a delivery belongs to, and the delivery's name.

    Reads …/ACCOUNT/REGION/BUCKET/DATE/DELIVERY/FILE from its end. Raises NotConsolidated.
    """
    match uri.rsplit("/", 6):
        case [*_, account, region, bucket, date, delivery, _] if account and region and bucket and delivery:
            try:
                return Snapshot(dt.date.fromisoformat(date), account, region, bucket), delivery
            except ValueError:
                pass
    raise NotConsolidated(f"{uri!r} does not end in ACCOUNT/REGION/BUCKET/DATE/DELIVERY/FILE")


def by_snapshot(parts: Iterable[str]) -> dict[Snapshot, list[str]]:
    """Consolidated files by their snapshot. Raises NotConsolidated, also where a day has two deliveries of a bucket."""
    found: dict[Snapshot, list[str]] = {}
    deliveries: dict[tuple[dt.date, str, str], tuple[str, str]] = {}
    for part in dict.fromkeys(parts):
        snapshot, delivery = snapshot_of(part)
        day = (snapshot.date, snapshot.account, snapshot.bucket)
        counted = deliveries.setdefault(day, (snapshot.region, delivery))
        if counted != (snapshot.region, delivery):
            raise NotConsolidated(
                f"bucket {snapshot.bucket} of account {snapshot.account} has two deliveries of {snapshot.date}, "
                f"{'/'.join(counted)} and {snapshot.region}/{delivery}: its objects would count twice; "
                "give the files of the one that stands"
            )
        found.setdefault(snapshot, []).append(part)
    return found


def standing(place: Place, prefix: str = f"{ROOT}/") -> tuple[list[str], list[Snapshot]]:
    """Of what is consolidated below a prefix the newest delivery of each bucket and day.

    Returns the addresses of its files, and the snapshots that have none, because their bucket held nothing.
    """
    deliveries = newest(consolidated_below(place, prefix))
    parts = [place.uri(key) for delivery in deliveries for key in delivery.parts]
    return parts, [_snapshot(delivery.delivery) for delivery in deliveries if not delivery.parts]


def _snapshot(delivery: Delivery) -> Snapshot:
    return Snapshot(delivery.date, delivery.account, delivery.region, delivery.source_bucket)
