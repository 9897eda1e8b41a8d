"""Containers whose memory is nearly at its limit: the next ones to be killed."""

from __future__ import annotations

from decimal import Decimal

from supportbundle.findings.check import Check
from supportbundle.findings.limits import Limit
from supportbundle.findings.seen import Source

_MEMORY = Limit(
    "memory",
    "memory",
    Decimal("0.9"),
    lambda usage: usage.memory,
    lambda size: f"{int(size) >> 20} MiB",
    "At its limit the kernel kills it. The number is the working set, which counts page cache in use, too: see whether "
    "it grows. Raise resources.limits.memory, or take a heap profile.",
)

CHECK = Check(
    "memory-limits",
    "Containers that use 90 % and more of their memory limit now.",
    frozenset({Source.USAGE, Source.PODS}),
    _MEMORY.near,
)
