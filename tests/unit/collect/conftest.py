"""A cluster and a sink in memory."""

from __future__ import annotations

import pytest

from support.collecting import FakeCluster, FakeSink


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()
