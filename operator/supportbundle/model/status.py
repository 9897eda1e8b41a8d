"""SupportBundle.status: what the operator reports, and the few facts that make a repeated run identical."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from supportbundle.model.base import Observed
from supportbundle.model.conditions import Condition, ConditionStatus, ConditionType
from supportbundle.model.gap import Gap

MAX_WARNINGS = 50


class Phase(StrEnum):
    """A printer column derived from the conditions; programs read the conditions."""

    PENDING = "Pending"
    COLLECTING = "Collecting"
    ASSEMBLING = "Assembling"
    AWAITING_APPROVAL = "AwaitingApproval"
    DELIVERING = "Delivering"
    READY = "Ready"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"


class Count(Observed):
    """Done of total."""

    done: int = 0
    total: int = 0


class ProgressStatus(Observed):
    """How far collection is; `bytes` counts what was read from targets."""

    targets: Count = Count()
    tasks: Count = Count()
    bytes: int = 0


class Artifact(Observed):
    """Where the zip lies. No URL: status is readable by many more people than the zip.

    `bucket` is empty where the destination is none; `key` is then what the receiver calls it. `file_name` is what a
    download is called, empty where nobody has said. `sha256` is of the bytes that were sent, empty where object storage
    put them together by itself. Until `locked_until` nobody can delete it.
    """

    destination: str
    bucket: str = ""
    key: str
    file_name: str = ""
    size_bytes: int
    etag: str = ""
    files: int
    sha256: str = ""
    manifest_sha256: str = Field(default="", alias="manifestSHA256")
    expires_at: datetime | None = None
    locked_until: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at


class Staging(Observed):
    """The bucket in which a bundle is put together: no later change of destinations or settings moves it.

    Written before anything is stored there; gone once nothing is to be removed there. `destination` is whose bucket it
    is; empty for that of the operator's settings.
    """

    destination: str = ""
    bucket: str
    prefix: str = ""


class Staged(Observed):
    """The finished zip in the staging store, before anybody outside has seen it. Written once, by the assembly."""

    at: datetime
    file_name: str = ""
    size_bytes: int
    etag: str
    files: int
    manifest_sha256: str = Field(default="", alias="manifestSHA256")


class ApprovalState(StrEnum):
    """What was decided about the delivery."""

    APPROVED = "Approved"
    DENIED = "Denied"


class ApprovalRecord(Observed):
    """Who decided about the delivery. Written once, before anything follows from it."""

    state: ApprovalState
    by: str
    at: datetime
    name: str
    reason: str = ""


class SanitizationStatus(Observed):
    """Totals over all members."""

    redactions: int = 0
    files: int = 0
    leaks: int = 0


class Estimate(Observed):
    """What a dry run found: what the bundle would read and need. `role` is YAML that grants a person all of it."""

    pods: int = 0
    tasks: int = 0
    bytes: int = 0
    seconds: int = 0
    sampled_tasks: int = 0
    missing_capabilities: tuple[str, ...] = ()
    missing_rights: tuple[str, ...] = ()
    role: str = ""


class TemplateUse(Observed):
    """The template that the plan was made from; the manifest tells its parameters."""

    name: str
    uid: str
    generation: int


class FragmentRef(Observed):
    """A fragment that the assembly will use."""

    shard: int
    etag: str
    size: int


class LostShard(Observed):
    """A shard that left no fragment, and why as far as Kubernetes tells."""

    shard: int
    reason: str
    message: str = ""


class Collection(Observed):
    """Written once, when collection ended: the fixed input of the assembly."""

    ended_at: datetime
    fragments: tuple[FragmentRef, ...] = ()
    lost: tuple[LostShard, ...] = ()


class Status(Observed):
    """The status subresource."""

    phase: Phase = Phase.PENDING
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    started_at: datetime | None = None
    completed_at: datetime | None = None
    template: TemplateUse | None = None
    progress: ProgressStatus | None = None
    collection: Collection | None = None
    staging: Staging | None = None
    staged: Staged | None = None
    approval: ApprovalRecord | None = None
    artifact: Artifact | None = None
    sanitization: SanitizationStatus | None = None
    estimate: Estimate | None = None
    warnings: tuple[Gap, ...] = ()
    warning_count: int = 0

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of this type, if it was ever set."""
        return next((c for c in self.conditions if c.type == kind), None)

    def is_true(self, kind: ConditionType) -> bool:
        """Whether the condition stands and is True."""
        found = self.condition(kind)
        return found is not None and found.status == ConditionStatus.TRUE

    @property
    def finished(self) -> bool:
        """Nothing more will be collected: the zip is there, or the bundle has failed for good."""
        return self.is_true(ConditionType.READY) or self.is_true(ConditionType.STALLED)

    @property
    def settled(self) -> bool:
        """Finished, and what was staged is gone or the sweep's to remove."""
        return self.finished and self.staging is None
