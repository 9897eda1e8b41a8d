"""Workloads whose pods are refused: a quota is used up, or admission says no."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Severity
from supportbundle.findings.events import Told
from supportbundle.findings.seen import Seen, Source, name_of, replicas

_CAUSES: Final = (
    ("exceeded quota", "a quota is used up",
     "kubectl describe resourcequota shows what is used. Raise the quota, or lower requests and replicas."),
    ("failed quota", "a quota wants requests or limits that the pods do not set",
     "Set what the message names, or give the namespace a LimitRange with defaults."),
    ("violates PodSecurity", "the namespace's Pod Security level does not allow them",
     "Correct the securityContext as the message says, or ask the admin for another level."),
    ("maximum ", "a LimitRange does not allow their resources", "kubectl describe limitrange shows the bounds."),
    ("serviceaccount", "their ServiceAccount does not exist", "Create it, or correct spec.serviceAccountName."),
    ("admission webhook", "a webhook refuses them", "The message names the webhook and its reason."),
    ("failed calling webhook", "a webhook does not answer", "The webhook's own pods must run; see its Service."),
)  # fmt: skip
_UNKNOWN = ("see the evidence", "Read the evidence, and kubectl describe of the object.")


def _run(seen: Seen) -> Iterator[Draft]:
    told: defaultdict[tuple[str, str], list[Told]] = defaultdict(list)
    for event in seen.told("FailedCreate"):
        told[event.kind, event.name].append(event)
    overcome = {
        (workload["kind"].text(), name_of(workload))
        for workload in seen.workloads
        if (count := replicas(workload)) is not None and count.ready >= count.wanted
    }
    for (kind, name), events in told.items():
        newest = events[0]
        cause, advice = _cause(newest.message)
        past = (kind, name) in overcome or not seen.recent(newest.last)
        yield Draft(
            Severity.INFO if past else Severity.CRITICAL,
            f"{kind} {name} {'could not' if past else 'cannot'} create pods: {cause}",
            About(kind=kind, name=name),
            tuple(event.evidence for event in events),
            advice,
            since=min((event.first for event in events if event.first), default=None),
            last=newest.last,
            count=sum(event.count for event in events),
        )


def _cause(said: str) -> tuple[str, str]:
    return next(((cause, advice) for words, cause, advice in _CAUSES if words in said), _UNKNOWN)


CHECK = Check(
    "pod-creation",
    "Workloads whose pods the API server refuses: quotas, LimitRanges, Pod Security, webhooks.",
    frozenset({Source.EVENTS}),
    _run,
    helps=frozenset({Source.WORKLOADS}),
)
