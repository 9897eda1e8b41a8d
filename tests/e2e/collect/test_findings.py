"""Real faults, all made at once: what a bundle finds with its own account's rights; and ports that are probed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from support import sbundle
from support.kube import apply, condition, items, kubectl, until

pytestmark = pytest.mark.e2e
BUSYBOX, WORKLOAD = "localhost/sb-busybox:test", "localhost/sb-workload:test"
FAULTS = {"app": "faults"}
SLEEP = {"command": ["sleep", "100000"]}
GROW = "x=0123456789abcdef; while true; do x=$x$x; done"
CHECKS = [{"name": "findings", "type": "Findings"}]
PROBE = [{"name": "found", "type": "Profile", "profile": {"probe": True, "kinds": [{"type": "Heap"}]}}]


def pod(
    name: str, *, spec: dict[str, Any] | None = None, labels: dict[str, str] = FAULTS, **app: Any
) -> dict[str, Any]:
    container = {"name": "app", "image": BUSYBOX, "imagePullPolicy": "IfNotPresent", **app}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container], **(spec or {})},
    }


def shell(script: str) -> dict[str, Any]:
    return {"command": ["sh", "-c", script]}


CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {
        "storageClassName": "nobody-provides",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
}
REFUSED = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "refused"},
    "spec": {
        "selector": {"matchLabels": {"app": "refused"}},
        "template": {
            "metadata": {"labels": {"app": "refused"}},
            "spec": {"serviceAccountName": "nobody", "containers": [{"name": "app", "image": BUSYBOX, **SLEEP}]},
        },
    },
}
PODS = (
    pod("crashing", **shell("echo last words; exit 3")),
    pod("greedy", **shell(GROW), resources={"limits": {"memory": "16Mi"}}),
    pod("imageless", image="localhost/no-such-image:none"),
    pod("homeless", **SLEEP, resources={"requests": {"cpu": "1000"}}),
    pod(
        "claiming",
        **SLEEP,
        spec={"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]},
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
    ),
    pod("unready", **SLEEP, readinessProbe={"exec": {"command": ["false"]}, "periodSeconds": 1}),
    pod(
        "profiled",
        labels={"app": "profiled"},
        image=WORKLOAD,
        env=[{"name": "PPROF_ADDRESS", "value": ":6061"}],
        ports=[{"containerPort": 8080}, {"containerPort": 6061}],
    ),
)


@pytest.fixture(scope="module")
def faults(operator: str) -> Iterator[str]:
    """A namespace with every fault, once each of them shows."""
    assert operator
    name = f"faults-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    apply(name, CLAIM, REFUSED, *PODS)
    until("every fault", lambda: all(shows(name).values()), seconds=90)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def shows(namespace: str) -> dict[str, bool]:
    """Which faults show."""
    states = {found["metadata"]["name"]: json.dumps(found["status"]) for found in items(namespace, "pods")}
    told = {event["reason"] for event in items(namespace, "events")}
    return {
        "crashing": "CrashLoopBackOff" in states.get("crashing", ""),
        "greedy": "OOMKilled" in states.get("greedy", ""),
        "imageless": "ErrImagePull" in states.get("imageless", "") or "ImagePullBackOff" in states.get("imageless", ""),
        "homeless": "Unschedulable" in states.get("homeless", ""),
        "profiled": '"phase": "Running"' in states.get("profiled", ""),
        "events": told >= {"Unhealthy", "FailedCreate"},
    }


def test_every_fault_is_found_with_its_evidence(faults: str) -> None:
    sbundle.create(faults, "findings", CHECKS, app="faults")
    obj = sbundle.ready(faults, "findings")
    assert condition(obj, "Ready")["reason"] == "Complete", obj["status"].get("warnings")
    told = condition(obj, "ProblemsFound")
    assert (told["status"], told["reason"]) == ("True", "CriticalFindings")
    assert "See findings.json." in told["message"]
    found = json.loads(sbundle.unpack(sbundle.fetch(faults, "findings"))["findings.json"])
    findings = {each["id"]: each for each in found["findings"]}
    assert set(findings) >= {
        "restart-loops:Pod/crashing/app",
        "oom-kills:Pod/greedy/app",
        "image-pulls:Pod/imageless/app",
        "pending-pods:Pod/homeless",
        "pending-pods:Pod/claiming",
        "volume-claims:PersistentVolumeClaim/data",
        "failing-probes:Pod/unready/app",
    }, sorted(findings)
    assert findings["restart-loops:Pod/crashing/app"]["title"].endswith("last exit code 3")
    assert findings["oom-kills:Pod/greedy/app"]["title"].endswith("the limit is 16Mi")
    assert findings["pending-pods:Pod/homeless"]["title"] == "homeless finds no node: not enough cpu"
    assert findings["failing-probes:Pod/unready/app"]["title"] == "unready/app is not ready; its readiness probe fails"
    assert not any(each["object"]["name"] == "profiled" for each in found["findings"])
    [refused] = [each for each in found["findings"] if each["check"] == "pod-creation"]
    assert "their ServiceAccount does not exist" in refused["title"]
    assert findings["replicas:Deployment/refused"]["severity"] == "Critical", "no target leads to it, but an Event does"
    assert all(each["evidence"] and each["advice"] for each in found["findings"])
    assert all(each["complete"] for each in found["checked"] if "skipped" not in each)


def test_a_healthy_pod_has_no_problem_and_its_declared_pprof_port_is_found(faults: str) -> None:
    collectors = [{**CHECKS[0], "findings": {"scope": "Targets"}}, *PROBE]
    sbundle.create(faults, "healthy", collectors, app="profiled", capabilities=["Config", "Events", "Profiles"])
    obj = sbundle.ready(faults, "healthy")
    assert condition(obj, "Ready")["reason"] == "Complete", obj["status"].get("warnings")
    told = condition(obj, "ProblemsFound")
    assert (told["status"], told["reason"]) == ("False", "NoFindings"), told["message"]
    members = sbundle.unpack(sbundle.fetch(faults, "healthy"))
    assert members["pods/profiled/profiles/6061/heap.pb.gz"].startswith(b"\x1f\x8b")
    ports = json.loads(members["pods/profiled/profiles/probe.json"])["ports"]
    assert {each["port"]: each["pprof"] for each in ports} == {8080: False, 6061: True}
