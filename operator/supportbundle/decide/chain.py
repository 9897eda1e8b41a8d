"""The decision itself: named checks in order; the first that applies answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from supportbundle.decide import say
from supportbundle.decide.lifetime import is_cancelled, is_deleted, is_unheld
from supportbundle.decide.outcomes import end_collection, fail, is_here, is_locked, kept
from supportbundle.decide.world import Act, ApprovalFacts, Decision, JobState, Verdict, World
from supportbundle.model.conditions import Claim, ConditionStatus, ConditionType
from supportbundle.model.gap import Gap
from supportbundle.model.plan import START_ALLOWANCE, Plan
from supportbundle.model.status import ApprovalRecord, ApprovalState, LostShard, Phase

Check = Callable[[World], Decision | None]

GRACE = timedelta(minutes=2)
"""Between maxDuration, at which collectors stop by themselves, and the Job's own deadline."""
POLL = timedelta(seconds=1)
WATCH_POLL = timedelta(seconds=2)
"""With the collectors' own interval, progress in status is at most 5 s old."""
SLOW_POLL = timedelta(seconds=5)
LOOKS_PER_SECOND = 8
"""At all bundles that run: each look is two or three requests to the API server and one or two to the store."""
LONGEST_POLL = timedelta(seconds=15)
WAIT_POLL = timedelta(seconds=15)
EXPIRY_POLL = timedelta(hours=1)
"""At most, while a zip that has expired cannot be removed."""
APPROVAL_POLL = timedelta(minutes=5)
"""Should the watch of approvals have missed one."""

PLANNING = say.working("Planning", "Looking up the target pods.")


def decide(world: World) -> Decision:
    """The next step of one bundle. Pure: the same world always gets the same answer."""
    for check in CHECKS:
        if decision := check(world):
            return decision
    raise AssertionError("the last check always answers")


def is_over(world: World) -> Decision | None:
    """A finished bundle only ever expires."""
    status = world.bundle.status
    if not status.finished:
        return None
    expires = status.artifact.expires_at if status.artifact else None
    if status.phase != Phase.READY or expires is None:
        return Decision()
    if world.now < expires:
        return Decision(again=expires - world.now)
    return _expire(world) if world.destination is not None else _put_off(world, expires)


def is_unsettled(world: World) -> Decision | None:
    """It has ended without a zip and says so: now its power goes, and what it has stored.

    A store that does not let anything be removed is asked again for a while, then once more; the sweep goes on alone.
    """
    status = world.bundle.status
    if not status.finished or status.staging is None:
        return None
    if world.now >= (status.completed_at or world.now) + world.patience:
        return Decision(acts=(Act.RELEASE, Act.DROP_STAGING), settled=True)
    if world.staging is None:
        return Decision(acts=(Act.RELEASE,), again=WAIT_POLL)
    return Decision(acts=(Act.RELEASE, Act.PURGE), settled=True)


def is_new(world: World) -> Decision | None:
    """The first write: kstatus takes a resource without conditions for a finished one."""
    if world.bundle.status.conditions:
        return None
    if not world.line.turn:
        return Decision(phase=Phase.PENDING, claims=say.queued(world.line.places))
    claims = say.working("Pending", "The operator has seen the bundle and is about to plan it.")
    return Decision(phase=Phase.PENDING, claims=claims, again=timedelta(0))


def is_refused(world: World) -> Decision | None:
    """Something outside the bundle forbids it: wait as long as that may still change, then say so for good."""
    if not world.refusals:
        return None
    refusal = world.refusals[0]
    if world.now - (refusal.since or world.now) < refusal.patience:
        return Decision(claims=say.working(refusal.reason, refusal.message), again=WAIT_POLL)
    return fail(refusal.reason, refusal.message)


def is_queued(world: World) -> Decision | None:
    """Others collect. Whoever gives a place back wakes the next, so no time is set to look again."""
    if world.line.turn or world.plan is not None:
        return None
    return Decision(phase=Phase.PENDING, claims=say.queued(world.line.places))


