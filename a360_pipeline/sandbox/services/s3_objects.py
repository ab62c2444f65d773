"""What S3 answers about the objects of the organization's buckets; of all other buckets moto answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from moto.s3.models import s3_backends

from a360_pipeline.sandbox.contents import listed
from a360_pipeline.sandbox.errors import AwsError, LeftToMoto
from a360_pipeline.sandbox.facts.objects import ObjectVersion
from a360_pipeline.sandbox.identity import PARTITION, Caller
from a360_pipeline.sandbox.organization import Organization
from a360_pipeline.sandbox.paging import Paging
from a360_pipeline.sandbox.services.s3 import own_bucket

OBJECTS = Paging(
    default=1000,
    most=1000,
    invalid="InvalidArgument",
    cursor="ContinuationToken",
    next_cursor="NextContinuationToken",
    size="MaxKeys",
)
MOST = 1000
ENCRYPTIONS = {"SSE-S3": "AES256", "SSE-KMS": "aws:kms"}
Params = Mapping[str, Any]
Item = ObjectVersion | str
"""A version, or a prefix that stands for all below it."""


def list_objects_v2(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    versions = _versions(organization, caller, params, "s3:ListBucket")
    current = [each for each in versions if each.is_latest and not each.is_delete_marker]
    after = params.get("StartAfter", "").encode()
    page, more = OBJECTS.page(caller, params, [item for item in _grouped(current, params) if _key(item) > after])
    written = _writer(params)
    return (
        _about(params, written, "Prefix", "Delimiter", "StartAfter")
        | {"Name": params["Bucket"], "KeyCount": len(page), "IsTruncated": bool(more)}
        | {"MaxKeys": params.get("MaxKeys", MOST)}
        | {"Contents": [_content(item, written, params) for item in page if not isinstance(item, str)]}
        | {"CommonPrefixes": [{"Prefix": written(item)} for item in page if isinstance(item, str)]}
        | {name: params[name] for name in ("ContinuationToken",) if name in params}
        | more
    )


def list_object_versions(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    items = _after_marker(_grouped(_versions(organization, caller, params, "s3:ListBucketVersions"), params), params)
    page = items[: min(params.get("MaxKeys", MOST), MOST)]
    written, is_truncated = _writer(params), len(page) < len(items)
    answer = _about(params, written, "Prefix", "Delimiter", "KeyMarker") | {
        "Name": params["Bucket"],
        "MaxKeys": params.get("MaxKeys", MOST),
        "IsTruncated": is_truncated,
        "Versions": [_version(item, written) for item in page if _is_object(item)],
        "DeleteMarkers": [
            _marker(item, written) for item in page if not isinstance(item, str) and not _is_object(item)
        ],
        "CommonPrefixes": [{"Prefix": written(item)} for item in page if isinstance(item, str)],
    }
    if "VersionIdMarker" in params:
        answer["VersionIdMarker"] = params["VersionIdMarker"]
    if is_truncated and page:
        last = page[-1]
        answer["NextKeyMarker"] = written(last if isinstance(last, str) else last.key)
        if not isinstance(last, str):
            answer["NextVersionIdMarker"] = last.version_id or "null"
    return answer


def head_object(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    found = _found(organization, caller, params, "404", "Not Found")
    head = {
        "AcceptRanges": "bytes",
        "ContentLength": found.size,
        "ContentType": "binary/octet-stream",
        "ETag": f'"{found.e_tag}"',
        "LastModified": found.last_modified_date,
        "VersionId": found.version_id,
        "StorageClass": None if found.storage_class == "STANDARD" else found.storage_class,
        "ReplicationStatus": found.replication_status,
        "ServerSideEncryption": ENCRYPTIONS.get(found.encryption_status or ""),
        "BucketKeyEnabled": True if found.bucket_key_status == "ENABLED" else None,
        "ObjectLockMode": found.object_lock_mode,
        "ObjectLockRetainUntilDate": found.object_lock_retain_until_date,
        "ObjectLockLegalHoldStatus": found.object_lock_legal_hold_status,
        "TagCount": len(_tags(caller, params, found)) or None,
    }
    return {name: value for name, value in head.items() if value is not None}


def get_object_tagging(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    found = _found(organization, caller, params, "NoSuchKey", "The specified key does not exist.")
    return _named(found) | {"TagSet": _tags(caller, params, found)}


def put_object_tagging(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    return _named(_tag(organization, caller, params, params["Tagging"]["TagSet"]))


def delete_object_tagging(organization: Organization, caller: Caller, params: Params) -> dict[str, Any]:
    return _named(_tag(organization, caller, params, []))


def _versions(organization: Organization, caller: Caller, params: Params, action: str) -> Sequence[ObjectVersion]:
    """Raises LeftToMoto where the organization does not know the bucket, AwsError where it is another account's."""
    bucket = own_bucket(caller, params["Bucket"], action)
    if (caller.account_id, bucket.name) not in organization.contents:
        raise LeftToMoto
    return listed(organization, bucket)


