"""A step for objects that queries flagged: puts tags on them, beside those that they have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from a360_pipeline.aws.errors import AWS_ERRORS, error_code, explain
from a360_pipeline.inventory.steps import StepInput

MOST_TAGS = 10
"""Of an object, as S3 has it."""
NULL_VERSION = "null"
"""What S3 calls a version that was put while its bucket had no versioning."""
NEEDED = ("account", "region", "bucketname", "key")
"""Columns that tell which object a row is of; `version_id` and `is_latest` are read where a finding has them."""


@dataclass(frozen=True, slots=True, order=True)
class Flagged:
    """One version of an object, as a row of a finding names it; without a version id the current one."""

    account: str
    region: str
    bucket: str
    key: str
    version_id: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Flagged:
        """Raises ValueError where the row does not say which object it is of."""
        unsaid = [name for name in NEEDED if not row.get(name)]
        if unsaid:
            raise ValueError(f"its row has no {' and no '.join(unsaid)}")
        # The null version bears no id in an inventory, and without one S3 would tag the current version.
        version_id = row.get("version_id") or (NULL_VERSION if row.get("is_latest") is False else None)
        account, region, bucket, key = (str(row[name]) for name in NEEDED)
        return cls(account, region, bucket, key, version_id)

    @property
    def which(self) -> dict[str, str]:
        """The parameters that name it to S3."""
        return {"Bucket": self.bucket, "Key": self.key, **({"VersionId": self.version_id} if self.version_id else {})}

    def __str__(self) -> str:
        version = f"?versionId={self.version_id}" if self.version_id else ""
        return f"s3://{self.bucket}/{self.key}{version} of account {self.account}"


@dataclass(slots=True)
class Tagging:
    """What was done, and what was not and why: counts, with one example of each reason."""

    dry_run: bool
    tagged: int = 0
    """In a dry run: those that would be."""
    unchanged: int = 0
    """Had the tags already."""
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    unlooked: bool = False
    """Whether there are more objects than were to be looked at."""

    def skip(self, reason: str, example: str) -> None:
        self.skipped[reason] += 1
        self.examples.setdefault(reason, example)

    @property
    def said(self) -> str:
        """One line for the report."""
        done = "would be tagged" if self.dry_run else "tagged"
        parts = [f"{self.tagged:,} {done}", f"{self.unchanged:,} had the tags"]
        parts += [f"{n:,} not: {why} ({self.examples[why]})" for why, n in self.skipped.most_common()]
        return "; ".join([*parts, *(["the limit is reached, there are more"] if self.unlooked else [])])


def tag_objects(given: StepInput, queries: Sequence[str], tags: Mapping[str, str], *, limit: int = 10_000) -> Tagging:
    """Puts tags on the objects that named queries flagged, at most `limit`; in a dry run only says what it would do.

    S3 GetObjectTagging, PutObjectTagging, by the harvest role of each account, which has to be allowed both, and
    their versions GetObjectVersionTagging and PutObjectVersionTagging. Other tags stay, unless somebody else sets
    some between the two calls: S3 knows no condition on tags. Raises KeyError for a query without findings.
    """
    done = Tagging(given.dry_run)
    flagged = _flagged(given, queries, done)
    for each in islice(flagged, limit):
        try:
            _tag(given, each, tags, done)
        except AWS_ERRORS as error:
            done.skip(error_code(error), f"{each}: {explain(error)}")
    done.unlooked = next(flagged, None) is not None
    return done


def _flagged(given: StepInput, queries: Sequence[str], done: Tagging) -> Iterator[Flagged]:
    """Each object once, though several queries flag it."""
    seen: set[Flagged] = set()
    for name in queries:
        for row in given.findings[name].rows():
            try:
                each = Flagged.of(row)
            except ValueError as error:
                done.skip(str(error), f"query {name}")
                continue
            if each not in seen:
                seen.add(each)
                yield each


def _tag(given: StepInput, each: Flagged, tags: Mapping[str, str], done: Tagging) -> None:
    s3 = given.means.member("s3", each.account, each.region)
    # Of one version alone: what is put must stand beside just what was read, whatever is uploaded meanwhile.
    answer = s3.get_object_tagging(**each.which)
    before = {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}
    after = {**before, **tags}
    if after == before:
        done.unchanged += 1
    elif len(after) > MOST_TAGS:
        done.skip(f"it would have more than {MOST_TAGS} tags", str(each))
    else:
        if not given.dry_run:
            version = answer.get("VersionId") or each.version_id
            which = {**each.which, **({"VersionId": version} if version else {})}
            s3.put_object_tagging(**which, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in after.items()]})
        given.log(f"{each}: {'would get' if given.dry_run else 'has'} {after}")
        done.tagged += 1
