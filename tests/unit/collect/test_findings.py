"""The findings collector: what it reads, what it writes, and what it says of what it could not read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from support.collecting import FakeCluster, FakeSink, Planned, plan, pod, run
from supportbundle.collect.findings import FILE, FindingsCollector
from supportbundle.errors import Forbidden
from supportbundle.model.capability import Capability
from supportbundle.model.findings import Problems
from supportbundle.model.names import run_name
from supportbundle.model.spec import CollectorSpec

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
LATELY = "2026-03-04T11:58:00Z"
CORE, APPS, BATCH = "/api/v1/namespaces/apps", "/apis/apps/v1/namespaces/apps", "/apis/batch/v1/namespaces/apps"
METRICS = "/apis/metrics.k8s.io/v1beta1"
COLLECTOR = FindingsCollector(clock=lambda: NOW)


@dataclass
class PartlyForbidden(FakeCluster):
    """A cluster whose API server refuses what begins with one of these paths."""

    refused: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        self._see(path)
        return await super().get(path, params)

    async def items(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        self._see(path)
        async for item in super().items(path, params):
            yield item

    def _see(self, path: str) -> None:
        self.asked.append(path)
        if path.startswith(self.refused or ("nowhere",)):
            raise Forbidden(f"may not read {path}")


def owned(kind: str, name: str, api_version: str = "apps/v1") -> dict[str, Any]:
    ref = {"apiVersion": api_version, "kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}
    return {"ownerReferences": [ref]}


def told(reason: str, message: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    about = {"kind": kind, "name": name, "uid": f"uid-{name}"}
    times = {"lastTimestamp": LATELY, "firstTimestamp": LATELY}
    return {"type": "Warning", "reason": reason, "message": message, "involvedObject": about, **times, **fields}


@pytest.fixture
def cluster() -> PartlyForbidden:
    """A crashing pod of a Deployment, with a claim that is Pending, and another workload that gets no pods at all."""
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    last = {"terminated": {"exitCode": 3, "reason": "Error", "finishedAt": LATELY, "message": "password is hunter2"}}
    crashing = {
        "metadata": {"name": "web-0", "uid": "uid-web-0", **owned("ReplicaSet", "web-7f9c")},
        "spec": {
            "containers": [
                {"name": "app", "env": [{"name": "A", "value": "b"}], "resources": {"limits": {"cpu": "100m"}}}
            ],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "tmp", "ephemeral": {"volumeClaimTemplate": {}}},
            ],
        },
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "app", "restartCount": 4, "state": state, "lastState": last}],
        },
    }
    replica_set = {"metadata": {"name": "web-7f9c", **owned("Deployment", "web")}}
    deployment = {"metadata": {"name": "web"}, "spec": {"replicas": 1}, "status": {}}
    claim = {"metadata": {"name": "data", "creationTimestamp": LATELY}, "status": {"phase": "Pending"}}
    job = {"metadata": {"name": "nightly"}, "status": {"conditions": [{"type": "Failed", "status": "True"}]}}
    other = {"metadata": {"name": "other-1", **owned("Deployment", "other")}}
    return PartlyForbidden(
        objects={
            f"{CORE}/pods/web-0": crashing,
            f"{CORE}/persistentvolumeclaims/data": claim,
            f"{APPS}/replicasets/web-7f9c": replica_set,
            f"{APPS}/deployments/web": deployment,
            f"{APPS}/replicasets/other-1": other,
            f"{APPS}/deployments/other": {"metadata": {"name": "other"}, "spec": {"replicas": 3}, "status": {}},
            f"{BATCH}/jobs/nightly": job,
            METRICS: {},
        },
        lists={
            f"{CORE}/events": [
                told("FailedCreate", "exceeded quota: small", "ReplicaSet", "other-1"),
                told("BackoffLimitExceeded", "limit", "Job", "nightly"),
                told("ProvisioningFailed", "no such class", "PersistentVolumeClaim", "data"),
                told("Scheduled", "fine", "Pod", "web-0", type="Normal"),
            ],
            f"{METRICS}/namespaces/apps/pods": [
                {"metadata": {"name": "web-0"}, "containers": [{"name": "app", "usage": {"cpu": "99123456n"}}]}
            ],
        },
    )


def planned(**options: Any) -> Planned:
    return plan(COLLECTOR, {"type": "Findings", **({"findings": options} if options else {})}, pod())


async def collected(cluster: FakeCluster, sink: FakeSink, **options: Any) -> dict[str, dict[str, Any]]:
    (task,), _ = planned(**options)
    await run(COLLECTOR, task, cluster, sink)
    return {finding["id"]: finding for finding in sink.json(FILE)["findings"]}


class TestPlanning:
    """One task for all targets."""

    def test_one_task_that_knows_the_secrets_of_the_targets(self) -> None:
        (task,), gaps = planned()
        assert (task.claims, task.secrets, gaps) == ((FILE,), ("db",), [])

    def test_nothing_without_targets(self) -> None:
        assert plan(COLLECTOR, {"type": "Findings"}) == ([], [])

    def test_too_many_pods_are_said(self) -> None:
        (task,), gaps = plan(COLLECTOR, {"type": "Findings"}, *(pod(f"p-{number}") for number in range(2001)))
        assert len(task.params["pods"]) == 2000  # type: ignore[arg-type]
        assert [gap.reason for gap in gaps] == ["TooLarge"]

    def test_usage_takes_one_capability_more(self) -> None:
        def needed(**options: Any) -> frozenset[Capability]:
            raw = {"name": "c", "type": "Findings", "findings": options}
            return COLLECTOR.requires(CollectorSpec.model_validate(raw))

        assert needed() == {Capability.CONFIG, Capability.EVENTS}
        assert needed(usage=True) == {Capability.CONFIG, Capability.EVENTS, Capability.RESOURCES}


async def test_pods_owners_claims_and_what_events_point_at(cluster: PartlyForbidden, sink: FakeSink) -> None:
    found = await collected(cluster, sink)
    assert set(found) == {
        "restart-loops:Pod/web-0/app",
        "replicas:Deployment/web",
        "replicas:Deployment/other",
        "volume-claims:PersistentVolumeClaim/data",
        "volume-claims:PersistentVolumeClaim/web-0-tmp",
        "pod-creation:ReplicaSet/other-1",
        "failed-jobs:Job/nightly",
    }
    assert found["volume-claims:PersistentVolumeClaim/data"]["evidence"][-1]["text"] == "no such class"
    assert not sink.gaps


async def test_the_scope_of_targets_leaves_others_alone(cluster: PartlyForbidden, sink: FakeSink) -> None:
    found = await collected(cluster, sink, scope="Targets")
    assert not {name for name in found if "other" in name or "nightly" in name}
    assert found["volume-claims:PersistentVolumeClaim/data"]["evidence"][-1]["text"] == "no such class"


async def test_the_sum_travels_as_notes(cluster: PartlyForbidden, sink: FakeSink) -> None:
    await collected(cluster, sink)
    problems = Problems.of(sink.files[FILE].notes)
    assert problems is not None
    assert (problems.critical, problems.warning, problems.files) == (6, 1, 1)
    assert problems.titles[0] == "ReplicaSet other-1 cannot create pods: a quota is used up"
    assert not any("hunter2" in str(note) for note in sink.files[FILE].notes.values())


async def test_usage_is_compared_only_where_asked_for(cluster: PartlyForbidden, sink: FakeSink) -> None:
    found = await collected(cluster, sink, usage=True)
    assert found["cpu-throttling:Pod/web-0/app"]["title"] == "web-0/app uses 99 % of its CPU limit"
    again = FakeSink()
    assert "cpu-throttling:Pod/web-0/app" not in await collected(cluster, again)
    checked = {each["check"]: each for each in again.json(FILE)["checked"]}
    assert "findings.usage" in checked["cpu-throttling"]["skipped"]


async def test_without_metrics_the_rest_is_checked(cluster: PartlyForbidden, sink: FakeSink) -> None:
    del cluster.objects[METRICS]
    assert "restart-loops:Pod/web-0/app" in await collected(cluster, sink, usage=True)
    assert sink.reasons == [("metrics.k8s.io", "MetricsNotServed")]


@pytest.mark.parametrize(
    ("refused", "target", "unchecked", "still"),
    [
        (f"{CORE}/events", "events", "pod-creation", "restart-loops:Pod/web-0/app"),
        (f"{CORE}/pods", "pods", "restart-loops", "pod-creation:ReplicaSet/other-1"),
        (f"{APPS}/deployments", "workloads", "replicas", "restart-loops:Pod/web-0/app"),
        (f"{CORE}/persistentvolumeclaims", "persistentvolumeclaims", "volume-claims", "replicas:Deployment/web"),
    ],
)
async def test_what_is_refused_is_one_gap_and_its_checks_are_incomplete(
    cluster: PartlyForbidden, sink: FakeSink, refused: str, target: str, unchecked: str, still: str
) -> None:
    cluster.refused = (refused,)
    assert still in await collected(cluster, sink)
    assert sink.reasons == [(target, "Forbidden")]
    checked = {each["check"]: each for each in sink.json(FILE)["checked"]}
    assert checked[unchecked]["complete"] is False
    assert target in checked[unchecked]["notRead"]
    problems = Problems.of(sink.files[FILE].notes)
    assert problems is not None
    assert problems.unchecked


async def test_a_pod_that_is_gone_has_nothing_wrong_any_more(cluster: PartlyForbidden, sink: FakeSink) -> None:
    del cluster.objects[f"{CORE}/pods/web-0"]
    cluster.lists[f"{CORE}/events"] = []
    assert not await collected(cluster, sink)
    assert not sink.gaps
    assert sink.json(FILE)["bySeverity"] == {"Critical": 0, "Warning": 0, "Info": 0}


async def test_the_operators_own_collector_pods_are_nobodys_workload(cluster: PartlyForbidden, sink: FakeSink) -> None:
    ours = f"{run_name('0657d484-ea36-4ce2-beaf-7506ad500c46')}-0-m5sjb"
    cluster.lists[f"{CORE}/events"] = [told("FailedMount", "x", "Pod", name) for name in (ours, "sb-like")]
    assert [name for name in await collected(cluster, sink) if name.startswith("mounts")] == ["mounts:Pod/sb-like"]


async def test_what_is_beyond_the_bounds_is_said(cluster: PartlyForbidden, sink: FakeSink) -> None:
    claims = [{"persistentVolumeClaim": {"claimName": f"c-{number}"}} for number in range(200)]
    pods = [pod(f"p-{number}") for number in range(6)]
    for number, facts in enumerate(pods):
        volumes = [
            {"persistentVolumeClaim": {"claimName": f"{number}-{v['persistentVolumeClaim']['claimName']}"}}
            for v in claims
        ]
        cluster.objects[f"{CORE}/pods/{facts.name}"] = {"metadata": {"name": facts.name}, "spec": {"volumes": volumes}}
    cluster.lists[f"{CORE}/events"] = [told("Unhealthy", "x", "Pod", f"q-{number}") for number in range(5001)]
    (task,), _ = plan(COLLECTOR, {"type": "Findings"}, *pods)
    await run(COLLECTOR, task, cluster, sink)
    assert sorted(sink.reasons) == [
        ("events", "TooLarge"),
        ("findings", "TooLarge"),
        ("persistentvolumeclaims", "TooLarge"),
    ]


async def test_no_request_is_made_for_a_name_that_no_object_can_bear(cluster: PartlyForbidden, sink: FakeSink) -> None:
    volume = {"persistentVolumeClaim": {"claimName": "../../secrets/db"}}
    cluster.objects[f"{CORE}/pods/web-0"]["spec"]["volumes"] = [volume]
    cluster.lists[f"{CORE}/events"] = [told("FailedCreate", "x", "Job", "../pods/x")]
    await collected(cluster, sink)
    assert not any(".." in path or "secrets" in path for path in cluster.asked)


async def test_a_budget_that_is_too_small_is_said(cluster: PartlyForbidden) -> None:
    sink = FakeSink(budget=100)
    (task,), _ = planned()
    await run(COLLECTOR, task, cluster, sink)
    assert [gap.reason for gap in sink.gaps] == ["TooLarge"]
    assert not sink.files
