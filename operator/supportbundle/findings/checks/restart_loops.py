"""Containers that crash: now, again and again, or often in the past."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from supportbundle.findings.check import About, Check, Draft, Evidence, Severity, evidence
from supportbundle.findings.ending import Ending, last_ending
from supportbundle.findings.seen import Container, Seen, Source, containers, leaving, name_of
from supportbundle.findings.view import View

MANY: Final = 5
"""Restarts of one container that are told however long ago they were."""

JUST_NOW: Final = timedelta(hours=1)
"""A crash within this time is told even if it was the first: between two back-offs a loop looks like this."""

_ADVICE = (
    "Read the log before the last restart (pods/<pod>/<container>/previous.log, or kubectl logs --previous) and the "
    "exit code: 1 and 2 are the program's own, 126 and 127 mean that it could not be started, 137 that it was killed "
    "(memory, or a liveness probe), 139 a crash in native code, 143 that it was asked to end."
)


def _run(seen: Seen) -> Iterator[Draft]:
    for pod in seen.pods:
        for container in containers(pod) if not leaving(pod) else ():
            draft = _loop(seen, pod, container)
            if draft is not None:
                yield draft


def _loop(seen: Seen, pod: View, container: Container) -> Draft | None:
    waiting = container.status["state"]["waiting"]
    restarts = container.status["restartCount"].number()
    looping = waiting["reason"].text() == "CrashLoopBackOff"
    ending = last_ending(container)
    crashed = restarts > 0 and ending is not None and ending.code > 0 and ending.within(JUST_NOW, seen.now)
    lately = ending is not None and seen.recent(ending.at)
    if not looping and not crashed and restarts < MANY:
        return None
    severity = Severity.CRITICAL if looping else Severity.WARNING if lately else Severity.INFO
    state = "is in CrashLoopBackOff" if looping else "has been restarted"
    name = name_of(pod)
    return Draft(
        severity,
        f"{name}/{container.name} {state}: {restarts} restarts{_how(ending)}",
        About(kind="Pod", name=name, container=container.name),
        tuple(_evidence(seen, container, ending, name)),
        _ADVICE,
        since=pod["status"]["startTime"].moment(),
        last=ending.at if ending else None,
        count=restarts or None,
    )


def _how(ending: Ending | None) -> str:
    return f", last exit code {ending.code}" if ending else ""


def _evidence(seen: Seen, container: Container, ending: Ending | None, pod: str) -> Iterator[Evidence]:
    yield evidence(f"{container.where}.restartCount", str(container.status["restartCount"].number()))
    if waiting := container.status["state"]["waiting"]:
        yield evidence(f"{container.where}.state.waiting", f"{waiting['reason'].text()}: {waiting['message'].text()}")
    if ending:
        yield ending.evidence
    for told in seen.about("Pod", pod, "BackOff"):
        if told.container == container.name and "restarting" in told.message:
            yield told.evidence


CHECK = Check(
    "restart-loops",
    "Containers in CrashLoopBackOff, that crashed within an hour, or that were restarted five times and more.",
    frozenset({Source.PODS}),
    _run,
    helps=frozenset({Source.EVENTS}),
)
