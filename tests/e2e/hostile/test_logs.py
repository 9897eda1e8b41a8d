"""Logs without an end and lines without one: cut to their limit, in bounded time and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.driving import Besieged
from support.kube import kubectl, until

pytestmark = pytest.mark.e2e
LIMIT = 1 << 20
MEMORY = 24 << 20


RunPod = Callable[[dict[str, Any]], None]
LOGS = {"type": "Logs", "logs": {"maxBytesPerContainer": LIMIT, "previous": False}}


def pod(name: str, *args: str) -> dict[str, Any]:
    resources = {"limits": {"cpu": "200m", "memory": "128Mi"}, "requests": {"cpu": "1m", "memory": "8Mi"}}
    container = {
        "name": "app",
        "image": "localhost/sb-workload:test",
        "imagePullPolicy": "IfNotPresent",
        "args": list(args),
        "resources": resources,
    }
    spec = {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


async def test_an_endless_log_is_cut_to_new_lines(besieged: Besieged, run_pod: RunPod) -> None:
    run_pod(pod("endless", "-endless-log"))

    def printed() -> bool:
        return len(kubectl("-n", besieged.namespace, "logs", "endless", f"--limit-bytes={4 * LIMIT}")) == 4 * LIMIT

    until("four times the limit", printed)
    spent = await besieged.endure("endless", LOGS)
    assert spent.seconds < 60
    assert spent.memory < MEMORY
    assert 0 < len(besieged.only.data) <= LIMIT
    # What a real sink says of a member that was cut; a log that was read again from its end is told by the collector.
    assert besieged.only.truncated or besieged.reasons == {"TooLarge"}


async def test_a_line_longer_than_the_limit(besieged: Besieged, run_pod: RunPod) -> None:
    size = 64 << 20
    run_pod(pod("long", f"-long-line={size}"))

    def printed() -> bool:
        return len(kubectl("-n", besieged.namespace, "logs", "long", f"--limit-bytes={4 * LIMIT}")) == 4 * LIMIT

    until("more than the limit", printed)
    spent = await besieged.endure("long", LOGS)
    assert spent.seconds < 60
    assert spent.memory < MEMORY
    assert 0 < len(besieged.only.data) <= LIMIT
    # What a real sink says of a member that was cut; a log that was read again from its end is told by the collector.
    assert besieged.only.truncated or besieged.reasons == {"TooLarge"}
