"""What a dry run tells: bytes and seconds of the whole from those of the samples. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from supportbundle.decide import say
from supportbundle.decide.report import template_use
from supportbundle.decide.world import World
from supportbundle.model.conditions import merge
from supportbundle.model.gap import Gap
from supportbundle.model.plan import DryRun, Plan
from supportbundle.model.quantity import format_bytes
from supportbundle.model.status import MAX_WARNINGS, Estimate, Phase, Status

START_SECONDS = 3
"""From apply to the first byte, with the image on the node."""

USUAL_RATE = 20 << 20
"""Bytes a second of one collector, where no sample tells."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What was read: bytes by collector, and the milliseconds that all of it took."""

    sizes: Mapping[str, int]
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Estimated:
    """The end of a dry run."""

    estimate: Estimate
    gaps: tuple[Gap, ...]


def expected_bytes(dry_run: DryRun, samples: Samples) -> int:
    """Each collector's mean sample times its tasks; the collectors' own guess where nothing was sampled."""
    return sum(
        samples.sizes[forecast.collector] * forecast.tasks // forecast.sampled
        if forecast.sampled and forecast.collector in samples.sizes
        else forecast.estimate
        for forecast in dry_run.forecasts
    )


def expected_seconds(plan: Plan, dry_run: DryRun, size: int, samples: Samples) -> int:
    """Start, then bytes at the sampled rate over the pods that run at once, or the longest task if that is more."""
    read = sum(samples.sizes.values())
    rate = read * 1000 // samples.milliseconds if read and samples.milliseconds else USUAL_RATE
    at_once = max(1, min(plan.parallelism, dry_run.shards))
    longest = max((forecast.seconds for forecast in dry_run.forecasts), default=0)
    reading = min(size, plan.max_bytes) // (max(1, rate) * at_once)
    return min(plan.max_duration_seconds, START_SECONDS + max(reading, longest))


def estimated_status(world: World, found: Estimated) -> Status:
    """Ready without an artifact: the question was answered."""
    old, estimate = world.bundle.status, found.estimate
    message = (
        f"A run would read some {format_bytes(estimate.bytes)} from {estimate.pods} pod(s) in {estimate.tasks} task(s) "
        f"and {estimate.seconds} s; nothing was collected. See status.estimate."
    )
    if estimate.missing_capabilities:
        message += f" Missing in spec.capabilities: {', '.join(estimate.missing_capabilities)}."
    claims = tuple(claim for claim in say.ready("DryRun", message) if claim.type in say.SUMMARY)
    generation = world.bundle.metadata.generation
    return old.model_copy(
        update={
            "phase": Phase.READY,
            "observed_generation": generation,
            "conditions": merge(old.conditions, claims, generation=generation, now=world.now),
            "completed_at": old.completed_at or world.now,
            "template": template_use(world),
            "staging": None,
            "estimate": estimate,
            "warnings": found.gaps[:MAX_WARNINGS],
            "warning_count": len(found.gaps),
        }
    )
