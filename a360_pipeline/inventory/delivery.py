"""A consolidated delivery: who it is of, the folder it has, and what its `_delivery.json` says."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from a360_pipeline.inventory.manifest import Manifest
from a360_pipeline.inventory.parts import Part
from a360_pipeline.inventory.places import NotThere, Place, TooLarge

ROOT = "inventory"
MARKER = "_delivery.json"
"""Written last: a folder without it is unfinished. Athena and its like pass over what begins with an underscore."""
ACCOUNT = re.compile(r"\d{12}")
REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose a delivery is: a manifest does not say. Raises ValueError for what is no account or no region."""

    account: str
    region: str

    def __post_init__(self) -> None:
        if not ACCOUNT.fullmatch(self.account) or not REGION.fullmatch(self.region):
            raise ValueError(f"{self.account!r} in {self.region!r} is no account in a region")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of one bucket's inventory."""

    source_bucket: str
    account: str
    region: str
    date: dt.date
    """Of the snapshot, in UTC."""
    delivered_at: dt.datetime
    """The manifest's creationTimestamp, in UTC."""
    name: str
    """The same for the same manifest; two of one day have two."""
    manifest_key: str
    manifest_md5: str

    @classmethod
    def of(cls, manifest: Manifest, manifest_key: str, identity: Identity) -> Delivery:
        created = manifest.created
        return cls(
            source_bucket=manifest.source_bucket,
            account=identity.account,
            region=identity.region,
            date=created.date(),
            delivered_at=created,
            name=f"{created:%Y%m%dT%H%M%SZ}-{manifest.md5[:8]}",
            manifest_key=manifest_key,
            manifest_md5=manifest.md5,
        )

    @property
    def folder(self) -> str:
        """Where its files lie, relative to where all inventories lie; without a slash at its end."""
        return "/".join((ROOT, self.account, self.region, self.source_bucket, self.date.isoformat(), self.name))


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was delivered, and what its rows came to; sizes in bytes."""

    key: str
    size: int
    md5: str
    rows: int
    object_bytes: int


@dataclass(frozen=True, slots=True)
class Consolidated:
    """A delivery that was verified and consolidated, whole."""

    delivery: Delivery
    format: str
    fields: tuple[str, ...]
    """The layout's columns that were delivered, in the layout's order."""
    unknown_fields: tuple[str, ...]
    """Columns that were delivered and that the layout does not know: they are left out."""
    left_encoded: int
    """Keys that stay percent-encoded, because their bytes are no UTF-8."""
    written: tuple[Part, ...]
    sources: tuple[SourceFile, ...]
    location: str
    """Address of the folder, with a slash at its end."""

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.written)

    @property
    def object_bytes(self) -> int:
        """Sum of the sizes that its rows tell."""
        return sum(file.object_bytes for file in self.sources)

    @property
    def source_bytes(self) -> int:
        return sum(file.size for file in self.sources)

    @property
    def files(self) -> int:
        """How many were delivered."""
        return len(self.sources)

    @property
    def parts(self) -> tuple[str, ...]:
        """Keys of the Parquet files."""
        return tuple(part.key for part in self.written)


def marker_key(folder: str) -> str:
    return f"{folder}/{MARKER}"


def location_of(target: Place, folder: str) -> str:
    """The address of a folder, with a slash at its end."""
    return f"{target.uri(folder).rstrip('/')}/"


def write_marker(target: Place, consolidated: Consolidated) -> None:
    """Says that a folder is finished: to be called once all of it is there."""
    document = asdict(consolidated)
    del document["location"]
    body = json.dumps(document, indent=1, sort_keys=True, default=lambda instant: instant.isoformat())
    target.write(marker_key(consolidated.delivery.folder), body.encode())


def read_marker(target: Place, folder: str) -> Consolidated | None:
    """What a folder's marker says; None where there is none that can be read: it has to be written anew."""
    try:
        return _consolidated(json.loads(target.read(marker_key(folder))), location_of(target, folder))
    except (NotThere, TooLarge, ValueError, KeyError, TypeError):
        return None


def _consolidated(document: dict[str, Any], location: str) -> Consolidated:
    delivery = document["delivery"]
    return Consolidated(
        delivery=Delivery(
            **{
                **delivery,
                "date": dt.date.fromisoformat(delivery["date"]),
                "delivered_at": dt.datetime.fromisoformat(delivery["delivered_at"]),
            }
        ),
        format=document["format"],
        fields=tuple(document["fields"]),
        unknown_fields=tuple(document["unknown_fields"]),
        left_encoded=document["left_encoded"],
        written=tuple(Part(**part) for part in document["written"]),
        sources=tuple(SourceFile(**file) for file in document["sources"]),
        location=location,
    )


def is_whole(target: Place, consolidated: Consolidated) -> bool:
    """Whether all files that a marker names are there in their size, and no others."""
    folder = consolidated.delivery.folder
    there = {entry.key: entry.size for entry in target.list(f"{folder}/")}
    there.pop(marker_key(folder), None)
    return there == {part.key: part.size for part in consolidated.written}


def consolidated_below(place: Place, prefix: str = f"{ROOT}/") -> Iterator[Consolidated]:
    """Every finished delivery below a prefix, in the order of folders."""
    for entry in place.list(prefix):
        folder, _, name = entry.key.rpartition("/")
        found = read_marker(place, folder) if name == MARKER else None
        if found is not None:
            yield found


def newest(deliveries: Iterable[Consolidated]) -> list[Consolidated]:
    """Of each bucket and day the delivery that stands: the newest. The order of what comes does not matter."""
    standing: dict[tuple[str, str, str, dt.date], Consolidated] = {}
    for each in sorted(deliveries, key=lambda found: (found.delivery.delivered_at, found.delivery.name)):
        of = each.delivery
        standing[of.account, of.region, of.source_bucket, of.date] = each
    return [standing[key] for key in sorted(standing)]
