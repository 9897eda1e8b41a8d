"""Cluster facts: summaries, bounded, whatever may not be read left empty."""

from __future__ import annotations

from typing import Any

import pytest

from support.serving import ServingCluster, obj
from supportbundle.errors import Forbidden, Unavailable
from supportbundle.model.cluster import MAX_NODES, ClusterFacts
from supportbundle.reconcile.cluster import CLASSES, METRICS, NODES, read_cluster

VERSION = {"major": "1", "gitVersion": "v1.34.4"}


def node(name: str) -> dict[str, Any]:
    return obj(
        name,
        labels={"zone": "a"},
        spec={"providerID": "cloud://secret-id", "podCIDR": "10.0.0.0/24", "taints": [{"key": "k"}]},
        status={
            "addresses": [{"type": "InternalIP", "address": "192.0.2.7"}],
            "images": [{"names": ["registry.example/private"]}],
            "capacity": {"cpu": "2"},
            "allocatable": {"cpu": "1"},
            "conditions": [{"type": "Ready", "status": "False", "reason": "Gone", "message": "10.0.0.9 is down"}],
            "nodeInfo": {"kubeletVersion": "v1.34.4", "machineID": "abcdef", "systemUUID": "abcdef"},
        },
    )


@pytest.fixture
def cluster() -> ServingCluster:
    prepared = ServingCluster(objects={"/version": dict(VERSION)}, lists={NODES: [node("n1")]})
    annotations = {"storageclass.kubernetes.io/is-default-class": "true", "note": "private"}
    storage = obj("standard", provisioner="x", reclaimPolicy="Delete", parameters={"secretName": "s"})
    storage["metadata"]["annotations"] = annotations
    prepared.lists[CLASSES] = [storage, obj("plain", provisioner="y")]
    prepared.lists[METRICS] = [obj("n1", usage={"cpu": "5m"}, window="20s", timestamp="t")]
    return prepared


async def test_summaries(cluster: ServingCluster) -> None:
    facts = await read_cluster(cluster)
    assert facts.version == VERSION
    (found,) = facts.nodes
    assert found == {
        "metadata": {"name": "n1", "uid": "uid-n1", "labels": {"zone": "a"}},
        "spec": {"taints": [{"key": "k"}]},
        "status": {
            "capacity": {"cpu": "2"},
            "allocatable": {"cpu": "1"},
            "conditions": [{"type": "Ready", "status": "False", "reason": "Gone"}],
            "nodeInfo": {"kubeletVersion": "v1.34.4"},
        },
    }
    assert [c["metadata"] for c in facts.storage_classes] == [
        {
            "name": "standard",
            "uid": "uid-standard",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        {"name": "plain", "uid": "uid-plain"},
    ]
    assert "parameters" not in facts.storage_classes[0]
    assert [m["usage"] for m in facts.node_metrics] == [{"cpu": "5m"}]
    assert facts.omitted_nodes == 0


async def test_what_cannot_be_read_is_empty() -> None:
    failures = {"/version": Unavailable("later"), NODES: Forbidden("no"), CLASSES: Unavailable("later")}
    assert await read_cluster(ServingCluster(failures=failures)) == ClusterFacts(version={})


async def test_what_was_read_before_a_failure_is_kept(cluster: ServingCluster) -> None:
    cluster.failures[NODES] = Unavailable("later")
    assert len((await read_cluster(cluster)).nodes) == 1


@pytest.mark.parametrize(("more", "remaining"), [(0, MAX_NODES - 1), (7, MAX_NODES + 6)])
async def test_only_so_many_nodes_and_how_many_more(cluster: ServingCluster, more: int, remaining: int) -> None:
    cluster.lists[NODES] = [node(f"n{n}") for n in range(MAX_NODES + more)]
    cluster.objects[NODES] = {"metadata": {"remainingItemCount": remaining}, "items": []}
    facts = await read_cluster(cluster)
    assert (len(facts.nodes), facts.omitted_nodes) == (MAX_NODES, more)


async def test_a_count_that_is_not_told_is_0(cluster: ServingCluster) -> None:
    cluster.lists[NODES] = [node(f"n{n}") for n in range(MAX_NODES + 1)]
    assert (await read_cluster(cluster)).omitted_nodes == 0
