"""What expressions know besides answers."""

from __future__ import annotations

from typing import Any

from support.collecting import NOW, container, pod
from supportbundle.collect.steps.facts import facts
from supportbundle.model.cluster import ClusterFacts
from supportbundle.plan.context import PlanContext

NODES = (
    {"metadata": {"name": "n0"}, "status": {"nodeInfo": {"architecture": "arm64"}}},
    {"metadata": {"name": "n1"}, "status": {"nodeInfo": {"architecture": "amd64"}}},
)


def context(*nodes: Any) -> PlanContext:
    return PlanContext("apps", (), NOW, ClusterFacts(version={}, nodes=nodes))


def test_the_pod_and_its_node_are_known() -> None:
    found = facts(pod("web-0", container("app", image="web:1")), context(*NODES))
    assert found["pod"] == {
        "name": "web-0",
        "ip": "10.1.2.3",
        "nodeName": "n1",
        "labels": {"app": "web"},
        "images": {"app": "web:1"},
    }
    assert found["node"] == {"name": "n1", "architecture": "amd64"}
    assert found["bundle"] == {
        "namespace": "apps",
        "time": "2026-03-04T05:06:07+00:00",
        "milliseconds": 1772600767000,
    }


def test_where_the_cluster_is_not_told_of_the_node_is_null() -> None:
    assert facts(pod(), PlanContext("apps", (), NOW))["node"] is None
    assert facts(pod(), context(NODES[0]))["node"] is None
    assert facts(pod(), context({"metadata": {"name": "n1"}, "status": {}}))["node"] == {"name": "n1"}


def test_of_a_service_no_pod_is_known() -> None:
    found = facts(None, context(*NODES))
    assert (found["pod"], found["node"]) == (None, None)
