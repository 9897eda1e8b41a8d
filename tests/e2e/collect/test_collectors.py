"""Collectors against a real API server, kubelet and containers."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import pytest

from support.collecting import FakeSink
from support.driving import Collecting
from support.kube import apply, kubectl, run, until
from supportbundle.errors import Conflict, Invalid, NotFound, Unavailable
from supportbundle.kube.client import Client
from supportbundle.model.exchange import PodRequest
from supportbundle.model.paths import one

pytestmark = pytest.mark.e2e
PROFILE = {"type": "Profile", "profile": {"port": 6060, "kinds": [{"type": "CPU", "seconds": 2}, {"type": "Heap"}]}}
EVERY = [
    {"type": t, "seconds": 1} for t in ("CPU", "Heap", "Goroutine", "Allocs", "Block", "Mutex", "ThreadCreate", "Trace")
]


def body(sink: FakeSink, ending: str) -> bytes:
    (found,) = [member.data for path, member in sink.files.items() if path.endswith(ending)]
    return found


async def test_logs_of_containers_in_every_state(collecting: Collecting) -> None:
    sink = await collecting.collect("app=states", {"type": "Logs", "logs": {"timestamps": True}})
    for container, words in (("init", b"prepared"), ("steady", b"steady"), ("debugger", b"looked inside")):
        line = sink.files[f"pods/states/{container}/current.log"].data
        assert line.endswith(words + b"\n")
        datetime.fromisoformat(line.split(b" ")[0].decode()[:19])
    assert sink.files["pods/states/crashing/previous.log"].data.endswith(b"last words\n")
    assert [gap for gap in sink.reasons if gap[0] == "states/never"] == [("states/never", "ContainerNotStarted")]


@pytest.mark.usefixtures("web")
async def test_a_log_over_its_limit_keeps_its_end(collecting: Collecting) -> None:
    logs = {"maxBytesPerContainer": "1Ki", "timestamps": False, "previous": False}
    until("enough lines", lambda: len(kubectl("-n", collecting.namespace, "logs", "deploy/web", "-c", "app")) > 5000)
    tasks = await collecting.plan("app=web", {"type": "Logs", "logs": logs})
    newest = kubectl("-n", collecting.namespace, "logs", "deploy/web", "-c", "app").splitlines()[-30:]
    sink = await collecting.run(*[task for task in tasks if task.target.endswith("/app")])
    kept = body(sink, "/app/current.log").decode()
    assert 0 < len(kept) <= 1024
    assert set(kept.splitlines()[:-1]) & set(newest)
    assert {reason for _, reason in sink.reasons} == {"TooLarge"}


async def test_a_pod_deleted_after_planning_is_a_gap(collecting: Collecting) -> None:
    container = {"name": "a", "image": "localhost/sb-busybox:test", "command": ["sleep", "100000"]}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [{**container, "imagePullPolicy": "IfNotPresent"}]}
    metadata = {"name": "doomed", "labels": {"app": "doomed"}}
    apply(collecting.namespace, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    kubectl("-n", collecting.namespace, "wait", "pod/doomed", "--for=condition=Ready", "--timeout=60s")
    tasks = [
        *await collecting.plan("app=doomed", {"type": "Logs"}),
        *await collecting.plan("app=doomed", PROFILE),
        *await collecting.plan("app=doomed", {"type": "Config", "config": {"workloads": True}}),
    ]
    kubectl("-n", collecting.namespace, "delete", "pod", "doomed", "--force")
    sink = await collecting.run(*tasks)
    assert sink.reasons == [("doomed/a", "PodGone"), ("doomed", "PodGone"), ("Pod/doomed", "NotFound")]


async def test_events_and_their_table(collecting: Collecting) -> None:
    sink = await collecting.collect("app=states", {"type": "Events", "events": {"scope": "Targets"}})
    items = sink.json(f"cluster-resources/events/{collecting.namespace}.json")["items"]
    assert {item["involvedObject"]["name"] for item in items} == {"states"}
    assert {"Scheduled", "BackOff"} <= {item["reason"] for item in items}
    assert b"pod/states" in body(sink, "events.txt")


@pytest.mark.usefixtures("web")
async def test_config_maps_and_workloads(collecting: Collecting) -> None:
    spec = {"type": "Config", "config": {"configMaps": {}, "workloads": True}}
    sink = await collecting.collect("app=web", spec)
    assert not sink.gaps

    def names(plural: str) -> list[str]:
        items = sink.json(f"cluster-resources/{plural}/{collecting.namespace}.json")["items"]
        return [item["metadata"]["name"] for item in items]

    assert names("configmaps") == ["kube-root-ca.crt", "web-config"]
    assert names("deployments") == ["web"]
    assert len(names("replicasets")) == 1
    assert len(names("pods")) == 1


@pytest.mark.usefixtures("web")
async def test_loopback_only_pprof_by_port_forward(collecting: Collecting, tmp_path: Path) -> None:
    (task,) = await collecting.plan("app=web", PROFILE)
    sink = await collecting.run(task)
    assert not sink.gaps
    assert 0 <= int(next(m for p, m in sink.files.items() if p.endswith("cpu.pb.gz")).notes["startSkewMs"]) < 500
    for name, words in (("cpu.pb.gz", "main.work"), ("heap.pb.gz", "main.work")):
        file = tmp_path / name
        file.write_bytes(body(sink, name))
        assert words in run("go", "tool", "pprof", "-top", str(file)).decode()


@pytest.mark.parametrize("via", [{"port": 6060}, {"port": 6061, "via": "PodIP"}])
@pytest.mark.usefixtures("web")
async def test_every_kind_of_profile(collecting: Collecting, via: dict[str, object]) -> None:
    sink = await collecting.collect("app=web", {"type": "Profile", "profile": {**via, "kinds": EVERY}})
    assert not sink.gaps
    assert len(sink.files) == len(EVERY) + 1
    packed = [member.data for path, member in sink.files.items() if path.endswith(".pb.gz")]
    assert all(gzip.decompress(data) for data in packed)
    assert b"goroutine 1 [" in body(sink, "goroutine.txt")


@pytest.mark.usefixtures("web")
async def test_a_busy_profiler_is_named(collecting: Collecting) -> None:
    (first,) = await collecting.plan("app=web", PROFILE)
    (name,) = {task.target for task in [first]}
    async with (
        collecting.client.forward(collecting.namespace, name, 6060) as base,
        collecting.client.request(PodRequest(f"{base}/debug/pprof/trace?seconds=3", timeout_seconds=10)) as answer,
    ):
        await anext(answer.body)
        spec = {"type": "Profile", "profile": {"port": 6060, "kinds": [{"type": "Trace", "seconds": 1}]}}
        sink = await collecting.collect("app=web", spec)
    assert {reason for _, reason in sink.reasons} == {"ProfilerBusy"}


@pytest.mark.usefixtures("web")
async def test_a_port_where_nothing_listens(collecting: Collecting) -> None:
    sink = await collecting.collect("app=web", {"type": "Profile", "profile": {"port": 7777}})
    ((_, reason),) = sink.reasons
    assert reason == "Unavailable"
    assert "Nothing listens on port 7777" in sink.gaps[0].message


@pytest.mark.usefixtures("web")
async def test_big_answers_pass_a_forward_whole(collecting: Collecting) -> None:
    """The heap of a Go process in text form, many times, over one forward: bytes, ends and connections all hold."""
    (task,) = await collecting.plan("app=web", PROFILE)
    async with collecting.client.forward(collecting.namespace, task.target, 6060) as base:
        for _ in range(10):
            async with collecting.client.request(PodRequest(f"{base}/debug/pprof/goroutine?debug=2")) as answer:
                text = b"".join([chunk async for chunk in answer.body])
            assert text.startswith(b"goroutine ")
            assert text.endswith(b"\n")


async def test_the_servers_own_words_reach_us(client: Client, apps: str) -> None:
    with pytest.raises(NotFound, match='pods "none" not found'):
        await client.get(one("v1", "pods", "none", apps))
    with pytest.raises(Invalid, match="container nope is not valid"):
        async with client.stream(one("v1", "pods", "states", apps, subresource="log"), {"container": "nope"}):
            pass


async def test_writes_and_preconditions(client: Client, apps: str) -> None:
    path = one("v1", "configmaps", "ours", apps)
    wanted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ours"}, "data": {"a": "1"}}
    made = await client.apply(path, wanted, manager="test")
    patched = await client.patch(path, {"data": {"b": "2"}})
    assert patched["data"] == {"a": "1", "b": "2"}
    with pytest.raises(Conflict, match="does not match the UID"):
        await client.delete(path, uid="00000000-0000-0000-0000-000000000000")
    await client.delete(path, uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        await client.get(path)


async def test_pages_of_a_real_list(client: Client, apps: str) -> None:
    path = f"/api/v1/namespaces/{apps}/events"
    names = [item["metadata"]["name"] async for item in client.items(path, {"limit": "2"})]
    assert len(names) == len(set(names)) > 2


async def test_a_forward_to_nowhere(client: Client, apps: str) -> None:
    async with client.forward(apps, "none", 80) as base:
        with pytest.raises(NotFound):
            async with client.request(PodRequest(base)):
                pass
    async with client.forward(apps, "states", 81) as base:
        with pytest.raises(Unavailable, match="Nothing listens on port 81"):
            async with client.request(PodRequest(base)):
                pass
