"""What S3 asks for storage: the list prices of us-east-1 in 2026, for estimates and no bill.

Of each class the price of its first tier of volume is taken. Discounts, requests, retrievals, the monitoring of
Intelligent-Tiering and minimum storage durations are left out, and so are the key names of delete markers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

GB_BITS = 30
GB = 1 << GB_BITS
"""Bytes of what S3 bills as a GB."""
KB = 2**10


@dataclass(frozen=True, slots=True)
class Price:
    """Of a month of storage in a class, or in an access tier of Intelligent-Tiering."""

    usd_per_gb: Decimal
    smallest: int = 0
    """Bytes that a smaller object is billed as."""
    overhead: int = 0
    """Bytes of metadata billed with each object, at the class's own price."""
    standard_overhead: int = 0
    """Bytes of metadata billed with each object, at the price of STANDARD."""


STANDARD = Decimal("0.023")
_INFREQUENT = Decimal("0.0125")
_ONE_ZONE = Decimal("0.01")
_INSTANT = Decimal("0.004")
_GLACIER = Decimal("0.0036")
_DEEP = Decimal("0.00099")


def _archived(usd: Decimal) -> Price:
    return Price(usd, overhead=32 * KB, standard_overhead=8 * KB)


TIERED = "INTELLIGENT_TIERING"
PRICES: Mapping[str, Price] = {
    "STANDARD": Price(STANDARD),
    "REDUCED_REDUNDANCY": Price(Decimal("0.024")),
    "STANDARD_IA": Price(_INFREQUENT, smallest=128 * KB),
    "ONEZONE_IA": Price(_ONE_ZONE, smallest=128 * KB),
    # Every object begins in the frequent tier; where no tier was delivered that is the most it can cost.
    TIERED: Price(STANDARD),
    "GLACIER_IR": Price(_INSTANT, smallest=128 * KB),
    "GLACIER": _archived(_GLACIER),
    "DEEP_ARCHIVE": _archived(_DEEP),
    "EXPRESS_ONEZONE": Price(Decimal("0.11")),
}
"""By storage class. What is billed by capacity or elsewhere (OUTPOSTS, SNOW, FSX_OPENZFS, FSX_ONTAP,
AWS_BACKUP_WARM, AWS_BACKUP_LOW_COST_WARM), and any class not known here, has no price."""

_TIERS: Mapping[str, Price] = {
    "FREQUENT": Price(STANDARD),
    "INFREQUENT": Price(_INFREQUENT),
    "ARCHIVE_INSTANT": Price(_INSTANT),
    "ARCHIVE": _archived(_GLACIER),
    "DEEP_ARCHIVE": _archived(_DEEP),
}
TIER_PRICES: Mapping[str, Price] = {**_TIERS, **{f"{name}_ACCESS": price for name, price in _TIERS.items()}}
"""By access tier of Intelligent-Tiering. Inventories and the API name the same tiers with and without a last word."""

STORAGE_USD_PER_GB_MONTH: Mapping[str, Decimal] = {name: price.usd_per_gb for name, price in PRICES.items()}


def price_of(storage_class: str | None, access_tier: str | None = None) -> Price | None:
    """None for a class or tier without a known price, and where no class was delivered."""
    if storage_class == TIERED and access_tier is not None:
        return TIER_PRICES.get(access_tier)
    return PRICES.get(storage_class or "")


def monthly_usd(size: int | None, storage_class: str | None, access_tier: str | None = None) -> Decimal | None:
    """Estimated dollars for a month of one object's storage; None where size or price is unknown."""
    price = price_of(storage_class, access_tier)
    if price is None or size is None:
        return None
    own = (max(size, price.smallest) + price.overhead) * price.usd_per_gb
    return (own + price.standard_overhead * STANDARD) / GB
