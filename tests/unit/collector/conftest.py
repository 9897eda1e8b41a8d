"""The bench on which sinks are tested."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.build import NOW
from support.sink import SECRET, Bench
from supportbundle.archive.fragment import FragmentWriter
from supportbundle.collector.budget import Budget
from supportbundle.collector.quoting import Quoting
from supportbundle.collector.sink import FragmentSink
from supportbundle.collector.slots import Slots
from supportbundle.sanitize import KnownSecret, Sanitizer


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """One shard's sink with a budget of 1 MiB."""
    file = tmp_path / "fragment"
    known = [KnownSecret("db/password", SECRET)]
    budget = Budget(1 << 20)
    with ThreadPoolExecutor(1) as pool, FragmentWriter(file, shard=0, modified=NOW) as writer:
        sink = FragmentSink(
            writer.append,
            Quoting(Sanitizer.build(known), known),
            scratch=tmp_path,
            pool=pool,
            budget=budget,
            slots=Slots(),
            clock=lambda: NOW,
        )
        yield Bench(sink, writer, file, budget)
