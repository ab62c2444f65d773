"""Counts what one session calls: read before and after a section."""

from __future__ import annotations

import threading
from dataclasses import replace

from a360_pipeline.coverage import Effort


class Meter:
    """Calls, retries, throttles and paid calls so far. Threads may add to it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._effort = Effort()

    @property
    def effort(self) -> Effort:
        return self._effort

    def add(self, **more: int) -> None:
        with self._lock:
            have = self._effort
            self._effort = replace(have, **{name: getattr(have, name) + n for name, n in more.items() if n})
