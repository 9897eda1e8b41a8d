"""What happens when a limit strikes, or a target goes away: the rest is there, and the gap says why."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from support import sbundle
from support.kube import condition, get, items, kubectl, names, until

pytestmark = pytest.mark.e2e
ALL = ["Logs", "HTTP", "Exec", "Profiles"]


def server(**options: Any) -> dict[str, Any]:
    return {"port": 8080, **options}


def gaps(members: dict[str, bytes]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(members["manifest.json"])["gaps"]
    return found


def test_short_bytes_are_shared_and_the_newest_lines_are_kept(town: str) -> None:
    sbundle.create(town, "short", app="loud", limits={"maxBytes": "2Mi"})
    status = sbundle.ready(town, "short")["status"]
    members = sbundle.unpack(sbundle.fetch(town, "short"))
    logs = {path: data for path, data in members.items() if path.endswith("/current.log")}
    assert len(logs) == 3
    full = {name: kubectl("-n", town, "logs", name).splitlines() for name in names(town, "pods", "app=loud")}
    for path, data in logs.items():
        assert 400_000 < len(data) < 900_000, path
        wanted = full[f"pod/{path.split('/')[1]}"][-1]
        assert data.decode().splitlines()[-1].split()[:3] == wanted.split()[:3], path
    assert {gap["reason"] for gap in gaps(members)} == {"TooLarge"}
    assert all("of 2.9 MiB, were kept" in gap["message"] for gap in gaps(members)), gaps(members)
    assert status["progress"]["bytes"] <= 2 << 20


def test_at_the_end_of_its_time_a_bundle_is_made_of_what_is_there(town: str) -> None:
    collectors = (
        *sbundle.LOGS,
        {"name": "hang", "type": "HTTP", "http": server(path="/hang", timeout="5m")},
        {"name": "endless", "type": "HTTP", "http": server(path="/endless", timeout="5m", maxBytes="4Gi")},
    )
    sbundle.create(
        town, "late", collectors, app="server", capabilities=ALL, limits={"maxDuration": "10s", "maxBytes": "20Gi"}
    )
    status = sbundle.ready(town, "late", seconds=60)["status"]
    members = sbundle.unpack(sbundle.fetch(town, "late"))
    assert condition({"status": status}, "Ready")["reason"] == "PartiallyCollected"
    assert {(g["collector"], g["reason"]) for g in gaps(members)} == {("hang", "Timeout"), ("endless", "Timeout")}
    assert len([path for path in members if path.endswith("current.log")]) == 3
    assert len([path for path in members if path.endswith("/http/endless")]) == 3


def test_hostile_servers_cost_only_themselves(town: str) -> None:
    paths = ("slow", "lie", "endless", "bomb", "hang", "redirect", "binary", "status/503", "endless-headers")
    collectors = [
        {
            "name": path.replace("/", "-"),
            "type": "HTTP",
            "http": server(path=f"/{path}", pods="One", timeout="5s", maxBytes="2Mi"),
        }
        for path in paths
    ]
    sbundle.create(town, "hostile", [*sbundle.LOGS, *collectors], app="server", capabilities=ALL)
    sbundle.ready(town, "hostile", seconds=90)
    members = sbundle.unpack(sbundle.fetch(town, "hostile"))
    found = {gap["collector"]: gap["reason"] for gap in gaps(members)}
    assert found["status-503"] == "HTTP503"
    assert found["redirect"].startswith("HTTP30")
    assert found["slow"] == found["hang"] == "Timeout"
    assert found["endless"] == "TooLarge"
    assert "lie" in found
    assert any(path.endswith("/http/status-503") for path in members)
    peak = [int(line.split(" gaps, ")[1].split()[0]) for line in members["collector.log"].decode().splitlines()
            if "MiB at most" in line]  # fmt: skip
    assert peak
    assert max(peak) < 160


def test_pods_that_never_start_or_go_away_are_told(town: str) -> None:
    never = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "never", "labels": {"app": "troubled"}},
        "spec": {"containers": [{"name": "app", "image": "localhost/no-such:none", "imagePullPolicy": "Never"}]},
    }
    leaving = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "leaving", "labels": {"app": "troubled"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "app",
                    "image": "localhost/sb-busybox:test",
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", "100000"],
                }
            ],
        },
    }
    kubectl("-n", town, "apply", "-f", "-", stdin=yaml.safe_dump_all([never, leaving]).encode())
    kubectl("-n", town, "wait", "pod/leaving", "--for=condition=Ready", "--timeout=60s")
    wait = {"name": "wait", "type": "Exec", "exec": {"command": ["sleep", "60"], "timeout": "90s"}}
    sbundle.create(town, "troubled", [*sbundle.LOGS, wait], app="troubled", capabilities=ALL)
    until(
        "one task done",
        lambda: get(town, "sbundle", "troubled").get("status", {}).get("progress", {}).get("bytes", -1) >= 0,
    )
    until("the command", lambda: "sleep" in kubectl("-n", town, "exec", "leaving", "--", "ps"))
    until("its second process", lambda: kubectl("-n", town, "exec", "leaving", "--", "ps").count("sleep 60") > 0)
    kubectl("-n", town, "delete", "pod", "leaving", "--wait=false")
    obj = sbundle.finished(town, "troubled", seconds=60)
    reasons = {(w["target"], w["reason"]) for w in obj["status"]["warnings"]}
    assert ("never/app", "ContainerNotStarted") in reasons
    assert [w for w in obj["status"]["warnings"] if w["collector"] == "wait" and w["target"].startswith("leaving")]


def running(namespace: str, selector: str) -> set[str]:
    """The names of pods that run."""
    found = items(namespace, "pods", selector)
    return {pod["metadata"]["name"] for pod in found if pod["status"].get("phase") == "Running"}


def test_a_shard_that_dies_for_good_costs_only_its_own_tasks(town: str) -> None:
    quick = [{"name": f"a{i:02d}", "type": "HTTP", "http": server(path="/healthz")} for i in range(43)]
    hang = {"name": "z-hang", "type": "HTTP", "http": server(path="/hang", timeout="3m")}
    sbundle.create(town, "deadly", [*quick, hang], app="server", capabilities=ALL)
    uid = get(town, "sbundle", "deadly")["metadata"]["uid"]
    selector = f"supportbundle.dev/bundle-uid={uid},batch.kubernetes.io/job-completion-index=1"
    killed: set[str] = set()
    for _ in range(3):
        (pod,) = until("the shard's pod", lambda: running(town, selector) - killed)
        kubectl("-n", town, "delete", "pod", pod, "--force", "--grace-period=0")
        killed.add(pod)
    obj = sbundle.ready(town, "deadly", seconds=120)
    members = sbundle.unpack(sbundle.fetch(town, "deadly"))
    kept = [path for path in members if "/http/a" in path]
    lost = [gap for gap in gaps(members) if gap["reason"] == "CollectorLost"]
    assert "z-hang" in {gap["collector"] for gap in lost}
    assert len(lost) + len(kept) == 44 * 3
    assert len(kept) > 40
    assert condition(obj, "Ready")["reason"] == "PartiallyCollected"


def test_two_collectors_of_one_kind_keep_out_of_each_others_way(town: str) -> None:
    again = {"name": "again", "type": "Logs", "logs": {"tailLines": 1}}
    sbundle.create(town, "twice", [*sbundle.LOGS, again], app="loud")
    obj = sbundle.ready(town, "twice")
    members = sbundle.unpack(sbundle.fetch(town, "twice"))
    assert condition(obj, "Ready")["reason"] == "Complete"
    assert len([path for path in members if path.startswith("pods/") and path.endswith("current.log")]) == 3
    second = [data for path, data in members.items() if path.startswith("collectors/again/pods/")]
    assert [data.count(b"\n") for data in second] == [1, 1, 1]


def test_a_dry_run_foretells_the_run_and_keeps_nothing(town: str) -> None:
    profile = {"name": "cpu", "type": "Profile", "profile": {"port": 6060, "kinds": [{"type": "CPU", "seconds": 5}]}}
    sbundle.create(town, "dry", [*sbundle.LOGS, profile], app="loud", dryRun=True)
    obj = sbundle.ready(town, "dry")
    estimate = obj["status"]["estimate"]
    assert (estimate["pods"], estimate["tasks"], estimate["sampledTasks"]) == (3, 6, 3)
    assert 9_000_000 <= estimate["bytes"] < 15_000_000
    assert 8 <= estimate["seconds"] < 30
    assert estimate["missingCapabilities"] == ["Profiles"]
    assert "artifact" not in obj["status"]
    assert names(town, "jobs", f"supportbundle.dev/bundle-uid={obj['metadata']['uid']}") == []
    role = yaml.safe_load(estimate["role"])
    kubectl("-n", town, "apply", "-f", "-", stdin=estimate["role"].encode())
    assert {"pods/log"} <= {resource for rule in role["rules"] for resource in rule["resources"]}
