"""Takes a delivery: verified and consolidated, published, recorded, and only then forgotten by the queue."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.inventory.consolidate import Consolidated, Identity, consolidate
from a360_pipeline.inventory.harvest.arrivals import TAKEN, Arrival, order_of
from a360_pipeline.inventory.harvest.configurations import ConfigurationOfAnother, deconfigure
from a360_pipeline.inventory.harvest.destinations import destination_of
from a360_pipeline.inventory.harvest.keeping import catalog_of, inventory_place
from a360_pipeline.inventory.harvest.known import TAKES_NOW
from a360_pipeline.inventory.harvest.locks import PARTITION, in_turn
from a360_pipeline.inventory.harvest.notices import Inbox
from a360_pipeline.inventory.harvest.registry import Registry
from a360_pipeline.inventory.harvest.rows import BucketRow, DeliveryRow, Harvest
from a360_pipeline.inventory.harvest.states import BucketState, DeliveryState, Way
from a360_pipeline.inventory.manifest import VerificationFailed, read_manifest
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.places import NotThere
from a360_pipeline.inventory.table import Catalog

FOLDER = re.compile(r"(\d{4}-\d{2}-\d{2})T\d{2}-\d{2}Z/manifest\.json$")


class NotTaken(RuntimeError):
    """The harvest does not take deliveries now. The message says in which state it is."""


def take(means: Means, registry: Registry, arrival: Arrival, *, scratch: Path | None = None) -> DeliveryRow:
    """Takes a delivery for a bucket of a harvest, and returns what became of it.

    The order is: files, partition, record, bucket, message; each step may be done twice, so that whoever is killed
    between two of them is followed by another who ends the same. What does not verify is recorded with the reason and
    counts for nothing. Raises NotTaken, ClientError, and what the warehouse raises: then nothing is recorded, and the
    delivery waits on.
    """
    harvest = registry.harvest(arrival.bucket.harvest_id)
    if harvest.state not in TAKES_NOW:
        raise NotTaken(f"harvest {harvest.harvest_id} is {harvest.state}: it takes no deliveries")
    taking = _Taking(means, registry, harvest, arrival, scratch)
    recorded = registry.delivery(arrival.destination_bucket, arrival.manifest_key)
    if recorded is None or recorded.state not in TAKEN:
        recorded = taking.take()
    if recorded.state is not DeliveryState.VERIFICATION_FAILED:
        taking.settle(recorded)
    if arrival.messages:
        inbox = Inbox.of(means)
        inbox.settle(arrival.messages, lambda notice: registry.delivery(notice.bucket, notice.manifest_key) is not None)
    return recorded


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of many arrivals."""

    deliveries: list[DeliveryRow] = field(default_factory=list)
    errors: list[tuple[Arrival, Exception]] = field(default_factory=list)
    """Those that wait on, and why."""

    @property
    def problems(self) -> list[str]:
        """A line for each of them."""
        return [f"{arrival.uri}: {explain(error)}" for arrival, error in self.errors]


def take_all(means: Means, registry: Registry, arrivals: Iterable[Arrival], *, scratch: Path | None = None) -> Taken:
    """Takes each of them: one that cannot be taken keeps none of the others."""
    taken = Taken()
    for arrival in arrivals:
        try:
            taken.deliveries.append(take(means, registry, arrival, scratch=scratch))
        except Exception as error:  # noqa: BLE001 - kept beside the arrival, which waits on
            taken.errors.append((arrival, error))
    return taken


