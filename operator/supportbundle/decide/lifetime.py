"""The end of a bundle's life before its time: cancelled or deleted. Checks of the chain, see `chain.CHECKS`."""

from __future__ import annotations

from datetime import timedelta

from supportbundle.decide import say
from supportbundle.decide.outcomes import end_collection, fail, is_here
from supportbundle.decide.world import Act, Decision, JobFacts, World
from supportbundle.model.conditions import Claim, ConditionStatus, ConditionType
from supportbundle.model.spec import DeletionPolicy, OnCancel
from supportbundle.model.status import LostShard, Phase

HAND_IN = timedelta(seconds=60)
"""From the suspension of the Job; its pods have less than that to upload what they have."""
POLL = timedelta(seconds=1)
CANCELLED = "spec.cancel was set; collection was stopped and what it had staged was removed."


def is_deleted(world: World) -> Decision | None:
    """Somebody has deleted it. With our finalizer its zip goes first, unless the store keeps us waiting too long."""
    meta, status = world.bundle.metadata, world.bundle.status
    if meta.deletion_timestamp is None:
        return None
    if not meta.is_held:
        # Another finalizer keeps it; nothing that it has collected is for anybody any more.
        return Decision(acts=() if status.settled else (Act.RELEASE, Act.DROP_STAGING))
    stored, until = _stored(world), meta.deletion_timestamp + world.patience
    moved = world.destination is not None and status.settled and not is_here(world)
    if world.now >= until or moved or (status.settled and not stored):
        return Decision(acts=(Act.RELEASE, Act.LET_GO), orphan=stored)
    if world.destination is not None:
        remove = Act.EXPIRE if status.settled else Act.PURGE
        return Decision(acts=(Act.RELEASE, remove, Act.LET_GO))
    cause = f"SupportBundleDestination {world.bundle.spec.destination.name} cannot be used."
    return Decision(claims=(deleting(world, cause),), again=timedelta(seconds=15))


def deleting(world: World, cause: str) -> Claim:
    """What keeps a deleted bundle. Ready stays what it was: the zip may still be there."""
    until = (world.bundle.metadata.deletion_timestamp or world.now) + world.patience
    message = (
        f"The zip cannot be removed yet: {cause} It is tried until {until:%Y-%m-%dT%H:%M:%SZ}; then this resource "
        "goes, and what is left in the bucket must be deleted by hand."
    )
    return Claim(type=ConditionType.RECONCILING, status=ConditionStatus.TRUE, reason="Deleting", message=message)


def _stored(world: World) -> str:
    """The object that holds the zip; empty if there is none, or it is in nobody's bucket."""
    artifact = world.bundle.status.artifact
    if artifact is not None and artifact.bucket and world.bundle.status.phase != Phase.EXPIRED:
        return f"{artifact.bucket}/{artifact.key}"
    return ""


def is_unheld(world: World) -> Decision | None:
    """It asks for its zip to go with it: the finalizer stands before there can be a zip."""
    bundle = world.bundle
    if bundle.spec.deletion_policy != DeletionPolicy.DELETE or bundle.metadata.is_held:
        return None
    return Decision(acts=(Act.HOLD,), again=timedelta(0))


def is_cancelled(world: World) -> Decision | None:
    """What was collected is dropped, or packed where the bundle asks for that and there is anything."""
    spec, status = world.bundle.spec, world.bundle.status
    if not spec.cancel:
        return None
    if spec.on_cancel == OnCancel.PACK and not spec.dry_run and status.phase != Phase.PENDING:
        # A store that cannot be asked just now is waited for, like in any other run.
        if status.collection is not None or world.refusals or world.plan is None:
            return None
        if world.job is not None or world.fragments:
            return _hand_in(world)
    return fail("Cancelled", CANCELLED, phase=Phase.CANCELLED)


def _hand_in(world: World) -> Decision | None:
    """Pods are told to stop, upload what they have and end; what comes in time is packed."""
    plan, job = world.plan, world.job
    if plan is None or len(world.fragments) >= len(plan.shards):
        return None
    if job is not None and not _has_handed_in(world, job):
        claims = say.working("Cancelling", "spec.cancel was set; the collector pods hand in what they have.")
        return Decision(acts=(Act.SUSPEND,), phase=Phase.COLLECTING, claims=claims, again=POLL)
    if not world.fragments:
        return fail("Cancelled", f"{CANCELLED} Nothing had been handed in.", phase=Phase.CANCELLED)
    have = {fragment.shard for fragment in world.fragments}
    message = "The bundle was cancelled before this collector pod had a result."
    lost = (LostShard(shard=s.index, reason="Cancelled", message=message) for s in plan.shards if s.index not in have)
    return end_collection(world, tuple(lost))


def _has_handed_in(world: World, job: JobFacts) -> bool:
    if job.suspended is None:
        return False
    return job.alive == 0 or world.now >= job.suspended + HAND_IN
