"""What the organization bought on AWS Marketplace and what it sells there."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

from a360_pipeline.sandbox.facts.chance import before, chance
from a360_pipeline.sandbox.facts.costs import MARKETPLACE

PRODUCTS = (*MARKETPLACE, "Gullwing Contract Manager", "Saltmarsh Code Scanner (Annual)", "Foghorn Incident Desk")
"""The first are paid as they are used, the others once a year."""
STATUSES = ("AVAILABLE", "AVAILABLE", "AVAILABLE", "EXPIRED", "SUSPENDED")
SOLD = ("5sxvk1mz9q0d7t3wb2hj8rfa", "c0u4pyl6n2e8gx1ki7os5vdzm")
"""Codes of the two products that it sells."""


@dataclass(frozen=True, slots=True)
class License:
    """A license that the hub's account received. `beneficiary` is None where it names nobody."""

    arn: str
    product_sku: str
    product_name: str
    status: str
    beneficiary: str | None
    begin: dt.datetime
    end: dt.datetime | None
    entitlements: tuple[tuple[str, int | None], ...]
    """Names, and how much of each; None where it is granted or not, without a number."""


@dataclass(frozen=True, slots=True)
class Sale:
    """What a customer is entitled to of a product that the organization sells."""

    product_code: str
    dimension: str
    customer_identifier: str
    customer_account_id: str | None
    value: int | bool | str
    expires: dt.datetime


@lru_cache(maxsize=64)
def licenses(seed: int, accounts: tuple[str, ...], count: int, settled: dt.datetime) -> tuple[License, ...]:
    """That many: most of the first account, every fourth of its neighbor."""
    rng = chance(seed, accounts[0], "licenses")
    found = []
    for number in range(count):
        begin = before(rng, settled, 300).replace(microsecond=0)
        product = PRODUCTS[number % len(PRODUCTS)]
        users = ("Users", rng.randrange(1, 400))
        found.append(
            License(
                arn=f"arn:aws:license-manager::{rng.randrange(10**11, 10**12)}:license:l-{rng.getrandbits(128):032x}",
                product_sku=f"prod-{chance(seed, product).getrandbits(60):013x}",
                product_name=product,
                status=rng.choice(STATUSES),
                beneficiary=None if number % 5 == 4 else accounts[1 % len(accounts) if number % 4 == 3 else 0],
                begin=begin,
                end=None if number % 6 == 5 else begin + dt.timedelta(days=730),
                entitlements=(users, ("Support", None)) if number % 2 else (users,),
            )
        )
    return tuple(found)


@lru_cache(maxsize=64)
def sales(seed: int, product_code: str, count: int, settled: dt.datetime) -> tuple[Sale, ...]:
    """The customers of a product, each with another kind of entitlement."""
    rng = chance(seed, "sales", product_code)
    values: tuple[int | bool | str, ...] = (25, True, "enterprise")
    return tuple(
        Sale(
            product_code=product_code,
            dimension=("seats", "premium", "edition")[number % 3],
            customer_identifier=f"{rng.getrandbits(44):011x}",
            customer_account_id=None if number % 7 == 6 else f"{rng.randrange(10**11, 10**12)}",
            value=values[number % 3],
            expires=before(rng, settled, 300) + dt.timedelta(days=730),
        )
        for number in range(count)
    )
