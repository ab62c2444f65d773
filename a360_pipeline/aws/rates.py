"""How fast an account may be asked: a rate for each service, halved where AWS throttles, and how it recovers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

RECOVERY = 0.05
"""The part of the declared rate that comes back each second: a rate that was halved is back after ten."""
LASTS = 1.0
"""Seconds for which one lowering counts: answers to calls that were under way together say one thing."""
SLOWEST = 1.0
"""Calls a second, however often AWS throttles."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a second that are sustained, and how many may come at once after a pause."""

    per_second: float
    burst: int


DEFAULT = Rate(20, 40)
UNHURRIED = Rate(1_000_000, 1_000_000)
"""Of a stand-in on this machine, which has no quotas and nobody else to serve."""
RATES: Mapping[str, Rate] = {
    # Quotas that a whole account or organization shares with everybody else who works in it.
    "account": Rate(5, 10),
    "ce": Rate(5, 10),
    "cloudtrail": Rate(5, 10),
    "config": Rate(10, 20),
    "health": Rate(5, 10),
    "iam": Rate(10, 20),
    "organizations": Rate(8, 15),
    "resourcegroupstaggingapi": Rate(5, 10),
    "savingsplans": Rate(5, 10),
    "ssm": Rate(20, 20),
    "support": Rate(5, 10),
    "trustedadvisor": Rate(5, 10),
    # Quotas of hundreds a second, of which an inventory of keys needs more than one call each.
    "kms": Rate(50, 100),
    "s3": Rate(100, 200),
    "sts": Rate(50, 100),
}
"""By botocore's name of the service: a part of what AWS grants, so that people and pipelines keep the rest."""


class Bucket:
    """Tokens of one account, region and service. A caller takes one and waits as long as it is told."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._declared = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = float(rate.burst)
        self._filled_at = clock()
        self._lowered_at = -LASTS
        self.per_second = rate.per_second

    def take(self) -> float:
        """Seconds to wait before the call; zero most of the time. Callers that wait are served in turn."""
        with self._lock:
            self._fill()
            self._tokens -= 1
            return max(0.0, -self._tokens / self.per_second)

    def throttled(self) -> None:
        """AWS said that it was one too many: half as fast from here, and what was saved up is void."""
        with self._lock:
            self._fill()
            self._tokens = min(self._tokens, 0.0)
            if self._filled_at - self._lowered_at >= LASTS:
                self._lowered_at = self._filled_at
                self.per_second = max(self.per_second / 2, min(SLOWEST, self._declared.per_second))

    def _fill(self) -> None:
        now = self._clock()
        passed, self._filled_at = now - self._filled_at, now
        self._tokens = min(self._tokens + passed * self.per_second, self._declared.burst)
        gained = passed * RECOVERY * self._declared.per_second
        self.per_second = min(self.per_second + gained, self._declared.per_second)


class Buckets:
    """The buckets of all accounts, made when they are first asked for."""

    def __init__(
        self,
        rates: Mapping[str, Rate] = RATES,
        default: Rate = DEFAULT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str | None, str, str], Bucket] = {}
        self._rates = rates
        self._default = default
        self._clock = clock

    def of(self, account_id: str | None, region: str, service: str) -> Bucket:
        """The bucket of one account (None: the hub's), region and service."""
        key = (account_id, region, service)
        with self._lock:
            if key not in self._buckets:
                self._buckets[key] = Bucket(self._rates.get(service, self._default), self._clock)
            return self._buckets[key]