def is_unplaced(world: World) -> Decision | None:
    """Where it is put together is written down before anything is stored there."""
    if world.bundle.status.staging is not None or world.staging is None:
        return None
    claims = PLANNING if world.bundle.status.phase == Phase.PENDING else ()
    return Decision(claims=claims, staging=world.staging, again=timedelta(0))


def is_unplanned(world: World) -> Decision | None:
    """No plan is stored yet. A bundle that runs had one: another plan would contradict what its pods collect."""
    if world.plan is not None:
        return None
    if world.bundle.status.phase != Phase.PENDING:
        message = "The stored plan of this run is gone (was its staging removed?)."
        return fail("PlanLost", f"{message} Create the bundle again.")
    return Decision(acts=(Act.PLAN,), phase=Phase.PENDING, claims=PLANNING, again=timedelta(0))


def is_dry_run(world: World) -> Decision | None:
    """The samples of a dry run are taken, or nothing needed any. The act itself reports what it found."""
    plan = _plan(world)
    if plan.dry_run is None or (plan.shards and world.bundle.status.collection is None):
        return None
    claims = say.working("Estimating", "Working out what the bundle would collect.")
    return Decision(acts=(Act.RELEASE, Act.ESTIMATE), claims=claims, final=True)


def has_nothing_to_collect(world: World) -> Decision | None:
    """Every wish failed at planning, so there is nothing to run."""
    plan = _plan(world)
    if plan.tasks:
        return None
    first = plan.gaps[0] if plan.gaps else Gap(reason="NothingToCollect", message="The collectors ask for nothing.")
    return fail(first.reason, first.message, warnings=plan.gaps)


def has_all_fragments(world: World) -> Decision | None:
    """The store holds one fragment for each shard: whatever the Job says, collection is complete."""
    plan = _plan(world)
    if world.bundle.status.collection or len(world.fragments) < len(plan.shards):
        return None
    return end_collection(world, ())


def is_doomed(world: World) -> Decision | None:
    """The namespace is going, and waits for us.

    Kubernetes deletes a namespace's pods before its Jobs, and an Indexed Job holds its last failed pod back until that
    is replaced, which nothing can be in such a namespace. Only the Job's deletion ends it.
    """
    if world.job is None or not world.job.doomed:
        return None
    return fail("NamespaceTerminating", "The namespace of the bundle is being deleted, and its collection with it.")


def has_lost_shards(world: World) -> Decision | None:
    """The Job is over, or its time is, and some shards left nothing: their tasks become gaps."""
    plan = _plan(world)
    if world.bundle.status.collection:
        return None
    finished = world.job is not None and world.job.state == JobState.FINISHED
    overdue = world.now > plan.created_at + _allowed(plan)
    if not finished and not overdue:
        return None
    have = {fragment.shard for fragment in world.fragments}
    reasons = world.job.lost_reasons if world.job else {}
    fallback = _fallback_reason(world, overdue=overdue)
    lost = tuple(
        LostShard(shard=s.index, reason="CollectorLost", message=reasons.get(s.index, fallback))
        for s in plan.shards
        if s.index not in have
    )
    return end_collection(world, lost)


def has_no_job(world: World) -> Decision | None:
    """Not launched yet, or somebody deleted the Job: fragments are write-once, so launching again is safe."""
    if world.bundle.status.collection or world.job is not None:
        return None
    claims = say.working("Collecting", f"Starting {len(_plan(world).shards)} collector pod(s).")
    return Decision(acts=(Act.LAUNCH,), phase=Phase.COLLECTING, claims=claims, again=POLL)


