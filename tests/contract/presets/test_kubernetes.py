"""The shipped template of any workload, run whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.presets import NAMESPACE, StandIn, collected

EVENT: dict[str, Any] = {
    "metadata": {"name": "mount", "namespace": NAMESPACE},
    "type": "Warning",
    "reason": "FailedMount",
    "message": "MountVolume.SetUp failed for volume data: password=hunter2-hunter2",
    "involvedObject": {"kind": "Pod", "name": "web-2", "uid": "web-2"},
    "lastTimestamp": "2026-03-04T11:58:00Z",
}
USAGE_CHECKS = {"cpu-throttling", "memory-limits"}


def test_logs_of_all_pods_come_sanitized(tmp_path: Path) -> None:
    log = tmp_path / "output"
    log.write_text("listening\npassword=hunter2-hunter2\n", encoding="utf-8")
    pods = [StandIn("web-1", {"app": "web"}, log=log), StandIn("web-2", {"app": "other"}, phase="Pending")]
    found = collected("kubernetes", pods, tmp_path)
    assert b"listening\n" in found.files["pods/web-1/app/current.log"]
    assert not any(b"hunter2" in content for content in found.files.values())
    assert ("logs", "web-2/app", "ContainerNotStarted") in found.warnings


def test_what_is_wrong_is_found_and_comes_sanitized(tmp_path: Path) -> None:
    pods = [StandIn("web-1", {"app": "web"}), StandIn("web-2", {"app": "web"}, phase="Pending")]
    found = collected("kubernetes", pods, tmp_path, objects={f"/api/v1/namespaces/{NAMESPACE}/events/mount": EVENT})
    report = json.loads(found.files["findings.json"])
    [finding] = report["findings"]
    assert (finding["id"], finding["severity"]) == ("mounts:Pod/web-2", "Critical")
    [evidence] = finding["evidence"]
    assert evidence["text"].startswith("MountVolume.SetUp failed for volume data: password=<redacted:")
    assert {each["check"] for each in report["checked"] if "skipped" in each} == USAGE_CHECKS
    assert all(each["complete"] for each in report["checked"] if "skipped" not in each)
    [problems] = [each for each in found.status["conditions"] if each["type"] == "ProblemsFound"]
    assert (problems["status"], problems["message"].partition(",")[0]) == ("True", "1 critical")
    assert "web-2: a volume could not be attached or mounted" in problems["message"]


def test_with_usage_it_is_compared_with_limits(tmp_path: Path) -> None:
    found = collected("kubernetes", [StandIn("web-1", {"app": "web"})], tmp_path, parameters={"usage": "true"})
    report = json.loads(found.files["findings.json"])
    assert not any("skipped" in each for each in report["checked"])
    assert {each["check"] for each in report["checked"] if not each["complete"]} == USAGE_CHECKS
    assert [reason for collector, _, reason in found.warnings if collector == "findings"] == ["MetricsNotServed"]
