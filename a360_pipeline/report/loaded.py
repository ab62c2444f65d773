"""Loads from several places, and says what came of it: rows by table, and whatever is not in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as Grid

from a360_pipeline.aws.sessions import Sessions
from a360_pipeline.gaps import read_accepted_gaps
from a360_pipeline.settings import Settings
from a360_pipeline.snapshot.sources import Source, WatchedStore
from a360_pipeline.snapshot.store import SnapshotStore, Store
from a360_pipeline.warehouse.connection import Warehouse
from a360_pipeline.warehouse.load import LoadResult, load
from a360_pipeline.warehouse.merge import Changes

KINDS = tuple(one.name for one in fields(Changes))
STAYING = ("created", "updated", "unchanged")
"""The kinds of changes after which a row of a snapshot is in its table."""


@dataclass(slots=True)
class Loaded:
    """The loads of several sources as one."""

    parts: list[tuple[Source, LoadResult]] = field(default_factory=list)

    @property
    def tables(self) -> dict[str, Changes]:
        total: dict[str, Changes] = {}
        for _, result in self.parts:
            for name, changes in result.tables.items():
                total[name] = total.get(name, Changes()) + changes
        return total

    @property
    def quarantined(self) -> list[tuple[Store, str, str]]:
        """Store, key and reason."""
        return [
            (source.store, key, reason)
            for source, result in self.parts
            for key, reason in sorted(result.quarantined.items())
        ]

    @property
    def unmoved(self) -> list[str]:
        return [problem for _, result in self.parts for problem in result.unmoved]

    @property
    def rejected(self) -> int:
        return sum(result.rejected for _, result in self.parts)

    @property
    def not_taken(self) -> Counter[str]:
        return sum((result.not_taken for _, result in self.parts), Counter[str]())

    @property
    def seconds(self) -> float:
        return sum(result.seconds for _, result in self.parts)

    @property
    def gone(self) -> list[str]:
        return [source.store.uri(key) for source, result in self.parts for key in result.gone]

    def objects(self) -> dict[str, int]:
        """How many objects there were, and what became of them."""
        return {
            "files": sum(len(source.objects) for source, _ in self.parts),
            "loaded": sum(len(result.loaded) for _, result in self.parts),
            "known": sum(len(result.known) for _, result in self.parts),
            "gone": len(self.gone),
        }

    def missing(self) -> list[str]:
        """What is not in the warehouse, or not where it belongs; empty when all went well."""
        counts = {
            "quarantined": len(self.quarantined),
            "not moved": len(self.unmoved),
            "rows rejected: they are missing in the tables, and rejected_rows has them with reasons": self.rejected,
        }
        return [f"{count} {what}" for what, count in counts.items() if count]

    def to_dict(self) -> dict[str, Any]:
        tables = {name: asdict(changes) for name, changes in self.tables.items()}
        total = sum((Counter(changes) for changes in tables.values()), Counter[str]())
        quarantined: dict[str, str] = {}
        for store, key, reason in self.quarantined:
            # Two folders may both have a bad file of one name.
            quarantined[store.uri(key) if key in quarantined else key] = reason
        return {
            **self.objects(),
            "rows": sum(total[kind] for kind in STAYING),
            **{kind: total[kind] for kind in KINDS},
            "tables": tables,
            "quarantined": quarantined,
            "unmoved": self.unmoved,
            "rejected": self.rejected,
            "not_taken": dict(self.not_taken),
            "seconds": round(self.seconds, 3),
        }


def store_of(settings: Settings) -> SnapshotStore:
    """The bucket of snapshots that the settings name."""
    return SnapshotStore.of(settings, Sessions(settings).client("s3", None, settings.home_region))


def load_all(
    sources: Iterable[Source],
    warehouse: Warehouse,
    settings: Settings,
    advance: Callable[[], None],
    say: Callable[[str], None],
) -> Loaded:
    """Loads all that was found; calls `advance` for each object and `say` with each line of progress."""
    accepted = read_accepted_gaps(settings.accepted_gaps)
    loaded = Loaded()
    for source in sources:
        say(f"{len(source.objects)} snapshots in {source.store.bucket}")
        result = load(
            WatchedStore(source.store, advance),
            warehouse,
            source.objects,
            batch_files=settings.load_batch_files,
            batch_bytes=settings.load_batch_bytes,
            accepted=accepted,
            progress=say,
        )
        loaded.parts.append((source, result))
    return loaded


def print_loaded(loaded: Loaded, console: Console) -> None:
    """Prints the rows by table, the counts, and what wants looking at."""
    if loaded.tables:
        grid = Grid(title="Rows by table", title_justify="left", title_style="bold", box=SIMPLE)
        for column in ("table", *KINDS):
            grid.add_column(column, justify="left" if column == "table" else "right", overflow="fold")
        for name, changes in loaded.tables.items():
            grid.add_row(name, *(str(count) for count in asdict(changes).values()))
        console.print(grid)
    counts = loaded.objects()
    lines = [
        f"{counts['files']} files: {counts['loaded']} loaded, {counts['known']} known from before, "
        f"{len(loaded.quarantined)} quarantined, {counts['gone']} gone; "
        f"{loaded.rejected} rows rejected; {loaded.seconds:.1f} s"
    ]
    if loaded.not_taken:
        told = ", ".join(f"{name} {count}" for name, count in sorted(loaded.not_taken.items()))
        lines.append(f"{loaded.not_taken.total()} rows of sections that nothing reads yet: {told}")
    lines += [f"quarantined {store.uri(key)}: {reason}" for store, key, reason in loaded.quarantined]
    lines += [f"not moved {problem}" for problem in loaded.unmoved]
    lines += [f"gone: {uri} was moved or replaced by somebody else meanwhile" for uri in loaded.gone]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
