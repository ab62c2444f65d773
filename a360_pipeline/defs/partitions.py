"""Partitions: a day and an account; regions live inside, in the coverage ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

import dagster as dg

from a360_pipeline.settings import load_settings

ACCOUNT = "account"
DATE = "date"

ACCOUNTS = dg.DynamicPartitionsDefinition(name=ACCOUNT)


def _first_day() -> dt.date:
    return dt.datetime.now(dt.UTC).date() - dt.timedelta(days=load_settings().partition_days - 1)


# The partition of a day exists from its first minute: the file's date is the day of the run.
DAYS = dg.DailyPartitionsDefinition(start_date=_first_day().isoformat(), end_offset=1)
ACCOUNT_DAYS = dg.MultiPartitionsDefinition({ACCOUNT: ACCOUNTS, DATE: DAYS})


def partition_key(account_id: str, day: str) -> dg.MultiPartitionKey:
    return dg.MultiPartitionKey({ACCOUNT: account_id, DATE: day})


def ranges(known: Sequence[str], wanted: Iterable[str], size: int) -> Iterator[tuple[str, str]]:
    """First and last account of ranges that hold `wanted` and nothing else, at most `size` accounts each.

    A range runs in the order in which Dagster keeps dynamic partitions: that of their insertion, as
    `known` has it. Whatever lies between two wanted accounts ends a range.
    """
    chosen = set(wanted)
    first = last = ""
    length = 0
    for account_id in (*known, ""):
        if length and (account_id not in chosen or length == size):
            yield first, last
            length = 0
        if account_id in chosen:
            first = first if length else account_id
            last = account_id
            length += 1


def range_tags(first: str, last: str, day: str) -> dict[str, str]:
    """The run tags that ask for all accounts from first to last on one day."""
    return {
        "dagster/asset_partition_range_start": str(partition_key(first, day)),
        "dagster/asset_partition_range_end": str(partition_key(last, day)),
    }
