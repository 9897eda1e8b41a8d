"""The environment of containers, from specifications and ConfigMaps; of Secrets only their names."""

from __future__ import annotations

from typing import Any

import pytest

from support.collecting import FakeSink, container, plan, pod, run
from support.serving import ServingCluster, obj
from supportbundle.collect.config import COLLECTOR
from supportbundle.collect.environment import CACHE_BYTES, LIMIT, ConfigMaps
from supportbundle.errors import Forbidden
from supportbundle.model.pod import SecretUse

SPEC = {"type": "Config", "config": {"environment": True}}


@pytest.fixture
def cluster() -> ServingCluster:
    return ServingCluster()


def config_map(cluster: ServingCluster, name: str, **data: str) -> None:
    cluster.objects[f"/api/v1/namespaces/apps/configmaps/{name}"] = obj(name, data=data)


def serve(cluster: ServingCluster, name: str, *containers: dict[str, Any], **spec: Any) -> None:
    cluster.objects[f"/api/v1/namespaces/apps/pods/{name}"] = obj(name, spec={"containers": containers, **spec})


async def collected(cluster: ServingCluster, sink: FakeSink, *names: str) -> list[str]:
    """The lines of the container `app` of the first pod, without the first remark."""
    tasks, _ = plan(COLLECTOR, SPEC, *(pod(name) for name in names or ("web-0",)))
    for task in tasks:
        await run(COLLECTOR, task, cluster, sink)
    lines = sink.files[f"pods/{(names or ('web-0',))[0]}/app/environment.env"].data.decode().splitlines()
    assert lines[0].startswith("# From the pod's specification")
    return lines[1:]


def env(name: str, value: str = "", **source: Any) -> dict[str, Any]:
    return {"name": name, "valueFrom": source} if source else {"name": name, "value": value}


def app(*entries: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "app", "env": list(entries), **fields}


async def test_values_expand_over_what_stands_before_them(cluster: ServingCluster, sink: FakeSink) -> None:
    config_map(cluster, "settings", LEVEL="debug")
    entries = (env("A", "$(LEVEL)/$(LATER)/$$(LEVEL)"), env("LEVEL", "very $(LEVEL)"), env("LATER", "x"))
    serve(cluster, "web-0", app(*entries, envFrom=[{"prefix": "", "configMapRef": {"name": "settings"}}]))
    assert await collected(cluster, sink) == ["LEVEL=very debug", "A=debug/$(LATER)/$(LEVEL)", "LATER=x"]


async def test_secrets_are_shown_by_name(cluster: ServingCluster, sink: FakeSink) -> None:
    entries = (env("PW", secretKeyRef={"name": "db", "key": "password"}), env("URL", "pg://u:$(PW)@h"))
    serve(cluster, "web-0", app(*entries, envFrom=[{"prefix": "S_", "secretRef": {"name": "all"}}]))
    assert await collected(cluster, sink) == [
        "# all keys of Secret all, each with S_ before it",
        "PW=<secret db/password>",
        "URL=pg://u:<secret db/password>@h",
    ]
    assert not any("secrets" in path for path, _ in cluster.requests)


async def test_config_maps_are_asked_for_once(cluster: ServingCluster, sink: FakeSink) -> None:
    config_map(cluster, "settings", KEY="a\nb")
    ref = env("K", configMapKeyRef={"name": "settings", "key": "KEY"})
    for name in ("web-0", "web-1"):
        serve(cluster, name, app(ref, envFrom=[{"configMapRef": {"name": "settings"}}]))
    assert await collected(cluster, sink, "web-0", "web-1") == ['KEY="a\\nb"', 'K="a\\nb"']
    assert len([path for path, _ in cluster.requests if "configmaps" in path]) == 1
    assert "pods/web-1/app/environment.env" in sink.files
    assert not sink.gaps


