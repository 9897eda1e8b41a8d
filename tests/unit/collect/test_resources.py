"""Objects of a namespace: all kinds or some, in the layout that `sbctl` opens; never a Secret."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from support.collecting import NOW, FakeSink, pod, run
from support.serving import ServingCluster, obj
from supportbundle.collect.resources import COLLECTOR
from supportbundle.errors import Expired, Forbidden, TooLarge, Unavailable
from supportbundle.model.cluster import ClusterFacts
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Task
from supportbundle.model.spec import CollectorSpec
from supportbundle.plan.context import PlanContext

VERSION = {"major": "1", "minor": "34", "gitVersion": "v1.34.4"}
KINDS = {
    "v1": [
        ("pods", "Pod"),
        ("secrets", "Secret"),
        ("endpoints", "Endpoints"),
        ("events", "Event"),
        ("persistentvolumeclaims", "PersistentVolumeClaim"),
        ("configmaps", "ConfigMap"),
    ],
    "apps/v1": [("deployments", "Deployment")],
    "networking.k8s.io/v1": [("ingresses", "Ingress"), ("networkpolicies", "NetworkPolicy")],
    "events.k8s.io/v1": [("events", "Event")],
    "metrics.k8s.io/v1beta1": [("pods", "PodMetrics")],
    "cert-manager.io/v1": [("certificates", "Certificate")],
}


def root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def at(api_version: str, plural: str) -> str:
    return f"{root(api_version)}/namespaces/apps/{plural}"


def resource(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "namespaced": True, "verbs": ["list"], **fields}


@pytest.fixture
def cluster() -> ServingCluster:
    """A server with these kinds and one object of each."""
    prepared = ServingCluster()
    for api_version, kinds in KINDS.items():
        prepared.objects[root(api_version)] = {"resources": [resource(*kind) for kind in kinds]}
        for plural, _ in kinds:
            prepared.lists[at(api_version, plural)] = [obj(f"a-{plural}", data={"k": "v"})]
    core = prepared.objects["/api/v1"]["resources"]
    core += [resource("nodes", "Node", namespaced=False), resource("bindings", "Binding", verbs=["create"])]
    preferred = [{"groupVersion": v, "version": v.split("/")[1]} for v in KINDS if "/" in v]
    groups = [{"name": v["groupVersion"].partition("/")[0], "versions": [v], "preferredVersion": v} for v in preferred]
    prepared.objects["/apis"] = {"groups": groups}
    prepared.objects["/version"] = VERSION
    return prepared


def planned(facts: ClusterFacts | None = None, **options: Any) -> tuple[list[Task], list[Gap]]:
    spec = CollectorSpec.model_validate({"name": "c", "type": "Resources", "resources": options})
    items = list(COLLECTOR.plan(spec, PlanContext(namespace="apps", pods=(pod(),), now=NOW, cluster=facts)))
    tasks = [Task.model_validate_json(item.model_dump_json()) for item in items if isinstance(item, Task)]
    return tasks, [item for item in items if isinstance(item, Gap)]


async def collected(cluster: ServingCluster, sink: FakeSink, facts: ClusterFacts | None = None, **options: Any) -> None:
    (task,), _ = planned(facts, **options)
    await run(COLLECTOR, task, cluster, sink)


async def test_all_kinds_in_troubleshoots_layout(cluster: ServingCluster, sink: FakeSink) -> None:
    await collected(cluster, sink)
    assert sorted(sink.files) == [
        "cluster-info/cluster_version.json",
        "cluster-resources/configmaps/apps.json",
        "cluster-resources/custom-resources/certificates.cert-manager.io/apps.json",
        "cluster-resources/deployments/apps.json",
        "cluster-resources/events/apps.json",
        "cluster-resources/groups.json",
        "cluster-resources/ingress/apps.json",
        "cluster-resources/network-policy/apps.json",
        "cluster-resources/pods/apps.json",
        "cluster-resources/pvcs/apps.json",
        "cluster-resources/resources.json",
    ]
    assert not sink.gaps
    assert not any("secrets" in path for path, _ in cluster.requests)


async def test_what_sbctl_needs_to_open_a_bundle(cluster: ServingCluster, sink: FakeSink) -> None:
    """From its source: cluster_version.json anywhere, resources.json with v1, arrays at the top, real Lists."""
    await collected(cluster, sink)
    assert sink.json("cluster-info/cluster_version.json") == {"info": VERSION, "string": "v1.34.4"}
    lists = orjson.loads(sink.files["cluster-resources/resources.json"].data)
    assert [entry["groupVersion"] for entry in lists if "apiVersion" not in entry] == ["v1"]
    groups = orjson.loads(sink.files["cluster-resources/groups.json"].data)
    described = {entry["groupVersion"] for entry in lists}
    assert all(version["groupVersion"] in described for group in groups for version in group["versions"])
    deployments = sink.json("cluster-resources/deployments/apps.json")
    assert (deployments["kind"], deployments["apiVersion"]) == ("DeploymentList", "apps/v1")
    assert [(item["kind"], item["apiVersion"]) for item in deployments["items"]] == [("Deployment", "apps/v1")]


async def test_named_kinds_only(cluster: ServingCluster, sink: FakeSink) -> None:
    await collected(cluster, sink, kinds=["pods", "deployments.apps", "Certificates.cert-manager.io", "endpoints"])
    lists = {path for path in sink.files if path.endswith("/apps.json")}
    assert lists == {
        "cluster-resources/pods/apps.json",
        "cluster-resources/endpoints/apps.json",
        "cluster-resources/deployments/apps.json",
        "cluster-resources/custom-resources/certificates.cert-manager.io/apps.json",
    }
    assert not sink.gaps


async def test_kinds_that_cannot_be_had(cluster: ServingCluster, sink: FakeSink) -> None:
    await collected(cluster, sink, kinds=["nodes", "bindings", "widgets.example.com", "pods"])
    assert sorted(sink.reasons) == [
        ("bindings", "NotSupported"),
        ("nodes", "NotSupported"),
        ("widgets.example.com", "NotFound"),
    ]
    assert "cluster-resources/pods/apps.json" in sink.files


@pytest.mark.parametrize("name", ["secrets", "Secret", "SECRETS"])
async def test_secrets_are_refused(cluster: ServingCluster, sink: FakeSink, name: str) -> None:
    tasks, gaps = planned(kinds=[name, "pods"])
    assert [(gap.target, gap.reason) for gap in gaps] == [("secrets", "NotAllowed")]
    await run(COLLECTOR, tasks[0], cluster, sink)
    assert not any("secrets" in path for path, _ in cluster.requests)
    assert planned(kinds=[name])[0] == []


async def test_forbidden_kinds_are_one_gap(cluster: ServingCluster, sink: FakeSink) -> None:
    for api_version, plural in (("apps/v1", "deployments"), ("v1", "configmaps")):
        cluster.lists.pop(at(api_version, plural))
        cluster.failures[at(api_version, plural)] = Forbidden("no")
    await collected(cluster, sink)
    (gap,) = sink.gaps
    assert (gap.target, gap.reason) == ("resources", "Forbidden")
    assert gap.message.endswith("configmaps, deployments.apps")


async def test_a_kind_that_breaks_off_costs_only_itself(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.failures[at("v1", "pods")] = Expired("continue token expired")
    cluster.failures[at("apps/v1", "deployments")] = Unavailable("later")
    cluster.failures[at("v1", "configmaps")] = TooLarge("too many parts")
    await collected(cluster, sink)
    assert sorted(sink.reasons) == [
        ("configmaps", "TooLarge"),
        ("deployments.apps", "Unavailable"),
        ("pods", "Expired"),
    ]
    assert "cluster-resources/pods/apps.json" not in sink.files
    assert "cluster-resources/ingress/apps.json" in sink.files


async def test_a_stale_group_is_named(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.failures["/apis/cert-manager.io/v1"] = Unavailable("503")
    await collected(cluster, sink)
    assert sink.reasons == [("cert-manager.io", "Unavailable")]


async def test_a_stale_group_that_nobody_asked_for_is_not(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.failures["/apis/cert-manager.io/v1"] = Unavailable("503")
    await collected(cluster, sink, kinds=["pods"])
    assert not sink.gaps


async def test_an_empty_list_says_that_there_is_none(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.lists[at("v1", "pods")] = []
    cluster.lists[at("cert-manager.io/v1", "certificates")] = []
    await collected(cluster, sink)
    assert sink.json("cluster-resources/pods/apps.json")["items"] == []
    assert not any("custom-resources" in path for path in sink.files)


async def test_answers_that_are_no_objects_cost_only_their_kind(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.lists[at("cert-manager.io/v1", "certificates")] = [{"metadata": None}]
    await collected(cluster, sink)
    assert sink.reasons == [("certificates.cert-manager.io", "Corrupt")]
    assert "cluster-resources/pods/apps.json" in sink.files


async def test_a_group_that_repeats_a_builtin_plural_makes_no_second_file(
    cluster: ServingCluster, sink: FakeSink
) -> None:
    again = {"groupVersion": "extensions/v1", "version": "v1"}
    cluster.objects["/apis"]["groups"].append({"name": "extensions", "preferredVersion": again})
    cluster.objects["/apis/extensions/v1"] = {"resources": [resource("ingresses", "Ingress")]}
    await collected(cluster, sink)
    assert sink.json("cluster-resources/ingress/apps.json")["apiVersion"] == "networking.k8s.io/v1"


class TestClusterInfo:
    """Facts that the operator has read travel with the task."""

    FACTS = ClusterFacts(
        version=dict(VERSION),
        nodes=({"metadata": {"name": "n1"}, "status": {"capacity": {"cpu": "2"}}},),
        storage_classes=({"metadata": {"name": "standard"}, "provisioner": "x"},),
        node_metrics=({"metadata": {"name": "n1"}, "usage": {"cpu": "5m"}},),
        omitted_nodes=3,
    )

    async def test_files(self, cluster: ServingCluster, sink: FakeSink) -> None:
        await collected(cluster, sink, self.FACTS, clusterInfo=True, kinds=["pods"])
        assert sink.json("cluster-info/cluster_version.json")["string"] == "v1.34.4"
        nodes = sink.json("cluster-resources/nodes.json")
        assert (nodes["kind"], nodes["items"][0]["kind"]) == ("NodeList", "Node")
        assert sink.json("cluster-resources/storage-classes.json")["kind"] == "StorageClassList"
        assert sink.json("cluster-info/node-metrics.json")["kind"] == "NodeMetricsList"
        assert sink.reasons == [("nodes", "TooLarge")]
        assert not any(path == "/version" for path, _ in cluster.requests)

    async def test_not_allowed_costs_only_itself(self, cluster: ServingCluster, sink: FakeSink) -> None:
        tasks, gaps = planned(None, clusterInfo=True)
        assert [(gap.target, gap.reason) for gap in gaps] == [("clusterInfo", "NotAllowed")]
        await run(COLLECTOR, tasks[0], cluster, sink)
        assert "cluster-resources/pods/apps.json" in sink.files
        assert "cluster-resources/nodes.json" not in sink.files

    def test_facts_travel_only_when_asked_for(self) -> None:
        (task,), gaps = planned(self.FACTS)
        assert "cluster" not in task.params
        assert not gaps
        assert task.claims == ("cluster-resources/", "cluster-info/")
