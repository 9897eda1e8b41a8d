"""One installation of the operator for all end-to-end tests, as the README installs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.installing import install
from support.kube import OPERATOR, ROOT, SYSTEM, apply, items, kubectl, until


@pytest.fixture(scope="session")
def operator() -> str:
    """The operator runs; returns its namespace."""
    install()
    kubectl("-n", SYSTEM, "rollout", "status", OPERATOR, "--timeout=120s")
    return SYSTEM


@pytest.fixture(scope="session")
def workload(operator: str) -> Iterator[str]:
    """A namespace with the sample workload: web pods that log secrets, and one that crashes."""
    assert operator
    name = "sb-e2e-workload"
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait")
    kubectl("create", "namespace", name)
    kubectl("-n", name, "apply", "-f", str(ROOT / "tests/workload/manifests.yaml"))
    kubectl("-n", name, "rollout", "status", "deployment/web", "--timeout=120s")
    until("the crash of crashy", lambda: crashed(name))
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def crashed(namespace: str) -> bool:
    """Whether a pod of crashy has a previous container."""
    pods = items(namespace, "pods", "app=crashy")
    containers = [status for pod in pods for status in pod["status"].get("containerStatuses", ())]
    return any("terminated" in status.get("lastState", {}) for status in containers)


@pytest.fixture(scope="session")
def planted() -> list[bytes]:
    """Every planted secret of the sample workload."""
    text = Path(ROOT / "tests/workload/planted.json").read_text(encoding="utf-8")
    return [value.encode() for value in strings(json.loads(text))]


def strings(value: object) -> list[str]:
    """Every string value of a JSON document."""
    if isinstance(value, str):
        return [value]
    children = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for child in children for text in strings(child)]


@pytest.fixture
def namespace(operator: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty namespace for one test."""
    assert operator
    name = "sb-e2e-" + request.node.name.removeprefix("test_").replace("_", "-")[:40].rstrip("-").split("[")[0]
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait")
    apply("default", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")
