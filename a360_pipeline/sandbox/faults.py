"""What goes wrong on demand, what was called, and the HTTP control over both."""

from __future__ import annotations

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from a360_pipeline.sandbox.organization import Organization

CONTROL = "/_a360/"
LARGEST_BODY = 1_000_000


class WantedFaults(BaseModel):
    """The body of `PUT /_a360/faults`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    throttle_rate: float = Field(0.0, ge=0, le=1)
    denied: dict[str, list[str]] = Field(default_factory=dict)


class Faults:
    """Throttling and denials. Safe to change while calls are served; the same seed throttles alike."""

    def __init__(self, seed: int = 7) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - nothing here is secret
        self._throttle_rate = 0.0
        self._denied: dict[str, tuple[str, ...]] = {}

    def set(self, *, throttle_rate: float = 0.0, denied: Mapping[str, list[str]] | None = None) -> None:
        """Replaces all faults: what is not given is off. Raises ValueError with what is wrong."""
        if not 0 <= throttle_rate <= 1:
            raise ValueError(f"throttle_rate is {throttle_rate}: a number from 0 to 1 is expected")
        with self._lock:
            self._throttle_rate = throttle_rate
            self._denied = {account_id: tuple(patterns) for account_id, patterns in (denied or {}).items()}

    def state(self) -> dict[str, Any]:
        """The faults in force, as `set` takes them."""
        with self._lock:
            denied = {account_id: list(patterns) for account_id, patterns in self._denied.items()}
            return {"throttle_rate": self._throttle_rate, "denied": denied}

    def throttles(self) -> bool:
        """Whether this call is one too many."""
        with self._lock:
            return self._throttle_rate > 0 and self._random.random() < self._throttle_rate

    def denies(self, account_id: str, action: str) -> bool:
        """Whether the account may not do `service:Operation`."""
        with self._lock:
            patterns = self._denied.get(account_id, ())
        return any(fnmatchcase(action, pattern) for pattern in patterns)


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

    def __init__(self, organization: Organization, faults: Faults, calls: Calls) -> None:
        self._faults = faults
        self._routes: Mapping[tuple[str, str], Callable[[bytes], Any]] = {
            ("GET", "health"): lambda _body: {"pid": os.getpid()},
            ("GET", "truth"): lambda _body: organization.truth(),
            ("GET", "calls"): lambda _body: calls.state(),
            ("GET", "faults"): lambda _body: faults.state(),
            ("PUT", "faults"): self._put_faults,
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
        self._faults.set(throttle_rate=wanted.throttle_rate, denied=wanted.denied)
        return self._faults.state()


def _as_json(status: int, value: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()
