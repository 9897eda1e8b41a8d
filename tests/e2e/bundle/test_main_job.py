"""The main job: apply a SupportBundle, get one sanitized zip and a status that says so."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support import sbundle
from support.kube import condition, get, kubectl, names, until

pytestmark = pytest.mark.e2e
KINDS = [{"type": "CPU", "seconds": 2}, {"type": "Heap"}, {"type": "Goroutine"}]
EVERYTHING = (
    {"name": "logs", "type": "Logs"},
    {"name": "events", "type": "Events"},
    {"name": "config", "type": "Config", "config": {"configMaps": {}, "workloads": True}},
    {"name": "profiles", "type": "Profile", "profile": {"port": 6060, "kinds": KINDS}},
)
CAPABILITIES = ["Logs", "Events", "Config", "Profiles"]


@pytest.fixture(scope="module")
def bundle(workload: str) -> tuple[dict[str, object], bytes]:
    """One bundle with everything that this version collects: (resource, zip)."""
    sbundle.create(workload, "everything", EVERYTHING, capabilities=CAPABILITIES)
    obj = sbundle.ready(workload, "everything")
    return obj, sbundle.fetch(workload, "everything")


def test_the_status_tells_where_the_zip_is_and_what_is_in_it(bundle: tuple[dict[str, object], bytes]) -> None:
    obj, data = bundle
    status = obj["status"]
    assert isinstance(status, dict)
    assert status["phase"] == "Ready"
    assert status["observedGeneration"] == 1
    assert {c["type"] for c in status["conditions"]} == {
        "Ready", "Reconciling", "Stalled", "Collected", "Sanitized", "Uploaded",
    }  # fmt: skip
    assert status["artifact"]["sizeBytes"] == len(data)
    assert status["artifact"]["files"] == len(sbundle.unpack(data))
    assert status["progress"]["tasks"]["done"] == status["progress"]["tasks"]["total"] > 0
    assert status["sanitization"]["redactions"] > 0
    assert status["sanitization"]["leaks"] == 0


def test_the_manifest_vouches_for_every_member(bundle: tuple[dict[str, object], bytes]) -> None:
    obj, data = bundle
    members = sbundle.unpack(data)
    manifest = json.loads(members["manifest.json"])
    listed = {m["path"]: m["sha256"] for m in manifest["members"]}
    for path, content in members.items():
        if path != "manifest.json":
            assert listed[path] == hashlib.sha256(content).hexdigest(), path
    status = obj["status"]
    assert isinstance(status, dict)
    assert status["artifact"]["manifestSHA256"] == hashlib.sha256(members["manifest.json"]).hexdigest()


def test_no_planted_secret_is_in_any_byte(bundle: tuple[dict[str, object], bytes], planted: list[bytes]) -> None:
    assert planted
    members = sbundle.unpack(bundle[1])
    found = [(secret, path) for path, content in members.items() for secret in planted if secret in content]
    assert found == []
    redactions = json.loads(members["redactions.json"])
    assert redactions["totals"]["redactions"] > 10


def test_the_zip_opens_in_the_usual_tools(bundle: tuple[dict[str, object], bytes], tmp_path: Path) -> None:
    file = tmp_path / "bundle.zip"
    file.write_bytes(bundle[1])
    for command in (["unzip", "-t", "-qq"], ["7z", "t", "-bd"]):
        assert shutil.which(command[0]), f"{command[0]} is missing; install it with your package manager"
        subprocess.run([*command, str(file)], check=True, capture_output=True)


@pytest.mark.parametrize(("profile", "expected"), [("cpu.pb.gz", b"Type: cpu"), ("heap.pb.gz", b"Type: inuse_space")])
def test_go_tool_pprof_reads_the_profiles(
    bundle: tuple[dict[str, object], bytes], tmp_path: Path, profile: str, expected: bytes
) -> None:
    members = sbundle.unpack(bundle[1])
    found = [content for path, content in members.items() if path.endswith(f"/profiles/{profile}")]
    assert len(found) == 2, sorted(members)
    file = tmp_path / profile
    file.write_bytes(found[0])
    shown = subprocess.run(["go", "tool", "pprof", "-top", str(file)], check=True, capture_output=True)
    assert expected in shown.stdout


def test_the_bundle_leaves_no_power_behind(workload: str, bundle: tuple[dict[str, object], bytes]) -> None:
    obj, _ = bundle
    metadata = obj["metadata"]
    assert isinstance(metadata, dict)
    selector = f"supportbundle.dev/bundle-uid={metadata['uid']}"
    until(
        "removal of the run's objects",
        lambda: names(workload, "jobs,pods,serviceaccounts,rolebindings,secrets", selector) == [] or None,
        seconds=60,
    )


def test_the_previous_log_of_a_crashed_container_is_there(workload: str) -> None:
    sbundle.create(workload, "crash", app="crashy")
    sbundle.ready(workload, "crash")
    members = sbundle.unpack(sbundle.fetch(workload, "crash"))
    previous = [content for path, content in members.items() if path.endswith("/previous.log")]
    assert previous
    assert any(content.strip() for content in previous)


def test_a_target_that_does_not_exist_fails_with_a_plain_message(workload: str) -> None:
    sbundle.create(workload, "nobody", app="nobody")
    ready = condition(sbundle.finished(workload, "nobody", seconds=30), "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "TargetNotFound")
    assert "app=nobody" in ready["message"]
    assert "kubectl get pods" in ready["message"]


def test_one_missing_target_among_others_is_a_warning(workload: str) -> None:
    missing = {"name": "missing", "type": "Logs", "target": {"podNames": ["not-there"]}}
    sbundle.create(workload, "partly", (*sbundle.LOGS, missing))
    obj = sbundle.ready(workload, "partly")
    assert condition(obj, "Ready")["reason"] == "PartiallyCollected"
    assert [w["reason"] for w in obj["status"]["warnings"]] == ["TargetNotFound"]
    assert b"not-there" in sbundle.unpack(sbundle.fetch(workload, "partly"))["warning.txt"]


@pytest.mark.usefixtures("bundle")
def test_events_tell_the_story_once(workload: str) -> None:
    shown = kubectl("-n", workload, "get", "events", "--field-selector", "involvedObject.name=everything", "-o", "json")
    reasons = [event["reason"] for event in json.loads(shown)["items"]]
    assert sorted(reasons) == sorted(set(reasons))
    assert {"Collecting", "Assembling"} <= set(reasons)


def test_a_deleted_bundle_takes_its_run_with_it(workload: str) -> None:
    sbundle.create(workload, "doomed", EVERYTHING, capabilities=CAPABILITIES)
    uid = get(workload, "sbundle", "doomed")["metadata"]["uid"]
    until("the Job", lambda: names(workload, "jobs", f"supportbundle.dev/bundle-uid={uid}"))
    kubectl("-n", workload, "delete", "sbundle", "doomed")
    selector = f"supportbundle.dev/bundle-uid={uid}"
    until(
        "removal of everything made for it",
        lambda: names(workload, "jobs,pods,serviceaccounts,rolebindings,secrets", selector) == [] or None,
        seconds=60,
    )
