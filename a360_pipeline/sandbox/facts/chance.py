"""Chance that repeats itself: draws that depend on nothing but their names."""

from __future__ import annotations

import datetime as dt
import random
from hashlib import blake2b


def chance(*names: object) -> random.Random:
    """A generator of its own for each thing, so that adding an account changes no other."""
    return random.Random("/".join(map(str, names)))  # noqa: S311 - nothing here is secret


def draw(*names: object) -> int:
    """One number of 64 bits: cheaper than a generator where a single number is wanted."""
    return int.from_bytes(blake2b("/".join(map(str, names)).encode(), digest_size=8).digest(), "big")


def before(rng: random.Random, now: dt.datetime, days: int) -> dt.datetime:
    """An instant within the days before `now`, in whole seconds as AWS mostly gives them."""
    return now - dt.timedelta(seconds=rng.randrange(1, days * 86_400))
