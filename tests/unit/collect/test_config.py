"""ConfigMaps and workloads: Lists in troubleshoot's layout, each missing object a gap."""

from __future__ import annotations

from typing import Any

from support.collecting import FakeCluster, FakeSink, plan, pod, run
from supportbundle.collect.config import COLLECTOR
from supportbundle.model.pod import SecretUse

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def listed(sink: FakeSink, plural: str) -> list[str]:
    parsed = sink.json(f"cluster-resources/{plural}/apps.json")
    assert parsed["kind"].endswith("List")
    assert all(parsed["kind"] == f"{item['kind']}List" for item in parsed["items"])
    assert all(parsed["apiVersion"] == item["apiVersion"] for item in parsed["items"])
    return [item["metadata"]["name"] for item in parsed["items"]]


def obj(name: str, owner: tuple[str, str, str] | None = None, **fields: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "uid": f"uid-{name}", "managedFields": [{"manager": "x"}]}
    if owner:
        api_version, kind, owner_name = owner
        ref = {"apiVersion": api_version, "kind": kind, "name": owner_name, "uid": f"uid-{owner_name}"}
        metadata["ownerReferences"] = [{**ref, "controller": True}]
    return {"metadata": metadata, **fields}


def path(group: str, plural: str, name: str) -> str:
    return f"/{group}/namespaces/apps/{plural}/{name}"


class TestPlanning:
    """What is asked for, from options and pods."""

    def test_nothing_asked_for_is_said(self) -> None:
        tasks, gaps = plan(COLLECTOR, {"type": "Config"}, pod())
        assert not tasks
        assert [g.reason for g in gaps] == ["NothingToCollect"]

    def test_without_names_the_config_maps_of_the_targets(self) -> None:
        pods = (pod("a", config_maps=("x", "y")), pod("b", config_maps=("y", "z")))
        tasks, _ = plan(COLLECTOR, {"type": "Config", "config": {"configMaps": {}}}, *pods)
        assert [t.id for t in tasks] == ["c/configmaps"]
        assert tasks[0].params == {"configMaps": ["x", "y", "z"]}

    def test_named_config_maps_only(self) -> None:
        tasks, _ = plan(COLLECTOR, {"type": "Config", "config": {"configMaps": {"names": ["b", "a"]}}}, pod())
        assert tasks[0].params == {"configMaps": ["a", "b"]}

    def test_every_concern_alone_is_enough(self) -> None:
        for concern in ("workloads", "environment", "related", "secretShapes"):
            tasks, gaps = plan(COLLECTOR, {"type": "Config", "config": {concern: True}}, pod())
            assert (len(tasks), gaps) == (1, [])

    def test_together_they_claim_no_path_twice(self) -> None:
        everything = {"configMaps": {}, "workloads": True, "environment": True, "related": True, "secretShapes": True}
        tasks, _ = plan(COLLECTOR, {"type": "Config", "config": everything}, pod("a"), pod("b"))
        claims = [claim for task in tasks for claim in task.claims]
        assert len(claims) == len(set(claims))
        assert "cluster-resources/configmaps/apps.json" in claims
        assert "cluster-resources/deployments/apps.json" in claims

    def test_only_shapes_use_secrets_themselves(self) -> None:
        everything = {"configMaps": {}, "workloads": True, "environment": True, "related": True, "secretShapes": True}
        tasks, _ = plan(COLLECTOR, {"type": "Config", "config": everything}, pod())
        assert {task.target: task.credentials for task in tasks if task.credentials} == {"secretshapes": ("db",)}

    def test_the_secrets_of_all_targets_are_needed(self) -> None:
        pods = [pod(n, secrets=(SecretUse(name=f"s-{n}", optional=False),)) for n in "ab"]
        tasks, _ = plan(COLLECTOR, {"type": "Config", "config": {"configMaps": {}, "workloads": True}}, *pods)
        assert [t.id for t in tasks] == ["c/configmaps", "c/workloads"]
        assert {t.secrets for t in tasks} == {("s-a", "s-b")}


