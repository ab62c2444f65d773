"""A session whose answers are written in the test: for what the sandbox's AWS does not say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, cast

from botocore.exceptions import ClientError

from a360_pipeline.aws.clients import Caller, Clients
from a360_pipeline.aws.meter import Meter
from a360_pipeline.aws.sessions import AccountSession
from a360_pipeline.sections.model import Window
from a360_pipeline.settings import Choices

TODAY = dt.datetime.now(dt.UTC).date()
WINDOW = Window.daily(TODAY)


def refusal(code: str, operation: str = "Operation") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


class Scripted(AccountSession):
    """Answers `method` or `service.method` with what is written for it, perhaps an error, and keeps what was asked."""

    def __init__(self, script: Mapping[str, Any], account_id: str | None = None) -> None:
        caller = Caller(account_id, None, Meter(), lambda *_: None)
        super().__init__(cast("Clients", None), caller, "us-east-1", Choices())
        self._script = script
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, service: str, method: str, **parameters: Any) -> dict[str, Any]:
        self.asked.append((f"{service}.{method}", parameters))
        said = self._script[f"{service}.{method}" if f"{service}.{method}" in self._script else method]
        said = said(**parameters) if callable(said) else said
        if isinstance(said, Exception):
            raise said
        return cast("dict[str, Any]", said)

    def answers(self, service: str, method: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        yield self.call(service, method, **parameters)
