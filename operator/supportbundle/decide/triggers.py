"""What a pod, a Job or an alert says to a trigger. Pure; the objects are as the API server or Alertmanager writes them.

Everything here is read from the state of one object, so a watch that starts anew sees what an earlier one saw, and
nothing must be remembered of pods that are well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from supportbundle.decide.occasions import Signal
from supportbundle.model import names
from supportbundle.model.alert import Alert
from supportbundle.model.gap import printable
from supportbundle.model.pod import OwnerRef, controller_of
from supportbundle.model.schedule import RestartLoopOptions, Trigger, TriggerType

Json = Mapping[str, Any]
FRESH: Final = timedelta(hours=1)
"""What happened before is no news: a restarted operator sees every old crash again."""
_STATUSES: Final = ("initContainerStatuses", "containerStatuses")
_MESSAGE_CHARS: Final = 600
_TEMPLATE_HASH: Final = "pod-template-hash"
JOB_KINDS: Final = frozenset({TriggerType.JOB_FAILED})
POD_KINDS: Final = frozenset({TriggerType.RESTART_LOOP, TriggerType.OOM_KILLED})


def is_our_own(obj: Json) -> bool:
    """Pods and Jobs of collections: a failed collection must not ask for another one."""
    labels = obj["metadata"].get("labels", {})
    return bool(labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY and names.LABEL_UID in labels)


def signal_of(trigger: Trigger, obj: Json) -> Signal | None:
    """The newest thing that this pod or Job has to say to the trigger; its selector has been looked at."""
    match trigger.type:
        case TriggerType.OOM_KILLED:
            return _of_pod(trigger, obj, _killed(obj))
        case TriggerType.RESTART_LOOP:
            return _of_pod(trigger, obj, _looping(obj, trigger.restart_loop or RestartLoopOptions()))
        case TriggerType.JOB_FAILED:
            return _failed(trigger, obj)
        case TriggerType.ALERT:
            return None


def _of_pod(trigger: Trigger, pod: Json, found: Iterator[tuple[datetime, str]]) -> Signal | None:
    if (newest := max(found, default=None)) is None:
        return None
    name, (at, message) = pod["metadata"]["name"], newest
    return Signal(trigger.name, owner_of_pod(pod), at, (name,), printable(f"Pod {name}: {message}", _MESSAGE_CHARS))


def _ended(obj: Json) -> Iterator[tuple[Json, Json]]:
    """Each container's status with each of its runs that has ended and that Kubernetes still tells of."""
    for field in _STATUSES:
        for status in obj.get("status", {}).get(field) or ():
            for state in ("state", "lastState"):
                if run := (status.get(state) or {}).get("terminated"):
                    yield status, run


def _killed(obj: Json) -> Iterator[tuple[datetime, str]]:
    for status, run in _ended(obj):
        if run.get("reason") == "OOMKilled" and (at := _moment(run.get("finishedAt"))):
            yield at, f"container {status.get('name')} was killed for its memory."


def _looping(obj: Json, options: RestartLoopOptions) -> Iterator[tuple[datetime, str]]:
    """A run counts if it was short and ended badly; one that ends well is a program that is meant to end."""
    for status, run in _ended(obj):
        restarts = status.get("restartCount", 0)
        began, at = _moment(run.get("startedAt")), _moment(run.get("finishedAt"))
        if restarts < options.restarts or not run.get("exitCode") or at is None or began is None:
            continue
        if at - began <= options.within:
            code = run["exitCode"]
            yield at, f"container {status.get('name')} has restarted {restarts} times, last with exit code {code}."


def _failed(trigger: Trigger, job: Json) -> Signal | None:
    for condition in job.get("status", {}).get("conditions") or ():
        if condition.get("type") == "Failed" and condition.get("status") == "True":
            if (at := _moment(condition.get("lastTransitionTime"))) is None:
                return None
            name, reason = job["metadata"]["name"], condition.get("reason", "")
            message = printable(f"Job {name} has failed: {reason}.", _MESSAGE_CHARS)
            return Signal(trigger.name, owner_of_job(job), at, (), message, f"Job/{name}")
    return None


def signal_of_alert(trigger: Trigger, alert: Alert, owner: str, now: datetime) -> Signal | None:
    """The alert, if it is one that this trigger waits for. Only what the trigger itself names is repeated of it."""
    if trigger.alert is None or any(alert.labels.get(k) != v for k, v in trigger.alert.labels.items()):
        return None
    pods = (alert.pod,) if alert.pod else ()
    told = ", ".join(f"{key}={value}" for key, value in sorted(trigger.alert.labels.items()))
    message = printable(f"Alert with {told} fires.", _MESSAGE_CHARS)
    # A clock that goes ahead must not make an alert newer than the bundle about it.
    return Signal(trigger.name, owner, min(alert.starts_at, now), pods, message)


def owner_of_pod(pod: Json) -> str:
    """The workload behind a pod, without asking for its ReplicaSet.

    A Deployment names its ReplicaSets after itself and the hash that is the pods' label `pod-template-hash`
    (kubernetes/pkg/controller/deployment/sync.go, getNewReplicaSet).
    """
    ref = controller_of(pod)
    if ref is None:
        return f"Pod/{pod['metadata']['name']}"
    tail = f"-{pod['metadata'].get('labels', {}).get(_TEMPLATE_HASH, '')}"
    if ref.kind == "ReplicaSet" and len(tail) > 1 and ref.name.endswith(tail):
        return f"Deployment/{ref.name.removesuffix(tail)}"
    return _said(ref)


def owner_of_job(job: Json) -> str:
    """The CronJob of a Job, or the Job itself."""
    ref = controller_of(job)
    return _said(ref) if ref else f"Job/{job['metadata']['name']}"


def _said(ref: OwnerRef) -> str:
    return f"{ref.kind}/{ref.name}"[:320]


def _moment(text: object) -> datetime | None:
    """A time as Kubernetes writes it; pods' statuses come from nodes, so nothing is taken for granted."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
