"""What calls that AWS bills by request have cost today, over all runs, and what they may cost."""

from __future__ import annotations

import datetime as dt
import json
import threading
import uuid
from decimal import Decimal

from a360_pipeline.collection.shelf import Shelf
from a360_pipeline.coverage import Status, Unavailable
from a360_pipeline.sections.model import Section
from a360_pipeline.sections.registry import price


class Purse:
    """The dollars of one day. Each run notes beside the snapshots what it spends, before it spends it."""

    def __init__(self, shelf: Shelf, today: dt.date, daily_usd: Decimal) -> None:
        self._shelf = shelf
        self._daily_usd = daily_usd
        self._notes = f"organization/{today}/spent/"
        self._own_note = f"{self._notes}{uuid.uuid4()}"
        self._lock = threading.Lock()
        self._own = self._others = Decimal(0)

    def afford(self, section: Section) -> None:
        """Raises Unavailable where the requests that a section makes at least would go beyond the day's dollars.

        Reads what other runs have spent by now. Raises ClientError where the notes cannot be read.
        """
        cost = section.usd_at_least
        if not cost:
            return
        self.spent()
        with self._lock:
            self._check(f"{section.name} costs at least ${cost}", cost)

    def spent(self) -> Decimal:
        """The dollars that all runs have spent today by now. Raises ClientError where the notes cannot be read."""
        notes = [found.key for found in self._shelf.waiting(self._notes) if found.key != self._own_note]
        others = sum((_usd(self._shelf.get(key)) for key in notes), Decimal(0))
        with self._lock:
            self._others = others
            return self._own + others

    def spend(self, service: str, operation: str) -> None:
        """Notes the price of a request that is about to be made. Raises Unavailable where it is one too many."""
        cost = price(service, operation)
        with self._lock:
            self._check(f"{service} {operation} costs ${cost} a request", cost)
            self._own += cost
            self._shelf.put(self._own_note, json.dumps({"usd": str(self._own)}).encode())

    def _check(self, what: str, cost: Decimal) -> None:
        spent = self._own + self._others
        if spent + cost > self._daily_usd:
            raise Unavailable(
                Status.SKIPPED_BUDGET,
                f"{what}; ${spent} of the ${self._daily_usd} a day are spent (A360_DAILY_PAID_USD)",
            )


def _usd(note: bytes | None) -> Decimal:
    # A note that is gone by now was of a day that is over.
    return Decimal(json.loads(note)["usd"]) if note else Decimal(0)
