"""The conditions of each stage: one place for the words that users, kubectl wait, Flux and Argo CD read."""

from __future__ import annotations

from datetime import datetime

from supportbundle.decide.world import World
from supportbundle.model.bundle import Bundle
from supportbundle.model.conditions import Claim, ConditionStatus, ConditionType
from supportbundle.model.findings import Problems
from supportbundle.model.quantity import format_duration
from supportbundle.model.status import Artifact, SanitizationStatus, Staged

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


def queued(places: int) -> tuple[Claim, ...]:
    """Nothing is asked for it while it waits, so the words say nothing that would have to be kept up to date."""
    message = (
        f"As many bundles collect as may at once ({places}, the Helm value bundlesAtOnce); this one waits for its turn."
    )
    return working("Queued", message)


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


def outcome(world: World, artifact: Artifact, sanitization: SanitizationStatus | None, missing: int) -> tuple[str, str]:
    """Reason and message of a zip that is stored where it stays."""
    redactions = sanitization.redactions if sanitization else 0
    message = f"{artifact.files} files, {artifact.size_bytes} bytes, {redactions} redactions.{kept(world, artifact)}"
    if not missing:
        return "Complete", message
    cancelled = " The bundle was cancelled while it was collected." if world.bundle.spec.cancel else ""
    message = f"{message}{cancelled} {missing} wanted item(s) are missing; see status.warnings and warning.txt."
    return "PartiallyCollected", message


def kept(world: World, artifact: Artifact) -> str:
    """A sentence where the destination keeps the zip for another time than the bundle asks for."""
    ttl = world.bundle.spec.ttl
    time = world.destination.spec.retention.clamp(ttl) if world.destination else ttl
    if artifact.expires_at is None or time == ttl:
        return ""
    bound = "at most" if time < ttl else "at least"
    return (
        f" Kept until {artifact.expires_at:%Y-%m-%dT%H:%M:%SZ}: {artifact.destination} keeps zips for {bound} "
        f"{format_duration(time)}, and spec.ttl is {format_duration(ttl)}."
    )


def awaiting(bundle: Bundle, staged: Staged, deadline: datetime) -> str:
    """What a reviewer reads first, and how to decide."""
    status, meta = bundle.status, bundle.metadata
    sanitization = status.sanitization or SanitizationStatus()
    held = f"{sanitization.leaks} files were held back by the leak check" if sanitization.leaks else "no leak was found"
    return (
        f"{staged.files} files, {staged.size_bytes} bytes, {sanitization.redactions} redactions in "
        f"{sanitization.files} files, {status.warning_count} wanted item(s) missing; {held}. "
        f"Create a SupportBundleApproval for uid {meta.uid} before {deadline:%Y-%m-%dT%H:%M:%SZ}, "
        f"or nothing is delivered to {bundle.spec.destination.name}."
    )


def expired(reason: str, message: str) -> tuple[Claim, ...]:
    """The request was answered, but the answer is no longer stored."""
    gone = Claim(type=ConditionType.UPLOADED, status=FALSE, reason=reason, message=message)
    return (*(claim for claim in ready(reason, message) if claim.type != ConditionType.UPLOADED), gone)


def remnant(where: str) -> str:
    """What to do where a bucket keeps versions."""
    return (
        f"The artifact reached the end of its ttl and was deleted, but the bucket keeps versions, and those of {where} "
        "stay. A lifecycle rule for noncurrent versions removes them; credentials with s3:ListBucketVersions and "
        "s3:DeleteObjectVersion let the operator do so."
    )


def collected(reason: str, message: str = "") -> Claim:
    """Collection is over, whatever it yielded."""
    return Claim(type=ConditionType.COLLECTED, status=TRUE, reason=reason, message=message)


def sanitized(*, clean: bool, message: str = "") -> Claim:
    """Every member of the zip passed the leak check; not clean means that some were left out for failing it."""
    reason = "LeakCheckPassed" if clean else "MembersLeftOut"
    return Claim(type=ConditionType.SANITIZED, status=TRUE, reason=reason, message=message)


def problems(found: Problems) -> Claim:
    """What the checks say of the pods, worst first. Unknown where nothing was found and not all was looked at."""
    told = f"{found.critical} critical, {found.warning} warnings, {found.info} for information"
    more = found.critical + found.warning + found.info - len(found.titles)
    titles = "; ".join((*found.titles, *([f"and {more} more"] if found.titles and more > 0 else ())))
    unread = f" {found.unchecked} checks could not look at everything; see status.warnings." if found.unchecked else ""
    message = f"{told}{': ' if titles else ''}{titles}. See findings.json.{unread}"
    if found.critical or found.warning:
        status, reason = TRUE, "CriticalFindings" if found.critical else "WarningFindings"
    elif not found.files:
        status, reason, message = UNKNOWN, "NothingChecked", "No checks were made; status.warnings tell why."
    elif found.unchecked:
        status, reason = UNKNOWN, "NotAllChecked"
    else:
        status, reason = FALSE, "InfoFindings" if found.info else "NoFindings"
    return Claim(type=ConditionType.PROBLEMS_FOUND, status=status, reason=reason, message=message)
