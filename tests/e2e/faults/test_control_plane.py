"""Parts of Kubernetes that go away while a bundle runs, and come back."""

from __future__ import annotations

import time

import pytest

from support import breaking, sbundle
from support.kube import condition

pytestmark = pytest.mark.e2e
CPU = {"name": "cpu", "type": "Profile", "profile": {"port": 6060, "kinds": [{"type": "CPU", "seconds": 3}]}}
COLLECTORS = (*sbundle.LOGS, CPU)
CAPABILITIES = ["Logs", "Profiles"]
OUTAGE = 30.0 if breaking.LONG else 6.0
WELL = {"Complete", "PartiallyCollected"}


def restarts() -> int:
    """Of the operator's container."""
    return int(breaking.operator_pod()["status"]["containerStatuses"][0]["restartCount"])


def begun(namespace: str, name: str) -> None:
    """A bundle whose collector runs."""
    sbundle.create(namespace, name, COLLECTORS, capabilities=CAPABILITIES)
    breaking.collector_pod(namespace, name)


def test_an_api_server_that_is_away_costs_what_passed_through_it(workload: str) -> None:
    before = restarts()
    begun(workload, "api-away")
    with breaking.stopped("apiserver"):
        time.sleep(OUTAGE)  # the length of the outage
    obj = sbundle.ready(workload, "api-away", seconds=120)
    assert condition(obj, "Ready")["reason"] in WELL
    assert restarts() == before
    assert "Traceback" not in breaking.operator_log()
    sbundle.create(workload, "api-back")
    assert condition(sbundle.ready(workload, "api-back"), "Ready")["reason"] == "Complete"


def test_a_restarted_etcd_costs_nothing(workload: str) -> None:
    before = restarts()
    begun(workload, "etcd-restarted")
    breaking.component("restart", "etcd")
    obj = sbundle.ready(workload, "etcd-restarted", seconds=120)
    assert condition(obj, "Ready")["reason"] == "Complete", obj["status"]
    assert restarts() == before


def test_a_kubelet_that_stops_costs_what_it_serves(workload: str) -> None:
    """Logs and port-forwards pass through it; the collector itself runs on, and so does the operator."""
    begun(workload, "kubelet-away")
    with breaking.stopped("kubelet"):
        obj = sbundle.finished(workload, "kubelet-away", seconds=120)
    ready = condition(obj, "Ready")
    assert ready["reason"] in WELL or (ready["reason"] == "CollectionFailed" and ":10250" in ready["message"])
    lost = {warning["collector"] for warning in obj["status"].get("warnings", ())}
    assert lost <= {"cpu", "logs"}


def test_a_collector_that_no_kubelet_starts_is_waited_for(workload: str) -> None:
    with breaking.stopped("kubelet"):
        sbundle.create(workload, "kubelet-absent")
        breaking.told(workload, "kubelet-absent", "Collecting", "WaitingForPods")
    obj = sbundle.ready(workload, "kubelet-absent", seconds=120)
    assert condition(obj, "Ready")["reason"] == "Complete", obj["status"]
