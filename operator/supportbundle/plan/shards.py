"""How tasks are spread over the pods of the Job."""

from __future__ import annotations

from collections.abc import Sequence

from supportbundle.model.plan import MAX_SHARDS, Shard, Task

TASKS_PER_SHARD = 128
BYTES_PER_SHARD = 1 << 30
MIN_BUDGET = 1 << 20
MAX_BUDGET = 4 << 30
"""A fragment is one PUT, which S3 limits to 5 GiB; sanitized and deflated it is smaller than what was read."""


def spread(tasks: Sequence[Task], max_bytes: int) -> tuple[Shard, ...]:
    """Shards of roughly equal estimated bytes; as few as carry the work, for each costs the start of a pod.

    Synchronized tasks all go to the first shard: one process starts them at one instant, which no barrier between
    pods could promise while fewer pods run than there are shards.
    """
    if not tasks:
        return ()
    total = sum(task.estimate for task in tasks)
    count = max(-(-len(tasks) // TASKS_PER_SHARD), -(-total // BYTES_PER_SHARD), 1)
    bins: list[list[Task]] = [[] for _ in range(min(count, MAX_SHARDS, len(tasks)))]
    loads = [0] * len(bins)
    for task in sorted(tasks, key=lambda t: (not t.synchronized, -t.estimate, t.id)):
        index = 0 if task.synchronized else min(range(len(bins)), key=lambda i: (loads[i], i))
        bins[index].append(task)
        loads[index] += task.estimate
    filled = [(chunk, load) for chunk, load in zip(bins, loads, strict=True) if chunk]
    return tuple(
        Shard(index=index, budget=_share(load, total, max_bytes), tasks=tuple(chunk))
        for index, (chunk, load) in enumerate(filled)
    )


def _share(load: int, total: int, max_bytes: int) -> int:
    return min(max(MIN_BUDGET, max_bytes * load // max(total, 1)), MAX_BUDGET)
