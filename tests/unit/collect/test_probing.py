"""Profiles from ports that nobody has named: who is asked, how, and what comes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from support.collecting import NOW, FakeCluster, FakeSink, Planned, container, pod, run
from supportbundle.collect.profile import COLLECTOR
from supportbundle.errors import Forbidden, NotFound, SupportBundleError, Unavailable
from supportbundle.model.coherence import incoherent
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Task
from supportbundle.model.pod import ContainerKind, PodFacts, parse_pod
from supportbundle.model.spec import CollectorSpec
from supportbundle.plan.context import PlanContext

INDEX = b"<title>/debug/pprof/</title><a href='goroutine?debug=1'>goroutine</a><a href='heap?debug=1'>heap</a>"
GZ = b"\x1f\x8b rest"
HEAP = [{"type": "Heap"}]
FILES = "pods/web-0/profiles"


@dataclass
class Ports(FakeCluster):
    """Each port of the pod is a host of its own."""

    @asynccontextmanager
    async def forward(self, namespace: str, pod: str, port: int) -> AsyncIterator[str]:
        async with super().forward(namespace, pod, port):
            yield f"http://port-{port}"


def spec(**options: Any) -> CollectorSpec:
    raw = {"name": "c", "type": "Profile", "profile": {"probe": True, "kinds": HEAP, **options}}
    return CollectorSpec.model_validate(raw)


def planned(*pods: PodFacts, allowed: bool = True, **options: Any) -> Planned:
    context = PlanContext(namespace="apps", pods=pods, now=NOW, probing=allowed)
    items = list(COLLECTOR.plan(spec(**options), context))
    tasks = [Task.model_validate_json(item.model_dump_json()) for item in items if isinstance(item, Task)]
    return tasks, [item for item in items if isinstance(item, Gap)]


def web(*ports: int, running: bool = True) -> PodFacts:
    return pod("web-0", container(ports=ports, running=running))


async def probe(cluster: FakeCluster, sink: FakeSink, *ports: int, **options: Any) -> dict[str, Any]:
    (task,), _ = planned(web(*ports), **options)
    await run(COLLECTOR, task, cluster, sink)
    return sink.json(f"{FILES}/probe.json")


class TestPlanning:
    """Only where an admin allows it."""

    def test_it_is_refused_with_the_name_of_the_helm_value(self) -> None:
        tasks, (gap,) = planned(web(6060), allowed=False)
        assert (tasks, gap.reason, gap.target) == ([], "NotAllowed", "probe")
        assert "profiles.probe" in gap.message

    def test_declared_ports_of_running_containers(self) -> None:
        containers = (
            container("init", kind=ContainerKind.INIT, ports=(1,)),
            container("app", ports=(8080, 6060), running=True),
            container("side", ports=(6060, 9090), running=True),
            container("waiting", ports=(7,)),
            container("debug", kind=ContainerKind.EPHEMERAL, ports=(8,), running=True),
        )
        (task,), _ = planned(pod("web-0", *containers))
        asked = [(each["container"], each["port"]["port"]) for each in task.params["candidates"]]  # type: ignore[index,union-attr,call-overload]
        assert asked == [("app", 8080), ("app", 6060), ("side", 9090)]

    def test_a_pod_of_the_nodes_network_is_not_asked(self) -> None:
        assert [gap.reason for gap in planned(pod(host_network=True))[1]] == ["NotAllowed"]

    def test_all_that_may_be_profiled_has_its_time(self) -> None:
        kinds = [{"type": "CPU", "seconds": 100}]
        (task,), _ = planned(web(*range(1, 9)), kinds=kinds)
        assert task.timeout_seconds >= 4 * 100
        assert task.synchronized
        (idle,), _ = planned(web(), kinds=kinds)
        assert (idle.synchronized, idle.lasts_seconds) == (False, 0)

    def test_ports_are_those_of_tcp(self) -> None:
        ports = [
            {"containerPort": 53, "protocol": "UDP"},
            {"containerPort": 80},
            {"containerPort": 81, "protocol": "TCP"},
        ]
        facts = parse_pod(
            {"metadata": {"name": "a", "uid": "u"}, "spec": {"containers": [{"name": "c", "ports": ports}]}}
        )
        assert facts.containers[0].ports == (80, 81)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"port": 6060}, "set either port, or probe"),
        ({"probe": False}, "set either port, or probe"),
        ({"headersFrom": [{"name": "A", "secret": "s", "key": "k"}]}, "a probe sends no credentials"),
    ],
)
def test_what_means_nothing_together(options: dict[str, Any], words: str) -> None:
    assert any(said.startswith(words) for said in incoherent(spec(**options)))


async def test_every_port_that_answers_like_pprof_is_profiled(sink: FakeSink) -> None:
    cluster = Ports(
        bodies={
            "http://port-6060/debug/pprof/": [[INDEX]],
            "http://port-6061/debug/pprof/": [[INDEX[:50], INDEX[50:]]],
            "http://port-8080/debug/pprof/": [[b"<html>Welcome, goroutine!</html>"]],
            "http://port-9090/debug/pprof/": [[b"no"]],
            "http://port-6060/debug/pprof/heap": [[GZ]],
            "http://port-6061/debug/pprof/heap": [[GZ]],
        },
        statuses={"http://port-9090/debug/pprof/": 404},
    )
    report = await probe(cluster, sink, 8080, 6060, 9090, 6061)
    assert set(sink.files) == {f"{FILES}/{name}" for name in ("probe.json", "6060/heap.pb.gz", "6061/heap.pb.gz")}
    answers = [(8080, "NotPprof"), (6060, "Pprof"), (9090, "HTTP404"), (6061, "Pprof")]
    assert [(each["port"], each["answer"]) for each in report["ports"]] == answers
    assert not sink.gaps


async def test_only_a_get_without_headers_is_sent(sink: FakeSink) -> None:
    cluster = Ports(bodies={"http://port-80/debug/pprof/": [[b"x"]]})
    await probe(cluster, sink, 80)
    assert [(sent.method, sent.url, dict(sent.headers), sent.timeout_seconds) for sent in cluster.sent] == [
        ("GET", "http://port-80/debug/pprof/", {}, 3)
    ]


async def test_nothing_found_is_no_gap(sink: FakeSink) -> None:
    cluster = Ports(bodies={"http://port-5432/debug/pprof/": [[Unavailable("spoke no HTTP")]]})
    report = await probe(cluster, sink, 5432)
    assert [each["answer"] for each in report["ports"]] == ["Unavailable"]
    assert (list(sink.files), sink.gaps) == ([f"{FILES}/probe.json"], [])


async def test_a_pod_without_ports_is_said_to_have_none(sink: FakeSink) -> None:
    assert (await probe(Ports(), sink))["ports"] == []


async def test_numbers_are_bounded(sink: FakeSink) -> None:
    cluster = Ports(bodies={f"http://port-{n}/debug/pprof/": [[INDEX]] for n in range(1, 30)})
    cluster.bodies |= {f"http://port-{n}/debug/pprof/heap": [[GZ]] for n in range(1, 30)}
    report = await probe(cluster, sink, *range(1, 30))
    assert (len(report["ports"]), report["notAsked"]) == (16, list(range(17, 30)))
    assert report["notProfiled"] == list(range(5, 17))
    assert len(sink.files) == 1 + 4


@pytest.mark.parametrize("error", [Forbidden("may not"), NotFound("gone")])
async def test_what_holds_for_all_ports_ends_the_task(error: SupportBundleError, sink: FakeSink) -> None:
    cluster = Ports(bodies={f"http://port-{n}/debug/pprof/": [[error]] for n in (1, 2)})
    (task,), _ = planned(web(1, 2))
    await run(COLLECTOR, task, cluster, sink)
    assert [gap.reason for gap in sink.gaps] == [error.reason]


async def test_a_port_that_breaks_off_leaves_the_others(sink: FakeSink) -> None:
    cluster = Ports(bodies={f"http://port-{n}/debug/pprof/": [[INDEX]] for n in (1, 2)})
    cluster.bodies["http://port-1/debug/pprof/heap"] = [[Unavailable("reset")]]
    cluster.bodies["http://port-2/debug/pprof/heap"] = [[GZ]]
    await probe(cluster, sink, 1, 2)
    assert f"{FILES}/2/heap.pb.gz" in sink.files
    assert [gap.message.partition(":")[0] for gap in sink.gaps] == ["Port 1"]
