"""Containers that cannot be created or started, but for their image: a missing ConfigMap, a wrong command, a device."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Evidence, Severity, evidence
from supportbundle.findings.seen import Container, Seen, Source, containers, leaving, name_of
from supportbundle.findings.view import View

CANNOT: Final = {
    "CreateContainerConfigError": (
        "its configuration cannot be made",
        "The evidence names the Secret, the ConfigMap or the key that is missing; create it, or mark it optional.",
    ),
    "CreateContainerError": (
        "it cannot be created",
        "See the evidence: often a wrong path or mount, or a runtime that is in trouble on this node.",
    ),
    "RunContainerError": (
        "it cannot be run",
        "See the evidence: often a command that is not in the image, or rights that the runtime refuses.",
    ),
    "StartError": ("it cannot be started", "See the evidence: often a command that is not in the image."),
    "ContainerCannotRun": ("it cannot be run", "See the evidence: often a command that is not in the image."),
    "PostStartHookError": ("its postStart hook fails", "Correct lifecycle.postStart; the Event shows what it wrote."),
}
"""Reasons of the kubelet and of the runtimes, with what they mean and what to do."""

SLOW: Final = timedelta(minutes=5)
"""How long a pod may take from its node to its containers."""

_SANDBOX = "FailedCreatePodSandBox"
_SLOW_ADVICE = (
    "Read the Events of the pod: network plugin (FailedCreatePodSandBox), volumes (see the check mounts), or an init "
    "container that does not end (its log)."
)


def _run(seen: Seen) -> Iterator[Draft]:
    for pod in seen.pods:
        if leaving(pod):
            continue
        told = [draft for container in containers(pod) if (draft := _cannot(seen, pod, container)) is not None]
        yield from told or _slow(seen, pod)


def _cannot(seen: Seen, pod: View, container: Container) -> Draft | None:
    name = name_of(pod)
    for state in ("waiting", "terminated"):
        found = container.status["state"][state]
        known = CANNOT.get(found["reason"].text())
        if known is not None:
            events = seen.about("Pod", name, "Failed", "FailedPostStartHook")
            return Draft(
                Severity.CRITICAL,
                f"{name}/{container.name} does not start: {known[0]}",
                About(kind="Pod", name=name, container=container.name),
                (
                    evidence(
                        f"{container.where}.state.{state}", f"{found['reason'].text()}: {found['message'].text()}"
                    ),
                    *(event.evidence for event in events if event.container in {container.name, ""}),
                ),
                known[1],
                since=pod["status"]["startTime"].moment(),
            )
    return None


def _slow(seen: Seen, pod: View) -> Iterator[Draft]:
    """A pod that has a node and still no running container."""
    status, name = pod["status"], name_of(pod)
    started = status["startTime"].moment()
    if status["phase"].text() != "Pending" or started is None or _waits_for_image(pod):
        return
    sandbox = seen.about("Pod", name, _SANDBOX)
    if seen.now - started < SLOW and not sandbox:
        return
    minutes = max(0, int((seen.now - started).total_seconds() // 60))
    yield Draft(
        Severity.CRITICAL if sandbox else Severity.WARNING,
        f"{name} has had a node for {minutes} minutes and does not run",
        About(kind="Pod", name=name),
        (*_states(pod), *(event.evidence for event in sandbox)),
        _SLOW_ADVICE,
        since=started,
    )


def _waits_for_image(pod: View) -> bool:
    """That is another check's."""
    return any("Image" in container.status["state"]["waiting"]["reason"].text() for container in containers(pod))


def _states(pod: View) -> Iterator[Evidence]:
    yield evidence("status.phase", "Pending", pod["status"]["startTime"].moment())
    for container in containers(pod):
        for state, found in container.status["state"].fields():
            yield evidence(f"{container.where}.state", f"{container.name}: {state} {found['reason'].text()}".strip())


CHECK = Check(
    "container-starts",
    "Containers that cannot be created or started, and pods that have a node and do not come to run.",
    frozenset({Source.PODS}),
    _run,
    helps=frozenset({Source.EVENTS}),
)
