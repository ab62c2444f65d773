"""Pages as AWS gives them: bounded, in order, joined by tokens that nobody can make up."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeVar

from a360_pipeline.sandbox.errors import AwsError
from a360_pipeline.sandbox.identity import Caller

Item = TypeVar("Item")
_SECRET = secrets.token_bytes(32)
_SEAL_BYTES = 16
_PLACE_BYTES = 4


@dataclass(frozen=True, slots=True)
class Paging:
    """How one operation pages: what it calls its tokens and sizes, and the error for a token that is none."""

    default: int
    most: int
    invalid: str
    cursor: str = "NextToken"
    next_cursor: str = "NextToken"
    size: str = "MaxResults"

    def page(
        self, caller: Caller, params: Mapping[str, Any], items: Sequence[Item]
    ) -> tuple[list[Item], dict[str, str]]:
        """The page that the parameters ask for, and the member that leads to the next, if there is one."""
        asked = {name: value for name, value in params.items() if name not in (self.cursor, self.size)}
        context = json.dumps([self.invalid, caller.account_id, caller.region, asked], sort_keys=True, default=str)
        start = self._position(params.get(self.cursor), context)
        end = start + min(params.get(self.size, self.default), self.most)
        more = {self.next_cursor: _token(end, context)} if end < len(items) else {}
        return list(items[start:end]), more

    def _position(self, token: str | None, context: str) -> int:
        if token is None:
            return 0
        try:
            position = int.from_bytes(urlsafe_b64decode(token)[_SEAL_BYTES:][:_PLACE_BYTES], "big")
        except ValueError:
            position = 0
        if token != _token(position, context):
            raise AwsError(self.invalid, f"The {self.cursor} is not one that this request was given.")
        return position


def _token(position: int, context: str) -> str:
    place = position.to_bytes(_PLACE_BYTES, "big")
    seal = blake2b(place + context.encode(), key=_SECRET, digest_size=_SEAL_BYTES).digest()
    return urlsafe_b64encode(seal + place).decode()
