"""Whether and when a call is tried again. botocore's own quota of retries belongs to a client, and ours are shared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError
from botocore.retries.standard import (
    ExponentialBackoff,
    RetryEventAdapter,
    StandardRetryConditions,
    ThrottlingErrorDetector,
)

NOBODY_THERE = (EndpointConnectionError, ConnectTimeoutError)
"""A name or an address behind which nothing answers: a service that does not exist in the region, most often."""
KNOCKS = 3


def is_cut(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the line went dead in the middle of an answer: botocore takes half a listing in JSON for an empty one."""
    length = headers.get("content-length")
    # An answer to HEAD tells the length of what it leaves out.
    return bool(body) and length is not None and length.isdigit() and len(body) < int(length)


def refuse_half(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """A handler of `before-parse`: half an answer is none, whatever a parser would make of it."""
    if not operation_model.has_streaming_output and is_cut(response_dict["headers"], response_dict["body"]):
        response_dict.update(status_code=500, body=b"")


class Retries:
    """The conditions and the back-off of botocore's standard mode, for up to `max_attempts` attempts."""

    def __init__(self, max_attempts: int) -> None:
        self._adapter = RetryEventAdapter()
        self._conditions = StandardRetryConditions(max_attempts)
        self._backoff = ExponentialBackoff(throttling_detector=ThrottlingErrorDetector(self._adapter))

    def delay(
        self, *, attempts: int, response: Any, operation: Any, caught_exception: Exception | None, **details: Any
    ) -> float | None:
        """Seconds until the next attempt; None where there is none. Raises ConnectionClosedError on half an answer."""
        if (
            response is not None
            and not operation.has_streaming_output
            and is_cut(response[0].headers, response[0].content)
        ):
            cut = ConnectionClosedError(endpoint_url=response[0].url)
            delay = self.delay(attempts=attempts, response=None, operation=operation, caught_exception=cut, **details)
            if delay is None:
                raise cut
            return delay
        if isinstance(caught_exception, NOBODY_THERE) and attempts >= KNOCKS:
            return None
        context = self._adapter.create_retry_context(
            attempts=attempts, response=response, operation=operation, caught_exception=caught_exception, **details
        )
        is_retryable = self._conditions.is_retryable(context)
        if response is not None:
            # botocore, which was allowed one attempt, says in each error that its retries are used up.
            response[1].setdefault("ResponseMetadata", {}).pop("MaxAttemptsReached", None)
            self._adapter.adapt_retry_response_from_context(context)
        return float(self._backoff.delay_amount(context)) if is_retryable else None
