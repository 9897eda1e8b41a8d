"""Containers that use nearly all that a limit gives them, by what metrics.k8s.io tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from supportbundle.findings.check import About, Draft, Severity, evidence
from supportbundle.findings.seen import Seen, Usage, containers, name_of


@dataclass(frozen=True, slots=True)
class Limit:
    """One of `resources.limits`, how much of it is much, and how amounts of it are written."""

    resource: str
    title: str
    share: Decimal
    used: Callable[[Usage], Decimal | None]
    shown: Callable[[Decimal], str]
    advice: str

    def near(self, seen: Seen) -> Iterator[Draft]:
        """A warning for each container at or above the share."""
        for pod in seen.pods:
            name = name_of(pod)
            for container in containers(pod):
                limit = container.spec["resources"]["limits"][self.resource].quantity()
                usage = seen.usage.get((name, container.name))
                used = self.used(usage) if usage else None
                if usage is None or used is None or not limit or used < limit * self.share:
                    continue
                yield Draft(
                    Severity.WARNING,
                    f"{name}/{container.name} uses {min(999, int(used * 100 / limit))} % of its {self.title} limit",
                    About(kind="Pod", name=name, container=container.name),
                    (
                        evidence(f"metrics.k8s.io usage.{self.resource}", self.shown(used), usage.time),
                        evidence(f"spec.containers.resources.limits.{self.resource}", self.shown(limit)),
                    ),
                    self.advice,
                    last=usage.time,
                )
