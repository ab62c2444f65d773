"""What goes wrong on demand, what was called, and the HTTP control over both."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from a360_pipeline.sandbox.organization import Organization

CONTROL = "/_a360/"
LARGEST_BODY = 1_000_000

Route = Callable[[bytes], Any]
"""Takes the body of a control request and gives what is to be answered as JSON. Raises ValueError to refuse."""
NO_ROUTES: Mapping[tuple[str, str], Route] = {}


class WantedFaults(BaseModel):
    """The body of `PUT /_a360/faults`. Patterns are of `service:Operation`, as in a shell."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    throttle_rate: float = Field(0.0, ge=0, le=1)
    """The part of calls that is refused as too many."""
    calls_per_second: float | None = Field(None, gt=0)
    """What each account may call at most: a bucket that holds one second's calls."""
    latency_ms: int = Field(0, ge=0, le=60_000)
    """How long each call takes."""
    denied: dict[str, list[str]] = Field(default_factory=dict)
    """By account: patterns of what its policies do not allow."""
    errors: dict[str, str] = Field(default_factory=dict)
    """By pattern: the error code to refuse with, such as that of a service which nobody enabled."""
    expire_after: dict[str, int] = Field(default_factory=dict)
    """By account: after how many more calls all credentials that it was given expire, once."""
    cut: dict[str, int] = Field(default_factory=dict)
    """By pattern: how many answers to cut off in the middle, and the connection with them."""
    failing_stacks: dict[str, str] = Field(default_factory=dict)
    """By region: why every stack that is made there fails, and is rolled back."""


class Faults:
    """What goes wrong. Safe to change while calls are served; the same seed throttles alike."""

    def __init__(self, seed: int = 7, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - nothing here is secret
        self._clock = clock
        self._put(WantedFaults())

    def _put(self, wanted: WantedFaults) -> None:
        self._wanted = wanted
        self._to_cut = dict(wanted.cut)
        self._to_expire = dict(wanted.expire_after)
        self._tokens: dict[str, tuple[float, float]] = {}

    def set(self, **faults: Any) -> None:
        """Replaces all faults: what is not given is off. Raises ValueError with what is wrong."""
        wanted = WantedFaults.model_validate(faults)
        with self._lock:
            self._put(wanted)

    def state(self) -> dict[str, Any]:
        """The faults that were set, as `set` takes them."""
        return self._wanted.model_dump()

    @property
    def latency(self) -> float:
        """Seconds that a call takes before it is answered."""
        return self._wanted.latency_ms / 1000

    def throttles(self, account_id: str) -> bool:
        """Whether this call is one too many."""
        with self._lock:
            rate, limit = self._wanted.throttle_rate, self._wanted.calls_per_second
            if rate and self._random.random() < rate:
                return True
            if limit is None:
                return False
            now = self._clock()
            tokens, filled_at = self._tokens.get(account_id, (max(limit, 1.0), now))
            tokens = min(tokens + (now - filled_at) * limit, max(limit, 1.0))
            self._tokens[account_id] = (tokens - 1 if tokens >= 1 else tokens, now)
            return tokens < 1

    def denies(self, account_id: str, action: str) -> bool:
        """Whether the account may not do `service:Operation`."""
        return any(fnmatchcase(action, pattern) for pattern in self._wanted.denied.get(account_id, ()))

    def error(self, action: str) -> str | None:
        """The error code that answers `service:Operation`."""
        return next((code for pattern, code in self._wanted.errors.items() if fnmatchcase(action, pattern)), None)

    def stack_failure(self, region: str) -> str | None:
        """Why a stack that is made in the region fails."""
        return self._wanted.failing_stacks.get(region)

    def expires(self, account_id: str) -> bool:
        """Whether the account's credentials end with this call."""
        with self._lock:
            if account_id not in self._to_expire:
                return False
            self._to_expire[account_id] -= 1
            if self._to_expire[account_id] >= 0:
                return False
            del self._to_expire[account_id]
            return True

    def cuts(self, action: str) -> bool:
        """Whether the answer to this call is cut off."""
        with self._lock:
            pattern = next((one for one, left in self._to_cut.items() if left and fnmatchcase(action, one)), None)
            if pattern is None:
                return False
            self._to_cut[pattern] -= 1
            return True


class Calls:
    """Counts of what was called, by action and by the caller's account; throttled ones also apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_action: Counter[str] = Counter()
        self._by_account: Counter[str] = Counter()
        self._throttled: Counter[str] = Counter()

    def add(self, account_id: str, action: str) -> None:
        with self._lock:
            self._by_action[action] += 1
            self._by_account[account_id] += 1

    def add_throttled(self, action: str) -> None:
        with self._lock:
            self._throttled[action] += 1

    def state(self) -> dict[str, dict[str, int]]:
        with self._lock:
            counts = {
                "by_action": self._by_action,
                "by_account": self._by_account,
                "throttled": self._throttled,
            }
            return {name: dict(sorted(counter.items())) for name, counter in counts.items()}


class Control:
    """`/_a360/…`: unsigned, for this machine alone."""

    def __init__(
        self,
        organization: Organization,
        faults: Faults,
        calls: Calls,
        more: Mapping[tuple[str, str], Route] = NO_ROUTES,
    ) -> None:
        self._faults = faults
        self._routes: Mapping[tuple[str, str], Route] = {
            ("GET", "health"): lambda _body: {"pid": os.getpid()},
            ("GET", "truth"): lambda _body: organization.truth(),
            ("GET", "calls"): lambda _body: calls.state(),
            ("GET", "faults"): lambda _body: faults.state(),
            ("PUT", "faults"): self._put_faults,
            **more,
        }

    def answer(self, method: str, path: str, address: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """The answer to a control request, an error included, as JSON."""
        if not (address.startswith("127.") or address == "::1"):
            return _as_json(403, {"error": "The sandbox is controlled from its own machine alone."})
        route = self._routes.get((method, path.removeprefix(CONTROL)))
        if route is None:
            served = ", ".join(f"{verb} {CONTROL}{name}" for verb, name in self._routes)
            return _as_json(404, {"error": f"{method} {path} is not served; these are: {served}"})
        try:
            return _as_json(200, route(body))
        except ValueError as error:
            return _as_json(400, {"error": str(error)})

    def _put_faults(self, body: bytes) -> dict[str, Any]:
        try:
            wanted = WantedFaults.model_validate_json(body)
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors())
            raise ValueError("; ".join(problems)) from None
        self._faults.set(**wanted.model_dump())
        return self._faults.state()


def _as_json(status: int, value: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()
