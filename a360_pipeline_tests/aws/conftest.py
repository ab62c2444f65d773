"""Nothing here reaches the warehouse: the settings lead to the stand-in alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from a360_pipeline.sandbox.aws import StandIn
from a360_pipeline_tests.conftest import lead_to


@pytest.fixture
def environment(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The settings lead to the stand-in."""
    lead_to(stand_in, tmp_path, monkeypatch)
    return stand_in
