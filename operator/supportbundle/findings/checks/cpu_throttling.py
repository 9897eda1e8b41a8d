"""Containers at their CPU limit, where they are throttled.

How long a container was throttled is known to its node alone (cAdvisor), which a namespace's rights do not reach. What
metrics.k8s.io tells is an average over its window; at 95 % of the limit the kernel has throttled parts of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Severity, evidence
from supportbundle.findings.seen import Seen, Source, containers, name_of

NEAR: Final = Decimal("0.95")
_ADVICE = (
    "It uses its whole CPU limit, so the kernel throttles it. Raise or remove resources.limits.cpu, or find what "
    "computes (a CPU profile). container_cpu_cfs_throttled_periods_total of the node's cAdvisor tells how long it was "
    "throttled."
)


def _run(seen: Seen) -> Iterator[Draft]:
    for pod in seen.pods:
        name = name_of(pod)
        for container in containers(pod):
            limit = container.spec["resources"]["limits"]["cpu"].quantity()
            used = seen.usage.get((name, container.name))
            if used is not None and used.cpu is not None and limit and used.cpu >= limit * NEAR:
                percent = min(999, int(used.cpu * 100 / limit))
                yield Draft(
                    Severity.WARNING,
                    f"{name}/{container.name} uses {percent} % of its CPU limit",
                    About(kind="Pod", name=name, container=container.name),
                    (
                        evidence("metrics.k8s.io usage.cpu", f"{used.cpu:.3f} cores", used.time),
                        evidence("spec.containers.resources.limits.cpu", f"{limit:.3f} cores"),
                    ),
                    _ADVICE,
                    last=used.time,
                )


CHECK = Check(
    "cpu-throttling",
    "Containers that use 95 % and more of their CPU limit now; how long they were throttled only the node knows.",
    frozenset({Source.USAGE, Source.PODS}),
    _run,
)
