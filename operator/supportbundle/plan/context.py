"""What a collector's planning may know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from supportbundle.model.pod import PodFacts


@dataclass(frozen=True, slots=True)
class PlanContext:
    """`pods` are those that the collector's target selects, by name; `now` is the instant of planning (UTC)."""

    namespace: str
    pods: tuple[PodFacts, ...]
    now: datetime