async def test_optional_config_maps_may_be_missing_required_ones_are_a_gap(
    cluster: ServingCluster, sink: FakeSink
) -> None:
    sources = [{"configMapRef": {"name": "maybe", "optional": True}}, {"configMapRef": {"name": "must"}}]
    serve(cluster, "web-0", app(env("K", configMapKeyRef={"name": "must", "key": "k"}), envFrom=sources))
    serve(cluster, "web-1", app(envFrom=sources))
    lines = await collected(cluster, sink, "web-0", "web-1")
    assert [line[:25] for line in lines] == [
        "# no keys of ConfigMap ma",
        "# no keys of ConfigMap mu",
        "# K: ConfigMap must gave ",
    ]
    assert sink.reasons == [("ConfigMap/must", "NotFound")]


async def test_a_config_map_that_may_not_be_read_is_a_gap_even_if_optional(
    cluster: ServingCluster, sink: FakeSink
) -> None:
    cluster.failures["/api/v1/namespaces/apps/configmaps/maybe"] = Forbidden("no")
    serve(cluster, "web-0", app(env("B", "1"), envFrom=[{"configMapRef": {"name": "maybe", "optional": True}}]))
    assert (await collected(cluster, sink))[-1] == "B=1"
    assert sink.reasons == [("ConfigMap/maybe", "Forbidden")]


async def test_fields_and_resources_are_resolved(cluster: ServingCluster, sink: FakeSink) -> None:
    helper = {"name": "helper", "resources": {"limits": {"memory": "1Gi"}}}
    entries = (
        env("POD", fieldRef={"fieldPath": "metadata.name"}),
        env("CPU", resourceFieldRef={"resource": "limits.cpu", "divisor": "0"}),
        env("MEM", resourceFieldRef={"resource": "limits.memory", "divisor": "1Mi", "containerName": "helper"}),
        env("FILE", fileKeyRef={"path": "x"}),
    )
    serve(cluster, "web-0", app(*entries, resources={"limits": {"cpu": "1500m"}}), initContainers=[helper])
    assert await collected(cluster, sink) == ["POD=web-0", "CPU=2", "MEM=1024", "FILE=<fileKeyRef>"]


async def test_all_kinds_of_containers_that_were_there_at_planning(cluster: ServingCluster, sink: FakeSink) -> None:
    serve(cluster, "web-0", app(), initContainers=[{"name": "init"}], ephemeralContainers=[{"name": "later"}])
    (task,), _ = plan(COLLECTOR, SPEC, pod("web-0", container("init"), container("app")))
    await run(COLLECTOR, task, cluster, sink)
    assert sorted(sink.files) == ["pods/web-0/app/environment.env", "pods/web-0/init/environment.env"]
    assert set(sink.files) == set(task.claims)


async def test_a_pod_that_is_gone_costs_only_itself(cluster: ServingCluster, sink: FakeSink) -> None:
    serve(cluster, "web-0", app())
    await collected(cluster, sink, "web-0", "web-1")
    assert sink.reasons == [("Pod/web-1", "NotFound")]


async def test_more_variables_than_a_process_can_have_are_cut(cluster: ServingCluster, sink: FakeSink) -> None:
    entries = [env("BIG", "x" * 100_000), *(env(f"V{n}", "$(BIG)") for n in range(100))]
    serve(cluster, "web-0", app(*entries))
    lines = await collected(cluster, sink)
    assert 30 < len(lines) < 50
    assert len(sink.files["pods/web-0/app/environment.env"].data) <= LIMIT
    assert sink.reasons == [("environment", "TooLarge")]


def test_pods_that_share_no_secrets_are_apart() -> None:
    """A Secret that does not exist fails its task; it must not cost the other pods."""
    broken = pod("broken", secrets=(SecretUse(name="gone", optional=False),))
    tasks, _ = plan(COLLECTOR, SPEC, pod("a"), pod("b"), broken)
    assert [(task.id, task.params["pods"], task.secrets) for task in tasks] == [
        ("c/environment/1", ["a", "b"], ("db",)),
        ("c/environment/2", ["broken"], ("gone",)),
    ]


async def test_only_so_many_config_maps_are_kept(cluster: ServingCluster) -> None:
    for name in "abc":
        config_map(cluster, name, big="x" * (CACHE_BYTES // 2))
    config_maps = ConfigMaps(cluster, "apps")
    for name in "abcca":
        assert await config_maps.data(name, optional=False)
    assert len(cluster.requests) == 4
