"""A namespace with targets of every sort, for bundles that go the whole way through the operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.kube import ROOT, apply, kubectl, run

WORKLOAD = "localhost/sb-workload:test"
BUSYBOX = "localhost/sb-busybox:test"
CHART = """apiVersion: v2
name: greeter
version: 1.2.3
appVersion: "4.5"
"""
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def container(name: str = "app", image: str = WORKLOAD, **fields: Any) -> dict[str, Any]:
    limits = {"limits": {"memory": "128Mi"}, "requests": {"cpu": "1m", "memory": "8Mi"}}
    usual = {"imagePullPolicy": "IfNotPresent", "resources": limits, "securityContext": RESTRICTED}
    return {"name": name, "image": image, **usual, **fields}


def pod_spec(*containers: dict[str, Any]) -> dict[str, Any]:
    return {
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": list(containers),
    }


def pod(name: str, *containers: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec(*containers)}


def deployment(name: str, replicas: int, *containers: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(*containers)},
        },
    }


TOKEN = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "probe"},
    "stringData": {"token": "prb-7c1e90d2ab34"},
}
FILES = (
    "mkdir -p /tmp/etc; echo 'password = planted-in-a-file-77' > /tmp/etc/a.conf; echo 'port = 1' > /tmp/etc/b.conf; "
    "sleep 100000"
)
SHELL = pod("shell", container(image=BUSYBOX, command=["sh", "-c", FILES]))


@pytest.fixture(scope="package")
def town(operator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The sample workload, a pod with a shell, a server that misbehaves, three of a kind, and a Helm release."""
    assert operator
    name = "sb-e2e-whole"
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait")
    kubectl("create", "namespace", name)
    kubectl("-n", name, "apply", "-f", str(ROOT / "tests/workload/manifests.yaml"))
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}
    server = container(args=["-hostile"], readinessProbe=probe)
    loud = container(args=["-print-bytes", "3000000"])
    apply(name, TOKEN, SHELL, deployment("server", 3, server), deployment("loud", 3, loud))
    install_release(name, tmp_path_factory.mktemp("chart"))
    for rollout in ("web", "server", "loud"):
        kubectl("-n", name, "rollout", "status", f"deployment/{rollout}", "--timeout=120s")
    kubectl("-n", name, "wait", "pod/shell", "--for=condition=Ready", "--timeout=60s")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def install_release(namespace: str, chart: Path) -> None:
    """A release whose values hold a secret."""
    (chart / "templates").mkdir()
    (chart / "Chart.yaml").write_text(CHART, encoding="utf-8")
    (chart / "templates/cm.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: greeter}\ndata: {greeting: hello}\n", encoding="utf-8"
    )
    run("helm", "install", "greeter", str(chart), "-n", namespace, "--set=adminPassword=planted-in-values-42")
