"""Names of snapshots: ACCOUNT/REGION/DATE_INTERVAL.json below a prefix."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from a360_pipeline.coverage import GLOBAL

INTERVALS = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_NAME = re.compile(
    rf"(?P<account>\d{{12}})/(?P<region>{GLOBAL}|[a-z]{{2,}}(?:-[a-z]+)+-\d+)/"
    rf"(?P<date>\d{{4}}-\d\d-\d\d)_(?P<interval>{'|'.join(INTERVALS)})\.json",
    re.ASCII,
)


class BadSnapshot(ValueError):
    """An object is no snapshot. The message says why, for a person."""


@dataclass(frozen=True, slots=True)
class SnapshotKey:
    """Whose snapshot it is, and of which day; `date` is the day of the run."""

    account: str
    region: str
    date: dt.date
    interval: str = "DAILY"

    @property
    def path(self) -> str:
        return f"{self.account}/{self.region}/{self.date.isoformat()}_{self.interval}.json"

    @classmethod
    def parse(cls, path: str) -> SnapshotKey:
        """The parts of a path below the prefix. Raises BadSnapshot."""
        match = _NAME.fullmatch(path)
        if match is None:
            raise BadSnapshot(
                f"its name is {path!r}, where ACCOUNT/REGION/YYYY-MM-DD_INTERVAL.json is expected: "
                f"12 digits, a region or {GLOBAL}, a date, and one of {', '.join(INTERVALS)}"
            )
        try:
            date = dt.date.fromisoformat(match["date"])
        except ValueError:
            raise BadSnapshot(f"its name has {match['date']}, which is no date") from None
        return cls(match["account"], match["region"], date, match["interval"])
