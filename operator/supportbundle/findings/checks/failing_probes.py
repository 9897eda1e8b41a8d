"""Probes that fail, as the kubelet's Events tell, and containers that run and are not ready."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Severity, evidence
from supportbundle.findings.events import Told
from supportbundle.findings.seen import Container, Seen, Source, containers, leaving, name_of, over
from supportbundle.findings.view import View

UNREADY: Final = timedelta(minutes=2)
"""How long a container may run without being ready before that is told without an Event."""

_KINDS: Final = {"Readiness": "readiness", "Liveness": "liveness", "Startup": "startup"}
_ADVICE: Final = {
    "readiness": (
        "The pod gets no traffic while it fails. See what the probe asks (spec.containers.readinessProbe), whether the "
        "program listens there, and what it waits for."
    ),
    "liveness": (
        "The kubelet restarts the container when it fails often enough. See whether the program hangs (a goroutine or "
        "thread dump), or whether timeoutSeconds is too short for a busy one; a startupProbe gives slow starts time."
    ),
    "startup": (
        "The kubelet restarts the container when it fails to the end. Give it more time (failureThreshold times "
        "periodSeconds), or see in the log why it does not come up."
    ),
    "": "The container runs and says that it is not ready. See its readiness or startup probe, and its log.",
}


def _run(seen: Seen) -> Iterator[Draft]:
    told: defaultdict[tuple[str, str], list[Told]] = defaultdict(list)
    for event in seen.told("Unhealthy"):
        if event.kind == "Pod":
            told[event.name, event.container].append(event)
    for pod in seen.pods:
        name = name_of(pod)
        for container in containers(pod):
            events = [*told.pop((name, container.name), ()), *told.pop((name, ""), ())]
            if leaving(pod) or over(pod):
                continue
            draft = _failing(seen, pod, container, events)
            if draft is not None:
                yield draft
    for (pod_name, name_inside), events in told.items():
        yield _gone(pod_name, name_inside, events)


def _failing(seen: Seen, pod: View, container: Container, events: list[Told]) -> Draft | None:
    """Of a container that is there."""
    running = container.status["state"]["running"]
    ready = container.status["ready"].truth()
    since = running["startedAt"].moment()
    unready = bool(running) and ready is False and _waits(container)
    if not events and not (unready and since is not None and seen.now - since >= UNREADY):
        return None
    name, kind = name_of(pod), _kind(events)
    verb = "fails" if not ready else "failed"
    state = "is not ready" if unready else "is ready now" if ready else "does not run now"
    return Draft(
        Severity.CRITICAL if unready or (kind != "readiness" and not ready) else Severity.WARNING,
        f"{name}/{container.name} {state}; " + (f"its {kind} probe {verb}" if kind else "no Event tells why"),
        About(kind="Pod", name=name, container=container.name),
        (
            evidence(f"{container.where}.ready", str(ready).lower(), since),
            *(event.evidence for event in events),
        ),
        _ADVICE[kind],
        since=min((event.first for event in events if event.first), default=since),
        last=max((event.last for event in events if event.last), default=None),
        count=sum(event.count for event in events) or None,
    )


def _gone(pod: str, container: str, events: list[Told]) -> Draft:
    """Of a pod that is not looked at, or not there any more: only Events are left."""
    kind = _kind(events)
    return Draft(
        Severity.INFO,
        f"{pod}/{container}: its {kind or 'probe'} probe failed" if kind else f"{pod}: a probe failed",
        About(kind="Pod", name=pod, container=container or None),
        tuple(event.evidence for event in events),
        _ADVICE[kind],
        since=min((event.first for event in events if event.first), default=None),
        last=max((event.last for event in events if event.last), default=None),
        count=sum(event.count for event in events),
    )


def _waits(container: Container) -> bool:
    """Whether a probe decides about it. Without one a container is ready as soon as it runs."""
    return bool(container.spec["readinessProbe"] or container.spec["startupProbe"])


def _kind(events: list[Told]) -> str:
    """The worst kind that failed; messages begin with it."""
    found = {_KINDS.get(event.message.partition(" ")[0], "") for event in events}
    return next((kind for kind in ("liveness", "startup", "readiness") if kind in found), "")


CHECK = Check(
    "failing-probes",
    "Readiness, liveness and startup probes that fail, and containers that run without being ready.",
    frozenset({Source.PODS, Source.EVENTS}),
    _run,
)
