"""What each account pays for each service on each day: a pure function, so that any period adds up."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import lru_cache

from a360_pipeline.sandbox.facts.chance import draw

USD_A_DAY = {
    "Amazon Elastic Compute Cloud - Compute": 180,
    "EC2 - Other": 45,
    "Amazon Simple Storage Service": 62,
    "Amazon Relational Database Service": 95,
    "AWS Key Management Service": 3,
    "AmazonCloudWatch": 14,
    "AWS Lambda": 8,
    "Amazon Virtual Private Cloud": 21,
    "Beaconline Log Search (Pay-As-You-Go)": 16,
    "Ironquay Firewall VM": 27,
    "Tidewater Base Image, Hardened": 2,
}
"""About what an account pays a day, by service or product as Cost Explorer calls it."""
SERVICES = tuple(USD_A_DAY)
MARKETPLACE = ("Beaconline Log Search (Pay-As-You-Go)", "Ironquay Firewall VM", "Tidewater Base Image, Hardened")
"""Those that are sold by others through AWS Marketplace."""
BILLING_ENTITY = {name: "AWS Marketplace" if name in MARKETPLACE else "AWS" for name in SERVICES}
"""Who bills for it, as Cost Explorer calls them."""
ALWAYS_USED = "AWS Key Management Service"
WEEKDAYS = (105, 108, 107, 106, 103, 88, 83)
"""Per cent of the usual amount, from Monday."""
SCALE = 10
"""Decimals of an amount, as many as Cost Explorer gives."""

TWICE_A_DOLLAR = 20_000_000_000
"""In units of the last decimal: an account pays up to twice what is typical."""


@lru_cache(maxsize=4096)
def level(seed: int, account_id: str, service: str) -> int:
    """What is usual, in units of the last decimal; zero where the account does not use the service."""
    number = draw(seed, account_id, service)
    if service not in USD_A_DAY or (number % 4 == 0 and service != ALWAYS_USED):
        return 0
    return USD_A_DAY[service] * (number // 4 % TWICE_A_DOLLAR + 1)


@lru_cache(maxsize=200_000)
def cost(seed: int, account_id: str, service: str, date: dt.date) -> Decimal:
    """The cost of one day in US dollars, with up to ten decimals: the usual, give or take 30 per cent."""
    usual = level(seed, account_id, service)
    if not usual:
        return Decimal(0)
    swing = 700_000 + draw(seed, account_id, service, date) % 600_001
    return Decimal(usual * WEEKDAYS[date.weekday()] * swing // 10**8).scaleb(-SCALE)
