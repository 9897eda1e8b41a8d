"""What a schedule sees of the world: the bundles that it has made, what has happened, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, auto

from supportbundle.decide.world import Refusal
from supportbundle.model.cause import Cause
from supportbundle.model.schedule import Pruned, Schedule


class Verdict(StrEnum):
    """What became of a signal."""

    FIRED = auto()
    SUPPRESSED = auto()
    REPEATED = auto()  # the bundle about this very happening is there already
    REFUSED = auto()  # the API server did not take the bundle
    UNKNOWN = auto()  # the schedule or its trigger is gone


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that a trigger waits for has happened `at` this time, to these pods of this owner.

    `pods` is the pod itself, if there is one. `owner` is a kind and a name: `Deployment/web`; `job` is the Job between
    a CronJob and its pods.
    """

    trigger: str
    owner: str
    at: datetime
    pods: tuple[str, ...] = ()
    message: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True)
class Child:
    """A bundle of the schedule.

    `ended_at` is None while it is not finished, `collected` once nothing is read from targets any more; `size` is that
    of the zip in bytes, also of a staged one, 0 without.
    """

    name: str
    uid: str
    created_at: datetime
    cause: Cause | None
    ended_at: datetime | None = None
    succeeded: bool = False
    size: int = 0
    collected: bool = False

    @property
    def collecting(self) -> bool:
        """Whether it is read from targets, or about to be."""
        return self.ended_at is None and not self.collected


@dataclass(frozen=True, slots=True)
class Occasion:
    """Everything that was gathered for one step of one schedule."""

    schedule: Schedule
    now: datetime
    children: tuple[Child, ...] = ()
    signals: tuple[Signal, ...] = ()
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """A bundle to be made; `signal` is the one that it answers, None for a time of the schedule."""

    name: str
    cause: Cause
    signal: Signal | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the schedule cannot make the next bundle."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Course:
    """What a step does. `note` is added to the message of a schedule that is well; `due` is a run that cannot begin."""

    starts: tuple[Start, ...] = ()
    removals: tuple[Child, ...] = ()
    pruning: tuple[Pruned, ...] = ()
    verdicts: tuple[tuple[Signal, Verdict], ...] = ()
    trouble: Trouble | None = None
    note: str = ""
    next_time: datetime | None = None
    again: timedelta = field(default=timedelta(minutes=5))
