"""A namespace with pods in every state that a collector meets; no operator is needed."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from support.driving import Collecting, admin
from support.kube import ROOT, apply, get, kubectl, names, until
from supportbundle.kube.client import Client

BUSYBOX = "localhost/sb-busybox:test"


def shell(name: str, script: str) -> dict[str, Any]:
    return {"name": name, "image": BUSYBOX, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script]}


STATES = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "states", "labels": {"app": "states"}},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "initContainers": [shell("init", "echo prepared")],
        "containers": [
            shell("steady", "echo steady; sleep 100000"),
            shell("crashing", "echo last words; exit 3"),
            {**shell("never", "true"), "image": "localhost/no-such-image:none", "imagePullPolicy": "Never"},
        ],
    },
}
EPHEMERAL = {"spec": {"ephemeralContainers": [shell("debugger", "echo looked inside; sleep 100000")]}}


@pytest.fixture(scope="package")
def apps() -> Iterator[str]:
    """A namespace with a pod whose containers are in all states."""
    namespace = f"collect-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", namespace)
    apply(namespace, STATES)
    until("the container steady", lambda: started(namespace, "containerStatuses", "steady"))
    path = f"/api/v1/namespaces/{namespace}/pods/states/ephemeralcontainers"
    patch_ephemeral(namespace, path)
    until("the ephemeral container", lambda: started(namespace, "ephemeralContainerStatuses", "debugger"))
    until("the crash", lambda: status(namespace, "containerStatuses", "crashing").get("restartCount", 0) > 0)
    yield namespace
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="package")
def web(apps: str) -> str:
    """One pod of the sample workload in the same namespace; its name there."""
    kubectl("-n", apps, "apply", "-f", str(ROOT / "tests/workload/manifests.yaml"))
    kubectl("-n", apps, "scale", "deployment/web", "--replicas=1")
    kubectl("-n", apps, "rollout", "status", "deployment/web", "--timeout=120s")
    until("a single pod", lambda: len(names(apps, "pods", "app=web")) == 1)
    return "web"


def patch_ephemeral(namespace: str, path: str) -> None:
    """Kubectl debug would ask for a terminal; the subresource does what it does."""
    pod = get(namespace, "pod", "states")
    pod["spec"] |= EPHEMERAL["spec"]
    kubectl("replace", "--raw", path, "-f", "-", stdin=json.dumps(pod).encode())


def status(namespace: str, field: str, container: str) -> dict[str, Any]:
    found = get(namespace, "pod", "states").get("status", {}).get(field, [])
    return next((dict(s) for s in found if s["name"] == container), {})


def started(namespace: str, field: str, container: str) -> bool:
    return "running" in status(namespace, field, container).get("state", {})


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with admin() as opened:
        yield opened


@pytest.fixture
def collecting(client: Client, apps: str) -> Collecting:
    return Collecting(client, apps)
