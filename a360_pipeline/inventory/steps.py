"""Steps that people add: after analysis each receives the findings, and what it did is recorded."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from a360_pipeline.inventory.means import Means
from a360_pipeline.inventory.places import Place

if TYPE_CHECKING:
    import pandas as pd

GROUP = "a360_pipeline.steps"
"""Entry points of this group are steps."""


@dataclass(frozen=True)
class FindingData:
    """What a query found: a Parquet file, read when it is asked for."""

    name: str
    place: Place = field(repr=False)
    key: str = field(repr=False)

    @property
    def parquet(self) -> str:
        """The address of the file."""
        return self.place.uri(self.key)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All rows. Raises NotThere, and what reading the place raises."""
        with _opened(self.place, self.key) as file:
            return file.read().to_pandas()

    def rows(self, most: int = 10_000) -> Iterator[dict[str, Any]]:
        """Row by row, of which `most` are in memory at once; for results of any size. Raises as `frame`."""
        with _opened(self.place, self.key) as file:
            for batch in file.iter_batches(batch_size=most):
                yield from batch.to_pylist()


@contextmanager
def _opened(place: Place, key: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file of a place, on disk for as long as it is read."""
    with tempfile.TemporaryDirectory(prefix="a360-finding-") as folder:
        path = Path(folder) / "finding.parquet"
        place.fetch(key, path)
        with pq.ParquetFile(path) as file:
            yield file


@dataclass(frozen=True)
class StepInput:
    """What a step is given. `log` takes a line for whoever watches."""

    harvest_id: str
    findings: Mapping[str, FindingData]
    """Those of the queries that succeeded, by name."""
    means: Means = field(repr=False)
    dry_run: bool = True
    """Whether it must change nothing, and say what it would do."""
    log: Callable[[str], None] = field(default=lambda _line: None, repr=False)


Step = Callable[[StepInput], str | None]
"""Says in a line what it did, for the report. What it raises is recorded, and stops nothing else."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What became of a step."""

    name: str
    is_done: bool
    said: str
    """What it says it did, or why it failed."""
    dry_run: bool
    seconds: float


class StepExists(ValueError):
    """Another step has the name. The message says which."""


STEPS: dict[str, Step] = {}
"""The steps of modules that were imported, by name."""


def step(name: str) -> Callable[[Step], Step]:
    """Registers a step under a name. Raises StepExists."""

    def register(made: Step) -> Step:
        if STEPS.setdefault(name, made) is not made:
            raise StepExists(f"a step {name!r} is registered already: {_place_of(STEPS[name])}")
        return made

    return register


def _place_of(made: Step) -> str:
    return f"{getattr(made, '__module__', '?')}.{getattr(made, '__qualname__', made)}"


def registered() -> dict[str, Step]:
    """Every step: of modules that were imported, and of installed packages. Importing them may register more.

    An entry point that cannot be loaded is a step that fails with the reason.
    """
    found: dict[str, Step] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            loaded: Step = point.load()
        except Exception as error:  # noqa: BLE001 - whatever a package of others raises when it is imported
            loaded = _broken(f"the entry point {point.value} cannot be loaded: {_why(error)}")
        # Decorated steps are registered by being loaded, maybe under another name.
        if loaded not in STEPS.values():
            found[point.name] = loaded
    return {**found, **STEPS}


def _broken(reason: str) -> Step:
    def fail(_given: StepInput) -> str:
        raise RuntimeError(reason)

    return fail


def run_steps(given: StepInput, steps: Mapping[str, Step] | None = None) -> list[StepOutcome]:
    """Runs each step, by default all that are registered. One that fails keeps no other from running."""
    chosen = registered() if steps is None else steps
    return [_run(name, chosen[name], given) for name in sorted(chosen)]


def _run(name: str, made: Step, given: StepInput) -> StepOutcome:
    # Frames of its own: what a step does to them, the next does not see.
    own = {each.name: FindingData(each.name, each.place, each.key) for each in given.findings.values()}
    begun = time.monotonic()
    try:
        said = made(replace(given, findings=MappingProxyType(own), log=lambda line: given.log(f"{name}: {line}")))
        is_done, told = True, said or "says nothing"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - neither errors nor exits of others end the harvest
        is_done, told = False, _why(error)
    given.log(f"{name}: {told}")
    return StepOutcome(name, is_done, told, given.dry_run, round(time.monotonic() - begun, 3))


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
