"""Findings from the collector through fragment and zip to the bundle's status, with the real sanitizer between."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from support.collecting import FakeCluster
from support.universe import ARTIFACT, KEY, Universe
from supportbundle.collector.inputs import Mounts
from supportbundle.collector.logbook import Logbook
from supportbundle.collector.main import reporting_run
from supportbundle.model.plan import Plan
from supportbundle.reconcile import paths
from supportbundle.reconcile.loop import Reconciler

BUNDLE = paths.bundle("team", "incident")
EVENTS = "/api/v1/namespaces/team/events"
SECRET = "postgres://web:correct-horse-17@db/web"
SPEC: dict[str, Any] = {
    "target": {"selector": {"matchLabels": {"app": "web"}}},
    "collectors": [{"name": "findings", "type": "Findings", "findings": {"scope": "Targets"}}],
}


def crashing(name: str) -> dict[str, Any]:
    last = {"terminated": {"exitCode": 3, "reason": "Error", "message": f"cannot reach {SECRET}"}}
    container = {
        "name": "app",
        "restartCount": 7,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": last,
    }
    return {"metadata": {"name": name, "uid": name}, "status": {"phase": "Running", "containerStatuses": [container]}}


@dataclass
class Collecting(Universe):
    """Whose collector is the real one, in a cluster with these pods."""

    pods: tuple[dict[str, Any], ...] = ()

    def _fragment(self, plan: Plan, shard: int) -> bytes:
        file = self.scratch / f"{shard}"
        thread = Thread(target=lambda: asyncio.run(collect(plan, shard, file, self.pods)))
        thread.start()
        thread.join()
        return file.read_bytes()


async def collect(plan: Plan, shard: int, file: Path, pods: tuple[dict[str, Any], ...]) -> None:
    objects = {f"/api/v1/namespaces/team/pods/{pod['metadata']['name']}": pod for pod in pods}
    mounts = Mounts(file.parent, file.parent, file.parent)
    cluster = FakeCluster(objects=objects, lists={EVENTS: []})
    async with reporting_run(plan, plan.shards[shard], cluster, mounts, file, Logbook()) as run:
        await run.run(30)


async def ended(universe: Universe, *pods: dict[str, Any], **spec: Any) -> dict[str, Any]:
    universe.api.objects[BUNDLE]["spec"] = {**SPEC, **spec}
    working = Collecting(universe.api, universe.store, universe.scratch, universe.pool, pods=pods)
    reconciler = Reconciler(working.process())
    for _ in range(15):
        await reconciler.run(KEY)
        status: dict[str, Any] = working.api.objects[BUNDLE].get("status", {})
        if status.get("phase") == "Ready":
            return status
        working.run_collectors()
    raise AssertionError(status)


def condition(status: dict[str, Any]) -> dict[str, Any] | None:
    return next((c for c in status["conditions"] if c["type"] == "ProblemsFound"), None)


def zipped(universe: Universe, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(universe.store.data[ARTIFACT])) as archive:
        return archive.read(name)


async def test_what_is_wrong_is_a_condition_and_a_file_and_no_secret_is_in_either(universe: Universe) -> None:
    status = await ended(universe, crashing("web-1"), crashing("web-2"))
    told = condition(status)
    assert told is not None
    assert (told["status"], told["reason"]) == ("True", "CriticalFindings")
    assert told["message"].startswith("2 critical, 0 warnings")
    assert "web-1/app is in CrashLoopBackOff: 7 restarts, last exit code 3" in told["message"]
    findings = zipped(universe, "findings.json")
    assert [each["object"]["name"] for each in json.loads(findings)["findings"]] == ["web-1", "web-2"]
    assert b"cannot reach" in findings
    assert b"correct-horse-17" not in findings
    assert "correct-horse-17" not in json.dumps(status)
    assert b"correct-horse-17" not in zipped(universe, "manifest.json")


async def test_healthy_pods_are_said_to_be_so(universe: Universe) -> None:
    told = condition(await ended(universe, {"metadata": {"name": "web-1"}, "status": {"phase": "Running"}}))
    assert told is not None
    assert (told["status"], told["reason"]) == ("False", "NoFindings")


async def test_nobody_asked(universe: Universe) -> None:
    events = [{"name": "events", "type": "Events"}]
    assert condition(await ended(universe, collectors=events)) is None


@pytest.mark.parametrize("capabilities", [["Events"], ["Config"]])
async def test_both_capabilities_are_needed(universe: Universe, capabilities: list[str]) -> None:
    universe.api.objects[BUNDLE]["spec"] = {**SPEC, "capabilities": capabilities}
    reconciler = Reconciler(universe.process())
    for _ in range(15):
        await reconciler.run(KEY)
        universe.run_collectors()
    status = universe.api.objects[BUNDLE]["status"]
    assert [warning["reason"] for warning in status["warnings"]] == ["NotAllowed"]
    assert "spec.capabilities" in status["warnings"][0]["message"]
