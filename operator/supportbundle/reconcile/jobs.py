"""The collection Job as the API shows it. Its verdict is never believed about data, only about pods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from supportbundle.decide.world import JobFacts, JobState
from supportbundle.errors import NotFound
from supportbundle.model import names
from supportbundle.model.bundle import Bundle
from supportbundle.model.gap import printable
from supportbundle.model.pod import controller_of
from supportbundle.reconcile import paths
from supportbundle.reconcile.deps import Deps

INDEX_ANNOTATION = "batch.kubernetes.io/job-completion-index"
NO_TROUBLE = frozenset({"ContainerCreating", "PodInitializing"})
PULLING = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable"}
)
UNPULLED = (
    "Check image.repository and image.tag of the chart; the Secrets of image.pullSecrets must be in this namespace too."
)
UNSCHEDULED = "Make room on a node, or change collector.resources, nodeSelector or tolerations of the chart."
REFUSED = "Kubernetes tries again: change what forbids it in this namespace, or collector.resources of the chart."
SLOW_START = timedelta(minutes=1)
SHARD_INDEX = re.compile(r"[0-9]{1,5}")
MESSAGE_LIMIT = 500
NAMED_POD = re.compile(r'(Error creating: )?pods "[^"]*" is ')


async def read_job(bundle: Bundle, deps: Deps) -> JobFacts | None:
    """The Job with its pods; None if there is none."""
    namespace, name = bundle.metadata.namespace, names.run_name(bundle.metadata.uid)
    try:
        job = await deps.client.get(paths.named("jobs", namespace, name))
    except NotFound:
        return None
    status = job.get("status", {})
    finished = any(c["type"] in {"Complete", "Failed"} and c["status"] == "True" for c in status.get("conditions", ()))
    ready = status.get("ready") or 0
    suspended = _suspended(status)
    if ready and not finished and suspended is None:
        return JobFacts(JobState.ACTIVE, ready)
    pods = await pods_of(job, bundle.metadata.uid, deps)
    trouble = pods_trouble(pods, deps.clock()) or await job_trouble(job, pods, deps)
    state = JobState.FINISHED if finished else JobState.ACTIVE
    alive = sum(pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"} for pod in pods)
    doomed = await _doomed(namespace, pods, deps)
    return JobFacts(state, ready, trouble, _lost_reasons(pods), suspended, alive, doomed)


def _suspended(status: Mapping[str, Any]) -> datetime | None:
    """Since when; the Job controller says so once it has told all pods to end."""
    for condition in status.get("conditions", ()):
        if condition["type"] == "Suspended" and condition["status"] == "True":
            return datetime.fromisoformat(condition["lastTransitionTime"])
    return None


async def _doomed(namespace: str, pods: Iterable[Mapping[str, Any]], deps: Deps) -> bool:
    """Whether the pods go because their namespace does; asked only where some pod goes at all."""
    if not any("deletionTimestamp" in pod["metadata"] for pod in pods):
        return False
    return "deletionTimestamp" in (await deps.client.get(paths.namespace(namespace)))["metadata"]


async def pods_of(job: Mapping[str, Any], uid: str, deps: Deps) -> list[dict[str, Any]]:
    """The pods of a Job that was made for the bundle of this uid."""
    selector = {"labelSelector": f"{names.LABEL_UID}={uid}"}
    every = deps.client.items(paths.every("pods", job["metadata"]["namespace"]), selector)
    # A label is anybody's to set; only the Job controller makes pods that the Job controls.
    return [pod async for pod in every if (owner := controller_of(pod)) and owner.uid == job["metadata"]["uid"]]


def pods_trouble(pods: Iterable[Mapping[str, Any]], now: datetime, what: str = "collector") -> str:
    """Why a pod that exists does not run."""
    for pod in pods:
        status = pod.get("status", {})
        slow = now - datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) > SLOW_START
        for condition in status.get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return _text(f"The {what} pod cannot be scheduled: {condition.get('message', '')}", UNSCHEDULED)
        for container in status.get("containerStatuses", ()):
            waiting = container.get("state", {}).get("waiting", {})
            if waiting.get("reason") and (slow or waiting["reason"] not in NO_TROUBLE):
                said = f"The {what} pod waits: {waiting['reason']}: {waiting.get('message', '')}"
                return _text(said, UNPULLED if waiting["reason"] in PULLING else "")
    return ""


async def job_trouble(
    job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], deps: Deps, what: str = "collector"
) -> str:
    """Why there is no pod at all: quota, Pod Security and webhooks show only as Events of the Job."""
    if pods:
        return ""
    selector = {"fieldSelector": f"involvedObject.uid={job['metadata']['uid']},reason=FailedCreate"}
    messages = [
        event.get("message", "")
        async for event in deps.client.items(paths.every("events", job["metadata"]["namespace"]), selector)
    ]
    # The name of the pod that was not made is another one at each try, and would make each status a new one.
    if not messages:
        return ""
    return _text(f"The {what} pod cannot be created: {NAMED_POD.sub('', messages[-1])}", REFUSED)


def _lost_reasons(pods: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """How the pods of each index ended, as far as that explains a missing result."""
    reasons: dict[int, str] = {}
    for pod in pods:
        index = pod["metadata"].get("annotations", {}).get(INDEX_ANNOTATION, "")
        status = pod.get("status", {})
        if not SHARD_INDEX.fullmatch(index) or status.get("phase") != "Failed":
            continue
        reasons[int(index)] = _ended(status, "collector")
    return reasons


def ended_badly(pod: Mapping[str, Any], what: str) -> str:
    """Why a pod of a Job of one index failed; its own last words alone where it has said any. Empty if it did not."""
    status = pod.get("status", {})
    if status.get("phase") != "Failed":
        return ""
    ended = (c.get("state", {}).get("terminated", {}) for c in status.get("containerStatuses", ()))
    said = next((str(t["message"]) for t in ended if t.get("message")), "")
    return _text(said) or _ended(status, what)


def _ended(status: Mapping[str, Any], what: str) -> str:
    ended = [c.get("state", {}).get("terminated", {}) for c in status.get("containerStatuses", ())]
    reason = next((f"{t.get('reason')}: {t.get('message', '')}" for t in ended if t), "")
    why = f"{status.get('reason', '')} {status.get('message', '')}".strip() or reason
    return _text(f"The {what} pod failed: {why or 'no reason given'}")


def _text(message: str, next_step: str = "") -> str:
    cause = printable(message.strip(), MESSAGE_LIMIT)
    return f"{cause.rstrip('.')}. {next_step}" if next_step else cause
