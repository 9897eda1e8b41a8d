"""Kubernetes Events as checks read them: few fields, bounded, whichever of the two Event APIs wrote them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from supportbundle.findings.view import View
from supportbundle.model.findings import Evidence

NORMAL = frozenset({"NotTriggerScaleUp", "Preempted", "TaintManagerEviction", "WaitForFirstConsumer"})
"""Reasons of Events of type Normal that checks look at; of type Warning they see all."""

_CONTAINER = re.compile(r"spec\.(?:initContainers|containers|ephemeralContainers)\{([a-z0-9-]{1,63})\}")


@dataclass(frozen=True, slots=True)
class Told:
    """One Event, or a series of the same. `container` where it is about one; `count` is at least 1."""

    kind: str
    name: str
    container: str
    reason: str
    message: str
    first: datetime | None
    last: datetime | None
    count: int

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Told | None:
        """The Event, if checks look at such."""
        view = View(event)
        about, series = view["involvedObject"], view["series"]
        if view["type"].text() != "Warning" and view["reason"].text() not in NORMAL:
            return None
        made = view["metadata"]["creationTimestamp"].moment()
        first = view["firstTimestamp"].moment() or view["eventTime"].moment() or made
        last = series["lastObservedTime"].moment() or view["lastTimestamp"].moment() or first
        inside = _CONTAINER.fullmatch(about["fieldPath"].text())
        return cls(
            kind=about["kind"].name()[:63],
            name=about["name"].name(),
            container=inside[1] if inside else "",
            reason=view["reason"].name()[:63],
            message=view["message"].said(),
            first=first,
            last=last,
            count=max(1, view["count"].number(), series["count"].number()),
        )

    @property
    def evidence(self) -> Evidence:
        """The Event's own words."""
        times = f" ({self.count} times)" if self.count > 1 else ""
        return Evidence(source=f"Event {self.reason}{times}"[:128], text=self.message, time=self.last)


class EventBook:
    """Events by object and by reason, the newest first."""

    def __init__(self, events: Iterable[Told] = ()) -> None:
        self._by_object: defaultdict[tuple[str, str], list[Told]] = defaultdict(list)
        self._by_reason: defaultdict[str, list[Told]] = defaultdict(list)
        for event in sorted(events, key=age):
            self._by_object[event.kind, event.name].append(event)
            self._by_reason[event.reason].append(event)

    def told(self, *reasons: str) -> Iterator[Told]:
        """Those with one of these reasons."""
        return (event for reason in reasons for event in self._by_reason.get(reason, ()))

    def about(self, kind: str, name: str, *reasons: str) -> tuple[Told, ...]:
        """Those about one object with one of these reasons."""
        return tuple(event for event in self._by_object.get((kind, name), ()) if event.reason in reasons)


def age(event: Told) -> tuple[float, str, str, str, str]:
    """A key that sorts the newest first, and always in the same way."""
    seconds = event.last.timestamp() if event.last else 0.0
    return -seconds, event.kind, event.name, event.reason, event.message
