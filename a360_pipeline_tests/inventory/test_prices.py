"""What storage is estimated to cost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from botocore.session import get_session

from a360_pipeline.inventory.prices import GB, KB, PRICES, STORAGE_USD_PER_GB_MONTH, monthly_usd

UNPRICED = {
    "OUTPOSTS",
    "SNOW",
    "FSX_OPENZFS",
    "FSX_ONTAP",
    "AWS_BACKUP_WARM",
    "AWS_BACKUP_LOW_COST_WARM",
}


def test_a_gb_costs_what_the_list_says() -> None:
    assert monthly_usd(GB, "STANDARD") == Decimal("0.023") == STORAGE_USD_PER_GB_MONTH["STANDARD"]
    assert monthly_usd(GB, "GLACIER_IR") == Decimal("0.004")
    assert monthly_usd(GB, "EXPRESS_ONEZONE") == Decimal("0.11")


def test_a_small_object_is_billed_as_the_smallest_of_its_class() -> None:
    assert monthly_usd(1, "STANDARD_IA") == monthly_usd(128 * KB, "STANDARD_IA") == 128 * KB * Decimal("0.0125") / GB
    assert monthly_usd(128 * KB + 1, "STANDARD_IA") > monthly_usd(128 * KB, "STANDARD_IA")  # type: ignore[operator]
    assert monthly_usd(1, "STANDARD") == Decimal("0.023") / GB


def test_an_archived_object_pays_for_its_metadata() -> None:
    """32 KB of it at the archive's price, and 8 KB at that of STANDARD."""
    metadata = (32 * KB * Decimal("0.00099") + 8 * KB * Decimal("0.023")) / GB
    assert monthly_usd(0, "DEEP_ARCHIVE") == metadata
    assert monthly_usd(GB, "DEEP_ARCHIVE") == Decimal("0.00099") + metadata


def test_intelligent_tiering_costs_what_its_tier_does() -> None:
    tiers = ("FREQUENT", "INFREQUENT", "ARCHIVE_INSTANT", "ARCHIVE_INSTANT_ACCESS")
    found = [monthly_usd(GB, "INTELLIGENT_TIERING", tier) for tier in tiers]
    assert found == [Decimal("0.023"), Decimal("0.0125"), Decimal("0.004"), Decimal("0.004")]
    assert monthly_usd(GB, "INTELLIGENT_TIERING", "ARCHIVE") == monthly_usd(GB, "GLACIER")
    assert monthly_usd(GB, "INTELLIGENT_TIERING") == Decimal("0.023")


@pytest.mark.parametrize(
    ("size", "storage_class", "tier"),
    [
        (None, "STANDARD", None),
        (1, None, None),
        (1, "OUTPOSTS", None),
        (1, "OF_TOMORROW", None),
        (1, "INTELLIGENT_TIERING", "OF_TOMORROW"),
    ],
)
def test_what_is_not_known_costs_nothing_that_can_be_told(
    size: int | None, storage_class: str | None, tier: str | None
) -> None:
    assert monthly_usd(size, storage_class, tier) is None


def test_every_class_that_s3_knows_has_a_price_or_a_reason_to_have_none() -> None:
    classes = get_session().get_service_model("s3").shape_for("StorageClass").enum
    assert set(classes) == PRICES.keys() | UNPRICED
