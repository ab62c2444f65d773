"""What a bucket holds now: the truth of the organization's buckets, and what somebody put into moto's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from moto.s3.models import FakeBucket, FakeDeleteMarker

from a360_pipeline.sandbox.facts.objects import ObjectVersion
from a360_pipeline.sandbox.organization import Organization


def listed(organization: Organization, bucket: FakeBucket) -> tuple[ObjectVersion, ...]:
    """All versions as S3 lists them: by the bytes of their keys, of one key the newest first."""
    if not bucket.keys:
        return organization.objects(bucket.account_id, bucket.name)
    return tuple(sorted(versions(organization, bucket, organization.now.date()), key=lambda each: each.key.encode()))


def versions(organization: Organization, bucket: FakeBucket, date: dt.date) -> Iterator[ObjectVersion]:
    """All versions when the day begins, UTC, in no order but that of one key the newest comes first."""
    put = {name: tuple(_put(bucket, name)) for name in bucket.keys}
    if (bucket.account_id, bucket.name) not in organization.contents:
        return chain.from_iterable(put.values())
    drawn = organization.content(bucket.account_id, bucket.name).versions(date)
    if not put:
        return drawn
    kept = (replace(each, is_latest=False) if each.key in put else each for each in drawn)
    # Where versions are not kept, what was put took the place of what was there.
    kept = (each for each in kept if bucket.is_versioned or each.key not in put)
    return chain(chain.from_iterable(put.values()), kept)


def _put(bucket: FakeBucket, name: str) -> Iterator[ObjectVersion]:
    for place, held in enumerate(reversed(bucket.keys.getlist(name))):
        version_id = None if held.version_id in (None, "null") else str(held.version_id)
        made = held.last_modified.replace(tzinfo=dt.UTC)
        about = ObjectVersion(name, made, version_id, is_latest=place == 0)
        if isinstance(held, FakeDeleteMarker):
            yield replace(about, is_delete_marker=True)
        else:
            yield replace(
                about,
                size=held.size,
                e_tag=held.etag.strip('"'),
                storage_class=held.storage_class,
                is_multipart_uploaded="-" in held.etag,
                encryption_status="SSE-KMS" if held.encryption == "aws:kms" else "SSE-S3",
            )
