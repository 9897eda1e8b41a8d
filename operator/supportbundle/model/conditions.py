"""Standard conditions: one per type, the transition time moves only when the status does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from supportbundle.model.base import Observed
from supportbundle.model.gap import printable

MESSAGE_LIMIT = 4096


class ConditionStatus(StrEnum):
    """metav1.ConditionStatus."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class ConditionType(StrEnum):
    """kstatus reads the first three, the next tell how far the bundle has come.

    The last is there only where somebody has asked for findings: it speaks of the pods, not of the bundle.
    """

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    COLLECTED = "Collected"
    SANITIZED = "Sanitized"
    UPLOADED = "Uploaded"
    PROBLEMS_FOUND = "ProblemsFound"


ASKED_FOR = frozenset({ConditionType.PROBLEMS_FOUND})
"""Absent until a decision claims something about it."""


class Condition(Observed):
    """metav1.Condition."""

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: datetime


class Claim(Observed):
    """A condition without its times: what a decision says is true now."""

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str = ""


def merge(
    old: Iterable[Condition], claims: Iterable[Claim], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """`old` with each claim applied. Types never seen start as Unknown, so that a client can tell 'not yet'."""
    known = {c.type: c for c in old}
    for claim in claims:
        before = known.get(claim.type)
        changed = before is None or before.status != claim.status
        known[claim.type] = Condition(
            type=claim.type,
            status=claim.status,
            reason=claim.reason,
            message=printable(claim.message, MESSAGE_LIMIT),
            observed_generation=generation,
            last_transition_time=now if changed or before is None else before.last_transition_time,
        )
    for kind in frozenset(ConditionType) - ASKED_FOR:
        known.setdefault(
            kind,
            Condition(
                type=kind,
                status=ConditionStatus.UNKNOWN,
                reason="Pending",
                observed_generation=generation,
                last_transition_time=now,
            ),
        )
    return tuple(known[kind] for kind in ConditionType if kind in known)
