"""How bundles end on a real cluster: deleted, cancelled, expired, and what a crash or an uninstallation leaves."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from support import sbundle
from support.bucket import Bucket
from support.driving import admin
from support.kube import OPERATOR, RELEASE, ROOT, SYSTEM, apply, condition, get, kubectl, names, run, until
from supportbundle.collect.registry import REGISTRY
from supportbundle.config import OperatorConfig
from supportbundle.metrics import Metrics
from supportbundle.model import names as our
from supportbundle.reconcile.deps import Deps
from supportbundle.reconcile.guard import Guard
from supportbundle.reconcile.stores import Place, Stores
from supportbundle.reconcile.sweep import sweep

pytestmark = pytest.mark.e2e
NOTHING: dict[str, Any] = {
    "replicas": 1,
    "selector": {"matchLabels": {"app": "web"}},
    "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "none:1"}]}},
}
SLOW = (
    *sbundle.LOGS,
    {"name": "cpu", "type": "Profile", "profile": {"port": 6060, "kinds": [{"type": "CPU", "seconds": 120}]}},
)


@pytest.fixture(scope="module", autouse=True)
def impatient(operator: str) -> None:
    """An operator that is held up by a store for 15 s and no longer."""
    settings = get(operator, "configmap", "supportbundle-operator")["data"]["config.yaml"]
    short = settings.replace("deletionSeconds: 1800", "deletionSeconds: 15")
    patch = json.dumps({"data": {"config.yaml": short}})
    kubectl("-n", operator, "patch", "configmap", "supportbundle-operator", "--type=merge", "-p", patch)
    kubectl("-n", operator, "rollout", "restart", OPERATOR)
    kubectl("-n", operator, "rollout", "status", OPERATOR, "--timeout=120s")


def is_gone(namespace: str, name: str) -> bool:
    return not kubectl("-n", namespace, "get", "sbundle", name, "--ignore-not-found", "-o", "name").strip()


def delete(namespace: str, name: str) -> None:
    kubectl("-n", namespace, "delete", "sbundle", name, "--wait=false")


def test_the_zip_goes_with_the_bundle(workload: str, bucket: Bucket) -> None:
    sbundle.create(workload, "dear", destination={"name": "e2e-life"}, deletionPolicy="Delete")
    obj = sbundle.ready(workload, "dear")
    assert obj["metadata"]["finalizers"] == [our.FINALIZER]
    key = obj["status"]["artifact"]["key"]
    assert bucket.store.head(key)
    delete(workload, "dear")
    until("the bundle to go", lambda: is_gone(workload, "dear"), seconds=60)
    assert bucket.store.head(key) is None


def test_a_deleted_namespace_is_not_held(namespace: str, bucket: Bucket) -> None:
    events = ({"name": "events", "type": "Events"},)
    # Something to collect: whoever looks for events of an empty namespace finds none.
    apply(namespace, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": NOTHING})
    sbundle.create(namespace, "inside", events, destination={"name": "e2e-life"}, deletionPolicy="Delete")
    key = sbundle.ready(namespace, "inside")["status"]["artifact"]["key"]
    kubectl("delete", "namespace", namespace, "--wait", "--timeout=60s")
    assert bucket.store.head(key) is None


@pytest.fixture
def no_store() -> Iterator[None]:
    """The S3 server is away, once this is used."""
    component = str(ROOT / "tests/cluster/component")
    run(component, "stop", "s3")
    yield
    run(component, "start", "s3")


@pytest.fixture
def orphan(workload: str, bucket: Bucket) -> dict[str, Any]:
    assert bucket
    sbundle.create(workload, "orphaned", destination={"name": "e2e-life"}, deletionPolicy="Delete")
    return sbundle.ready(workload, "orphaned")


@pytest.mark.skipif(os.environ.get("CLUSTER") == "current", reason="the S3 server of somebody's cluster stays up")
def test_a_store_that_is_down_holds_a_bundle_for_a_bounded_time(
    workload: str, orphan: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("no_store")
    started = time.monotonic()
    delete(workload, "orphaned")
    until("the bundle to be let go", lambda: is_gone(workload, "orphaned"), seconds=120)
    assert time.monotonic() - started >= 14
    key = orphan["status"]["artifact"]["key"]
    query = "jsonpath={.items[?(@.reason=='ArtifactOrphaned')].message}"
    assert f"e2e-life/{key} must be deleted by hand" in kubectl("-n", workload, "get", "events", "-o", query)


def progress(namespace: str, name: str) -> int:
    status = get(namespace, "sbundle", name).get("status", {})
    return int(status.get("progress", {}).get("tasks", {}).get("done", 0))


def test_a_cancelled_run_is_packed_with_what_there_is(workload: str, bucket: Bucket) -> None:
    assert bucket
    spec = {"capabilities": ["Logs", "Profiles"], "onCancel": "Pack", "limits": {"parallelism": 1}}
    sbundle.create(workload, "cut", SLOW, destination={"name": "e2e-life"}, **spec)
    until("some tasks to be done", lambda: progress(workload, "cut") >= 1)
    kubectl("-n", workload, "patch", "sbundle", "cut", "--type=merge", "-p", '{"spec":{"cancel":true}}')
    obj = sbundle.ready(workload, "cut", seconds=100)
    ready = condition(obj, "Ready")
    assert ready["reason"] == "PartiallyCollected"
    assert "The bundle was cancelled while it was collected." in ready["message"]
    members = sbundle.unpack(bucket.store.get(obj["status"]["artifact"]["key"]))
    assert [path for path in members if path.endswith("current.log")]
    assert not [path for path in members if path.endswith("cpu.pb.gz")]
    assert {gap["reason"] for gap in obj["status"]["warnings"]} <= {"Interrupted", "Cancelled"}
    assert not [name for name in names(workload, "jobs") if obj["metadata"]["uid"] in name]


def test_a_ttl_beyond_the_destinations_bound_expires_at_the_bound(workload: str, bucket: Bucket) -> None:
    sbundle.create(workload, "brief", destination={"name": "e2e-short"}, ttl="48h")
    obj = sbundle.ready(workload, "brief")
    assert "keeps zips for at most 15s, and spec.ttl is 48h" in condition(obj, "Ready")["message"]
    until("phase Expired", lambda: get(workload, "sbundle", "brief")["status"]["phase"] == "Expired", seconds=60)
    assert bucket.store.head(obj["status"]["artifact"]["key"]) is None


def test_the_sweep_takes_back_what_a_crash_left_but_nothing_of_another_cluster(workload: str, bucket: Bucket) -> None:
    uid = "aaaaaaaa-2222-3333-4444-555555555555"
    name, labels = our.run_name(uid), our.labels("crashed", uid)
    meta = {"name": name, "labels": labels}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "roleRef": role}
    apply(
        workload,
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta},
        {**binding, "metadata": {**meta, "name": f"{name}-logs"}},
    )
    keys = [our.plan_key(our.staging_prefix(cluster, workload, uid)) for cluster in (bucket.cluster, "another")]
    for key in keys:
        bucket.store.put(key, b"x")
    asyncio.run(swept(bucket.cluster))
    assert [bucket.store.head(key) is not None for key in keys] == [False, True]
    kinds = "secrets,serviceaccounts,rolebindings"
    assert uid not in kubectl("-n", workload, "get", kinds, "-o", "name")
    bucket.store.delete(keys)


class OneStore(Stores):
    """Names of Services, such as that of the embedded store, are known inside the cluster only."""

    async def every_place(self) -> list[Place]:
        return [await self.place("e2e-life")]


async def swept(cluster: str) -> None:
    """One sweep that leaves nothing alone for being young, as the operator does it."""
    async with admin() as client:
        with ThreadPoolExecutor(2) as pool:
            deps = Deps(
                client=client,
                stores=OneStore(client, SYSTEM, time.monotonic),
                guard=Guard(client, (), time.monotonic),
                config=OperatorConfig(image="i", collect_role_prefix="p", sweep_grace_seconds=0),
                planners=REGISTRY,
                metrics=Metrics(CollectorRegistry()),
                cluster_id=cluster,
                namespace=SYSTEM,
                pool=pool,
                # The clocks of the store and of this test may differ.
                clock=lambda: datetime.now(UTC).replace(microsecond=0, year=2099),
            )
            await sweep(deps, lambda _: None)


def test_the_operator_itself_may_sweep(operator: str) -> None:
    said = kubectl("-n", operator, "logs", OPERATOR, "--tail=-1")
    assert "the sweep is put off" not in said
    assert "the sweep failed" not in said


def test_an_uninstallation_without_an_operator_leaves_no_bundle_waiting(namespace: str) -> None:
    values = run("helm", "get", "values", RELEASE, "--namespace", SYSTEM, "-o", "yaml")
    kubectl("-n", SYSTEM, "scale", OPERATOR, "--replicas=0")
    obj = sbundle.manifest("left", deletionPolicy="Delete")
    obj["metadata"]["finalizers"] = [our.FINALIZER]
    apply(namespace, obj)
    delete(namespace, "left")
    assert not is_gone(namespace, "left")
    run("helm", "uninstall", RELEASE, "--namespace", SYSTEM, "--wait", "--timeout=3m", timeout=240)
    try:
        assert is_gone(namespace, "left")
        assert "uninstall" not in kubectl("-n", SYSTEM, "get", "jobs,serviceaccounts", "-o", "name")
    finally:
        chart = str(ROOT / "helm/supportbundle-operator")
        again = ("helm", "install", RELEASE, chart, "--namespace", SYSTEM, "--wait", "--timeout=3m", "--values=-")
        run(*again, stdin=values, timeout=240)