def is_collecting(world: World) -> Decision | None:
    """Pods run, or try to."""
    if world.bundle.status.collection or world.job is None:
        return None
    plan = _plan(world)
    if world.job.trouble and not world.job.ready:
        claims = say.working("WaitingForPods", world.job.trouble)
        return Decision(phase=Phase.COLLECTING, claims=claims, again=_paced(world, SLOW_POLL))
    claims = say.working("Collecting", f"Collecting from {plan.targets} pod(s).")
    age = world.now - plan.created_at
    least = POLL if age < timedelta(minutes=1) else WATCH_POLL
    return Decision(phase=Phase.COLLECTING, claims=claims, again=_paced(world, least))


def has_lost_everything(world: World) -> Decision | None:
    """Collection ended without a single fragment."""
    collection = world.bundle.status.collection
    if collection is None or collection.fragments:
        return None
    cause = collection.lost[0].message if collection.lost else "no collector pod left a result"
    return fail("CollectionFailed", f"Nothing could be collected: {cause}", warnings=_plan(world).gaps)


def is_denied(world: World) -> Decision | None:
    """Somebody has said no, or nobody has said anything in time. What was staged goes."""
    approval, staged = world.approval, world.bundle.status.staged
    if staged is None or approval is None or approval.verdict == Verdict.APPROVED:
        return None
    if approval.verdict == Verdict.DENIED:
        why = f": {approval.reason}" if approval.reason else "."
        return fail("ApprovalDenied", f"{approval.by} denied the delivery{why}", approval=_record(approval))
    if world.now < staged.at + approval.timeout:
        return None
    message = "Nobody approved the delivery in the time that the destination allows. Create the bundle again."
    return fail("ApprovalTimedOut", message)


def awaits_approval(world: World) -> Decision | None:
    """The zip lies staged. A SupportBundleApproval brings the key back; the deadline does too."""
    approval, staged = world.approval, world.bundle.status.staged
    if staged is None or approval is None or approval.verdict == Verdict.APPROVED:
        return None
    deadline = staged.at + approval.timeout
    claims = say.working("AwaitingApproval", say.awaiting(world.bundle, staged, deadline))
    again = min(deadline - world.now, APPROVAL_POLL)
    return Decision(acts=(Act.REVIEW,), phase=Phase.AWAITING_APPROVAL, claims=claims, again=again)


def is_approved(world: World) -> Decision | None:
    """Said in the status before it is acted upon, so that neither another word nor a deleted one changes it."""
    approval, status = world.approval, world.bundle.status
    if status.staged is None or approval is None or approval.verdict != Verdict.APPROVED or status.approval is not None:
        return None
    claims = say.working("Approved", f"{approval.by} approved the delivery.")
    return Decision(
        acts=(Act.RELEASE,),
        phase=Phase.DELIVERING,
        claims=claims,
        approval=_record(approval),
        again=timedelta(0),
    )


def is_delivered(world: World) -> Decision | None:
    """The destination holds the whole zip."""
    delivery, status = world.delivery, world.bundle.status
    if status.staged is None or delivery is None or delivery.artifact is None:
        return None
    artifact = kept(world, delivery.artifact)
    claims = say.ready(*say.outcome(world, artifact, status.sanitization, status.warning_count))
    return Decision(acts=(Act.RELEASE,), phase=Phase.READY, claims=claims, artifact=artifact, final=True)


def is_delivering(world: World) -> Decision | None:
    """On its way, or to be sent. What is staged is kept while there is hope: nothing is ever collected twice."""
    delivery, status = world.delivery, world.bundle.status
    if status.staged is None:
        return None
    if delivery is not None and delivery.given_up:
        return fail("DeliveryFailed", delivery.trouble)
    if trouble := delivery.trouble if delivery else "":
        claims = say.working("DeliveryDelayed", f"{trouble} The operator tries again.")
    else:
        claims = say.working("Delivering", f"Sending the zip to the destination {world.bundle.spec.destination.name}.")
    return Decision(
        acts=() if delivery else (Act.DELIVER,),
        phase=Phase.DELIVERING,
        claims=claims,
        again=_paced(world, SLOW_POLL if trouble else POLL),
    )


