"""Containers at their CPU limit, where they are throttled.

How long a container was throttled is known to its node alone (cAdvisor), which a namespace's rights do not reach. What
metrics.k8s.io tells is an average over its window; at 95 % of the limit the kernel has throttled parts of it.
"""

from __future__ import annotations

from decimal import Decimal

from supportbundle.findings.check import Check
from supportbundle.findings.limits import Limit
from supportbundle.findings.seen import Source

_CPU = Limit(
    "cpu",
    "CPU",
    Decimal("0.95"),
    lambda usage: usage.cpu,
    lambda cores: f"{cores:.3f} cores",
    "It uses its whole CPU limit, so the kernel throttles it. Raise or remove resources.limits.cpu, or find what "
    "computes (a CPU profile). container_cpu_cfs_throttled_periods_total of the node's cAdvisor tells how long it was "
    "throttled.",
)

CHECK = Check(
    "cpu-throttling",
    "Containers that use 95 % and more of their CPU limit now; how long they were throttled only the node knows.",
    frozenset({Source.USAGE, Source.PODS}),
    _CPU.near,
)
