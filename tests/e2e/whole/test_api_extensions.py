"""APIs that others add to the cluster: one that serves metrics, and one whose server is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support import sbundle
from support.kube import apply, established, get, kubectl, names, until

pytestmark = pytest.mark.e2e
VIEW = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
SCHEMA = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
METRICS: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "pods.metrics.k8s.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, stands in for metrics-server in a test"},
    },
    "spec": {
        "group": "metrics.k8s.io",
        "scope": "Namespaced",
        "names": {"kind": "PodMetrics", "listKind": "PodMetricsList", "plural": "pods", "singular": "pod"},
        "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": SCHEMA}],
    },
}
READER = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "sb-e2e-metrics-reader", "labels": VIEW},
    "rules": [{"apiGroups": ["metrics.k8s.io"], "resources": ["pods"], "verbs": ["get", "list"]}],
}
STALE = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": "v1.stale.example.com"},
    "spec": {
        "group": "stale.example.com",
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "service": {"name": "nobody", "namespace": "default"},
        "insecureSkipTLSVerify": True,
    },
}


@pytest.fixture
def metrics(town: str) -> Iterator[str]:
    """Usage of the web pods, by the same API as metrics-server's; the name of one pod that has it."""
    apply("default", METRICS, READER)
    established("pods.metrics.k8s.io")
    pod = names(town, "pods", "app=web")[0].removeprefix("pod/")
    usage = {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {"name": pod, "namespace": town},
        "containers": [{"name": "app", "usage": {"cpu": "12m", "memory": "34Mi"}}],
    }
    until("the new API", lambda: applied(town, usage))
    yield pod
    kubectl("delete", "crd/pods.metrics.k8s.io", "clusterrole/sb-e2e-metrics-reader", "--wait")


def applied(namespace: str, obj: dict[str, Any]) -> bool:
    try:
        apply(namespace, obj)
    except AssertionError:
        return False
    return True


@pytest.fixture
def stale() -> Iterator[None]:
    apply("default", STALE)

    def unavailable() -> bool:
        found = get("default", "apiservice", "v1.stale.example.com").get("status", {}).get("conditions", [])
        return any(c["type"] == "Available" and c["status"] == "False" for c in found)

    until("the API to be known as unavailable", unavailable)
    yield
    kubectl("delete", "apiservice", "v1.stale.example.com")


def test_usage_as_metrics_server_tells_it(town: str, metrics: str) -> None:
    until("the new right", lambda: kubectl("get", "clusterrole", "view", "-o", "yaml").count("metrics.k8s.io") > 0)
    sbundle.create(town, "usage", ({"name": "usage", "type": "Metrics"},), capabilities=["Resources"])
    sbundle.ready(town, "usage")
    members = sbundle.unpack(sbundle.fetch(town, "usage"))
    listed = json.loads(members["metrics/pods.json"])
    assert {item["metadata"]["name"]: item["containers"][0]["usage"]["cpu"] for item in listed["items"]} == {
        metrics: "12m"
    }
    (gap,) = json.loads(members["manifest.json"])["gaps"]
    assert "no metrics yet of 1 pods" in gap["message"]


@pytest.mark.usefixtures("stale")
def test_an_api_whose_server_is_gone_costs_only_itself(town: str) -> None:
    sbundle.create(town, "stale", ({"name": "objects", "type": "Resources"},), capabilities=["Resources"])
    sbundle.ready(town, "stale")
    members = sbundle.unpack(sbundle.fetch(town, "stale"))
    gaps = json.loads(members["manifest.json"])["gaps"]
    assert [gap for gap in gaps if "stale.example.com" in gap["message"]], gaps
    assert f"cluster-resources/deployments/{town}.json" in members
    assert len([path for path in members if path.startswith("cluster-resources/")]) > 15
