"""SupportBundleSchedule: when bundles are made by themselves, and what they are like."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from supportbundle.errors import Invalid
from supportbundle.model.base import Observed, Value
from supportbundle.model.bundle import Metadata, parse_metadata
from supportbundle.model.conditions import ConditionStatus
from supportbundle.model.quantity import ByteQuantity, Duration
from supportbundle.model.spec import LabelSelector, Name63, SupportBundleSpec

MAX_ACTIVE_SHOWN: Final = 20
MAX_RECENT: Final = 100
MAX_PRUNING: Final = 20


class ConcurrencyPolicy(StrEnum):
    """What becomes of a run while the one before is not finished."""

    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


class TriggerType(StrEnum):
    """The discriminator of a trigger."""

    RESTART_LOOP = "RestartLoop"
    OOM_KILLED = "OOMKilled"
    JOB_FAILED = "JobFailed"
    ALERT = "Alert"


class TriggerTarget(StrEnum):
    """What a triggered bundle is about."""

    OWNER = "Owner"
    POD = "Pod"
    TEMPLATE = "Template"


class RestartLoopOptions(Value):
    """A loop: at least so many restarts, and the last run no longer than `within`."""

    restarts: Annotated[int, Field(ge=1, le=1000)] = 3
    within: Duration = timedelta(minutes=10)


class AlertOptions(Value):
    """Labels that an alert must carry, all of them."""

    labels: Annotated[dict[str, str], Field(min_length=1)]


class Trigger(Value):
    """One trigger. `selector` chooses pods, or Jobs of JobFailed."""

    name: Name63
    type: TriggerType
    selector: LabelSelector | None = None
    target: TriggerTarget = TriggerTarget.OWNER
    restart_loop: RestartLoopOptions | None = None
    alert: AlertOptions | None = None


class TemplateMetadata(Value):
    """What the bundles carry beside the operator's own labels and annotations."""

    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class BundleTemplate(Value):
    """What the bundles are like; admission demands a serviceAccountName."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: SupportBundleSpec


class ScheduleSpec(Value):
    """The request. `jitter` delays every run by the same part of it; `daily_bytes` counts zips, also staged ones."""

    schedule: Annotated[
        str, StringConstraints(max_length=128, pattern=r"^[0-9A-Za-z*,/#-]+( [0-9A-Za-z*,/#-]+){4}$")
    ] | None = None  # fmt: skip
    time_zone: Annotated[
        str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,3}$")
    ] = "UTC"
    jitter: Duration = timedelta(0)
    starting_deadline_seconds: Annotated[int, Field(ge=10, le=604800)] | None = None
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.FORBID
    suspend: bool = False
    successful_bundles_history_limit: Annotated[int, Field(ge=0, le=100)] = 3
    failed_bundles_history_limit: Annotated[int, Field(ge=0, le=100)] = 3
    cooldown: Duration = timedelta(hours=1)
    daily_bytes: ByteQuantity | None = None
    triggers: Annotated[tuple[Trigger, ...], Field(max_length=16)] = ()
    bundle_template: BundleTemplate

    def trigger(self, name: str) -> Trigger | None:
        """The trigger of this name."""
        return next((trigger for trigger in self.triggers if trigger.name == name), None)


class ScheduleCondition(Observed):
    """metav1.Condition."""

    type: Literal["Ready"]
    status: ConditionStatus
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: datetime


class ActiveBundle(Observed):
    """A bundle of the schedule that is not finished."""

    name: str
    uid: str


class TriggerStatus(Observed):
    """What one trigger has done; `owner` is about what it made a bundle last."""

    name: str
    last_fired: datetime | None = None
    owner: str = ""
    suppressed: int = 0


class RecentOwner(Observed):
    """When a bundle about this owner was made last; the cooldown counts from here."""

    owner: str
    trigger: str
    fired_at: datetime


class Pruned(Observed):
    """A bundle that is about to be removed, and what it adds to the daily budget."""

    uid: str
    at: datetime
    bytes: int


class SpentHour(Observed):
    """Bytes of removed bundles that became ready in this hour."""

    hour: datetime
    bytes: int


class Admission(Observed):
    """Whether the author of this generation was checked; `policies_since` tells under which policies it was seen."""

    generation: int
    checked: bool
    policies_since: datetime | None = None


class ScheduleStatus(Observed):
    """The status subresource."""

    observed_generation: int = 0
    conditions: tuple[ScheduleCondition, ...] = ()
    last_schedule_time: datetime | None = None
    next_schedule_time: datetime | None = None
    last_successful_time: datetime | None = None
    active: tuple[ActiveBundle, ...] = ()
    triggers: tuple[TriggerStatus, ...] = ()
    recent: tuple[RecentOwner, ...] = ()
    pruning: tuple[Pruned, ...] = ()
    spent: tuple[SpentHour, ...] = ()
    admission: Admission | None = None

    @property
    def ready(self) -> ScheduleCondition | None:
        """The condition Ready, if it was ever set."""
        return next(iter(self.conditions), None)


class Schedule(Observed):
    """One schedule with what is known of it."""

    metadata: Metadata
    spec: ScheduleSpec
    status: ScheduleStatus = ScheduleStatus()


def parse_schedule_status(obj: Mapping[str, Any]) -> ScheduleStatus:
    """Status alone. One that we cannot read counts as never written."""
    try:
        return ScheduleStatus.model_validate(obj.get("status") or {})
    except ValidationError:
        return ScheduleStatus()


def parse_schedule(obj: Mapping[str, Any]) -> Schedule:
    """The resource as the API server returned it.

    Raises:
        Invalid: a field that this version does not know or a value outside its bounds; the message names each field.
    """
    try:
        spec = ScheduleSpec.model_validate(obj.get("spec") or {})
    except ValidationError as error:
        fields = "; ".join(f"spec.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise Invalid(
            f"This operator cannot read the schedule: {fields}.",
            "Install CRDs and operator of the same version, or correct these fields.",
        ) from error
    return Schedule(metadata=parse_metadata(obj), spec=spec, status=parse_schedule_status(obj))
