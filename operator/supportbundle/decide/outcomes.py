"""The decisions that several checks come to."""

from __future__ import annotations

from datetime import timedelta

from supportbundle.decide import say
from supportbundle.decide.world import Decision, World
from supportbundle.model.gap import Gap
from supportbundle.model.status import ApprovalRecord, Artifact, Collection, LostShard, Phase


def fail(
    reason: str,
    message: str,
    *,
    phase: Phase = Phase.FAILED,
    warnings: tuple[Gap, ...] = (),
    approval: ApprovalRecord | None = None,
) -> Decision:
    """Over without a zip. Said first; power and staging go once it is written, see `chain.is_unsettled`.

    The other way round, a process that dies between the two would leave nobody who knows why the bundle has ended.
    """
    return Decision(
        phase=phase,
        claims=say.failed(reason, message),
        warnings=warnings,
        approval=approval,
        again=timedelta(0),
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


def kept(world: World, artifact: Artifact) -> Artifact:
    """The ttl counts from now on, when the zip is where it stays. What somebody else has received is theirs."""
    if world.destination is None or not world.destination.keeps_zips:
        return artifact
    ttl = world.destination.spec.retention.clamp(world.bundle.spec.ttl)
    return artifact.model_copy(update={"expires_at": world.now + ttl})


def is_locked(world: World) -> bool:
    """Whether object storage still refuses to delete the artifact, by the lock that it was written with."""
    artifact = world.bundle.status.artifact
    return artifact is not None and artifact.locked_until is not None and world.now < artifact.locked_until


def is_here(world: World) -> bool:
    """Whether the destination is still where the artifact lies."""
    artifact, destination = world.bundle.status.artifact, world.destination
    if artifact is None or destination is None or not destination.keeps_zips or destination.spec.s3 is None:
        return False
    options = destination.spec.s3
    return options.bucket == artifact.bucket and artifact.key.startswith(options.prefix)
