"""What a collector's planning may know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from supportbundle.model.cluster import ClusterFacts
from supportbundle.model.pod import PodFacts


@dataclass(frozen=True, slots=True)
class PlanContext:
    """`pods` are those that the collector's target selects, by name; `now` is the instant of planning (UTC).

    `cluster` is there where a collector asks for it and the admin allows it. `probing`: ports that nobody has named may
    be asked.
    """

    namespace: str
    pods: tuple[PodFacts, ...]
    now: datetime
    cluster: ClusterFacts | None = None
    probing: bool = False
