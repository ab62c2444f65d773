"""Delivers the inventories of a day, time compressed, with what can go wrong on the way."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from moto.s3.models import s3_backends
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from a360_pipeline.sandbox.identity import PARTITION
from a360_pipeline.sandbox.inventory.delivery import Delivery
from a360_pipeline.sandbox.inventory.permission import refusal
from a360_pipeline.sandbox.organization import Organization

HOURS = (1, 13)
"""Of the day's delivery, and of a second one."""
PERIODS = {"Daily": 1, "Weekly": 7}
NOTHING = "there is nothing to report"


class Fault(StrEnum):
    """What can befall the deliveries of a bucket in one round."""

    LATE = "late"
    """Delivered with the next round."""
    DUPLICATE = "duplicate"
    """Delivered twice on one day."""
    CORRUPT = "corrupt"
    """A data file's bytes are not those that its MD5 was taken of."""
    MISSING_FILE = "missing_file"
    """The manifest lists a file that is not there."""
    MANIFEST_FIRST = "manifest_first"
    """The manifest is there, and the data comes with the next round."""
    OUT_OF_ORDER = "out_of_order"
    """The delivery of the day before comes after the day's own, and is told of after it."""


class WantedRound(BaseModel):
    """The body of `PUT /_a360/inventory`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: dt.date
    faults: dict[str, list[Fault]] = Field(default_factory=dict)
    """By name of the source bucket."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was written for a configuration, or why nothing was."""

    account_id: str
    region: str
    bucket: str
    configuration_id: str
    date: str
    destination_bucket: str
    manifest_key: str
    rows: int = 0
    files: int = 0
    faults: tuple[str, ...] = ()
    reason: str | None = None


@dataclass
class Round:
    """What came of one round."""

    date: dt.date
    delivered: list[Delivered] = field(default_factory=list)
    skipped: list[Delivered] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "date": self.date.isoformat(),
            "delivered": [asdict(each) for each in self.delivered],
            "skipped": [asdict(each) for each in self.skipped],
        }


class Deliverer:
    """Remembers what it delivered: a configuration has one delivery a day, or one in seven days."""

    def __init__(self, organization: Organization) -> None:
        self._organization = organization
        self._lock = threading.Lock()
        self._dates: dict[tuple[str, str], set[dt.date]] = {}
        self._late: list[tuple[Delivery, bool]] = []
        """Deliveries that the next round makes, and of which only the data is wanting."""

    def deliver(self, date: dt.date, faults: Mapping[str, Sequence[str]] | None = None) -> Round:
        """One round: what the last one held back, then the day's delivery of every enabled configuration.

        Raises ValueError for a fault that is none, and for a bucket that is not there.
        """
        wanted = {bucket: {Fault(name) for name in names} for bucket, names in (faults or {}).items()}
        unknown = sorted(set(wanted) - set(s3_backends.bucket_accounts))
        if unknown:
            raise ValueError(f"There is no bucket {', '.join(unknown)}.")
        with self._lock:
            done = Round(date)
            late, self._late = self._late, []
            for delivery, only_data in late:
                self._write(done, delivery, frozenset(), only_data=only_data)
            for account in self._organization.accounts:
                for delivery in self._due(account.id, date):
                    self._carry_out(done, delivery, frozenset(wanted.get(delivery.source.name, ())))
            return done

    def put(self, body: bytes) -> dict[str, Any]:
        """`deliver` for the control: takes and answers JSON. Raises ValueError for a body that is none of its."""
        try:
            wanted = WantedRound.model_validate_json(body)
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors())
            raise ValueError("; ".join(problems)) from None
        return self.deliver(wanted.date, wanted.faults).to_json()

    def _due(self, account_id: str, date: dt.date) -> Iterator[Delivery]:
        for bucket in sorted(s3_backends[account_id][PARTITION].buckets.values(), key=lambda each: each.name):
            held: Mapping[str, Any] = bucket.inventory_configs
            for name, configuration in sorted(held.items()):
                before = self._dates.get((bucket.name, name), set())
                period = PERIODS[configuration["Schedule"]["Frequency"]]
                # A day that was skipped may come later: only what lies within the period was for this day too.
                is_due = not any(0 <= (date - other).days < period for other in before)
                if configuration["IsEnabled"] and is_due:
                    yield Delivery(self._organization, bucket, configuration, _at(date, HOURS[0]))

    def _carry_out(self, done: Round, delivery: Delivery, faults: frozenset[Fault]) -> None:
        date = delivery.at.date()
        self._dates.setdefault((delivery.source.name, delivery.configuration["Id"]), set()).add(date)
        reason = refusal(delivery)
        if reason is not None:
            done.skipped.append(_described(delivery, faults, reason=reason))
        elif Fault.LATE in faults:
            self._late.append((delivery, False))
            done.skipped.append(_described(delivery, faults, reason="held back until the next round"))
        else:
            self._write(done, delivery, faults)
            others = {Fault.DUPLICATE: _at(date, HOURS[1]), Fault.OUT_OF_ORDER: delivery.at - dt.timedelta(days=1)}
            for fault in sorted(faults & others.keys()):
                other = Delivery(delivery.organization, delivery.source, delivery.configuration, others[fault])
                self._write(done, other, faults)

    def _write(self, done: Round, delivery: Delivery, faults: frozenset[Fault], *, only_data: bool = False) -> None:
        held_back, told = Fault.MANIFEST_FIRST in faults, []

        def put(place: int, key: str, body: bytes) -> None:
            if held_back or (place == 0 and Fault.MISSING_FILE in faults):
                return
            # One bit in the middle: the size stays, and a reader may well take the file for a good one.
            middle = len(body) // 2
            spoiled = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
            delivery.put(key, spoiled if place == 0 and Fault.CORRUPT in faults else body)
            told.append(key)

        reason = refusal(delivery)
        if reason is not None:
            done.skipped.append(_described(delivery, faults, reason=reason))
            return
        files, rows = delivery.put_files(put)
        if not files:
            done.skipped.append(_described(delivery, faults, reason=NOTHING))
            return
        if not only_data:
            told += delivery.put_manifest(files)
        for key in told:
            delivery.tell(key)
        if held_back:
            self._late.append((delivery, True))
        done.delivered.append(_described(delivery, faults, rows=rows, files=len(files)))


def _at(date: dt.date, hour: int) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(hour), dt.UTC)


def _described(delivery: Delivery, faults: frozenset[Fault], **more: Any) -> Delivered:
    arn = delivery.configuration["Destination"]["S3BucketDestination"]["Bucket"]
    return Delivered(
        account_id=delivery.source.account_id,
        region=delivery.source.region_name,
        bucket=delivery.source.name,
        configuration_id=delivery.configuration["Id"],
        date=delivery.at.date().isoformat(),
        destination_bucket=arn.split(":")[-1],
        manifest_key=delivery.manifest_key,
        faults=tuple(sorted(faults)),
        **more,
    )
