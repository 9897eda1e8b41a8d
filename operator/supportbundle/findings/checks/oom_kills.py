"""Containers that the kernel killed for their memory."""

from __future__ import annotations

from collections.abc import Iterator

from supportbundle.findings.check import About, Check, Draft, Severity, evidence
from supportbundle.findings.ending import endings
from supportbundle.findings.seen import Seen, Source, containers, name_of

_ADVICE = (
    "The container, or a process in it, used more memory than its limit (or, without one, than the node had). Raise "
    "resources.limits.memory, or find what grows: a heap profile before the kill, and the runtime's own limit "
    "(GOMEMLIMIT, -XX:MaxRAMPercentage, --max-old-space-size) below the container's."
)


def _run(seen: Seen) -> Iterator[Draft]:
    for pod in seen.pods:
        name = name_of(pod)
        for container in containers(pod):
            limit = container.spec["resources"]["limits"]["memory"].name()[:40]
            shown = f"the limit is {limit}" if limit else "it has no limit of its own"
            for ending in endings(container):
                if ending.reason == "OOMKilled":
                    yield Draft(
                        Severity.CRITICAL if seen.recent(ending.at) else Severity.INFO,
                        f"{name}/{container.name} was killed for its memory; {shown}",
                        About(kind="Pod", name=name, container=container.name),
                        (ending.evidence, evidence("spec.containers.resources.limits.memory", limit or "not set")),
                        _ADVICE,
                        last=ending.at,
                        count=container.status["restartCount"].number() or None,
                    )


CHECK = Check(
    "oom-kills",
    "Containers whose last end was OOMKilled. Only the last two ends of a container are known to the API server.",
    frozenset({Source.PODS}),
    _run,
)
