"""An upgrade from the chart before keeps what is there, and a run that is under way ends as if nothing had happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support import sbundle
from support.installing import install
from support.kube import SYSTEM, condition, get, items, until

pytestmark = pytest.mark.e2e
PREVIOUS = next((Path(__file__).parent / "previous").glob("*.tgz"))
OPERATORS = "app.kubernetes.io/component=operator"
EVENTS = ({"name": "events", "type": "Events"},)
SLOW = ({"name": "cpu", "type": "Profile", "profile": {"port": 6060, "kinds": [{"type": "CPU", "seconds": 8}]}},)


def identity(namespace: str, name: str) -> tuple[Any, ...]:
    """What an upgrade must not change."""
    found = get(namespace, "sbundle", name)
    return found["metadata"]["uid"], found["metadata"]["generation"], found["spec"], found.get("status")


def test_a_run_under_way_during_an_upgrade_ends_with_one_zip(workload: str) -> None:
    sbundle.create(workload, "upgraded", SLOW, capabilities=["Profiles"])
    uid = get(workload, "sbundle", "upgraded")["metadata"]["uid"]
    until("a running collector", lambda: started(workload, uid), seconds=90)
    pod = operator_pod()
    install()
    assert operator_pod() != pod, "the upgrade has restarted the operator"
    obj = sbundle.ready(workload, "upgraded", seconds=120)
    assert condition(obj, "Ready")["reason"] == "Complete", obj["status"]
    data = sbundle.fetch(workload, "upgraded")
    assert obj["status"]["artifact"]["sizeBytes"] == len(data)
    profiles = [path for path in sbundle.unpack(data) if path.endswith("cpu.pb.gz")]
    assert len(profiles) == 2, "each web pod once"


def test_an_upgrade_from_the_chart_before_keeps_bundles_and_keys(operator: str, namespace: str) -> None:
    sbundle.create(namespace, "finished", EVENTS)
    sbundle.ready(namespace, "finished", seconds=60)
    before = identity(namespace, "finished")
    install("replicas=0", chart=PREVIOUS)
    keys = get(operator, "secret", "supportbundle-operator-store")["data"]
    install()
    # The API server takes up another schema within a moment.
    until("the bundle as it was", lambda: identity(namespace, "finished") == before)
    assert get(operator, "secret", "supportbundle-operator-store")["data"] == keys
    sbundle.create(namespace, "fresh", EVENTS)
    sbundle.ready(namespace, "fresh", seconds=60)
    assert identity(namespace, "finished") == before, "the new operator has looked at it and left it alone"


def started(namespace: str, uid: str) -> bool:
    """Whether a pod of the bundle runs."""
    pods = items(namespace, "pods", f"supportbundle.dev/bundle-uid={uid}")
    return any(pod["status"].get("phase") == "Running" for pod in pods)


def operator_pod() -> str:
    """The uid of the operator's pod that is not going away."""
    found = items(SYSTEM, "pods", OPERATORS)
    return " ".join(p["metadata"]["uid"] for p in found if "deletionTimestamp" not in p["metadata"])
