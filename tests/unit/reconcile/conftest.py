"""The world in which reconciliation is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.universe import Universe, small_world


@pytest.fixture
def universe(tmp_path: Path) -> Universe:
    return small_world(tmp_path)