def is_to_be_assembled(world: World) -> Decision:
    """Collection has ended with something to pack. The act itself reports what it made."""
    claims = say.working("Assembling", "Putting the parts together in object storage.")
    return Decision(acts=(Act.RELEASE, Act.ASSEMBLE), phase=Phase.ASSEMBLING, claims=claims, final=world.direct)


CHECKS: tuple[Check, ...] = (
    is_deleted,
    is_unsettled,
    is_over,
    is_new,
    is_cancelled,
    is_refused,
    is_unheld,
    is_queued,
    is_unplaced,
    is_unplanned,
    is_dry_run,
    has_nothing_to_collect,
    has_all_fragments,  # before the Job is looked at: one failed index fails a Job whose results are all there
    is_doomed,
    has_lost_shards,
    has_no_job,
    is_collecting,
    has_lost_everything,
    is_denied,
    awaits_approval,
    is_approved,
    is_delivered,
    is_delivering,
    is_to_be_assembled,
)


def _paced(world: World, least: timedelta) -> timedelta:
    """When to look again: the more run, the seldomer at each. The end of its Job wakes a bundle before that."""
    return max(least, min(timedelta(seconds=world.line.running / LOOKS_PER_SECOND), LONGEST_POLL))


def _plan(world: World) -> Plan:
    assert world.plan is not None, "checks after is_unplanned have a plan"  # noqa: S101 - states the chain's order
    return world.plan


def _record(approval: ApprovalFacts) -> ApprovalRecord | None:
    if approval.verdict is None or approval.at is None:
        return None
    return ApprovalRecord(
        state=ApprovalState(approval.verdict.value),
        by=approval.by,
        at=approval.at,
        name=approval.name,
        reason=approval.reason,
    )


def _allowed(plan: Plan) -> timedelta:
    return timedelta(seconds=plan.max_duration_seconds) + GRACE + START_ALLOWANCE


def _fallback_reason(world: World, *, overdue: bool) -> str:
    if world.job and world.job.trouble:
        return world.job.trouble
    if world.job is None and (ready := world.bundle.status.condition(ConditionType.READY)):
        return f"The collection Job could not be started: {ready.message}"
    if overdue:
        return "The collector did not finish in the time that limits.maxDuration allows."
    return "The collector pod ended without a result; see the Events and pods of its Job."


def _put_off(world: World, expires: datetime) -> Decision:
    """The zip is there, and nobody can say how to reach it: the longer that lasts, the seldomer is it looked at."""
    cause = world.refusals[0].message if world.refusals else ""
    message = f"The ttl is over, but the zip cannot be removed yet, which is tried again: {cause}"
    claim = Claim(type=ConditionType.UPLOADED, status=ConditionStatus.TRUE, reason="ExpiryDelayed", message=message)
    return Decision(claims=(claim,), again=min(max(world.now - expires, WAIT_POLL), EXPIRY_POLL))


def _expire(world: World) -> Decision:
    """Delete the artifact, unless the destination is no longer where it lies; then say which object is left."""
    artifact, here = world.bundle.status.artifact, is_here(world)
    locked = is_locked(world)
    where = f"{artifact.bucket}/{artifact.key}" if artifact else ""
    message = "The artifact reached the end of its ttl and was deleted. Create a new bundle to collect again."
    if not here:
        message = f"The ttl is over, but the destination has changed: {where} must be deleted by hand."
    elif locked and artifact and artifact.locked_until:
        until = f"{artifact.locked_until:%Y-%m-%dT%H:%M:%SZ}"
        message = f"The ttl is over, but {where} is locked until {until} and stays. Delete it by hand after that."
    return Decision(
        acts=(Act.EXPIRE,) if here and not locked else (),
        phase=Phase.EXPIRED,
        claims=say.expired("Expired", message),
        final=True,
    )
