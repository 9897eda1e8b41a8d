"""How a container ended last, as the kubelet tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from supportbundle.findings.check import Evidence, evidence
from supportbundle.findings.seen import Container
from supportbundle.findings.view import View


@dataclass(frozen=True, slots=True)
class Ending:
    """`said` is what the program left as its termination message; `where` the path of all this in the pod."""

    code: int
    reason: str
    said: str
    at: datetime | None
    where: str

    def within(self, time: timedelta, now: datetime) -> bool:
        """Whether it was that short a time ago."""
        return self.at is not None and now - self.at <= time

    @property
    def evidence(self) -> Evidence:
        """All of it in one line."""
        said = f": {self.said}" if self.said else ""
        return evidence(self.where, f"exit code {self.code}, reason {self.reason or 'not told'}{said}", self.at)


def last_ending(container: Container) -> Ending | None:
    """The present ending, else that before the last restart; None if it has never ended."""
    for state in ("state", "lastState"):
        terminated = container.status[state]["terminated"]
        if terminated:
            return _ending(terminated, f"{container.where}.{state}.terminated")
    return None


def endings(container: Container) -> tuple[Ending, ...]:
    """Both, the present one first."""
    found = ((state, container.status[state]["terminated"]) for state in ("state", "lastState"))
    return tuple(_ending(view, f"{container.where}.{state}.terminated") for state, view in found if view)


def _ending(terminated: View, where: str) -> Ending:
    return Ending(
        code=terminated["exitCode"].number(),
        reason=terminated["reason"].name()[:63],
        said=terminated["message"].text(),
        at=terminated["finishedAt"].moment(),
        where=where,
    )
