"""Whose turn it is: account-regions in flight are bounded, and no account holds up the others."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Turns(Generic[Result]):
    """Tasks by whom they are for. The next is for whoever has fewest under way, in the order in which they came.

    So a giant account, whose tasks take long, gets more than its share only when nobody else waits.
    """

    def __init__(self, tasks: Iterable[tuple[Hashable, Callable[[], Result]]]) -> None:
        self._waiting: dict[Hashable, deque[Callable[[], Result]]] = {}
        for whose, task in tasks:
            self._waiting.setdefault(whose, deque()).append(task)
        self._under_way = dict.fromkeys(self._waiting, 0)
        self._last_turn = dict.fromkeys(self._waiting, 0)
        self._turn = 0
        self._lock = threading.Lock()

    def next(self) -> tuple[Hashable, Callable[[], Result]] | None:
        """The task whose turn it is, taken as under way; None when none is left."""
        with self._lock:
            ready = [whose for whose, tasks in self._waiting.items() if tasks]
            if not ready:
                return None
            whose = min(ready, key=lambda each: (self._under_way[each], self._last_turn[each]))
            self._turn += 1
            self._last_turn[whose] = self._turn
            self._under_way[whose] += 1
            return whose, self._waiting[whose].popleft()

    def done(self, whose: Hashable) -> None:
        with self._lock:
            self._under_way[whose] -= 1

    def run(self, threads: int) -> Iterator[Result]:
        """Runs all tasks, `threads` at once, and yields what they return as they are done. Raises what one raises."""
        finished: SimpleQueue[tuple[Result | None, BaseException | None] | None] = SimpleQueue()
        stopped = threading.Event()

        def work() -> None:
            try:
                while not stopped.is_set() and (turn := self.next()) is not None:
                    whose, task = turn
                    finished.put((task(), None))
                    self.done(whose)
            except BaseException as error:  # noqa: BLE001 - it is raised again by whoever reads the results
                finished.put((None, error))
            finally:
                finished.put(None)

        workers = [threading.Thread(target=work, name=f"collect-{number}", daemon=True) for number in range(threads)]
        for worker in workers:
            worker.start()
        running = threads
        try:
            while running:
                result = finished.get()
                if result is None:
                    running -= 1
                elif result[1] is not None:
                    raise result[1]
                else:
                    yield result[0]  # type: ignore[misc]  # a Result, where no error is
        finally:
            stopped.set()
            for worker in workers:
                worker.join()
