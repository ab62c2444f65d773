"""The benchmark of consolidation measures what it says: made-up deliveries are genuine, and nothing is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from a360_pipeline.inventory.consolidate import consolidate
from a360_pipeline.inventory.manifest import Format
from a360_pipeline.inventory.places import Folder
from a360_pipeline_tests.inventory.deliveries import rows_of
from benchmarks import inventory
from benchmarks.inventory_deliveries import columns, delivery, made


@pytest.mark.slow
def test_a_tiny_run_measures_every_format(tmp_path: Path) -> None:
    rows = 1200
    source = made(tmp_path, rows)
    written, keys = set(), set()
    for kind in Format:
        target = Folder(tmp_path / kind)
        done = consolidate(Folder(source), delivery(source, kind), target, inventory.WHO)
        assert done.fields == tuple(columns())
        written.add(target.read(done.parts[0]))
        keys.update(rows_of(target, done).column("key").to_pylist())
    assert len(written) == 1, "the formats tell of different objects"
    assert len(keys) == rows
    for part in ("dt=2024-01-01/", "/frame 000250.jpg", "Bücher-"):
        assert any(part in key for key in keys)
    metrics = {}
    for kind in Format:
        metrics |= inventory.PARTS[f"rewrite_{kind.lower()}"](tmp_path, rows)
        metrics |= inventory.PARTS[f"peak_2m_{kind.lower()}"](tmp_path, rows)
    metrics |= inventory.PARTS["peak_40m_orc"](tmp_path, rows)
    metrics = inventory.with_worst(metrics)
    assert metrics["cpu_vs_best_rewrite"] == max(metrics[f"cpu_vs_best_rewrite_{kind.lower()}"] for kind in Format) > 0
    assert metrics["peak_mb_2m"] > 0
    assert metrics["peak_mb_40m"] == metrics["peak_mb_40m_orc"]


def test_a_part_has_the_name_of_what_it_measures() -> None:
    assert len(inventory.PARTS) == 14
    assert inventory.with_worst({"cpu_vs_best_rewrite_csv": 2.0, "cpu_vs_best_rewrite_orc": 3.0, "other": 1.0}) == {
        "cpu_vs_best_rewrite": 3.0,
        "cpu_vs_best_rewrite_csv": 2.0,
        "cpu_vs_best_rewrite_orc": 3.0,
        "other": 1.0,
    }
