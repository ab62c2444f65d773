"""What lies in the buckets: every version of every object, with all that an inventory can say of it."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b

from a360_pipeline.sandbox.facts.buckets import PURPOSES, Bucket
from a360_pipeline.sandbox.facts.chance import draw
from a360_pipeline.sandbox.facts.keys_of_objects import KIB, MIB, name_and_bounds

DAY = dt.timedelta(days=1)
TEMPORARY_DAYS = 30
SCATTER = 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251
"""An odd number: what is multiplied by it stays different, and looks like chance."""
VERSIONED = frozenset({"backups", "customer-files", "invoices", "artifacts"})
LOCKED = frozenset({"backups", "invoices"})
REPLICATED = frozenset({"customer-files", "invoices"})
PUBLIC = "http://acs.amazonaws.com/groups/global/AllUsers"
ACCESS_TIERS = ("FREQUENT", "INFREQUENT", "ARCHIVE_INSTANT_ACCESS")
COOLED = {
    "logs": ((30, "STANDARD_IA"), (180, "GLACIER"), (500, "DEEP_ARCHIVE")),
    "backups": ((30, "GLACIER_IR"), (200, "DEEP_ARCHIVE")),
    "exports": ((30, "STANDARD_IA"),),
}
"""By purpose: from which age, in days, on objects are in which storage class."""


class Fill(StrEnum):
    """How a bucket is filled."""

    ORDINARY = "ordinary"
    EMPTY = "empty"
    TINY = "tiny"
    OLD_ONLY = "old versions only"


FILLS = {
    True: {1: Fill.OLD_ONLY, 2: Fill.EMPTY, 3: Fill.TINY},
    False: {1: Fill.EMPTY, 3: Fill.TINY, 4: Fill.OLD_ONLY},
}
"""By whether the account is the first one: the fill of the bucket at a place; every seventh place begins anew."""
PLACES = 7


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """A version of an object, or a delete marker; fields are named as the layout of inventories names them."""

    key: str
    last_modified_date: dt.datetime
    version_id: str | None = None
    """None for what was put before its bucket kept versions: S3 calls that version `null`."""
    is_latest: bool = True
    is_delete_marker: bool = False
    size: int | None = None
    e_tag: str | None = None
    storage_class: str | None = None
    is_multipart_uploaded: bool | None = None
    replication_status: str | None = None
    encryption_status: str | None = None
    object_lock_retain_until_date: dt.datetime | None = None
    object_lock_mode: str | None = None
    object_lock_legal_hold_status: str | None = None
    object_lock_event_hold_status: str | None = None
    object_lock_event_hold_duration: str | None = None
    intelligent_tiering_access_tier: str | None = None
    bucket_key_status: str | None = "DISABLED"
    checksum_algorithm: str | None = None
    object_access_control_list: str | None = None
    object_owner: str | None = None
    lifecycle_expiration_date: dt.datetime | None = None
    intelligent_tiering_reference_date: dt.datetime | None = None
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """All that objects of one bucket are drawn from."""

    seed: int
    account_id: str
    bucket: Bucket
    fill: Fill
    objects: int
    settled: dt.datetime

    @property
    def purpose(self) -> str:
        return next(purpose for purpose in PURPOSES if f"-{purpose}-" in self.bucket.name)

    @property
    def is_versioned(self) -> bool:
        return self.fill is Fill.OLD_ONLY or self.purpose in VERSIONED

    def versions(self, date: dt.date) -> Iterator[ObjectVersion]:
        """What is there when the day begins, UTC; of one key the newest version comes first. Nothing is kept."""
        end = dt.datetime.combine(date, dt.time(), dt.UTC)
        if self.fill is Fill.EMPTY:
            return
        if self.fill is Fill.TINY:
            yield from self._born(range(3), end)
            return
        start, a_day = self.objects // 2, max(1, self.objects // 300)
        grown = max(0, (end - self.settled).days) * a_day if self.fill is Fill.ORDINARY else 0
        yield from self._born(range(start + grown), end)

    def _born(self, numbers: range, end: dt.datetime) -> Iterator[ObjectVersion]:
        start, a_day = self.objects // 2, max(1, self.objects // 300)
        lived = max(1, int((self.settled - self.bucket.creation_date).total_seconds()))
        owner = f"{draw(self.account_id, 'canonical'):016x}" * 4
        about = _About(self.purpose, owner, self.is_versioned, self.fill is Fill.OLD_ONLY)
        named = blake2b(f"{self.seed}/{self.bucket.name}".encode(), digest_size=32).digest()
        for number in numbers:
            digest = blake2b(b"%d" % number, digest_size=32, key=named).digest()
            drawn, more = int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:], "big")
            if number < start or self.fill is Fill.TINY:
                born = self.bucket.creation_date + dt.timedelta(seconds=drawn % lived)
            else:
                born = self.settled + (number - start) // a_day * DAY + dt.timedelta(seconds=drawn % 86_400)
            if born < end:
                is_temporary = number >= start and number % 2 == 1
                named_and_bound = name_and_bounds(about.purpose, number, drawn, born)
                yield from _Object(about, *named_and_bound, born, drawn, more, is_temporary).history(end)


@dataclass(frozen=True, slots=True)
class _About:
    """What all objects of a bucket have in common."""

    purpose: str
    owner: str
    is_versioned: bool
    is_old_only: bool


@dataclass(frozen=True, slots=True)
class _Object:
    """An object from its birth on. `drawn` and `more` are numbers that decide all else about it."""

    about: _About
    key: str
    smallest: int
    largest: int
    born: dt.datetime
    drawn: int
    more: int
    is_temporary: bool

    def history(self, end: dt.datetime) -> Iterator[ObjectVersion]:
        """The versions that are there at `end`, the newest first."""
        deleted = self.born + (TEMPORARY_DAYS if self.is_temporary else 40 + self.drawn % 90) * DAY
        is_deleted = deleted < end and (self.is_temporary or self.drawn % 13 == 3 or self.about.is_old_only)
        if not self.about.is_versioned:
            if not (self.is_temporary and is_deleted):
                yield self._version(self.born, 0, None, end)
            return
        most = self.drawn % 4 if self.drawn % 3 == 0 else 0
        times = [self.born + place * (1 + self.more % 9) * DAY for place in range(1 + most)]
        times = [time for time in times if time < end and (not is_deleted or time < deleted)]
        if is_deleted:
            yield ObjectVersion(self.key, deleted, _version_id(self.more, len(times)), is_delete_marker=True)
        for place, time in reversed(list(enumerate(times))):
            # What lay there before versions were kept has none.
            version_id = None if place == 0 and self.drawn % 19 == 0 else _version_id(self.more, place)
            version = self._version(time, place, version_id, end)
            yield version if place == len(times) - 1 and not is_deleted else replace(version, is_latest=False)

    def _version(self, time: dt.datetime, place: int, version_id: str | None, end: dt.datetime) -> ObjectVersion:
        more, purpose, owner = self.more + 1_000 * place, self.about.purpose, self.about.owner
        # One in ten holds one of seven contents that others hold as well.
        content = more % 7 if more % 10 == 0 else more
        size = self.smallest + int((self.largest - self.smallest) * ((content % 1_000_003) / 1_000_003) ** 6)
        is_multipart = size > 64 * MIB
        e_tag = f"{(content + self.largest) * SCATTER % 2**128:032x}"
        e_tag += f"-{size // (16 * MIB) + 1}" if is_multipart else ""
        storage_class = _storage_class(purpose, (end - time).days, size, more)
        is_tiered = storage_class == "INTELLIGENT_TIERING"
        uses_kms = purpose in LOCKED
        is_locked = uses_kms and more % 3 == 0
        expires = time + TEMPORARY_DAYS * DAY if self.is_temporary and not self.about.is_versioned else None
        return ObjectVersion(
            key=self.key,
            last_modified_date=time,
            version_id=version_id,
            size=size,
            e_tag=e_tag,
            storage_class=storage_class,
            is_multipart_uploaded=is_multipart,
            replication_status=_replication(more) if purpose in REPLICATED else None,
            encryption_status="NOT-SSE" if more % 29 == 4 else "SSE-KMS" if uses_kms else "SSE-S3",
            object_lock_retain_until_date=time + 365 * (1 + more % 5) * DAY if is_locked else None,
            object_lock_mode=("COMPLIANCE" if more % 2 else "GOVERNANCE") if is_locked else None,
            object_lock_legal_hold_status=("ON" if more % 11 == 0 else "OFF") if is_locked else None,
            intelligent_tiering_access_tier=ACCESS_TIERS[more % 3] if is_tiered else None,
            bucket_key_status="ENABLED" if uses_kms and more % 2 else "DISABLED",
            checksum_algorithm=(None, "CRC64NVME", "SHA256")[more % 3],
            object_access_control_list=access_control_list(owner, is_public=more % 97 == 11),
            object_owner=owner,
            lifecycle_expiration_date=expires,
            intelligent_tiering_reference_date=time if is_tiered else None,
            tags=(("classification", ("internal", "confidential", "public")[more % 3]),) if more % 5 == 2 else (),
        )


def _storage_class(purpose: str, age: int, size: int, more: int) -> str:
    if purpose == "data-lake" and size > 128 * KIB:
        return "INTELLIGENT_TIERING"
    if purpose == "exports" and size < KIB:
        return "STANDARD_IA"
    cooled = [name for days, name in COOLED.get(purpose, ()) if age >= days]
    return cooled[-1] if cooled and more % 8 else "STANDARD"


def _version_id(more: int, place: int) -> str:
    made = (more + place) * SCATTER % 2**192
    return base64.urlsafe_b64encode(made.to_bytes(24, "big")).decode().replace("-", "_")


def _replication(more: int) -> str:
    return "FAILED" if more % 31 == 0 else "PENDING" if more % 31 == 1 else "COMPLETED"


@lru_cache(maxsize=512)
def access_control_list(owner: str, *, is_public: bool) -> str:
    """The list as inventories have it: JSON in Base64."""
    grants = [{"canonicalId": owner, "type": "CanonicalUser", "permission": "FULL_CONTROL"}]
    if is_public:
        grants.append({"uri": PUBLIC, "type": "Group", "permission": "READ"})
    written = json.dumps({"version": "2022-11-10", "status": "AVAILABLE", "grants": grants})
    return base64.b64encode(written.encode()).decode()


@lru_cache(maxsize=128)
def listed(content: Content, date: dt.date) -> tuple[ObjectVersion, ...]:
    """All versions as S3 lists them: by the bytes of their keys, of one key the newest first."""
    return tuple(sorted(content.versions(date), key=lambda version: version.key.encode()))