@dataclass(frozen=True, slots=True)
class _Taking:
    means: Means
    registry: Registry
    harvest: Harvest
    arrival: Arrival
    scratch: Path | None

    def take(self) -> DeliveryRow:
        row, key = self.arrival.bucket, self.arrival.manifest_key
        source = destination_of(self.means, row, self.arrival.destination_bucket)
        try:
            manifest = read_manifest(source, key)
            if manifest.source_bucket != row.bucket:
                raise VerificationFailed(
                    f"{self.arrival.uri} is of the bucket {manifest.source_bucket}, and lies where deliveries of "
                    f"{row.bucket} of account {row.account_id} arrive"
                )
            made = consolidate(
                source, key, inventory_place(self.means), Identity(row.account_id, self.region), scratch=self.scratch
            )
        except (VerificationFailed, NotThere) as error:
            return self._failed(str(error))
        return self._publish(made)

    def _failed(self, reason: str) -> DeliveryRow:
        row = self.arrival.bucket
        recorded = self.registry.record_delivery(
            replace(
                self._row(DeliveryState.VERIFICATION_FAILED),
                snapshot_date=_date_in(self.arrival.manifest_key),
                message=reason,
            )
        )
        # A delivery that verified before stands, whatever came after it.
        self.registry.set_bucket(
            *_key(row), BucketState.VERIFICATION_FAILED, reason, unless=[BucketState.DONE, BucketState.EXCLUDED]
        )
        return recorded

    @property
    def region(self) -> str:
        return self.arrival.bucket.region or self.means.settings.home_region

    def _publish(self, made: Consolidated) -> DeliveryRow:
        delivery = made.delivery
        row = replace(
            self._row(DeliveryState.PUBLISHED),
            snapshot_date=delivery.date,
            delivered_at=delivery.delivered_at,
            format=made.format,
            fields=list(made.fields),
            files=made.files,
            source_bytes=made.source_bytes,
            rows=made.rows,
            object_bytes=made.object_bytes,
            parts=len(made.parts),
            location=made.location,
            manifest_md5=delivery.manifest_md5,
        )
        catalog = catalog_of(self.means, self.harvest)
        catalog.ensure()
        with in_turn(self.means, PARTITION, f"{row.account_id}/{row.bucket}"):
            return self._stand(catalog, row, made)

    def _stand(self, catalog: Catalog, row: DeliveryRow, made: Consolidated) -> DeliveryRow:
        """Of the deliveries of one day the newest one stands in the table, whichever comes last."""
        same_day = [
            other
            for other in self.registry.deliveries(self.harvest.harvest_id)
            if (other.account_id, other.bucket, other.snapshot_date) == (row.account_id, row.bucket, row.snapshot_date)
            and other.manifest_key != row.manifest_key
            and other.state is DeliveryState.PUBLISHED
        ]
        newer = next((other for other in same_day if order_of(other) > order_of(row)), None)
        if newer is not None:
            return self.registry.record_delivery(_superseded(row, newer.manifest_key))
        stands = catalog.publish(
            made.delivery.date,
            row.account_id,
            row.region,
            row.bucket,
            made.location,
            delivered_at=made.delivery.delivered_at,
            manifest_key=row.manifest_key,
        )
        if not stands:
            return self.registry.record_delivery(_superseded(row, "a delivery that the table has"))
        for older in same_day:
            self.registry.record_delivery(_superseded(older, row.manifest_key))
        return self.registry.record_delivery(row)

    def _row(self, state: DeliveryState) -> DeliveryRow:
        row = self.arrival.bucket
        return DeliveryRow(
            destination_bucket=self.arrival.destination_bucket,
            manifest_key=self.arrival.manifest_key,
            harvest_id=row.harvest_id,
            account_id=row.account_id,
            region=self.region,
            bucket=row.bucket,
            state=state,
        )

    def settle(self, recorded: DeliveryRow) -> None:
        """The bucket has its inventory; of several days the newest one stands for it."""
        row = self.registry.bucket(*_key(self.arrival.bucket))
        standing = self.registry.delivery(recorded.destination_bucket, row.manifest_key) if row.manifest_key else None
        if standing is None or order_of(standing) <= order_of(recorded):
            row = self.registry.set_bucket(*_key(row), BucketState.DONE, manifest_key=recorded.manifest_key)
        if row.state is BucketState.DONE and row.way is Way.CONFIGURED and not self.harvest.is_recurring:
            try:
                deconfigure(self.means, self.harvest.harvest_id, row)
            except (*AWS_ERRORS, ConfigurationOfAnother) as error:
                # The delivery counts all the same, and the clean-up tries again.
                self.registry.set_bucket(*_key(row), BucketState.DONE, f"its configuration stays: {explain(error)}")


def _key(row: BucketRow) -> tuple[str, str, str]:
    return row.harvest_id, row.account_id, row.bucket


def _superseded(row: DeliveryRow, by: str) -> DeliveryRow:
    return replace(row, state=DeliveryState.SUPERSEDED, message=f"{by} is newer, of the same day")


def _date_in(manifest_key: str) -> dt.date | None:
    """The day that the folder of a manifest is named by."""
    found = FOLDER.search(manifest_key)
    with suppress(ValueError):
        return dt.date.fromisoformat(found[1]) if found else None
    return None
