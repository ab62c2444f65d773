"""Turns: no account holds up the others, and all that is asked for is done."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from a360_pipeline.collection.turns import Turns


def named(name: str) -> Callable[[], str]:
    return lambda: name


def tasks(*names: str) -> list[tuple[str | None, Callable[[], str]]]:
    return [(name[0], named(name)) for name in names]


def test_accounts_take_turns() -> None:
    turns = Turns(tasks("a1", "a2", "a3", "b1", "b2", "c1"))
    order = []
    while (turn := turns.next()) is not None:
        order.append(turn[1]())
        turns.done(turn[0])
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_giant_account_gets_more_than_its_share_only_when_nobody_else_waits() -> None:
    turns = Turns(tasks("a1", "a2", "a3", "a4", "b1", "b2", "b3"))
    started = [turn[1]() for _ in range(2) if (turn := turns.next())]
    for _ in range(2):
        turns.done("b")
        turn = turns.next()
        assert turn is not None
        started.append(turn[1]())
    assert started == ["a1", "b1", "b2", "b3"], "the tasks of a take long: b goes on"
    turns.done("b")
    rest = [turn[1]() for _ in range(3) if (turn := turns.next())]
    assert rest == ["a2", "a3", "a4"]


def test_the_hub_is_somebody_too() -> None:
    assert list(Turns([(None, named("hub"))]).run(3)) == ["hub"]


def test_as_many_are_under_way_as_there_are_threads_and_no_more() -> None:
    together = threading.Barrier(3)

    def wait() -> int:
        return together.wait(timeout=30)

    assert sorted(Turns([(number, wait) for number in range(3)]).run(3)) == [0, 1, 2]
    assert list(Turns(tasks()).run(3)) == []


def test_what_a_task_raises_is_raised_and_nothing_new_is_begun() -> None:
    begun: list[int] = []

    def stumble() -> int:
        raise RuntimeError("out of disk")

    with pytest.raises(RuntimeError, match="out of disk"):
        list(Turns([(0, stumble), *((n, lambda n=n: begun.append(n) or n) for n in range(1, 9))]).run(1))
    assert begun == []
