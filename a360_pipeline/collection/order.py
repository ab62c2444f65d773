"""What is to be collected: of whom, where, which sections, of which day, and what it may cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from a360_pipeline.aws.accounts import Account
from a360_pipeline.coverage import GLOBAL
from a360_pipeline.sections.model import Scope, Section
from a360_pipeline.sections.registry import SECTIONS
from a360_pipeline.settings import Settings, SettingsError


class UnknownSection(ValueError):
    """A section is asked for that nobody collects. The message names those that are."""


@dataclass(frozen=True, slots=True)
class Order:
    """One collecting run. `organization` is every account there is, of which `accounts` are collected.

    `today` decides what can still be known: see History.
    """

    accounts: Sequence[Account]
    organization: Sequence[Account]
    run_date: dt.date
    today: dt.date
    regions: tuple[str, ...] = ()
    sections: frozenset[str] = field(default_factory=lambda: frozenset(_collected()))
    administrators: Mapping[str, str] = field(default_factory=dict)
    daily_paid_usd: Decimal = Decimal(1)
    threads: int = 12

    @classmethod
    def of(
        cls,
        settings: Settings,
        accounts: Sequence[Account],
        organization: Sequence[Account],
        run_date: dt.date,
        today: dt.date,
        sections: Iterable[str] = (),
    ) -> Order:
        """An order as the settings have it; no sections: all. Raises SettingsError and UnknownSection."""
        return cls(
            accounts=accounts,
            organization=organization,
            run_date=run_date,
            today=today,
            regions=settings.regions,
            sections=_known(sections),
            administrators=_answering(settings.administrators),
            daily_paid_usd=settings.daily_paid_usd,
            threads=settings.collect_threads,
        )

    def of_scope(self, scope: Scope) -> list[Section]:
        """The sections that each account (and region) is asked for itself, or that are asked for all at once."""
        return [s for s in self.wanted() if s.scope is scope and s.name not in self.administrators]

    def of_account(self) -> list[Section]:
        """What each account is asked for once, those rows of a region's sections that are the account's among it."""
        apart = [replace(each, collect=each.collect_account) for each in self.of_scope(Scope.REGION)]
        return [*self.of_scope(Scope.ACCOUNT), *(each for each in apart if each.collect)]

    def administered(self) -> list[Section]:
        """The sections for which an administrator account answers."""
        return [section for section in self.wanted() if section.name in self.administrators]

    def places(self) -> Iterator[tuple[Account, str, bool]]:
        """Each snapshot of the order: its account, its region or `Global`, and whether that is enabled."""
        for account in self.accounts:
            regions = {GLOBAL: True, **account.wanted_regions(self.regions)}
            yield from ((account, region, enabled) for region, enabled in regions.items() if self.asked_in(region))

    def asked_in(self, region: str) -> list[Section]:
        """The sections whose facts are filed under a region, or under `Global`."""
        if region == GLOBAL:
            return [each for each in self.wanted() if each.scope is not Scope.REGION or each.collect_account]
        return [each for each in self.wanted() if each.scope is Scope.REGION]

    @property
    def is_whole(self) -> bool:
        """Whether every section is asked that can be."""
        return self.sections >= frozenset(_collected())

    def wanted(self) -> list[Section]:
        """The sections of this order."""
        return [s for s in SECTIONS.values() if s.is_collected and s.name in self.sections]


def _collected() -> list[str]:
    return [name for name, section in SECTIONS.items() if section.is_collected]


def _known(wanted: Iterable[str]) -> frozenset[str]:
    chosen = frozenset(wanted)
    unknown = sorted(chosen - set(_collected()))
    if unknown:
        raise UnknownSection(f"nobody collects {', '.join(unknown)}; these are: {', '.join(_collected())}")
    return chosen or frozenset(_collected())


def _answering(administrators: Mapping[str, str]) -> Mapping[str, str]:
    able = [name for name, section in SECTIONS.items() if section.collect_members is not None]
    unable = [name for name in administrators if name not in able]
    if unable:
        raise SettingsError(
            f"A360_ADMINISTRATORS names {', '.join(unable)}, for which no account answers for others; "
            f"such sections are: {', '.join(able) or 'none'}"
        )
    return administrators
