"""Containers whose memory is nearly at its limit: the next ones to be killed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Severity, evidence
from supportbundle.findings.seen import Seen, Source, containers, name_of

NEAR: Final = Decimal("0.9")
_ADVICE = (
    "At its limit the kernel kills it. The number is the working set, which counts page cache in use, too: see whether "
    "it grows. Raise resources.limits.memory, or take a heap profile."
)


def _run(seen: Seen) -> Iterator[Draft]:
    for pod in seen.pods:
        name = name_of(pod)
        for container in containers(pod):
            limit = container.spec["resources"]["limits"]["memory"].quantity()
            used = seen.usage.get((name, container.name))
            if used is not None and used.memory is not None and limit and used.memory >= limit * NEAR:
                percent = min(999, int(used.memory * 100 / limit))
                yield Draft(
                    Severity.WARNING,
                    f"{name}/{container.name} uses {percent} % of its memory limit",
                    About(kind="Pod", name=name, container=container.name),
                    (
                        evidence("metrics.k8s.io usage.memory", f"{int(used.memory) >> 20} MiB", used.time),
                        evidence("spec.containers.resources.limits.memory", f"{int(limit) >> 20} MiB"),
                    ),
                    _ADVICE,
                    last=used.time,
                )


CHECK = Check(
    "memory-limits",
    "Containers that use 90 % and more of their memory limit now.",
    frozenset({Source.USAGE, Source.PODS}),
    _run,
)
