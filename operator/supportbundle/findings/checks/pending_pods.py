"""Pods without a node, with the scheduler's reasons summed up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Severity, evidence
from supportbundle.findings.seen import Seen, Source, leaving, name_of
from supportbundle.findings.view import View

_WORDS: Final = (
    (
        r"Insufficient ([a-z0-9.-]+/)?([a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?)",
        "not enough {}",
        "Lower resources.requests, or add room: nodes, or an end to what else runs.",
    ),
    (r"Too many pods", "too many pods", "Add nodes; each takes a fixed number of pods."),
    (
        r"untolerated taint",
        "taints",
        "See the nodes' taints and spec.tolerations; disk-pressure, not-ready and the like are nodes in trouble.",
    ),
    (
        r"didn't match Pod's node affinity/selector",
        "node selector or affinity",
        "Compare spec.nodeSelector and spec.affinity with the nodes' labels.",
    ),
    (
        r"pod (anti-)?affinity",
        "affinity to other pods",
        "See spec.affinity; with a required anti-affinity each replica needs a node of its own.",
    ),
    (
        r"topology spread",
        "topology spread constraints",
        "See spec.topologySpreadConstraints and the nodes' zones.",
    ),
    (
        r"volume node affinity conflict|didn't find available persistent volumes",
        "volumes that are elsewhere",
        "The volume lies in another zone or on another node; see the PersistentVolume's nodeAffinity.",
    ),
    (
        r"unbound immediate PersistentVolumeClaims|persistentvolumeclaim",
        "claims without a volume",
        "See the check volume-claims.",
    ),
    (r"free ports", "host ports that are taken", "Leave out hostPort, or spread the pods over more nodes."),
    (r"unschedulable", "cordoned nodes", "kubectl uncordon the nodes that are to take pods."),
    (r"no nodes available|0/0 nodes", "no nodes", "Add nodes; see the cluster's autoscaler."),
)
"""What kube-scheduler's plugins write, with what it means and what to do."""

_COMPILED = tuple((re.compile(pattern), words, advice) for pattern, words, advice in _WORDS)
_PREEMPTION = "preemption:"
_UNKNOWN = "Read the evidence, and kubectl describe pod."
_MOST = 4


def _run(seen: Seen) -> Iterator[Draft]:
    for pod in seen.pods:
        placed = pod["status"]["conditions"].first("type", "PodScheduled")
        if pod["status"]["phase"].text() == "Pending" and placed["status"].text() == "False" and not leaving(pod):
            yield _pending(seen, pod, placed)


def _pending(seen: Seen, pod: View, placed: View) -> Draft:
    name = name_of(pod)
    about = About(kind="Pod", name=name)
    since = placed["lastTransitionTime"].moment()
    condition = evidence(
        "status.conditions[PodScheduled]", f"{placed['reason'].text()}: {placed['message'].text()}", since
    )
    if placed["reason"].text() == "SchedulingGated":
        title = f"{name} is held back by its scheduling gates"
        advice = "Whoever owns the gates in spec.schedulingGates must remove them."
        return Draft(Severity.WARNING, title, about, (condition,), advice, since=since)
    events = seen.about("Pod", name, "FailedScheduling", "NotTriggerScaleUp")
    said = placed["message"].said() or next((event.message for event in events), "")
    causes = _causes(said)
    shown = ", ".join(words for words, _ in causes[:_MOST]) or "see the evidence"
    return Draft(
        Severity.CRITICAL,
        f"{name} finds no node: {shown}",
        about,
        (condition, *(event.evidence for event in events)),
        " ".join(dict.fromkeys(advice for _, advice in causes[:_MOST])) or _UNKNOWN,
        since=since,
        last=events[0].last if events else None,
    )


def _causes(said: str) -> list[tuple[str, str]]:
    """Each cause once; what is said of preemption repeats them for other nodes."""
    said = said.partition(_PREEMPTION)[0]
    found: dict[str, str] = {}
    for pattern, words, advice in _COMPILED:
        for match in pattern.finditer(said):
            found.setdefault(words.format(match[match.lastindex or 0]), advice)
    return list(found.items())


CHECK = Check(
    "pending-pods",
    "Pods that the scheduler finds no node for.",
    frozenset({Source.PODS}),
    _run,
    helps=frozenset({Source.EVENTS}),
)
