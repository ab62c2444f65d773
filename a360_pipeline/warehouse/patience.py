"""Waiting for a database that is about to answer: with a deadline, and with longer pauses each time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import psycopg

Answer = TypeVar("Answer")
Errors = tuple[type[psycopg.Error], ...]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds. A paused Aurora is back after 15 to 30 of them, after a long pause a few more."""

    seconds: float = 90.0
    first_pause: float = 0.5
    longest_pause: float = 8.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ask(self, question: Callable[[], Answer], passing: Errors) -> Answer:
        """What `question` answers, asked again while it raises what passes. At the deadline raises the last of it."""
        deadline, pause = self.clock() + self.seconds, self.first_pause
        while True:
            try:
                return question()
            except passing:
                if self.clock() + pause > deadline:
                    raise
            self.sleep(pause)
            pause = min(2 * pause, self.longest_pause)


PATIENCE = Patience()
