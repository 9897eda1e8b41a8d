"""Workloads with fewer ready pods than they should have, and rollouts that do not come to an end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Evidence, Severity, evidence
from supportbundle.findings.seen import Seen, Source, name_of, replicas
from supportbundle.findings.view import View

_ADVICE = "See what the other checks say of its pods, and of the pods that could not be created."
_STUCK = (
    "The new version's pods do not become available within spec.progressDeadlineSeconds. kubectl rollout undo goes "
    "back; what is wrong stands in the findings about its pods."
)
_TOLD: Final = frozenset({"DaemonSet", "Deployment", "StatefulSet"})
"""ReplicaSets are told by their Deployments."""


def _run(seen: Seen) -> Iterator[Draft]:
    for workload in seen.workloads:
        kind = workload["kind"].text()
        if kind in _TOLD:
            yield from _short(workload, kind)
        if kind == "Deployment":
            yield from _stuck(workload)


def _short(workload: View, kind: str) -> Iterator[Draft]:
    count = replicas(workload)
    if count is None or count.ready >= count.wanted:
        return
    name = name_of(workload)
    yield Draft(
        Severity.WARNING if count.ready else Severity.CRITICAL,
        f"{kind} {name} has {count.ready} of {count.wanted} pods ready",
        About(kind=kind, name=name),
        (
            evidence(count.wanted_at, str(count.wanted)),
            evidence(count.ready_at, str(count.ready)),
            *_conditions(workload),
        ),
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
