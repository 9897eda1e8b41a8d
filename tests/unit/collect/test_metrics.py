"""Usage of the targets, and the Prometheus text of a port."""

from __future__ import annotations

import pytest

from support.collecting import FakeSink, plan, pod, run, stored
from support.serving import ServingCluster, obj
from supportbundle.collect.metrics import COLLECTOR
from supportbundle.errors import Forbidden, NotFound, SupportBundleError, Unavailable
from supportbundle.model.capability import Capability
from supportbundle.model.spec import CollectorSpec

PODS = "/apis/metrics.k8s.io/v1beta1/namespaces/apps/pods"
PORT = {"type": "Metrics", "metrics": {"port": 9090}}


GROUP = "/apis/metrics.k8s.io/v1beta1"


@pytest.fixture
def cluster() -> ServingCluster:
    return ServingCluster(objects={GROUP: {"resources": []}})


async def test_usage_of_the_targets_alone(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.lists[PODS] = [obj(name, containers=[{"name": "app", "usage": {"cpu": "1m"}}]) for name in ("a", "b", "x")]
    (task,), _ = plan(COLLECTOR, {"type": "Metrics"}, pod("a"), pod("b"))
    await run(COLLECTOR, task, cluster, sink)
    found = sink.json("metrics/pods.json")
    assert found["kind"] == "PodMetricsList"
    assert [item["metadata"]["name"] for item in found["items"]] == ["a", "b"]
    assert not sink.gaps
    assert set(sink.files) == set(task.claims)


async def test_a_pod_without_metrics_is_a_gap(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.lists[PODS] = [obj("a")]
    (task,), _ = plan(COLLECTOR, {"type": "Metrics"}, pod("a"), pod("young"))
    await run(COLLECTOR, task, cluster, sink)
    assert sink.reasons == [("metrics", "NotFound")]
    assert sink.gaps[0].message.endswith("young")


@pytest.mark.parametrize(
    ("path", "error", "reason"),
    [
        (GROUP, NotFound("404 page not found"), "MetricsNotServed"),
        (GROUP, Unavailable("503"), "MetricsNotServed"),
        (PODS, Unavailable("503"), "MetricsNotServed"),
        (PODS, Forbidden("403"), "Forbidden"),
    ],
)
async def test_metrics_that_are_not_served(
    cluster: ServingCluster, sink: FakeSink, path: str, error: SupportBundleError, reason: str
) -> None:
    cluster.failures[path] = error
    (task,), _ = plan(COLLECTOR, {"type": "Metrics"}, pod("a"))
    await run(COLLECTOR, task, cluster, sink)
    assert sink.reasons == [("metrics", reason)]
    assert not sink.files


async def test_prometheus_text_of_each_pod(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.bodies["http://forwarded/metrics"] = [[b"up 1\n"]]
    tasks, gaps = plan(COLLECTOR, PORT, pod("a"), pod("b"), pod("c", phase="Pending"))
    assert [(gap.target, gap.reason) for gap in gaps] == [("c", "PodNotRunning")]
    for task in tasks[1:]:
        await run(COLLECTOR, task, cluster, sink)
    assert {path: member.data for path, member in sink.files.items()} == {
        "pods/a/metrics.txt": b"up 1\n",
        "pods/b/metrics.txt": b"up 1\n",
    }
    assert cluster.forwards == [("apps", "a", 9090), ("apps", "b", 9090)]


async def test_another_path_by_the_pods_address(cluster: ServingCluster, sink: FakeSink) -> None:
    cluster.objects |= stored(pod("a"))
    cluster.bodies["http://10.1.2.3:9090/m?x=1"] = [[b"up 1\n"]]
    options = {"port": 9090, "path": "/m?x=1", "via": "PodIP"}
    tasks, gaps = plan(
        COLLECTOR, {"type": "Metrics", "metrics": options}, pod("a"), pod("h", host_network=True, ip="10.0.0.1")
    )
    assert [(gap.target, gap.reason) for gap in gaps] == [("h", "NotAllowed")]
    await run(COLLECTOR, tasks[1], cluster, sink)
    assert sink.files["pods/a/metrics.txt"].data == b"up 1\n"
    cluster.objects |= stored(pod("a", ip="10.9.9.9"))
    await run(COLLECTOR, tasks[1], cluster, sink)
    assert sink.reasons == [("a/metrics", "PodGone")]


def test_a_pod_on_its_nodes_network_is_not_asked_by_port_forward_either() -> None:
    tasks, gaps = plan(COLLECTOR, PORT, pod("h", host_network=True))
    assert [task.target for task in tasks] == ["metrics"]
    assert [(gap.target, gap.reason) for gap in gaps] == [("h", "NotAllowed")]


def test_asking_a_port_needs_http_too() -> None:
    def requires(**options: object) -> frozenset[Capability]:
        spec = {"name": "c", "type": "Metrics", "metrics": options}
        return COLLECTOR.requires(CollectorSpec.model_validate(spec))

    assert requires() == {Capability.RESOURCES}
    assert requires(port=1) == {Capability.RESOURCES, Capability.HTTP}


def test_without_targets_there_is_nothing() -> None:
    assert plan(COLLECTOR, PORT) == ([], [])