def _found(organization: Organization, caller: Caller, params: Params, code: str, message: str) -> ObjectVersion:
    held = _versions(organization, caller, params, "s3:GetObject")
    versions = [each for each in held if each.key == params["Key"]]
    wanted = params.get("VersionId")
    for version in versions:
        if version.is_latest if wanted is None else wanted == (version.version_id or "null"):
            if version.is_delete_marker:
                raise AwsError(*(("MethodNotAllowed", "A delete marker.", 405) if wanted else (code, message, 404)))
            return version
    raise AwsError("NoSuchVersion" if wanted and code != "404" else code, message, 404)


def _tag(organization: Organization, caller: Caller, params: Params, tags: list[dict[str, str]]) -> ObjectVersion:
    found = _found(organization, caller, params, "NoSuchKey", "The specified key does not exist.")
    if len(tags) > 10:
        raise AwsError("BadRequest", "Object tags cannot be greater than 10")
    if len({tag["Key"] for tag in tags}) < len(tags):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")
    tagger, name = s3_backends[caller.account_id][PARTITION].tagger, _tagged(params, found)
    tagger.delete_all_tags_for_resource(name)
    tagger.tag_resource(name, tags)
    return found


def _tags(caller: Caller, params: Params, found: ObjectVersion) -> list[dict[str, str]]:
    tagger, name = s3_backends[caller.account_id][PARTITION].tagger, _tagged(params, found)
    if name in tagger.tags:
        tags: list[dict[str, str]] = tagger.list_tags_for_resource(name)["Tags"]
        return tags
    return [{"Key": key, "Value": value} for key, value in found.tags]


def _tagged(params: Params, found: ObjectVersion) -> str:
    """The name under which moto's tags are kept, apart from those of moto's own objects."""
    return f"arn:aws:s3:::{params['Bucket']}/{found.key}?a360={found.version_id or 'null'}"


def _named(found: ObjectVersion) -> dict[str, Any]:
    return {"VersionId": found.version_id} if found.version_id else {}


def _grouped(versions: Sequence[ObjectVersion], params: Params) -> list[Item]:
    """What lies under the prefix, with what shares a further part of its name in one."""
    prefix, delimiter = params.get("Prefix") or "", params.get("Delimiter")
    items: list[Item] = []
    for version in versions:
        if not version.key.startswith(prefix):
            continue
        at = version.key.find(delimiter, len(prefix)) if delimiter else -1
        item = version if at < 0 or delimiter is None else version.key[: at + len(delimiter)]
        if not (isinstance(item, str) and items and items[-1] == item):
            items.append(item)
    return items


def _after_marker(items: list[Item], params: Params) -> list[Item]:
    key, version_id = params.get("KeyMarker", ""), params.get("VersionIdMarker")
    if version_id:
        for place, item in enumerate(items):
            if not isinstance(item, str) and (item.key, item.version_id or "null") == (key, version_id):
                return items[place + 1 :]
    return [item for item in items if _key(item) > key.encode()]


def _key(item: Item) -> bytes:
    return (item if isinstance(item, str) else item.key).encode()


def _is_object(item: Item) -> bool:
    return not isinstance(item, str) and not item.is_delete_marker


def _writer(params: Params) -> Callable[[str], str]:
    return quote if params.get("EncodingType") == "url" else str


def _about(params: Params, written: Callable[[str], str], *names: str) -> dict[str, Any]:
    """What was asked, as the answer repeats it."""
    repeated = {name: written(params[name]) for name in names if params.get(name) is not None}
    encoding = {"EncodingType": params["EncodingType"]} if "EncodingType" in params else {}
    return {"Prefix": ""} | repeated | encoding


def _entry(found: Any, written: Callable[[str], str]) -> dict[str, Any]:
    entry = {
        "Key": written(found.key),
        "LastModified": found.last_modified_date,
        "ETag": f'"{found.e_tag}"',
        "Size": found.size,
        "StorageClass": found.storage_class,
    }
    return entry | ({"ChecksumAlgorithm": [found.checksum_algorithm]} if found.checksum_algorithm else {})


def _content(found: Any, written: Callable[[str], str], params: Params) -> dict[str, Any]:
    return _entry(found, written) | ({"Owner": {"ID": found.object_owner}} if params.get("FetchOwner") else {})


def _version(found: Any, written: Callable[[str], str]) -> dict[str, Any]:
    return _entry(found, written) | {"VersionId": found.version_id or "null", "IsLatest": found.is_latest}


def _marker(found: Any, written: Callable[[str], str]) -> dict[str, Any]:
    return {
        "Key": written(found.key),
        "VersionId": found.version_id or "null",
        "IsLatest": found.is_latest,
        "LastModified": found.last_modified_date,
    }


ANSWERS = {
    ("s3", "ListObjectsV2"): list_objects_v2,
    ("s3", "ListObjectVersions"): list_object_versions,
    ("s3", "HeadObject"): head_object,
    ("s3", "GetObjectTagging"): get_object_tagging,
    ("s3", "PutObjectTagging"): put_object_tagging,
    ("s3", "DeleteObjectTagging"): delete_object_tagging,
}
