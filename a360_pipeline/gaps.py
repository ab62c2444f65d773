"""Accepted gaps: what is known to be missing, who says that it may, why, and until when."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from a360_pipeline.coverage import Cell, Status


class GapsError(ValueError):
    """The file of accepted gaps cannot be used. The message says where and why."""


class AcceptedGap(BaseModel):
    """One accepted gap. `account`, `region` and `section` are patterns, as in a shell."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    account: str
    region: str = "*"
    section: str = "*"
    status: Status
    owner: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    expires: dt.date

    def accepts(self, cell: Cell, status: Status) -> bool:
        """Whether it covers this cell; from the day it expires it covers nothing."""
        return (
            status is self.status
            and cell.date < self.expires
            and fnmatchcase(cell.account, self.account)
            and fnmatchcase(cell.region, self.region)
            and fnmatchcase(cell.section, self.section)
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    gap: tuple[AcceptedGap, ...] = ()


@dataclass(frozen=True, slots=True)
class AcceptedGaps:
    """All gaps that are accepted."""

    gaps: tuple[AcceptedGap, ...] = ()

    def find(self, cell: Cell, status: Status) -> AcceptedGap | None:
        return next((gap for gap in self.gaps if gap.accepts(cell, status)), None)

    def unaccepted(self, cells: Iterable[tuple[Cell, Status]]) -> list[tuple[Cell, Status]]:
        """The gaps that make a run fail."""
        return [(cell, status) for cell, status in cells if status.is_gap and self.find(cell, status) is None]


def read_accepted_gaps(path: Path | None) -> AcceptedGaps:
    """Reads `[[gap]]` tables of a TOML file; no path means that no gap is accepted. Raises GapsError."""
    if path is None:
        return AcceptedGaps()
    try:
        return AcceptedGaps(_File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).gap)
    except OSError as error:
        raise GapsError(f"the accepted gaps cannot be read from {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise GapsError(f"{path} holds accepted gaps that cannot be used: {error}") from error
