"""The decisions that several checks come to."""

from __future__ import annotations

from datetime import timedelta

from supportbundle.decide import say
from supportbundle.decide.world import Act, Decision, World
from supportbundle.model.gap import Gap
from supportbundle.model.status import ApprovalRecord, Collection, LostShard, Phase


def fail(
    reason: str,
    message: str,
    *,
    phase: Phase = Phase.FAILED,
    warnings: tuple[Gap, ...] = (),
    approval: ApprovalRecord | None = None,
) -> Decision:
    """Over without a zip: power and staging go."""
    return Decision(
        acts=(Act.RELEASE, Act.DROP_STAGING),
        phase=phase,
        claims=say.failed(reason, message),
        warnings=warnings,
        approval=approval,
        final=True,
    )


def end_collection(world: World, lost: tuple[LostShard, ...]) -> Decision:
    """What is there now is what the zip is made of."""
    fragments = tuple(sorted(world.fragments, key=lambda f: f.shard))
    reason = "SomeShardsLost" if lost else "AllShardsDone"
    message = "; ".join(f"shard {item.shard}: {item.message}" for item in lost[:3])
    claims = (*say.working("Assembling", "Collection has ended."), say.collected(reason, message))
    collection = Collection(ended_at=world.now, fragments=fragments, lost=lost)
    return Decision(phase=Phase.ASSEMBLING, claims=claims, collection=collection, again=timedelta(0))


def lock_left(world: World) -> str:
    """How long object storage refuses to delete the artifact, in words; the lock began when the zip was written."""
    options, end = world.destination.spec.s3 if world.destination else None, world.bundle.status.completed_at
    lock = options.object_lock if options else None
    if lock is None or end is None or world.now >= end + timedelta(days=lock.days):
        return ""
    return f"{lock.mode} until {end + timedelta(days=lock.days):%Y-%m-%dT%H:%M:%SZ}"


def is_here(world: World) -> bool:
    """Whether the destination is still where the artifact lies."""
    artifact, options = world.bundle.status.artifact, world.destination.spec.s3 if world.destination else None
    return artifact is not None and options is not None and options.bucket == artifact.bucket
