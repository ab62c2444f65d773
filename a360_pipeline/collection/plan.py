"""What collecting will call and cost, said before anything is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from a360_pipeline.collection.order import Order
from a360_pipeline.collection.shared import answers_at_hand
from a360_pipeline.collection.shelf import Shelf
from a360_pipeline.sections.model import History, Scope, Section, Window


@dataclass(frozen=True, slots=True)
class Planned:
    """One section: how often it is asked, the calls that takes at the least, and the dollars of the paid ones.

    Listings of many pages take more calls, and so do things that are described one by one.
    """

    section: str
    asked: int
    calls_at_least: int
    usd_at_least: Decimal
    note: str = ""


def plan(shelf: Shelf, order: Order) -> list[Planned]:
    """Each section of an order. Reads what earlier runs of the day were answered; calls nothing else of AWS."""
    window = Window.daily(order.run_date)
    return [_planned(shelf, order, window, section) for section in order.wanted()]


def _planned(shelf: Shelf, order: Order, window: Window, section: Section) -> Planned:
    if section.history is History.SNAPSHOT and order.run_date != order.today:
        return Planned(section.name, 0, 0, Decimal(0), f"snapshot-only: nobody knows how it was on {order.run_date}")
    is_shared = section.scope is Scope.ORGANIZATION or section.name in order.administrators
    places = list(_shared_places(order, section)) if is_shared else []
    asked = [place for place in places if not answers_at_hand(shelf, order, window, (section.name, place))]
    note = "answered already today" if places and not asked else ""
    times = len(asked) if is_shared else sum(enabled for *_, enabled in _own_places(order, section))
    calls = sum(operation.at_least for operation in section.operations)
    return Planned(section.name, times, times * calls, times * section.usd_at_least, note)


def _shared_places(order: Order, section: Section) -> Iterator[str]:
    """The regions in which a question is asked once for all accounts, or `Global`."""
    yield from sorted({region for _, region, enabled in _own_places(order, section) if enabled})


def _own_places(order: Order, section: Section) -> Iterator[tuple[str, str, bool]]:
    """Where an account answers for itself."""
    for account, region, enabled in order.places():
        if section in order.asked_in(region):
            yield account.id, region, enabled
