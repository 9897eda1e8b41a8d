"""A sink over a real fragment and the real sanitizer, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.build import NOW
from supportbundle.archive.footer import read_index
from supportbundle.archive.fragment import FragmentWriter
from supportbundle.archive.index import FragmentIndex, ShardReport
from supportbundle.collector.budget import Budget
from supportbundle.collector.sink import FragmentSink

SECRET = b"correct-horse-battery-17"


@dataclass
class Bench:
    """A sink, and its fragment once it is closed."""

    sink: FragmentSink
    writer: FragmentWriter
    file: Path
    budget: Budget

    def index(self) -> FragmentIndex:
        """Close the fragment and read its index back."""
        self.writer.close(ShardReport(started_at=NOW, finished_at=NOW), self.sink.gaps)
        data = self.file.read_bytes()
        return read_index(lambda start, end: data[start:end], len(data), shard=0)
