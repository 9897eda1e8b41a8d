"""What a decision sees, and what it may answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, auto

from supportbundle.model.bundle import Bundle
from supportbundle.model.conditions import Claim
from supportbundle.model.destination import Destination
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Plan, Progress
from supportbundle.model.status import Collection, FragmentRef, Phase


class JobState(StrEnum):
    """The Job's own word. It says when pods are over, never whether data is there: only the store knows that."""

    ACTIVE = auto()
    FINISHED = auto()


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The collection Job. `trouble` is why no pod runs, as far as Events and pod statuses tell."""

    state: JobState
    ready: int = 0
    trouble: str = ""
    lost_reasons: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a bundle cannot go on as things stand; it waits `patience` from `since` for that to change."""

    reason: str
    message: str
    patience: timedelta = timedelta(0)
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class World:
    """Everything that was gathered for one bundle. `plan` and what follows are None or empty until they exist."""

    bundle: Bundle
    now: datetime
    refusals: tuple[Refusal, ...] = ()
    destination: Destination | None = None
    plan: Plan | None = None
    job: JobFacts | None = None
    fragments: tuple[FragmentRef, ...] = ()
    progress: tuple[Progress, ...] = ()


class Act(StrEnum):
    """What the operator may do. Each is idempotent: names come from the uid, results are write-once."""

    PLAN = auto()
    LAUNCH = auto()
    RELEASE = auto()  # Job, account, bindings, Secret: the bundle's whole power
    ASSEMBLE = auto()
    ESTIMATE = auto()
    DROP_STAGING = auto()
    EXPIRE = auto()


@dataclass(frozen=True, slots=True)
class Decision:
    """Acts in order, then what the status is to say, then when to look again (None: not before something happens)."""

    acts: tuple[Act, ...] = ()
    phase: Phase | None = None
    claims: tuple[Claim, ...] = ()
    collection: Collection | None = None
    warnings: tuple[Gap, ...] = ()
    again: timedelta | None = None
    final: bool = False
