"""Pods that were put out: for their node's pressure, by a taint, or for a pod of higher priority."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Severity, evidence
from supportbundle.findings.seen import Seen, Source, name_of
from supportbundle.findings.view import View

_PRESSURE = (
    "The node ran out of what the message names, and pods that use more than they request go first. Set requests to "
    "what is used (ephemeral-storage too), and see what else fills the node."
)
_ADVICE: Final = {
    "PreemptionByScheduler": "A pod of higher priority took its place. Add nodes, or give it a priorityClassName.",
    "DeletionByTaintManager": "Its node got a taint that it does not tolerate, often not-ready: see the node.",
    "EvictionByEvictionAPI": "Somebody drained the node, or an autoscaler did; nothing may be wrong.",
    "DeletionByPodGC": "Its node went away.",
    "TerminationByKubelet": _PRESSURE,
}
_EVENTS = ("Evicted", "Preempted", "TaintManagerEviction")


def _run(seen: Seen) -> Iterator[Draft]:
    looked_at = set()
    for pod in seen.pods:
        looked_at.add(name_of(pod))
        yield from _evicted(seen, pod)
    for event in seen.told(*_EVENTS):
        if event.kind == "Pod" and event.name not in looked_at:
            yield Draft(
                Severity.WARNING,
                f"{event.name} was put out",
                About(kind="Pod", name=event.name),
                (event.evidence,),
                _ADVICE["PreemptionByScheduler"] if event.reason == "Preempted" else _PRESSURE,
                since=event.first,
                last=event.last,
            )


def _evicted(seen: Seen, pod: View) -> Iterator[Draft]:
    status, name = pod["status"], name_of(pod)
    put_out = status["conditions"].first("type", "DisruptionTarget")
    disrupted = put_out["status"].text() == "True"
    evicted = status["phase"].text() == "Failed" and status["reason"].text() in {
        "Evicted",
        "NodeShutdown",
        "Preempting",
    }
    if not disrupted and not evicted:
        return
    cause = put_out["reason"].text() if disrupted else ""
    at = put_out["lastTransitionTime"].moment()
    found = [evidence("status", f"{status['reason'].text()}: {status['message'].text()}")] if evicted else []
    if disrupted:
        found.append(evidence("status.conditions[DisruptionTarget]", f"{cause}: {put_out['message'].text()}", at))
    voluntary = cause == "EvictionByEvictionAPI"
    yield Draft(
        Severity.INFO if voluntary or not seen.recent(at) else Severity.WARNING,
        f"{name} was put out" + (f" ({cause})" if cause in _ADVICE else ""),
        About(kind="Pod", name=name),
        (*found, *(event.evidence for event in seen.about("Pod", name, *_EVENTS))),
        _ADVICE.get(cause, _PRESSURE),
        last=at,
    )


CHECK = Check(
    "evictions",
    "Pods that were evicted or preempted, as far as they or their Events are still there.",
    frozenset({Source.PODS}),
    _run,
    helps=frozenset({Source.EVENTS}),
)
