"""Lists where deliveries arrive, a slice at a time, and remembers nothing from one look to the next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from a360_pipeline.aws.errors import AWS_ERRORS, explain
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.inventory.harvest.known import Known
from a360_pipeline.inventory.harvest.rows import BucketRow
from a360_pipeline.inventory.harvest.states import BucketState
from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.places import BucketPlace

PAGE = 1000
TURN_SECONDS = 30
"""After which a listing that is longer than a slice goes on elsewhere."""
GOLDEN = 0.618034
"""Its multiples fill the unit interval evenly: no part of a long listing waits long for its turn."""
BULKY = ("data/", "hive/")
"""Folders beside those of the manifests; a bucket's may hold thousands of keys."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object under a bucket's destination prefix."""

    destination_bucket: str
    prefix: str
    key: str
    last_modified: dt.datetime


@dataclass(frozen=True, slots=True, order=True)
class Root:
    """A prefix that is listed at once."""

    destination_bucket: str
    prefix: str
    region: str


@dataclass(slots=True)
class Look:
    """One look: how many keys it may still list, and what it could not list."""

    left: int
    now: dt.datetime
    problems: list[str] = field(default_factory=list)

    def share(self, among: int) -> int:
        """Which of so many is first this time."""
        return int(self.now.timestamp() // TURN_SECONDS * GOLDEN % 1 * among)


def destination_of(means: Means, row: BucketRow, bucket: str) -> BucketPlace:
    """Where a bucket's deliveries arrive: in its own region, and the hub reads them, also those of other accounts."""
    return BucketPlace(means.hub("s3", row.region or means.settings.home_region), bucket)


def roots(means: Means, known: Known) -> list[Root]:
    """What to list: one prefix for all that a harvest configured in a region, and one for each inventory reused."""
    return sorted(
        {
            Root(bucket, _root(row, prefix), row.region or means.settings.home_region)
            for (bucket, prefix), rows in known.buckets.items()
            for row in rows
        }
    )


def _root(row: BucketRow, prefix: str) -> str:
    ours = f"{row.harvest_id}/"
    return ours if prefix.startswith(ours) else prefix


def walk(means: Means, known: Known, look: Look) -> Iterator[Listed]:
    """What lies where deliveries of the harvests arrive, as far as the look goes: S3 ListObjectsV2.

    A prefix that nothing arrived under costs one request. Each look begins with another prefix.
    """
    all_roots = roots(means, known)
    first = look.share(len(all_roots))
    for root in all_roots[first:] + all_roots[:first]:
        if look.left <= 0:
            return
        try:
            for found in _Walk(means.sessions.hub().at(root.region), known, look, root).objects():
                prefix = known.prefix_of(root.destination_bucket, found["Key"])
                if prefix is not None:
                    yield Listed(root.destination_bucket, prefix, found["Key"], found["LastModified"])
        except AWS_ERRORS as error:
            look.problems.append(f"s3://{root.destination_bucket}/{root.prefix} cannot be listed: {explain(error)}")


@dataclass(frozen=True, slots=True)
class _Walk:
    """Through one root: its front first, and of the rest, where it is long, another part each time."""

    session: AccountSession
    known: Known
    look: Look
    root: Root

    def objects(self) -> Iterator[dict[str, Any]]:
        page, more = self._page("", max(1, self.look.left // 4))
        yield from page
        if not more:
            return
        end = page[-1]["Key"]
        ahead = [
            prefix
            for bucket, prefix in sorted(self.known.buckets)
            if bucket == self.root.destination_bucket and prefix > end and prefix.startswith(self.root.prefix)
        ]
        middle = ahead[self.look.share(len(ahead))] if ahead else end
        yield from self._span(middle, None)
        if middle > end:
            yield from self._span(end, middle)

    def _span(self, after: str, until: str | None) -> Iterator[dict[str, Any]]:
        more = True
        while more and self.look.left > 0:
            page, more = self._page(self._past(after))
            for found in page:
                if until is not None and found["Key"] >= until:
                    return
                yield found
            after = page[-1]["Key"] if page else after

    def _page(self, after: str, most: int = PAGE) -> tuple[Sequence[dict[str, Any]], bool]:
        answer = self.session.call(
            "s3",
            "list_objects_v2",
            Bucket=self.root.destination_bucket,
            Prefix=self.root.prefix,
            MaxKeys=min(PAGE, most, self.look.left),
            **({"StartAfter": after} if after else {}),
        )
        page = answer.get("Contents", [])
        self.look.left -= len(page)
        return page, bool(page) and answer["IsTruncated"]

    def _past(self, key: str) -> str:
        """Where to go on after a key: past the data of a bucket, unless some of it is awaited."""
        prefix = self.known.prefix_of(self.root.destination_bucket, key)
        if prefix is None:
            return key
        rows = self.known.buckets[self.root.destination_bucket, prefix]
        folder = next((each for each in BULKY if key.startswith(prefix + each)), None)
        if folder is None or any(row.state is BucketState.VERIFICATION_FAILED for row in rows):
            return key
        # The sign after the slash: no key of the folder comes after it.
        return f"{prefix}{folder[:-1]}0"
