"""A dry run's plan: the same tasks, of which only a few logs are read, to know how long they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from supportbundle.model.capability import Capability
from supportbundle.model.plan import DryRun, Forecast, Plan, Shard, Task
from supportbundle.model.spec import CollectorType

SAMPLES = 8
SAMPLE_BUDGET = 256 << 20
"""Bytes that a sample may read in all."""


def sampled(plan: Plan, required: Iterable[Capability], readable: Collection[str]) -> Plan:
    """The plan with one shard of samples (none, if there is nothing whose size only reading tells).

    `required` are the capabilities of all collectors, `readable` the names of those that the bundle's cover.
    """
    tasks = [task for shard in plan.shards for task in shard.tasks]
    logs = [task for task in tasks if task.type == CollectorType.LOGS and task.collector in readable]
    chosen = [task.model_copy(update={"stands_in_for": None}) for task in _spread_evenly(logs)]
    known = {name for task in chosen for name in task.secrets}
    counts = {name: sum(task.collector == name for task in chosen) for name in {task.collector for task in tasks}}
    shard = Shard(index=0, budget=SAMPLE_BUDGET, tasks=tuple(chosen))
    return plan.model_copy(
        update={
            "shards": (shard,) if chosen else (),
            "secrets": tuple(secret for secret in plan.secrets if secret.name in known),
            "dry_run": DryRun(
                forecasts=tuple(_forecasts(tasks, counts)),
                shards=len(plan.shards),
                required=tuple(sorted(required)),
            ),
        }
    )


def _spread_evenly(tasks: Sequence[Task]) -> list[Task]:
    """At most `SAMPLES`, from beginning to end, so that no one workload or collector is all of it."""
    ordered = sorted(tasks, key=lambda task: task.id)
    count = min(SAMPLES, len(ordered))
    return [ordered[i * len(ordered) // count] for i in range(count)]


def _forecasts(tasks: Sequence[Task], sampled_tasks: Mapping[str, int]) -> Iterable[Forecast]:
    for name in sorted(sampled_tasks):
        mine = [task for task in tasks if task.collector == name]
        yield Forecast(
            collector=name,
            tasks=len(mine),
            sampled=sampled_tasks[name],
            estimate=sum(task.estimate for task in mine),
            seconds=max(task.lasts_seconds for task in mine),
        )
