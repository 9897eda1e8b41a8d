"""Where a bundle's time went, from the instants that its status keeps, whoever was there to see. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Final

from supportbundle.model.bundle import Metadata
from supportbundle.model.status import Status

WAITING, COLLECTING, ASSEMBLING = "Waiting", "Collecting", "Assembling"
AWAITING_APPROVAL, DELIVERING = "AwaitingApproval", "Delivering"
OURS: Final = (WAITING, COLLECTING, ASSEMBLING)
"""What neither a reviewer nor a receiver can make longer."""


def time_by_stage(meta: Metadata, status: Status) -> Mapping[str, timedelta]:
    """How long each stage of a bundle with a zip lasted; nothing of one that lacks an instant of it.

    A zip that goes straight to its place ends with Assembling; only one that was staged is approved and delivered.
    """
    staged, approval = status.staged, status.approval
    marks = [
        ("", meta.creation_timestamp),
        (WAITING, status.started_at),
        (COLLECTING, status.collection.ended_at if status.collection else None),
        (ASSEMBLING, staged.at if staged else status.completed_at),
    ]
    if staged and approval:
        marks.append((AWAITING_APPROVAL, max(staged.at, approval.at)))
    if staged:
        marks.append((DELIVERING, status.completed_at))
    known = [(stage, at) for stage, at in marks if at is not None]
    if len(known) < len(marks):
        return {}
    return {stage: ended - begun for (_, begun), (stage, ended) in pairwise(known)}
