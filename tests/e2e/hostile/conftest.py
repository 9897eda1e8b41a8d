"""Targets that misbehave in every way we know of, and bounds on what that may cost a collector."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from support.driving import Besieged, admin
from support.kube import apply, get, kubectl, until

BUSYBOX = "localhost/sb-busybox:test"
WORKLOAD = "localhost/sb-workload:test"


def pod(name: str, *, image: str = WORKLOAD, **container: Any) -> dict[str, Any]:
    """A pod of one container that ends at once when it is told to."""
    limits = {"limits": {"memory": "256Mi"}, "requests": {"cpu": "1m", "memory": "8Mi"}}
    only = {"name": "app", "image": image, "imagePullPolicy": "IfNotPresent", "resources": limits, **container}
    spec = {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "containers": [only]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def server_pod() -> dict[str, Any]:
    """The hostile web server; its image has no shell."""
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}
    return pod("server", args=["-hostile"], readinessProbe=probe)


@pytest.fixture(scope="package")
def hostile() -> Iterator[str]:
    """A namespace with the pods `server` and `shell`; no operator is needed."""
    namespace = f"hostile-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", namespace)
    shell = pod("shell", image=BUSYBOX, command=["sleep", "100000"])
    apply(namespace, server_pod(), shell)
    for name in ("server", "shell"):
        kubectl("-n", namespace, "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
    yield namespace
    kubectl("delete", "namespace", namespace, "--wait")


def is_started(pod: dict[str, Any]) -> bool:
    """Whether its container has started."""
    return any(status.get("started") for status in pod["status"].get("containerStatuses", ()))


@pytest.fixture
def run_pod(hostile: str) -> Iterator[Callable[..., None]]:
    """Starts a pod, with what it mounts, and ends at the test's end the noise that it makes."""
    started: list[str] = []

    def start(described: dict[str, Any], *others: dict[str, Any]) -> None:
        name = described["metadata"]["name"]
        started.append(name)
        apply(hostile, *others, described)
        until(f"the start of {name}", lambda: is_started(get(hostile, "pod", name)))

    yield start
    for name in started:
        kubectl("-n", hostile, "delete", "pod", name, "--force", "--wait=false")


@pytest.fixture
def noisy(run_pod: Callable[..., None]) -> str:
    """A pod with a shell for one test: a program goes on when its output is cut, and would keep a core busy."""
    run_pod(pod("noisy", image=BUSYBOX, command=["sleep", "100000"]))
    return "noisy"


@pytest.fixture
async def besieged(hostile: str) -> AsyncIterator[Besieged]:
    async with admin() as client:
        yield Besieged(client, hostile)
