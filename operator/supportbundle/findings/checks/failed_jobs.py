"""Jobs that have failed, and pods that failed for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Severity, evidence
from supportbundle.findings.ending import endings
from supportbundle.findings.seen import Seen, Source, containers, name_of
from supportbundle.findings.view import View

_ADVICE: Final = {
    "BackoffLimitExceeded": "Its pods failed more often than spec.backoffLimit allows: read the log of the last one.",
    "DeadlineExceeded": "It took longer than spec.activeDeadlineSeconds: read the log of its pod, or allow more time.",
    "PodFailurePolicy": "A pod failed in a way that spec.podFailurePolicy ends the Job for.",
}
_OTHER = "Read the Job's conditions and the log of its last pod."
_POD = "It will not be started again. Read its log, and the exit codes in the evidence."
_PUT_OUT = frozenset({"Evicted", "NodeShutdown", "Preempting"})


def _run(seen: Seen) -> Iterator[Draft]:
    known = set()
    for job in seen.workloads:
        if job["kind"].text() == "Job":
            known.add(name_of(job))
            yield from _job(seen, job)
    for event in seen.told("BackoffLimitExceeded", "DeadlineExceeded"):
        if event.kind == "Job" and event.name not in known:
            about = About(kind="Job", name=event.name)
            advice = _ADVICE[event.reason]
            yield Draft(
                Severity.WARNING, f"Job {event.name} has failed: {event.reason}", about, (event.evidence,), advice,
                last=event.last,
            )  # fmt: skip
    for pod in seen.pods:
        yield from _pod(seen, pod)


def _job(seen: Seen, job: View) -> Iterator[Draft]:
    failed = job["status"]["conditions"].first("type", "Failed")
    if failed["status"].text() != "True":
        return
    name, reason, at = name_of(job), failed["reason"].text(), failed["lastTransitionTime"].moment()
    events = seen.about("Job", name, "BackoffLimitExceeded", "DeadlineExceeded", "FailedCreate")
    yield Draft(
        Severity.WARNING if seen.recent(at) else Severity.INFO,
        f"Job {name} has failed" + (f": {reason}" if reason in _ADVICE else ""),
        About(kind="Job", name=name),
        (
            evidence("status.conditions[Failed]", f"{reason}: {failed['message'].text()}", at),
            *(event.evidence for event in events),
        ),
        _ADVICE.get(reason, _OTHER),
        last=at,
        count=job["status"]["failed"].number() or None,
    )


def _pod(seen: Seen, pod: View) -> Iterator[Draft]:
    status, name = pod["status"], name_of(pod)
    if status["phase"].text() != "Failed" or status["reason"].text() in _PUT_OUT:
        return
    found = [ending for container in containers(pod) for ending in endings(container) if ending.code]
    at = max((ending.at for ending in found if ending.at), default=None)
    code = f", exit code {found[0].code}" if found else ""
    yield Draft(
        Severity.WARNING if seen.recent(at) else Severity.INFO,
        f"{name} has failed{code}",
        About(kind="Pod", name=name),
        (
            evidence("status", f"Failed {status['reason'].text()}: {status['message'].text()}"),
            *(ending.evidence for ending in found),
        ),
        _POD,
        last=at,
    )


CHECK = Check(
    "failed-jobs",
    "Jobs that have failed, and target pods that failed and will not be started again.",
    frozenset({Source.PODS, Source.WORKLOADS}),
    _run,
    helps=frozenset({Source.EVENTS}),
)
