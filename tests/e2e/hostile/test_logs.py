"""Logs without an end and lines without one: cut to their limit, in bounded time and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pytest

from support.collecting import FakeMember, FakeSink
from support.kube import kubectl, until

pytestmark = pytest.mark.e2e
LIMIT = 1 << 20
MEMORY = 24 << 20


class Spent(Protocol):
    """The fixture's result, for its types."""

    seconds: float
    memory: int


class Collecting(Protocol):
    """The fixture, for its types."""

    namespace: str
    sink: FakeSink
    only: FakeMember
    reasons: set[str]

    async def collect(self, app: str, spec: dict[str, Any]) -> Spent: ...


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


async def test_an_endless_log_is_cut_to_new_lines(collecting: Collecting, run_pod: RunPod) -> None:
    run_pod(pod("endless", "-endless-log"))

    def printed() -> bool:
        return len(kubectl("-n", collecting.namespace, "logs", "endless", f"--limit-bytes={4 * LIMIT}")) == 4 * LIMIT

    until("four times the limit", printed)
    spent = await collecting.collect("endless", LOGS)
    assert spent.seconds < 60
    assert spent.memory < MEMORY
    assert 0 < len(collecting.only.data) <= LIMIT
    # What a real sink says of a member that was cut; a log that was read again from its end is told by the collector.
    assert collecting.only.truncated or collecting.reasons == {"TooLarge"}


async def test_a_line_longer_than_the_limit(collecting: Collecting, run_pod: RunPod) -> None:
    size = 64 << 20
    run_pod(pod("long", f"-long-line={size}"))

    def printed() -> bool:
        return len(kubectl("-n", collecting.namespace, "logs", "long", f"--limit-bytes={4 * LIMIT}")) == 4 * LIMIT

    until("more than the limit", printed)
    spent = await collecting.collect("long", LOGS)
    assert spent.seconds < 60
    assert spent.memory < MEMORY
    assert 0 < len(collecting.only.data) <= LIMIT
    # What a real sink says of a member that was cut; a log that was read again from its end is told by the collector.
    assert collecting.only.truncated or collecting.reasons == {"TooLarge"}
