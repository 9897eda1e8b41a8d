"""Volumes that cannot be attached or mounted, and containers that ended on a full one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Severity
from supportbundle.findings.ending import endings
from supportbundle.findings.events import Told
from supportbundle.findings.seen import Seen, Source, containers, leaving, name_of

_EVENTS: Final = (
    "FailedMount",
    "FailedAttachVolume",
    "FailedMapVolume",
    "VolumeConditionAbnormal",
    "FileSystemResizeFailed",
)
_ADVICE = (
    "The evidence names the volume. A Secret or ConfigMap may be missing; a volume that one node holds (ReadWriteOnce) "
    "cannot be attached to a second one until the first has let go; else see the CSI driver's pods on that node."
)
_FULL = "no space left on device"
_FULL_ADVICE = (
    "Enlarge the volume that it writes to, or clean it up. The API server does not know how full volumes are."
)


def _run(seen: Seen) -> Iterator[Draft]:
    pending = {name_of(pod) for pod in seen.pods if pod["status"]["phase"].text() == "Pending" and not leaving(pod)}
    told: defaultdict[str, list[Told]] = defaultdict(list)
    for event in seen.told(*_EVENTS):
        if event.kind == "Pod":
            told[event.name].append(event)
    for name, events in told.items():
        yield Draft(
            # A pod that runs or has ended has overcome it, as mounts are tried again; of one that is gone, it is past.
            Severity.CRITICAL if name in pending else Severity.INFO,
            f"{name}: a volume could not be attached or mounted",
            About(kind="Pod", name=name),
            tuple(event.evidence for event in events),
            _ADVICE,
            since=min((event.first for event in events if event.first), default=None),
            last=max((event.last for event in events if event.last), default=None),
            count=sum(event.count for event in events),
        )
    yield from _full(seen)


def _full(seen: Seen) -> Iterator[Draft]:
    """As far as a program's last words tell."""
    for pod in seen.pods:
        name = name_of(pod)
        for container in containers(pod):
            for ending in endings(container):
                if _FULL in ending.said.lower():
                    yield Draft(
                        Severity.WARNING if seen.recent(ending.at) else Severity.INFO,
                        f"{name}/{container.name} ended because no space was left",
                        About(kind="Pod", name=name, container=container.name),
                        (ending.evidence,),
                        _FULL_ADVICE,
                        last=ending.at,
                    )


CHECK = Check(
    "mounts",
    "Volumes that could not be attached or mounted, and programs whose last words were that no space is left.",
    frozenset({Source.EVENTS, Source.PODS}),
    _run,
)
