"""Why a bundle was made when nobody asked for it: kept in its annotations, its plan and its manifest.

Annotations are what everybody sees and anybody who may edit can change; the plan is fixed once, and the manifest tells
what stands there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import StringConstraints, ValidationError

from supportbundle.model import names
from supportbundle.model.base import Value

PREFIX: Final = f"{names.GROUP}/trigger"


class CauseType(StrEnum):
    """A time of the schedule, or the type of the trigger that was met."""

    CRON = "Cron"
    RESTART_LOOP = "RestartLoop"
    OOM_KILLED = "OOMKilled"
    JOB_FAILED = "JobFailed"
    ALERT = "Alert"


class Cause(Value):
    """`at` is the scheduled time, or when what triggered it happened; `owner` a kind and a name: `Deployment/web`."""

    type: CauseType
    schedule: Annotated[str, StringConstraints(max_length=253)]
    at: datetime
    trigger: Annotated[str, StringConstraints(max_length=63)] = ""
    owner: Annotated[str, StringConstraints(max_length=320)] = ""
    pod: Annotated[str, StringConstraints(max_length=253)] = ""
    message: Annotated[str, StringConstraints(max_length=900)] = ""


_PARTS: Final = ("trigger", "owner", "pod", "message")


def annotations_of(cause: Cause) -> dict[str, str]:
    """How a bundle carries its cause."""
    texts = {f"{PREFIX}-{part}": str(getattr(cause, part)) for part in _PARTS}
    return {
        PREFIX: cause.type.value,
        f"{PREFIX}-schedule": cause.schedule,
        f"{PREFIX}-time": cause.at.isoformat().replace("+00:00", "Z"),
        **{name: text for name, text in texts.items() if text},
    }


def cause_of(annotations: Mapping[str, str]) -> Cause | None:
    """The cause that these annotations tell; None for a bundle that somebody made, or whose words make no sense."""
    if PREFIX not in annotations:
        return None
    told = {part: annotations.get(f"{PREFIX}-{part}", "") for part in ("schedule", *_PARTS)}
    try:
        return Cause.model_validate({"type": annotations[PREFIX], "at": annotations.get(f"{PREFIX}-time"), **told})
    except ValidationError:
        return None
