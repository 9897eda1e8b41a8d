"""A dry run's samples: read and sanitized like everything else, then counted instead of kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from supportbundle.archive.index import MemberMeta
from supportbundle.archive.spool import ClosedMember
from supportbundle.model.plan import DryRun
from supportbundle.model.sampling import MILLISECONDS, counter_of


class Sampler:
    """Takes finished members in place of a fragment."""

    def __init__(self, dry_run: DryRun) -> None:
        self._places = {forecast.collector: place for place, forecast in enumerate(dry_run.forecasts)}
        self._bytes: Counter[str] = Counter()

    def count(self, member: ClosedMember, meta: MemberMeta) -> None:
        """Count and drop. A log that was cut tells how long it is."""
        member.discard()
        told = meta.notes.get("logBytes", 0)
        size = max(meta.source_bytes, told if isinstance(told, int) else 0)
        self._bytes[counter_of(self._places[meta.collector])] += size

    def stats(self, seconds: float) -> Mapping[str, int]:
        """The counters for the shard's report."""
        return {**self._bytes, MILLISECONDS: max(1, round(seconds * 1000))}
