"""How much a bucket holds, as far as it matters: nothing, little enough to be listed, or more; and emptying it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from a360_pipeline.aws.sessions import AccountSession

PAGE = 1000
"""Most versions that S3 lists at once."""
SHOWN_PROBLEMS = 5


class Contents(StrEnum):
    """What a bucket holds. Old versions and delete markers are contents too."""

    NOTHING = "nothing"
    FEW = "few"
    MANY = "many"


def look_into(session: AccountSession, account_id: str, bucket: str, most: int) -> Contents:
    """S3 ListObjectVersions: whether the bucket holds nothing, up to `most` versions and delete markers, or more.

    One request where `most` is no more than a page. Raises ClientError.
    """
    found = 0
    pages = session.answers(
        "s3",
        "list_object_versions",
        Bucket=bucket,
        MaxKeys=min(max(most, 1), PAGE),
        ExpectedBucketOwner=account_id,
    )
    for page in pages:
        found += len(page.get("Versions", ())) + len(page.get("DeleteMarkers", ()))
        if found > most or (found == most and page.get("IsTruncated")):
            return Contents.MANY
    return Contents.FEW if found else Contents.NOTHING


@dataclass(frozen=True, slots=True)
class Emptied:
    """What came of emptying a bucket."""

    removed: int = 0
    """Versions, delete markers and unfinished uploads."""
    refused: int = 0
    problems: tuple[str, ...] = ()
    """What S3 said of the first keys that it did not remove."""


def empty(session: AccountSession, account_id: str, bucket: str) -> Emptied:
    """Removes every version, delete marker and unfinished upload of a bucket, a page at a time, until none is left.

    Operations: S3 ListObjectVersions, DeleteObjects, ListMultipartUploads, AbortMultipartUpload. A key that S3 does
    not remove is counted, and the rest goes. Raises ClientError.
    """
    where = {"Bucket": bucket, "ExpectedBucketOwner": account_id}
    done = Emptied(_abort_uploads(session, where))
    while True:
        once = _remove_versions(session, where)
        done = Emptied(done.removed + once.removed, once.refused, once.problems)
        if not once.removed:
            return done


def _remove_versions(session: AccountSession, where: dict[str, str]) -> Emptied:
    removed, refused, problems = 0, 0, list[str]()
    for page in session.answers("s3", "list_object_versions", **where):
        versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if not versions:
            continue
        named = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions]
        told = session.call("s3", "delete_objects", **where, Delete={"Objects": named, "Quiet": True})
        errors = told.get("Errors", ())
        removed += len(named) - len(errors)
        refused += len(errors)
        problems += [f"{each.get('Key')}: {each.get('Code')}: {each.get('Message')}" for each in errors]
    return Emptied(removed, refused, tuple(problems[:SHOWN_PROBLEMS]))


def _abort_uploads(session: AccountSession, where: dict[str, str]) -> int:
    uploads = list(session.pages("s3", "list_multipart_uploads", "Uploads", **where))
    for each in uploads:
        session.call("s3", "abort_multipart_upload", **where, Key=each["Key"], UploadId=each["UploadId"])
    return len(uploads)
