"""The status that follows from a decision: pure, so that what users read is table-tested too."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from supportbundle.decide import say
from supportbundle.decide.outcomes import fail, kept
from supportbundle.decide.world import Decision, World
from supportbundle.model.conditions import Condition, merge
from supportbundle.model.findings import Problems
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Plan, Progress
from supportbundle.model.status import (
    MAX_WARNINGS,
    Artifact,
    Count,
    Phase,
    ProgressStatus,
    SanitizationStatus,
    Staged,
    Status,
    TemplateUse,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the assembly made; neither artifact nor staged if nothing was collected.

    `source_bytes` were read from the targets. `problems` is what checks found; None if nobody asked for findings.
    """

    artifact: Artifact | None
    staged: Staged | None
    source_bytes: int
    sanitization: SanitizationStatus
    gaps: tuple[Gap, ...]
    problems: Problems | None = None


@dataclass(frozen=True, slots=True)
class Remnant:
    """A zip that was deleted and of which the bucket keeps versions; `where` names it for people."""

    where: str


def remnant_status(world: World, decision: Decision, left: Remnant) -> Status:
    """The status after a zip was deleted as far as we may."""
    return next_status(world, replace(decision, claims=say.expired("Expired", say.remnant(left.where))))


def next_status(world: World, decision: Decision) -> Status:
    """The status after a decision whose acts succeeded."""
    old, now = world.bundle.status, world.now
    return old.model_copy(
        update={
            "phase": decision.phase or old.phase,
            "observed_generation": world.bundle.metadata.generation,
            "conditions": _conditions(world, decision, now),
            "started_at": old.started_at or now,
            "completed_at": old.completed_at or (now if decision.final else None),
            "template": template_use(world),
            "progress": _progress(world) or old.progress,
            "collection": decision.collection or old.collection,
            "staging": None if decision.settled or decision.artifact else old.staging or decision.staging,
            "artifact": decision.artifact or old.artifact,
            "approval": decision.approval or old.approval,
            "warnings": decision.warnings[:MAX_WARNINGS] or old.warnings,
            "warning_count": len(decision.warnings) or old.warning_count,
        }
    )


def end_status(world: World, outcome: Outcome) -> Status:
    """The status of a bundle whose zip is stored or staged, and verified; or which had nothing to store."""
    gaps, staged = outcome.gaps, outcome.staged
    artifact = kept(world, outcome.artifact) if outcome.artifact else None
    if artifact is None and staged is None:
        cause = f"{gaps[0].target}: {gaps[0].message}" if gaps else "no collector wrote a file."
        return next_status(world, fail("CollectionFailed", f"Nothing could be collected: {cause}", warnings=gaps))
    old, now = world.bundle.status, world.now
    if artifact:
        phase, claims = Phase.READY, say.ready(*say.outcome(world, artifact, outcome.sanitization, len(gaps)))
    else:
        phase, claims = (
            Phase.DELIVERING,
            say.working("Staged", "The zip is whole and checked; next comes its delivery."),
        )
    claims = (*claims, say.sanitized(clean=outcome.sanitization.leaks == 0))
    if outcome.problems is not None:
        claims = (*claims, say.problems(outcome.problems))
    total = _progress(world) or old.progress or ProgressStatus()
    return old.model_copy(
        update={
            "phase": phase,
            "observed_generation": world.bundle.metadata.generation,
            "conditions": merge(old.conditions, claims, generation=world.bundle.metadata.generation, now=now),
            "completed_at": old.completed_at or (now if artifact else None),
            "progress": total.model_copy(update={"bytes": outcome.source_bytes}),
            "staging": None if artifact else old.staging,
            "artifact": artifact,
            "staged": staged,
            "sanitization": outcome.sanitization,
            "warnings": gaps[:MAX_WARNINGS],
            "warning_count": len(gaps),
        }
    )


def template_use(world: World) -> TemplateUse | None:
    """Which template the plan was made from, short."""
    used = world.plan.template if world.plan else None
    if used is None:
        return world.bundle.status.template
    return TemplateUse(name=used.name, uid=used.uid, generation=used.generation)


def _conditions(world: World, decision: Decision, now: datetime) -> tuple[Condition, ...]:
    return merge(world.bundle.status.conditions, decision.claims, generation=world.bundle.metadata.generation, now=now)


def _progress(world: World) -> ProgressStatus | None:
    """Done of total. A shard whose fragment is stored is done whatever it said last."""
    plan = world.plan
    if plan is None or (world.bundle.status.collection is not None and world.bundle.status.progress is not None):
        return None
    stored = {fragment.shard for fragment in world.fragments}
    said = {p.shard: p for p in world.progress}
    tasks = size = 0
    for shard in plan.shards:
        word = said.get(shard.index)
        size += word.bytes if word else 0
        tasks += len(shard.tasks) if shard.index in stored else min(word.tasks_done, len(shard.tasks)) if word else 0
    return ProgressStatus(
        targets=Count(done=_pods_done(plan, stored, said), total=plan.targets),
        tasks=Count(done=tasks, total=plan.tasks),
        bytes=size,
    )


def _pods_done(plan: Plan, stored: AbstractSet[int], said: Mapping[int, Progress]) -> int:
    """How many pods no shard has an open task of.

    A running shard says how many of its pods it is done with, not which: a pod of several running shards is counted
    with the first of them, so the number is an upper bound. It is the total only once all that is about pods is stored.
    """
    left = set(plan.pods)
    done = 0
    for shard in plan.shards:
        if shard.index not in stored:
            mine = left & {task.target.partition("/")[0] for task in shard.tasks}
            left -= mine
            word = said.get(shard.index)
            done += min(word.targets_done, len(mine)) if word else 0
    running = len(left) < len(plan.pods)
    return min(done + len(left), plan.targets - running)
