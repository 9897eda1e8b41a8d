"""Small valid schedules, their bundles, and what happens to pods."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from support.build import NOW, UID
from supportbundle.decide.occasions import Child, Occasion, Signal
from supportbundle.model.bundle import Metadata
from supportbundle.model.cause import Cause, CauseType
from supportbundle.model.schedule import Schedule, ScheduleSpec, ScheduleStatus

LOOP: dict[str, Any] = {"name": "loop", "type": "RestartLoop"}
OOM: dict[str, Any] = {"name": "oom", "type": "OOMKilled"}
JOB: dict[str, Any] = {"name": "job", "type": "JobFailed"}
ALERT: dict[str, Any] = {"name": "slow", "type": "Alert", "alert": {"labels": {"alertname": "Slow"}}}
BUNDLE: dict[str, Any] = {
    "target": {"selector": {}},
    "collectors": [{"name": "logs", "type": "Logs"}],
    "serviceAccountName": "watcher",
}


def spec(**fields: Any) -> ScheduleSpec:
    """A spec that collects logs as an account."""
    return ScheduleSpec.model_validate({"bundleTemplate": {"spec": BUNDLE}, **fields})


def schedule(status: ScheduleStatus | None = None, *, age: timedelta = timedelta(days=1), **fields: Any) -> Schedule:
    """The schedule `night`, made `age` before NOW."""
    meta = Metadata(namespace="team", name="night", uid=UID, creation_timestamp=NOW - age)
    return Schedule(metadata=meta, spec=spec(**fields), status=status or ScheduleStatus())


def occasion(
    *,
    children: tuple[Child, ...] = (),
    signals: tuple[Signal, ...] = (),
    after: timedelta = timedelta(),
    status: ScheduleStatus | None = None,
    **fields: Any,
) -> Occasion:
    """What one step sees, `after` NOW."""
    return Occasion(schedule(status, **fields), NOW + after, children, signals)


def cause(kind: CauseType = CauseType.CRON, at: datetime = NOW, owner: str = "") -> Cause:
    """Why a child is there."""
    return Cause(type=kind, schedule="night", at=at, trigger="loop" if owner else "", owner=owner)


def child(name: str = "c", *, why: Cause | None = None, **changes: Any) -> Child:
    """A child, made NOW, that still runs."""
    fields: dict[str, Any] = {"uid": f"uid-{name}", "created_at": NOW, "cause": why or cause(), **changes}
    return Child(name=name, **fields)


def ended(name: str, *, ago: timedelta = timedelta(hours=1), size: int = 1, good: bool = True, **changes: Any) -> Child:
    """A finished child."""
    at = NOW - ago
    return child(name, ended_at=at, succeeded=good, size=size if good else 0, **{"created_at": at, **changes})


def signal(owner: str = "Deployment/web", *, trigger: str = "loop", at: datetime = NOW, pod: str = "web-1") -> Signal:
    """A pod that crashes."""
    return Signal(trigger, owner, at, (pod,), "crashes")


def crashing_pod(
    name: str = "web-5d8f-abcde", *, at: datetime = NOW, restarts: int = 3, **changes: Any
) -> dict[str, Any]:
    """A pod of the Deployment web whose container died `at`, killed for its memory."""
    run = {
        "exitCode": 137,
        "reason": "OOMKilled",
        "startedAt": (at - timedelta(seconds=10)).isoformat(),
        "finishedAt": at.isoformat(),
        **changes,
    }
    return {
        "metadata": {
            "name": name,
            "namespace": "team",
            "uid": f"uid-{name}",
            "labels": {"app": "web", "pod-template-hash": "5d8f"},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d8f", "uid": "rs", "controller": True}
            ],
        },
        "status": {
            "containerStatuses": [{"name": "app", "restartCount": restarts, "lastState": {"terminated": run}}],
        },
    }


def failed_job(name: str = "backup-1", *, at: datetime = NOW, cron_job: str | None = None) -> dict[str, Any]:
    """A Job that has failed for good."""
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": cron_job, "uid": "cj", "controller": True}
    condition = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    return {
        "metadata": {
            "name": name,
            "namespace": "team",
            "uid": f"uid-{name}",
            "ownerReferences": [owner] if cron_job else [],
        },
        "status": {"conditions": [{**condition, "lastTransitionTime": at.isoformat()}]},
    }
