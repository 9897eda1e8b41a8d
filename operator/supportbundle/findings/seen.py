"""What the checks look at: the objects that a Findings collector has read, and which of them it could not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from supportbundle.findings.events import EventBook, Told
from supportbundle.findings.view import View

RECENT = timedelta(hours=24)
"""What is longer ago is told, but as information."""

_LISTS = (
    ("initContainers", "initContainerStatuses"),
    ("containers", "containerStatuses"),
    ("ephemeralContainers", "ephemeralContainerStatuses"),
)

_READY = {
    "DaemonSet": ("status.desiredNumberScheduled", "numberReady"),
    "Deployment": ("spec.replicas", "availableReplicas"),
    "ReplicaSet": ("spec.replicas", "readyReplicas"),
    "StatefulSet": ("spec.replicas", "readyReplicas"),
}


class Source(StrEnum):
    """What a check may need; a source is either read whole or said to be missing."""

    PODS = "pods"
    EVENTS = "events"
    WORKLOADS = "workloads"
    CLAIMS = "persistentvolumeclaims"
    USAGE = "metrics.k8s.io"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container uses: `cpu` in cores, `memory` in bytes; None where that is not told."""

    cpu: Decimal | None
    memory: Decimal | None
    time: datetime | None


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod: what is asked for, and how it is. `where` is the path of its status in the pod."""

    name: str
    spec: View
    status: View
    where: str
    init: bool


@dataclass(frozen=True, slots=True)
class Replicas:
    """Pods that a workload should have and has ready; `wanted_at` and `ready_at` are where it tells so."""

    wanted_at: str
    wanted: int
    ready_at: str
    ready: int


@dataclass(frozen=True, slots=True)
class Seen:
    """`pods` are the targets, `workloads` what made them, `claims` the PersistentVolumeClaims that they use.

    `absent` names claims that do not exist. `usage` is by pod and container. `unread` are the sources that could not
    be read, or not all of them.
    """

    now: datetime
    pods: tuple[View, ...] = ()
    workloads: tuple[View, ...] = ()
    claims: tuple[View, ...] = ()
    absent: tuple[str, ...] = ()
    events: EventBook = field(default_factory=EventBook)
    usage: Mapping[tuple[str, str], Usage] = field(default_factory=dict)
    unread: frozenset[Source] = frozenset()

    def told(self, *reasons: str) -> Iterator[Told]:
        """The Events with one of these reasons."""
        return self.events.told(*reasons)

    def about(self, kind: str, name: str, *reasons: str) -> tuple[Told, ...]:
        """The Events about one object, the newest first."""
        return self.events.about(kind, name, *reasons)

    def recent(self, moment: datetime | None) -> bool:
        """Whether it was within a day; what has no time counts as recent."""
        return moment is None or self.now - moment <= RECENT


def name_of(obj: View) -> str:
    """The object's own name."""
    return obj["metadata"]["name"].name()


def replicas(workload: View) -> Replicas | None:
    """None if it keeps no number of pods, or does not tell how many: the API server fills in `spec.replicas`."""
    fields = _READY.get(workload["kind"].text())
    if fields is None:
        return None
    wanted_at, ready_field = fields
    part, _, wanted_field = wanted_at.partition(".")
    wanted = workload[part][wanted_field]
    if not wanted:
        return None
    ready = workload["status"][ready_field].number()
    return Replicas(wanted_at, wanted.number(), f"status.{ready_field}", ready)


def leaving(pod: View) -> bool:
    """Whether it is being deleted: much is wrong with it then, and rightly so."""
    return bool(pod["metadata"]["deletionTimestamp"])


def over(pod: View) -> bool:
    """Whether none of its containers will run again."""
    return pod["status"]["phase"].text() in {"Succeeded", "Failed"}


def containers(pod: View) -> Iterator[Container]:
    """All containers with a status, in the order of the pod."""
    for spec_field, status_field in _LISTS:
        for place, status in pod["status"][status_field].each():
            name = status["name"].text()
            yield Container(
                name=status["name"].name()[:63],
                spec=pod["spec"][spec_field].first("name", name),
                status=status,
                where=f"status.{status_field}[{place}]",
                init=spec_field == "initContainers",
            )
