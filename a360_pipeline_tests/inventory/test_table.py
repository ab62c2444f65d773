"""The inventories' table: made, evolved, and pointed at deliveries, each of which is seen whole or not at all."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from itertools import count

import pyarrow as pa
import pytest

from a360_pipeline.inventory import table as module
from a360_pipeline.inventory.arrow import SCHEMA
from a360_pipeline.inventory.table import Partition, TableDiffers, ViewNotMade
from a360_pipeline.inventory.views import view_name, view_statements
from a360_pipeline.settings import Settings
from a360_pipeline_tests.inventory.cataloguing import (
    ACCOUNT,
    DATABASE,
    DAY,
    INVENTORIES,
    MORNING,
    REGION,
    Inventories,
    asked,
    parquet,
)
from a360_pipeline_tests.sandbox.clients import Clients

NUMBERS = count(1)
EVENING = MORNING + dt.timedelta(hours=18)


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with asked() as clients:
        yield clients


@pytest.fixture
def inventories(clients: Clients) -> Inventories:
    """An empty table of the test's own."""
    made = Inventories(clients, f"objects_{next(NUMBERS)}")
    made.catalog.ensure()
    return made


def counted(bucket: str, day: dt.date = DAY) -> Partition:
    return Partition(day, ACCOUNT, REGION, bucket, "")


def keys(inventories: Inventories, source: str | None = None) -> list[tuple[str, ...]]:
    return inventories.rows(f"SELECT bucketname, key FROM {source or inventories.table} ORDER BY 1, 2")


def test_a_table_without_partitions_answers_no_rows(inventories: Inventories) -> None:
    assert keys(inventories) == []
    found = inventories.glue.get_table(DatabaseName=DATABASE, Name=inventories.table)["Table"]
    assert found["TableType"] == "EXTERNAL_TABLE"
    assert [key["Name"] for key in found["PartitionKeys"]] == ["snapshot_date", "account", "region", "bucketname"]
    assert [column["Name"] for column in found["StorageDescriptor"]["Columns"]] == SCHEMA.names


def test_a_delivery_is_seen_when_its_partition_points_at_it(inventories: Inventories) -> None:
    """I16. Neither MSCK REPAIR nor a folder's name publishes: what lies there unregistered is not seen."""
    body = parquet([{"bucket": "alpha", "key": "a"}])
    location = inventories.deliver("alpha", "first", body)
    assert keys(inventories) == []
    assert inventories.publish("alpha", location)
    assert keys(inventories) == [("alpha", "a")]


def test_the_newest_delivery_of_a_day_stands_and_the_older_is_not_counted_beside_it(inventories: Inventories) -> None:
    """I4. Two deliveries of one day lay in one partition, and objects counted twice."""
    first = inventories.deliver("alpha", "first", parquet([{"key": "a"}, {"key": "b"}]))
    second = inventories.deliver("alpha", "second", parquet([{"key": "b"}, {"key": "c"}]))
    assert inventories.publish("alpha", first, MORNING)
    assert inventories.publish("alpha", second, EVENING)
    assert keys(inventories) == [("alpha", "b"), ("alpha", "c")]


def test_an_older_delivery_that_comes_late_does_not_replace_the_newer(inventories: Inventories) -> None:
    second = inventories.deliver("alpha", "second", parquet([{"key": "new"}]))
    first = inventories.deliver("alpha", "first", parquet([{"key": "old"}]))
    assert inventories.publish("alpha", second, EVENING)
    assert not inventories.publish("alpha", first, MORNING)
    assert keys(inventories) == [("alpha", "new")]
    assert list(inventories.catalog.partitions()) == [
        Partition(DAY, ACCOUNT, REGION, "alpha", second, EVENING, "m/manifest.json")
    ]


def test_publishing_again_changes_nothing_and_says_that_the_delivery_stands(inventories: Inventories) -> None:
    location = inventories.deliver("alpha", "first", parquet([{"key": "a"}]))
    assert inventories.publish("alpha", location)
    assert inventories.publish("alpha", location)
    assert keys(inventories) == [("alpha", "a")]


