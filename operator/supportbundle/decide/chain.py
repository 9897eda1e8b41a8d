"""The decision itself: named checks in order; the first that applies answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from supportbundle.decide import say
from supportbundle.decide.world import Act, Decision, JobState, World
from supportbundle.model.conditions import ConditionType
from supportbundle.model.gap import Gap
from supportbundle.model.plan import START_ALLOWANCE, Plan
from supportbundle.model.status import Collection, LostShard, Phase

Check = Callable[[World], Decision | None]

GRACE = timedelta(minutes=2)
"""Between maxDuration, at which collectors stop by themselves, and the Job's own deadline."""
POLL = timedelta(seconds=1)
WATCH_POLL = timedelta(seconds=2)
"""With the collectors' own interval, progress in status is at most 5 s old."""
SLOW_POLL = timedelta(seconds=5)
WAIT_POLL = timedelta(seconds=15)


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
    return _expire(world)


def is_new(world: World) -> Decision | None:
    """The first write: kstatus takes a resource without conditions for a finished one."""
    if world.bundle.status.conditions:
        return None
    claims = say.working("Pending", "The operator has seen the bundle and is about to plan it.")
    return Decision(phase=Phase.PENDING, claims=claims, again=timedelta(0))


def is_cancelled(world: World) -> Decision | None:
    """Cancelling drops what was collected."""
    if not world.bundle.spec.cancel:
        return None
    message = "spec.cancel was set; collection was stopped and what it had staged was removed."
    return fail("Cancelled", message, phase=Phase.CANCELLED)


def is_refused(world: World) -> Decision | None:
    """Something outside the bundle forbids it: wait as long as that may still change, then say so for good."""
    if not world.refusals:
        return None
    refusal = world.refusals[0]
    if world.now - (refusal.since or world.now) < refusal.patience:
        return Decision(claims=say.working(refusal.reason, refusal.message), again=WAIT_POLL)
    return fail(refusal.reason, refusal.message)


def is_unplanned(world: World) -> Decision | None:
    """No plan is stored yet. A bundle that runs had one: another plan would contradict what its pods collect."""
    if world.plan is not None:
        return None
    if world.bundle.status.phase != Phase.PENDING:
        message = "The stored plan of this run is gone (was the destination changed, or its staging removed?)."
        return fail("PlanLost", f"{message} Create the bundle again.")
    claims = say.working("Planning", "Looking up the target pods.")
    return Decision(acts=(Act.PLAN,), phase=Phase.PENDING, claims=claims, again=timedelta(0))


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
    return _end_collection(world, ())


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
    return _end_collection(world, lost)


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
        return Decision(phase=Phase.COLLECTING, claims=claims, again=SLOW_POLL)
    claims = say.working("Collecting", f"Collecting from {plan.targets} pod(s).")
    age = world.now - plan.created_at
    return Decision(phase=Phase.COLLECTING, claims=claims, again=POLL if age < timedelta(minutes=1) else WATCH_POLL)


def has_lost_everything(world: World) -> Decision | None:
    """Collection ended without a single fragment."""
    collection = world.bundle.status.collection
    if collection is None or collection.fragments:
        return None
    cause = collection.lost[0].message if collection.lost else "no collector pod left a result"
    return fail("CollectionFailed", f"Nothing could be collected: {cause}", warnings=_plan(world).gaps)


def is_to_be_assembled(world: World) -> Decision:  # noqa: ARG001 - the last check of a chain asks nothing more
    """Collection has ended with something to pack. The act itself reports what it made."""
    claims = say.working("Assembling", "Putting the parts together in object storage.")
    return Decision(acts=(Act.RELEASE, Act.ASSEMBLE), phase=Phase.ASSEMBLING, claims=claims, final=True)


CHECKS: tuple[Check, ...] = (
    is_over,
    is_new,
    is_cancelled,
    is_refused,
    is_unplanned,
    is_dry_run,
    has_nothing_to_collect,
    has_all_fragments,  # before the Job is looked at: one failed index fails a Job whose results are all there
    has_lost_shards,
    has_no_job,
    is_collecting,
    has_lost_everything,
    is_to_be_assembled,
)


def _plan(world: World) -> Plan:
    assert world.plan is not None, "checks after is_unplanned have a plan"  # noqa: S101 - states the chain's order
    return world.plan


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


def _expire(world: World) -> Decision:
    """Delete the artifact, unless the destination is no longer where it lies; then say which object is left."""
    artifact, options = world.bundle.status.artifact, world.destination.spec.s3 if world.destination else None
    here = artifact is not None and options is not None and options.bucket == artifact.bucket
    where = f"{artifact.bucket}/{artifact.key}" if artifact else ""
    message = "The artifact reached the end of its ttl and was deleted. Create a new bundle to collect again."
    if not here:
        message = f"The ttl is over, but the destination has changed: {where} must be deleted by hand."
    return Decision(
        acts=(Act.EXPIRE,) if here else (), phase=Phase.EXPIRED, claims=say.expired("Expired", message), final=True
    )


def _end_collection(world: World, lost: tuple[LostShard, ...]) -> Decision:
    fragments = tuple(sorted(world.fragments, key=lambda f: f.shard))
    reason = "SomeShardsLost" if lost else "AllShardsDone"
    message = "; ".join(f"shard {item.shard}: {item.message}" for item in lost[:3])
    claims = (*say.working("Assembling", "Collection has ended."), say.collected(reason, message))
    collection = Collection(ended_at=world.now, fragments=fragments, lost=lost)
    return Decision(phase=Phase.ASSEMBLING, claims=claims, collection=collection, again=timedelta(0))


def fail(reason: str, message: str, *, phase: Phase = Phase.FAILED, warnings: tuple[Gap, ...] = ()) -> Decision:
    """Over without a zip: power and staging go."""
    return Decision(
        acts=(Act.RELEASE, Act.DROP_STAGING),
        phase=phase,
        claims=say.failed(reason, message),
        warnings=warnings,
        final=True,
    )
