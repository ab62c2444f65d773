"""The benchmark of the roll-up compares it with what does the same work."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from a360_pipeline_tests.inventory.rolling import by_prefix, read
from benchmarks import inventory_rollup


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What a process of its own would make."""
    inventory_rollup.make(tmp_path / "rollup-3000", 3000)
    return tmp_path


def test_the_plain_way_finds_the_same_objects_and_bytes(made: Path) -> None:
    metrics = inventory_rollup.rollup(made, 3000)
    folder, out = made / "rollup-3000" / inventory_rollup.FOLDER, made / "out.parquet"
    duckdb.sql(inventory_rollup.PLAIN.format(folder=folder, out=out))
    plain = {
        f"{row['prefix']}/" if row["prefix"] else "": {"objects": row["objects"], "bytes": row["bytes"]}
        for row in read(out)
    }
    assert plain == by_prefix(made / "rollup", ("objects", "bytes"))
    assert metrics["rollup_prefixes"] == len(plain) > 3000 / 11
    assert metrics["rollup_objects_per_s"] > 0


def test_the_two_are_compared_where_both_were_measured(made: Path) -> None:
    metrics = inventory_rollup.plain(made, 3000)
    metrics |= {"rollup_cpu_us_per_object": 2.0, "rollup_cpu_us_per_object_plain": 5.0}
    assert inventory_rollup.compared(metrics) == {"rollup_vs_duckdb": 0.4}
    assert inventory_rollup.compared({"rollup_cpu_us_per_object": 2.0}) == {}