def test_two_deliveries_of_one_instant_are_ordered_by_their_manifests(inventories: Inventories) -> None:
    left, right = (inventories.deliver("alpha", name, parquet([{"key": name}])) for name in ("left", "right"))
    assert inventories.publish("alpha", right, key="m/2")
    assert not inventories.publish("alpha", left, key="m/1")
    assert keys(inventories) == [("alpha", "right")]


def test_days_accounts_and_buckets_have_partitions_of_their_own(inventories: Inventories) -> None:
    """I16. There was no date, so no history."""
    inventories.put("alpha", "a")
    inventories.put("alpha", "a", "b", day=DAY + dt.timedelta(days=1))
    inventories.put("beta", "c")
    rows = inventories.rows(
        f"SELECT snapshot_date, bucketname, count(*) FROM {inventories.table} GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert rows == [(DAY, "alpha", 1), (DAY, "beta", 1), (DAY + dt.timedelta(days=1), "alpha", 2)]


def test_a_partition_is_removed_once(inventories: Inventories) -> None:
    inventories.put("alpha", "a")
    assert inventories.catalog.unpublish(DAY, ACCOUNT, REGION, "alpha")
    assert not inventories.catalog.unpublish(DAY, ACCOUNT, REGION, "alpha")
    assert keys(inventories) == []


def test_every_one_of_1500_partitions_is_seen(inventories: Inventories) -> None:
    """I17. What a first page of results did not have was taken for absent."""
    location = inventories.deliver("shared", "first", parquet([{"key": "a"}]))
    wanted = [Partition(DAY, ACCOUNT, REGION, f"b{n:04}", location, MORNING, "m") for n in range(1500)]
    for start in range(0, 1500, 100):
        inventories.glue.batch_create_partition(
            DatabaseName=DATABASE,
            TableName=inventories.table,
            PartitionInputList=[one.described([]) for one in wanted[start : start + 100]],
        )
    assert list(inventories.catalog.partitions()) == wanted
    first = inventories.glue.get_partitions(DatabaseName=DATABASE, TableName=inventories.table)
    assert (len(first["Partitions"]), "NextToken" in first) == (1000, True)


def test_a_table_beyond_the_first_page_of_tables_is_found(inventories: Inventories) -> None:
    """I17. A table was looked for in the first page of a listing, and made again."""
    for number in range(100):
        inventories.glue.create_table(DatabaseName=DATABASE, TableInput={"Name": f"another_{number:03}"})
    inventories.put("alpha", "a")
    inventories.catalog.ensure()
    assert keys(inventories) == [("alpha", "a")]
    assert len(inventories.glue.get_tables(DatabaseName=DATABASE)["TableList"]) == 100


def test_a_table_of_an_older_layout_gets_the_new_columns_and_its_partitions_too(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I16. A delivery with other columns than yesterday's broke every query."""
    older = SCHEMA.names[:10]
    inventories = Inventories(clients, f"objects_{next(NUMBERS)}")
    with monkeypatch.context() as before:
        before.setattr(module, "COLUMNS", module.COLUMNS[:10])
        inventories.catalog.ensure()
        old = parquet([{"key": "old", "size": 1}], pa.schema([SCHEMA.field(name) for name in older]))
        inventories.publish("alpha", inventories.deliver("alpha", "first", old))
    inventories.catalog.ensure()
    inventories.publish("beta", inventories.deliver("beta", "first", parquet([{"key": "new", "object_owner": "me"}])))
    assert inventories.rows(f"SELECT key, size, object_owner FROM {inventories.table} ORDER BY key") == [
        ("new", None, "me"),
        ("old", 1, None),
    ]
    held = inventories.glue.get_partitions(DatabaseName=DATABASE, TableName=inventories.table)["Partitions"]
    assert [[c["Name"] for c in one["StorageDescriptor"]["Columns"]] for one in held] == [SCHEMA.names] * 2


def test_columns_of_others_stay_where_they_are(inventories: Inventories) -> None:
    """New columns come last: in the middle they would shift those of partitions that have been there before."""
    glue = inventories.glue
    found = glue.get_table(DatabaseName=DATABASE, Name=inventories.table)["Table"]
    made = {name: found[name] for name in ("Name", "TableType", "Parameters", "PartitionKeys")}
    columns = [{"Name": "of_mine", "Type": "string"}, *found["StorageDescriptor"]["Columns"][:3]]
    glue.update_table(
        DatabaseName=DATABASE,
        TableInput={
            **made,
            "Parameters": {"mine": "too"},
            "StorageDescriptor": {**found["StorageDescriptor"], "Columns": columns},
        },
    )
    inventories.catalog.ensure()
    after = glue.get_table(DatabaseName=DATABASE, Name=inventories.table)["Table"]
    assert [column["Name"] for column in after["StorageDescriptor"]["Columns"]] == ["of_mine", *SCHEMA.names]
    assert after["Parameters"]["mine"] == "too"


def test_a_table_that_is_another_is_left_alone(clients: Clients) -> None:
    inventories = Inventories(clients, f"objects_{next(NUMBERS)}")
    columns = [{"Name": "size", "Type": "string"}]
    inventories.glue.create_table(
        DatabaseName=DATABASE, TableInput={"Name": inventories.table, "StorageDescriptor": {"Columns": columns}}
    )
    with pytest.raises(TableDiffers, match=r"size is string, not bigint; it is partitioned by \(\).*A360_GLUE_TABLE"):
        inventories.catalog.ensure()
    found = inventories.glue.get_table(DatabaseName=DATABASE, Name=inventories.table)["Table"]
    assert found["StorageDescriptor"]["Columns"] == columns


def test_the_view_of_a_harvest_has_what_it_counted_and_nothing_else(inventories: Inventories) -> None:
    """I16. A table was made for each run; a view reads the one table."""
    tomorrow = DAY + dt.timedelta(days=1)
    for bucket, day in (("alpha", DAY), ("alpha", tomorrow), ("beta", DAY), ("gamma", tomorrow)):
        inventories.put(bucket, f"{bucket} {day}", day=day)
    catalog = inventories.catalog
    view = catalog.harvest_view(inventories.engine, "run-1", [counted("alpha"), counted("gamma", tomorrow)])
    assert keys(inventories, view) == [("alpha", f"alpha {DAY}"), ("gamma", f"gamma {tomorrow}")]
    again = catalog.harvest_view(inventories.engine, "run-1", [counted("beta")])
    assert again == view
    assert keys(inventories, view) == [("beta", f"beta {DAY}")]


def test_a_harvest_that_counted_nothing_has_a_view_of_nothing(inventories: Inventories) -> None:
    inventories.put("alpha", "a")
    view = inventories.catalog.harvest_view(inventories.engine, "empty", [])
    assert keys(inventories, view) == []


def test_a_view_too_long_for_one_statement_is_joined_from_several(
    inventories: Inventories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a360_pipeline.inventory.views.view_statements.__defaults__", (160,))
    wanted = [f"bucket-{number:02}" for number in range(5)]
    for bucket in (*wanted, "another"):
        inventories.put(bucket, "a")
    catalog = inventories.catalog
    view = catalog.harvest_view(inventories.engine, "large", map(counted, wanted))
    assert keys(inventories, view) == [(bucket, "a") for bucket in wanted]
    assert {view, f"{view}_part_1", f"{view}_part_2"} < set(_views(inventories))
    catalog.harvest_view(inventories.engine, "large", map(counted, wanted[:1]))
    assert keys(inventories, view) == [(wanted[0], "a")]
    assert [name for name in _views(inventories) if name.startswith(view)] == [view]


def _views(inventories: Inventories) -> list[str]:
    pages = inventories.glue.get_paginator("get_tables").paginate(DatabaseName=DATABASE)
    return [one["Name"] for page in pages for one in page["TableList"] if one.get("TableType") == "VIRTUAL_VIEW"]


def test_a_view_is_dropped_with_its_parts_and_no_other_harvests_is(inventories: Inventories) -> None:
    inventories.put("alpha", "a")
    catalog = inventories.catalog
    mine, other = (catalog.harvest_view(inventories.engine, run, [counted("alpha")]) for run in ("run", "run-2"))
    assert catalog.drop_view("run") == [mine]
    assert catalog.drop_view("run") == []
    assert keys(inventories, other) == [("alpha", "a")]


def test_twenty_thousand_buckets_fit_into_what_athena_takes() -> None:
    wanted = [Partition(DAY, f"{n % 200:012}", f"eu-west-{n % 3 + 1}", f"{n:05}-{'x' * 57}", "") for n in range(20_000)]
    made = list(view_statements(DATABASE, "objects", "objects_large", wanted))
    assert max(len(statement) for _, statement in made) < 262_144
    named = re.findall(r"'(\d{5}-x{57})'", " ".join(statement for _, statement in made))
    assert sorted(named) == [one.bucket for one in wanted]
    assert [name for name, _ in made][-1] == "objects_large"


@pytest.mark.parametrize(
    ("account", "region", "bucket"),
    [
        (ACCOUNT, REGION, "a') OR ('1' = '1"),
        (ACCOUNT, REGION, "a\n"),
        (ACCOUNT, "eu-central-2'", "alpha"),
        ("1' OR '1'='1", REGION, "alpha"),
        ("٠٠٠٠٠٠٠٠٠٠١٢", REGION, "alpha"),
    ],
)
def test_a_name_that_is_not_of_awss_gets_into_no_statement(account: str, region: str, bucket: str) -> None:
    with pytest.raises(ValueError, match="is no account, region or bucket of AWS"):
        list(view_statements(DATABASE, "objects", "v", [Partition(DAY, account, region, bucket, "")]))


def test_a_delivery_without_a_date_is_in_no_view() -> None:
    class Undated:
        snapshot_date, account_id, region, bucket = None, ACCOUNT, REGION, "alpha"

    with pytest.raises(ValueError, match=f"{ACCOUNT}/{REGION}/alpha has no date"):
        list(view_statements(DATABASE, "objects", "v", [Undated()]))


@pytest.mark.parametrize("harvest_id", ["", 'x" AS SELECT', "a/b", "-a", "a" * 129])
def test_an_id_that_is_none_names_no_view(harvest_id: str) -> None:
    with pytest.raises(ValueError, match="is no id of a harvest"):
        view_name("objects", harvest_id)


def test_each_harvest_has_a_view_of_its_own_name() -> None:
    names = [view_name("objects", run) for run in ("a-b", "a_b", "A-b", "a.b")]
    assert len(set(names)) == 4
    assert all(re.fullmatch(r"objects_a_b_[0-9a-f]{8}", name) for name in names)


def test_a_view_that_athena_does_not_make_is_an_error(inventories: Inventories) -> None:
    inventories.glue.delete_table(DatabaseName=DATABASE, Name=inventories.table)
    with pytest.raises(ViewNotMade, match=f"was not made: TABLE_NOT_FOUND: .*{inventories.table}' does not exist"):
        inventories.catalog.harvest_view(inventories.engine, "run", [counted("alpha")])


def test_nothing_is_published_into_a_table_that_is_not_there(clients: Clients) -> None:
    inventories = Inventories(clients, "never_made")
    with pytest.raises(TableDiffers, match=r"a360_inventory.never_made is not there"):
        inventories.publish("alpha", f"s3://{INVENTORIES}/x")


def test_the_catalog_is_where_the_settings_say() -> None:
    settings = Settings()

    class Hub:
        def hub(self, service: str) -> str:
            return f"the client of {service}"

    means = Hub()
    means.settings = settings  # type: ignore[attr-defined]
    catalog = module.Catalog.of(means)  # type: ignore[arg-type]
    assert (catalog.glue, catalog.database, catalog.table, catalog.location) == (
        "the client of glue",
        "a360_inventory",
        "objects",
        "s3://a360-inventory/inventory/",
    )
