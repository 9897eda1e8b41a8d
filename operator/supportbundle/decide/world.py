"""What a decision sees, and what it may answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, auto

from supportbundle.model.approval import Approval
from supportbundle.model.bundle import Bundle
from supportbundle.model.conditions import Claim
from supportbundle.model.destination import Destination
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Plan, Progress
from supportbundle.model.request import Request
from supportbundle.model.status import ApprovalRecord, Artifact, Collection, FragmentRef, Phase, Staging


class JobState(StrEnum):
    """The Job's own word. It says when pods are over, never whether data is there: only the store knows that."""

    ACTIVE = auto()
    FINISHED = auto()


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The collection Job. `trouble` is why no pod runs, as far as Events and pod statuses tell.

    `suspended` is since when the Job controller starts no pods and ends those that are; `alive` counts pods that have
    not ended, and is looked at only while nothing is ready or the Job is suspended. `doomed` says that its pods are
    being deleted with their namespace.
    """

    state: JobState
    ready: int = 0
    trouble: str = ""
    lost_reasons: dict[int, str] = field(default_factory=dict)
    suspended: datetime | None = None
    alive: int = 0
    doomed: bool = False


class Verdict(StrEnum):
    """What the first decisive SupportBundleApproval says."""

    APPROVED = "Approved"
    DENIED = "Denied"


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """The destination wants somebody's approval within `timeout` of the staging. No verdict: nobody has decided yet."""

    timeout: timedelta
    verdict: Verdict | None = None
    by: str = ""
    reason: str = ""
    at: datetime | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """The way from the staging store to the destination. `artifact` is there once the whole zip is, and only then.

    `trouble` says why it is not yet; `given_up` that no further try is made.
    """

    artifact: Artifact | None = None
    trouble: str = ""
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a bundle cannot go on as things stand; it waits `patience` from `since` for that to change."""

    reason: str
    message: str
    patience: timedelta = timedelta(0)
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """How busy the operator is: whether this bundle may collect now, how many may at once, how many run at all."""

    turn: bool = True
    places: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """Everything that was gathered for one bundle. `plan` and what follows are None or empty until they exist.

    `request` is what a plan is to be made of, and there only as long as there is none.
    """

    bundle: Bundle
    now: datetime
    refusals: tuple[Refusal, ...] = ()
    destination: Destination | None = None
    staging: Staging | None = None
    """Where it is put together; None where that cannot be reached."""
    plan: Plan | None = None
    job: JobFacts | None = None
    fragments: tuple[FragmentRef, ...] = ()
    progress: tuple[Progress, ...] = ()
    direct: bool = True
    """The zip is assembled where it stays. Else it is staged first, and delivered when nothing forbids it."""
    approval: ApprovalFacts | None = None
    words: tuple[Approval, ...] = ()
    """What was said about the staged zip and is not refused."""
    patience: timedelta = timedelta(minutes=30)
    """How long a store that lets nothing be removed is asked again: by a deleted bundle, and by a failed one."""
    delivery: DeliveryFacts | None = None
    request: Request | None = None
    line: Line = Line()


class Act(StrEnum):
    """What the operator may do. Each is idempotent: names come from the uid, results are write-once."""

    PLAN = auto()
    LAUNCH = auto()
    RELEASE = auto()  # Jobs, account, bindings, Secrets: the bundle's whole power
    HOLD = auto()  # the finalizer of deletionPolicy Delete
    SUSPEND = auto()  # pods are asked to hand in what they have
    ASSEMBLE = auto()
    REVIEW = auto()  # links for those who asked for one, and for nobody else
    DELIVER = auto()  # a copy by the server, or the Job that streams
    ESTIMATE = auto()
    DROP_STAGING = auto()
    EXPIRE = auto()
    PURGE = auto()  # like DROP_STAGING, but it fails where the store does
    LET_GO = auto()  # the finalizer goes


@dataclass(frozen=True, slots=True)
class Decision:
    """Acts in order, then what the status is to say, then when to look again (None: not before something happens)."""

    acts: tuple[Act, ...] = ()
    phase: Phase | None = None
    claims: tuple[Claim, ...] = ()
    collection: Collection | None = None
    warnings: tuple[Gap, ...] = ()
    artifact: Artifact | None = None
    approval: ApprovalRecord | None = None
    staging: Staging | None = None
    settled: bool = False
    """Nothing is staged any more."""
    orphan: str = ""
    """An object that is left behind and that nobody will look after: to be said aloud."""
    again: timedelta | None = None
    final: bool = False
