"""What moto does wrongly and the sandbox therefore does itself, on moto's own data."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3 import notifications
from moto.s3.models import FakeBucket


def permission(bucket: FakeBucket, action: str, resource: str) -> Any:
    """What a bucket's policy says to everybody.

    moto looks at no condition: where a policy denies what does not come over TLS, it denied all.
    """
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    policy["Statement"] = [statement for statement in statements if "Condition" not in statement]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)


MOTOS_EVENT = notifications._get_s3_event


def event(event_name: str, bucket: FakeBucket, key: Any, notification_id: str) -> dict[str, list[dict[str, Any]]]:
    """The event of an object as S3 writes it: moto encodes the slashes of keys as well."""
    told = MOTOS_EVENT(event_name, bucket, key, notification_id)
    told["Records"][0]["s3"]["object"]["key"] = quote_plus(key.name, safe="/")
    return told


def repair() -> None:
    """Puts our own in the place of moto's."""
    FakeBucket.get_permission = permission  # type: ignore[method-assign, assignment]
    notifications._get_s3_event = event
