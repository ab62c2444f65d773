"""The one typed layout of inventories: every field that S3 can deliver, under one name and of one type."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Types as Glue and Athena name them."""

    TEXT = "string"
    BIGINT = "bigint"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an inventory: as CSV manifests and the S3 API name it, and as ORC, Parquet and the table do."""

    wire: str
    name: str
    kind: Kind
    is_optional: bool = True
    """Whether a configuration has to ask for it (`InventoryOptionalField`)."""
    is_versioned: bool = False
    """Whether only inventories of all versions have it."""


FIELDS = (
    Field("Bucket", "bucket", Kind.TEXT, is_optional=False),
    Field("Key", "key", Kind.TEXT, is_optional=False),
    Field("VersionId", "version_id", Kind.TEXT, is_optional=False, is_versioned=True),
    Field("IsLatest", "is_latest", Kind.BOOLEAN, is_optional=False, is_versioned=True),
    Field("IsDeleteMarker", "is_delete_marker", Kind.BOOLEAN, is_optional=False, is_versioned=True),
    Field("Size", "size", Kind.BIGINT),
    Field("LastModifiedDate", "last_modified_date", Kind.TIMESTAMP),
    Field("ETag", "e_tag", Kind.TEXT),
    Field("StorageClass", "storage_class", Kind.TEXT),
    Field("IsMultipartUploaded", "is_multipart_uploaded", Kind.BOOLEAN),
    Field("ReplicationStatus", "replication_status", Kind.TEXT),
    Field("EncryptionStatus", "encryption_status", Kind.TEXT),
    Field("ObjectLockRetainUntilDate", "object_lock_retain_until_date", Kind.TIMESTAMP),
    Field("ObjectLockMode", "object_lock_mode", Kind.TEXT),
    Field("ObjectLockLegalHoldStatus", "object_lock_legal_hold_status", Kind.TEXT),
    Field("ObjectLockEventHoldStatus", "object_lock_event_hold_status", Kind.TEXT),
    Field("ObjectLockEventHoldDuration", "object_lock_event_hold_duration", Kind.TEXT),
    Field("IntelligentTieringAccessTier", "intelligent_tiering_access_tier", Kind.TEXT),
    Field("BucketKeyStatus", "bucket_key_status", Kind.TEXT),
    Field("ChecksumAlgorithm", "checksum_algorithm", Kind.TEXT),
    Field("ObjectAccessControlList", "object_access_control_list", Kind.TEXT),
    Field("ObjectOwner", "object_owner", Kind.TEXT),
    Field("LifecycleExpirationDate", "lifecycle_expiration_date", Kind.TIMESTAMP),
    Field("IntelligentTieringReferenceDate", "intelligent_tiering_reference_date", Kind.TIMESTAMP),
)
BY_WIRE = {field.wire: field for field in FIELDS}
BY_NAME = {field.name: field for field in FIELDS}
OPTIONAL_FIELDS = tuple(field.wire for field in FIELDS if field.is_optional)
"""What a configuration of ours asks for: all that the API knows."""

PARTITION_FIELDS = (
    ("snapshot_date", Kind.DATE),
    ("account", Kind.TEXT),
    ("region", Kind.TEXT),
    ("bucketname", Kind.TEXT),
)
"""The columns that the folders of the table have, not the files; `bucketname`, because `bucket` is a column."""
