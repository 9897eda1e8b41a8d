"""The conditions of each stage: one place for the words that users, kubectl wait, Flux and Argo CD read."""

from __future__ import annotations

from supportbundle.model.conditions import Claim, ConditionStatus, ConditionType

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN

SUMMARY = frozenset({ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED})
"""The conditions that kstatus reads; the others each tell of one stage."""


def working(reason: str, message: str) -> tuple[Claim, ...]:
    """Not done and nothing wrong. Ready is Unknown, for dashboards read Ready=False as broken."""
    return (
        Claim(type=ConditionType.READY, status=UNKNOWN, reason=reason, message=message),
        Claim(type=ConditionType.RECONCILING, status=TRUE, reason=reason, message=message),
        Claim(type=ConditionType.STALLED, status=FALSE, reason=reason),
    )


def failed(reason: str, message: str) -> tuple[Claim, ...]:
    """Over, without a zip."""
    return (
        Claim(type=ConditionType.READY, status=FALSE, reason=reason, message=message),
        Claim(type=ConditionType.RECONCILING, status=FALSE, reason=reason),
        Claim(type=ConditionType.STALLED, status=TRUE, reason=reason, message=message),
    )


def ready(reason: str, message: str) -> tuple[Claim, ...]:
    """The zip is stored and verified."""
    return (
        Claim(type=ConditionType.READY, status=TRUE, reason=reason, message=message),
        Claim(type=ConditionType.RECONCILING, status=FALSE, reason=reason),
        Claim(type=ConditionType.STALLED, status=FALSE, reason=reason),
        Claim(type=ConditionType.UPLOADED, status=TRUE, reason="Verified", message=message),
    )


def expired(reason: str, message: str) -> tuple[Claim, ...]:
    """The request was answered, but the answer is no longer stored."""
    gone = Claim(type=ConditionType.UPLOADED, status=FALSE, reason=reason, message=message)
    return (*(claim for claim in ready(reason, message) if claim.type != ConditionType.UPLOADED), gone)


def collected(reason: str, message: str = "") -> Claim:
    """Collection is over, whatever it yielded."""
    return Claim(type=ConditionType.COLLECTED, status=TRUE, reason=reason, message=message)


def sanitized(*, clean: bool, message: str = "") -> Claim:
    """Every member of the zip passed the leak check; not clean means that some were left out for failing it."""
    reason = "LeakCheckPassed" if clean else "MembersLeftOut"
    return Claim(type=ConditionType.SANITIZED, status=TRUE, reason=reason, message=message)
