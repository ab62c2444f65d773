"""Names of snapshots: what is a name, and what a person is told of one that is none."""

from __future__ import annotations

import datetime as dt

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a360_pipeline.coverage import GLOBAL
from a360_pipeline.snapshot.key import INTERVALS, BadSnapshot, SnapshotKey

_BOTOCORE = botocore.session.get_session()
REGIONS = sorted(
    region
    for partition in _BOTOCORE.get_available_partitions()
    for region in _BOTOCORE.get_available_regions("ec2", partition_name=partition)
)

accounts = st.text("0123456789", min_size=12, max_size=12)
keys = st.builds(SnapshotKey, accounts, st.sampled_from([GLOBAL, *REGIONS]), st.dates(), st.sampled_from(INTERVALS))


@given(keys)
def test_every_key_is_read_back_from_its_own_name(key: SnapshotKey) -> None:
    assert SnapshotKey.parse(key.path) == key


@pytest.mark.parametrize("region", [GLOBAL, *REGIONS])
def test_every_region_of_every_partition_is_a_region(region: str) -> None:
    assert SnapshotKey.parse(f"123456789012/{region}/2026-03-02_DAILY.json").region == region


def test_a_name_is_taken_apart() -> None:
    assert SnapshotKey.parse("000000000042/eu-west-1/2024-02-29_MONTHLY.json") == SnapshotKey(
        "000000000042", "eu-west-1", dt.date(2024, 2, 29), "MONTHLY"
    )


@given(st.text())
def test_any_text_is_a_key_with_just_that_name_or_a_bad_snapshot(path: str) -> None:
    try:
        key = SnapshotKey.parse(path)
    except BadSnapshot as error:
        assert str(error).startswith("its name ")
    else:
        assert key.path == path


@given(keys, st.data())
def test_a_name_with_one_character_changed_is_another_name_or_none(key: SnapshotKey, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(key.path) - 1))
    character = data.draw(st.characters())
    path = key.path[:place] + character + key.path[place + 1 :]
    try:
        assert SnapshotKey.parse(path).path == path
    except BadSnapshot as error:
        assert "its name" in str(error)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "2026-03-02_DAILY.json",
        "data/123456789012/us-east-1/2026-03-02_DAILY.json",
        "/123456789012/us-east-1/2026-03-02_DAILY.json",
        "12345678901/us-east-1/2026-03-02_DAILY.json",
        "1234567890123/us-east-1/2026-03-02_DAILY.json",
        "\u0661" * 12 + "/us-east-1/2026-03-02_DAILY.json",
        "123456789012/global/2026-03-02_DAILY.json",
        "123456789012/US-EAST-1/2026-03-02_DAILY.json",
        "123456789012/us-east-1/sub/2026-03-02_DAILY.json",
        "123456789012/us-east-\u0661/2026-03-02_DAILY.json",
        "123456789012/us-east-1/2026-3-2_DAILY.json",
        "123456789012/us-east-1/20260302_DAILY.json",
        "123456789012/us-east-1/2026-03-02_HOURLY.json",
        "123456789012/us-east-1/2026-03-02_daily.json",
        "123456789012/us-east-1/2026-03-02.json",
        "123456789012/us-east-1/2026-03-02_DAILY.JSON",
        "123456789012/us-east-1/2026-03-02_DAILY.json.gz",
        "123456789012/us-east-1/2026-03-02_DAILY.json\n",
        "123456789012/us-east-1/2026-03-02_DAILY.json ",
    ],
)
def test_a_bad_name_is_shown_with_what_is_expected_in_its_place(path: str) -> None:
    with pytest.raises(BadSnapshot) as caught:
        SnapshotKey.parse(path)
    said = str(caught.value)
    assert repr(path) in said
    assert "ACCOUNT/REGION/YYYY-MM-DD_INTERVAL.json" in said
    assert "12 digits" in said
    assert GLOBAL in said
    assert all(interval in said for interval in INTERVALS)


@pytest.mark.parametrize("date", ["2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "0000-01-01"])
def test_a_day_that_no_calendar_has_is_named(date: str) -> None:
    with pytest.raises(BadSnapshot, match=f"{date}, which is no date"):
        SnapshotKey.parse(f"123456789012/us-east-1/{date}_DAILY.json")
