"""Related objects: only those that point at a target, and each kind by itself."""

from __future__ import annotations

from typing import Any

import pytest

from support.collecting import FakeSink, plan, pod, run
from support.serving import ServingCluster, obj
from supportbundle.collect.config import COLLECTOR
from supportbundle.collect.related import LISTED
from supportbundle.errors import Forbidden, Unavailable
from supportbundle.model.paths import collection

SPEC = {"type": "Config", "config": {"related": True}}
WEB, OTHER = {"app": "web"}, {"app": "other"}


@pytest.fixture
def cluster() -> ServingCluster:
    """One pod of a Deployment, which mounts two claims; nothing else."""
    prepared = ServingCluster(lists={path(kind.plural): [] for kind in LISTED})
    volumes = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "disk"}},
        {"name": "tmp", "ephemeral": {}},
        {"name": "cfg", "configMap": {"name": "x"}},
    ]
    owner = ("apps/v1", "ReplicaSet", "web-7f9c")
    prepared.objects = {
        one("pods", "web-0"): obj("web-0", labels=WEB, owner=owner, spec={"volumes": volumes}),
        "/apis/apps/v1/namespaces/apps/replicasets/web-7f9c": obj("web-7f9c", owner=("apps/v1", "Deployment", "web")),
        "/apis/apps/v1/namespaces/apps/deployments/web": obj("web"),
        one("persistentvolumeclaims", "disk"): obj("disk"),
        one("persistentvolumeclaims", "web-0-tmp"): obj("web-0-tmp"),
    }
    return prepared


def one(plural: str, name: str) -> str:
    return f"/api/v1/namespaces/apps/{plural}/{name}"


def path(plural: str) -> str:
    (kind,) = [kind for kind in LISTED if kind.plural == plural]
    return collection(kind.api_version, kind.plural, "apps")


async def collected(cluster: ServingCluster, sink: FakeSink) -> dict[str, list[str]]:
    """Names by folder."""
    (task,), _ = plan(COLLECTOR, SPEC, pod("web-0"))
    await run(COLLECTOR, task, cluster, sink)
    assert set(sink.files) <= set(task.claims)
    return {file.split("/")[1]: [i["metadata"]["name"] for i in sink.json(file)["items"]] for file in sink.files}


def ingress(name: str, **spec: Any) -> dict[str, Any]:
    return obj(name, spec=spec)


def to(service: str) -> dict[str, Any]:
    return {"service": {"name": service, "port": {"number": 80}}}


async def test_services_with_their_slices_and_ingresses(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.lists[path("services")] = [
        obj("web", spec={"selector": WEB}),
        obj("other", spec={"selector": OTHER}),
        obj("external", spec={"selector": None}),
        obj("empty", spec={"selector": {}}),
    ]
    cluster.lists[path("endpointslices")] = [
        obj("web-a", labels={"kubernetes.io/service-name": "web"}),
        obj("other-a", labels={"kubernetes.io/service-name": "other"}),
        obj("bare"),
    ]
    by_path = {"http": {"paths": [{"path": "/", "backend": to("web")}]}}
    cluster.lists[path("ingresses")] = [
        ingress("by-path", rules=[{"host": "a"}, by_path]),
        ingress("by-default", defaultBackend=to("web")),
        ingress("elsewhere", rules=[{"http": {"paths": [{"backend": to("other")}]}}]),
        ingress("bucket", defaultBackend={"resource": {"kind": "Bucket", "name": "web"}}),
    ]
    found = await collected(cluster, sink)
    assert found["services"] == ["web"]
    assert found["endpointslices"] == ["web-a"]
    assert found["ingress"] == ["by-path", "by-default"]
    assert not sink.gaps


async def test_autoscalers_of_owners(cluster: ServingCluster, sink: FakeSink) -> None:
    def autoscaler(name: str, api_version: str, kind: str, target: str) -> dict[str, Any]:
        return obj(name, spec={"scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": target}})

    cluster.lists[path("horizontalpodautoscalers")] = [
        autoscaler("deployment", "apps/v1", "Deployment", "web"),
        autoscaler("older", "apps/v1beta2", "Deployment", "web"),
        autoscaler("namesake", "example.com/v1", "Deployment", "web"),
        autoscaler("other", "apps/v1", "Deployment", "other"),
    ]
    assert (await collected(cluster, sink))["horizontalpodautoscalers"] == ["deployment", "older"]


async def test_budgets_and_policies_by_selector(cluster: ServingCluster, sink: FakeSink) -> None:
    expression = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}
    selectors = {
        "all": {},
        "web": {"matchLabels": WEB},
        "in": expression,
        "other": {"matchLabels": OTHER},
        "future": {"matchExpressions": [{"key": "app", "operator": "Like", "values": ["w"]}]},
    }
    cluster.lists[path("poddisruptionbudgets")] = [obj(n, spec={"selector": s}) for n, s in selectors.items()]
    cluster.lists[path("poddisruptionbudgets")].append(obj("none", spec={}))
    cluster.lists[path("networkpolicies")] = [obj(n, spec={"podSelector": s}) for n, s in selectors.items()]
    found = await collected(cluster, sink)
    assert found["poddisruptionbudgets"] == ["all", "web", "in", "future"]
    assert found["network-policy"] == ["all", "web", "in", "future"]


async def test_claims_that_are_mounted(cluster: ServingCluster, sink: FakeSink) -> None:
    assert await collected(cluster, sink) == {"pvcs": ["disk", "web-0-tmp"]}


async def test_a_kind_that_cannot_be_read_is_its_own_gap(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.failures[path("services")] = Forbidden("no")
    cluster.failures[path("networkpolicies")] = Unavailable("later")
    del cluster.lists[path("horizontalpodautoscalers")]
    cluster.lists[path("poddisruptionbudgets")] = [obj("web", spec={"selector": {}})]
    found = await collected(cluster, sink)
    assert set(found) == {"poddisruptionbudgets", "pvcs"}
    assert sink.reasons == [
        ("services", "Forbidden"),
        ("networkpolicies", "Unavailable"),
        ("horizontalpodautoscalers", "NotFound"),
    ]


async def test_a_list_that_breaks_off_is_dropped_whole(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.lists[path("services")] = [obj("web", spec={"selector": WEB})]
    cluster.failures[path("services")] = Unavailable("broken")
    assert "services" not in await collected(cluster, sink)
    assert sink.reasons == [("services", "Unavailable")]
