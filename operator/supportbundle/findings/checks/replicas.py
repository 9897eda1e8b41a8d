"""Workloads with fewer ready pods than they should have, and rollouts that do not come to an end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Evidence, Severity, evidence
from supportbundle.findings.seen import Seen, Source, name_of
from supportbundle.findings.view import View

_ADVICE = "See what the other checks say of its pods, and of the pods that could not be created."
_STUCK = (
    "The new version's pods do not become available within spec.progressDeadlineSeconds. kubectl rollout undo goes "
    "back; what is wrong stands in the findings about its pods."
)
_READY: Final = {
    "Deployment": ("spec.replicas", "availableReplicas"),
    "StatefulSet": ("spec.replicas", "readyReplicas"),
    "DaemonSet": ("status.desiredNumberScheduled", "numberReady"),
}


def _run(seen: Seen) -> Iterator[Draft]:
    for workload in seen.workloads:
        kind = workload["kind"].text()
        if kind in _READY:
            yield from _short(workload, kind)
        if kind == "Deployment":
            yield from _stuck(workload)


def _short(workload: View, kind: str) -> Iterator[Draft]:
    wanted_at, ready_at = _READY[kind]
    part, _, wanted_field = wanted_at.partition(".")
    asked = workload[part][wanted_field]
    # The API server fills in spec.replicas with 1; only an object that is not from it lacks the field.
    wanted, ready = asked.number(), workload["status"][ready_at].number()
    if ready >= wanted:
        return
    name = name_of(workload)
    yield Draft(
        Severity.WARNING if ready else Severity.CRITICAL,
        f"{kind} {name} has {ready} of {wanted} pods ready",
        About(kind=kind, name=name),
        (evidence(wanted_at, str(wanted)), evidence(f"status.{ready_at}", str(ready)), *_conditions(workload)),
        _ADVICE,
    )


def _stuck(workload: View) -> Iterator[Draft]:
    progressing = workload["status"]["conditions"].first("type", "Progressing")
    if progressing["status"].text() == "False":
        name = name_of(workload)
        since = progressing["lastTransitionTime"].moment()
        text = f"{progressing['reason'].text()}: {progressing['message'].text()}"
        yield Draft(
            Severity.CRITICAL,
            f"Deployment {name} does not get on with its rollout",
            About(kind="Deployment", name=name),
            (evidence("status.conditions[Progressing]", text, since),),
            _STUCK,
            since=since,
        )


def _conditions(workload: View) -> Iterator[Evidence]:
    for _, condition in workload["status"]["conditions"].each():
        if (condition["type"].text(), condition["status"].text()) in {
            ("Available", "False"),
            ("ReplicaFailure", "True"),
        }:
            text = f"{condition['type'].text()}: {condition['reason'].text()}: {condition['message'].text()}"
            yield evidence("status.conditions", text, condition["lastTransitionTime"].moment())


CHECK = Check(
    "replicas",
    "Deployments, StatefulSets and DaemonSets of the targets with fewer ready pods than wanted, and stuck rollouts.",
    frozenset({Source.WORKLOADS}),
    _run,
)
