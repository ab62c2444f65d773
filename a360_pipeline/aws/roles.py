"""Credentials of the member role: assumed when first needed, again before they expire or when AWS says they did."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

from botocore.credentials import ReadOnlyCredentials

from a360_pipeline.aws.errors import AWS_ERRORS

RENEWED_BEFORE = dt.timedelta(minutes=10)

Assume = Callable[[], dict[str, Any]]
"""STS AssumeRole: its `Credentials`."""


class RoleCredentials:
    """Credentials that botocore can sign with, of one account. Threads share them; one of them renews."""

    def __init__(self, assume: Assume) -> None:
        self._assume = assume
        self._lock = threading.Lock()
        self._held: ReadOnlyCredentials | None = None
        self._expires = dt.datetime.min.replace(tzinfo=dt.UTC)

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Keys to sign one request with. Raises ClientError where the role may not be assumed."""
        with self._lock:
            now = dt.datetime.now(dt.UTC)
            if self._held is None or now > self._expires - RENEWED_BEFORE:
                try:
                    answer = self._assume()
                except AWS_ERRORS:
                    if self._held is None or now > self._expires:
                        raise
                    return self._held
                self._held = ReadOnlyCredentials(
                    answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]
                )
                self._expires = answer["Expiration"]
            return self._held

    def reject(self, access_key: str | None) -> None:
        """AWS refused these keys as expired: the next request gets new ones."""
        with self._lock:
            if self._held is not None and self._held.access_key == access_key:
                self._held = None
