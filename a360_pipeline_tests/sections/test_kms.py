"""Section `kms`: keys of every kind and state, and rotation only where KMS says of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from a360_pipeline.coverage import Status
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline_tests.sections.asking import answer_of
from a360_pipeline_tests.sections.scripted import Scripted, refusal

KEYS: Mapping[str, Mapping[str, Any]] = {
    "rotated": {"KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS", "KeyState": "Enabled"},
    "signing": {"KeySpec": "RSA_2048", "Origin": "AWS_KMS", "KeyState": "Enabled"},
    "macs": {"KeySpec": "HMAC_256", "Origin": "AWS_KMS", "KeyState": "Enabled"},
    "imported": {"KeySpec": "SYMMETRIC_DEFAULT", "Origin": "EXTERNAL", "KeyState": "PendingImport"},
    "leaving": {"KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS", "KeyState": "PendingDeletion"},
    "off": {"KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS", "KeyState": "Disabled"},
}


def arn(key_id: str) -> str:
    return f"arn:aws:kms:us-east-1:111122223333:key/{key_id}"


def describe(KeyId: str) -> dict[str, Any]:
    made = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return {"KeyMetadata": {"KeyId": KeyId, "Arn": arn(KeyId), "CreationDate": made, **KEYS[KeyId]}}


def asked(rotation: Any) -> Scripted:
    return Scripted(
        {
            "list_keys": {"Keys": [{"KeyId": each, "KeyArn": arn(each)} for each in KEYS]},
            "describe_key": describe,
            "get_key_rotation_status": rotation,
        }
    )


@pytest.mark.parametrize("rotates", [True, False])
def test_keys_of_every_kind_and_state_are_told(rotates: bool) -> None:
    """S13: keys that sign, and keys that are about to be deleted, were dropped."""
    answer = answer_of(SECTIONS["kms"], asked({"KeyRotationEnabled": rotates}))
    assert answer.coverage.status == Status.OK
    assert {row["key_id"]: (row["key_state"], row["key_rotation_enabled"]) for row in answer.payload} == {
        "rotated": ("Enabled", rotates),
        "signing": ("Enabled", None),
        "macs": ("Enabled", None),
        "imported": ("PendingImport", None),
        "leaving": ("PendingDeletion", rotates),
        "off": ("Disabled", rotates),
    }


def test_rotation_that_kms_would_not_tell_of_is_unknown_and_the_key_is_there() -> None:
    """S12: a key whose rotation was denied was said to rotate."""
    answer = answer_of(SECTIONS["kms"], asked(refusal("AccessDeniedException", "GetKeyRotationStatus")))
    assert answer.coverage.status == Status.PARTIAL
    assert [row["key_id"] for row in answer.payload] == list(KEYS)
    assert {row["key_rotation_enabled"] for row in answer.payload} == {None}
    assert "AccessDeniedException" in str(answer.coverage.message)
