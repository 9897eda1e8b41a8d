"""The shipped template of any workload, run whole."""

from __future__ import annotations

from pathlib import Path

from support.presets import StandIn, collected


def test_logs_of_all_pods_come_sanitized(tmp_path: Path) -> None:
    log = tmp_path / "output"
    log.write_text("listening\npassword=hunter2-hunter2\n", encoding="utf-8")
    pods = [StandIn("web-1", {"app": "web"}, log=log), StandIn("web-2", {"app": "other"}, phase="Pending")]
    found = collected("kubernetes", pods, tmp_path)
    assert b"listening\n" in found.files["pods/web-1/app/current.log"]
    assert not any(b"hunter2" in content for content in found.files.values())
    assert ("logs", "web-2/app", "ContainerNotStarted") in found.warnings
