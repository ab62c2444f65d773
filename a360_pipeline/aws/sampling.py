"""Sessions that only try: of every listing the first page and of that the first item, each call's outcome noted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from a360_pipeline.aws.clients import Spend
from a360_pipeline.aws.errors import AWS_ERRORS
from a360_pipeline.aws.sessions import AccountSession, Sessions, items_of, unbounded
from a360_pipeline.coverage import Unavailable


class Sample(AccountSession):
    """A session in which what is asked for every item is asked for the first one alone."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.tried: dict[tuple[str, str], Exception | None] = {}
        """By service and operation: the error of the last call, None for one that was answered."""

    def at(self, region: str) -> AccountSession:
        there = super().at(region)
        if isinstance(there, Sample):
            there.tried = self.tried
        return there

    def call(self, service: str, method: str, **parameters: Any) -> dict[str, Any]:
        with self._noted(service, method):
            return super().call(service, method, **parameters)

    def pages(self, service: str, method: str, result: str, **parameters: Any) -> Iterator[Any]:
        for page in self.answers(service, method, **parameters):
            yield from islice(items_of(page, result), 1)

    def answers(self, service: str, method: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        with self._noted(service, method):
            page = next(super().answers(service, method, **parameters), None)
        if page is not None:
            yield page

    def try_alone(self, service: str, operation: str) -> None:
        """Asks an operation without parameters, if it takes none, and notes what comes of it."""
        client = self._clients.shared(service, self.region)
        shape = client.meta.service_model.operation_model(operation).input_shape
        if shape is None or not shape.required_members:
            methods = {name: method for method, name in client.meta.method_to_api_mapping.items()}
            with self.part(operation):
                self.call(service, methods[operation])

    @contextmanager
    def _noted(self, service: str, method: str) -> Iterator[None]:
        operation = self._clients.shared(service, self.region).meta.method_to_api_mapping[method]
        error: Exception | None = None
        try:
            yield
        except (*AWS_ERRORS, Unavailable) as raised:
            error = raised
            raise
        finally:
            # What is refused for one of many items stays noted, whatever is said of the next.
            self.tried[service, operation] = self.tried.get((service, operation)) or error


class Samples(Sessions):
    """Sessions of the hub and of accounts that only try."""

    def hub(self, spend: Spend = unbounded) -> Sample:
        return self._session(self._caller(None, spend), None)

    def account(self, account_id: str, region: str | None = None, spend: Spend = unbounded) -> Sample:
        return self._session(self._caller(account_id, spend), region)

    def _session(self, caller: Any, region: str | None) -> Sample:
        return Sample(self.clients, caller, region or self._settings.home_region, self._settings.choices)
