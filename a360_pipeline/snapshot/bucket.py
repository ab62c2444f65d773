"""Whether a bucket is fit for snapshots: it is there, keeps versions, and takes and gives up objects."""

from __future__ import annotations

from botocore.exceptions import ClientError

from a360_pipeline.aws.errors import error_code
from a360_pipeline.snapshot.store import SnapshotStore

REFUSED = {
    "404": "is not there: make it, or set the name of another",
    "403": "may not be looked at: it is another account's, or s3:ListBucket has to be allowed on it",
}
"""What the bare status means that S3 answers HeadBucket with."""
TRIED = ".a360-preflight"
"""A key under no prefix of snapshots, so that nobody takes what is put there for one."""


class Unfit(Exception):
    """The bucket is there, and will not do. The message says why."""


def check_there(store: SnapshotStore) -> str:
    """S3 HeadBucket. Raises ClientError, and Unfit where the bucket is not there or not for us."""
    try:
        store.s3.head_bucket(Bucket=store.bucket)
    except ClientError as error:
        if error_code(error) in REFUSED:
            raise Unfit(f"{store.bucket} {REFUSED[error_code(error)]}") from None
        raise
    return f"{store.bucket} is there"


def check_versioned(store: SnapshotStore) -> str:
    """S3 GetBucketVersioning. Raises ClientError, and Unfit where a snapshot could be overwritten for good."""
    status = store.s3.get_bucket_versioning(Bucket=store.bucket).get("Status")
    if status != "Enabled":
        raise Unfit(f"{store.bucket} keeps no versions ({status or 'never enabled'}): enable versioning")
    return "it keeps versions"


def check_written(store: SnapshotStore) -> str:
    """Puts an object, encrypted as snapshots are, reads it, and deletes it. Raises ClientError."""
    store.put(TRIED, b"{}")
    store.get(TRIED)
    store.s3.delete_object(Bucket=store.bucket, Key=TRIED)
    return "objects can be put, read and deleted"