async def test_config_maps_become_one_list_and_missing_ones_gaps(cluster: FakeCluster, sink: FakeSink) -> None:
    annotations = {"team": "a", LAST_APPLIED: '{"data":{"password":"x"}}'}
    found = obj("here", data={"k": "v"})
    found["metadata"]["annotations"] = annotations
    cluster.objects[path("api/v1", "configmaps", "here")] = found
    names = {"configMaps": {"names": ["gone", "here"]}}
    (task,), _ = plan(COLLECTOR, {"type": "Config", "config": names}, pod())
    await run(COLLECTOR, task, cluster, sink)
    assert listed(sink, "configmaps") == ["here"]
    (item,) = sink.json("cluster-resources/configmaps/apps.json")["items"]
    assert item["data"] == {"k": "v"}
    assert item["metadata"] == {"name": "here", "uid": "uid-here", "annotations": {"team": "a"}}
    assert sink.reasons == [("ConfigMap/gone", "NotFound")]


async def test_config_maps_that_are_all_missing_leave_an_empty_list(cluster: FakeCluster, sink: FakeSink) -> None:
    (task,), _ = plan(COLLECTOR, {"type": "Config", "config": {"configMaps": {"names": ["gone"]}}}, pod())
    await run(COLLECTOR, task, cluster, sink)
    assert listed(sink, "configmaps") == []
    assert sink.reasons == [("ConfigMap/gone", "NotFound")]


async def test_workloads_are_followed_to_the_top(cluster: FakeCluster, sink: FakeSink) -> None:
    apps, batch = "apis/apps/v1", "apis/batch/v1"
    cluster.objects = {
        path("api/v1", "pods", "web-1"): obj("web-1", ("apps/v1", "ReplicaSet", "web-7f9c")),
        path("api/v1", "pods", "web-2"): obj("web-2", ("apps/v1", "ReplicaSet", "web-7f9c")),
        path("api/v1", "pods", "db-0"): obj("db-0", ("apps/v1", "StatefulSet", "db")),
        path("api/v1", "pods", "agent"): obj("agent", ("apps/v1", "DaemonSet", "agents")),
        path("api/v1", "pods", "nightly"): obj("nightly", ("batch/v1", "Job", "nightly-1")),
        path("api/v1", "pods", "odd"): obj("odd", ("argoproj.io/v1", "Rollout", "odd")),
        path("api/v1", "pods", "alone"): obj("alone"),
        path(apps, "replicasets", "web-7f9c"): obj("web-7f9c", ("apps/v1", "Deployment", "web")),
        path(apps, "deployments", "web"): obj("web"),
        path(apps, "statefulsets", "db"): obj("db", ("db.example/v1", "Cluster", "main")),
        path(apps, "daemonsets", "agents"): obj("agents"),
        path(batch, "jobs", "nightly-1"): obj("nightly-1", ("batch/v1", "CronJob", "nightly")),
    }
    names = ["alone", "agent", "db-0", "gone", "nightly", "odd", "web-1", "web-2"]
    (task,), _ = plan(COLLECTOR, {"type": "Config", "config": {"workloads": True}}, *(pod(n) for n in names))
    await run(COLLECTOR, task, cluster, sink)
    assert listed(sink, "pods") == sorted(set(names) - {"gone"})
    assert listed(sink, "replicasets") == ["web-7f9c"]
    assert listed(sink, "deployments") == ["web"]
    assert listed(sink, "statefulsets") == ["db"]
    assert listed(sink, "daemonsets") == ["agents"]
    assert listed(sink, "jobs") == ["nightly-1"]
    assert sorted(sink.reasons) == [
        ("Cluster/main", "UnsupportedOwner"),
        ("CronJob/nightly", "NotFound"),
        ("Pod/gone", "NotFound"),
        ("Rollout/odd", "UnsupportedOwner"),
    ]
    assert len([p for p, _ in cluster.requests if "replicasets" in p]) == 1


async def test_pods_without_owners_make_no_empty_files(cluster: FakeCluster, sink: FakeSink) -> None:
    cluster.objects = {path("api/v1", "pods", "alone"): obj("alone")}
    (task,), _ = plan(COLLECTOR, {"type": "Config", "config": {"workloads": True}}, pod("alone"))
    await run(COLLECTOR, task, cluster, sink)
    assert list(sink.files) == ["cluster-resources/pods/apps.json"]
