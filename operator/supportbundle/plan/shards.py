"""How tasks are spread over the pods of the Job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from supportbundle.model.plan import MAX_SHARDS, Shard, Task

TASKS_PER_SHARD = 128
BYTES_PER_SHARD = 1 << 30
MIN_BUDGET = 1 << 20
MAX_BUDGET = 4 << 30
"""A fragment is one PUT, which S3 limits to 5 GiB; sanitized and deflated it is smaller than what was read."""


def spread(tasks: Sequence[Task], max_bytes: int, room: int = MAX_BUDGET) -> tuple[Shard, ...]:
    """Shards of roughly equal estimated bytes; as few as carry the work, for each costs the start of a pod.

    Tasks of one node stay together as far as that is possible, so that a kubelet serves few shards, and what a node's
    loss makes impossible is lost together. Synchronized tasks all go to the first shard: one process starts them at
    one instant, which no barrier between pods could promise while fewer pods run than there are shards. A fallback is
    in the shard of what it stands in for, for only there is it known whether it is needed.

    All budgets together are at most `max_bytes`; one is at most `room`: what does not deflate lies on the pod's volume
    twice, as a member and in the fragment, and a kubelet evicts a pod whose volume is too large.
    """
    if not tasks:
        return ()
    total = sum(task.estimate for task in tasks)
    count = max(-(-len(tasks) // TASKS_PER_SHARD), -(-total // BYTES_PER_SHARD), 1)
    affordable = max(1, max_bytes // MIN_BUDGET)
    bins: list[list[Task]] = [[] for _ in range(min(count, MAX_SHARDS, len(tasks), affordable))]
    loads = [0] * len(bins)
    for chunk in _chunks(tasks, total / len(bins)):
        index = 0 if chunk[0].synchronized else min(range(len(bins)), key=lambda i: (loads[i], i))
        bins[index] += chunk
        loads[index] += sum(task.estimate for task in chunk)
    filled = [(chunk, load) for chunk, load in zip(bins, loads, strict=True) if chunk]
    least = min(MIN_BUDGET, max_bytes // len(filled))
    rest = max_bytes - least * len(filled)
    return tuple(
        Shard(index=index, budget=min(least + rest * load // max(total, 1), room, MAX_BUDGET), tasks=tuple(chunk))
        for index, (chunk, load) in enumerate(filled)
    )


def _chunks(tasks: Sequence[Task], size: float) -> list[list[Task]]:
    """What is to stay together: synchronized tasks first, then each node's, in pieces no larger than a fair shard.

    Larger pieces come first, as in every good packing of bins.
    """
    together: list[Task] = []
    by_node: defaultdict[str, list[list[Task]]] = defaultdict(list)
    for line in _lines(tasks):
        if any(task.synchronized for task in line):
            together += line
        else:
            by_node[line[0].node].append(line)
    pieces: list[list[Task]] = []
    for node in sorted(by_node):
        load = 0
        piece: list[Task] = []
        for line in sorted(by_node[node], key=lambda each: (-each[0].priority, each[0].id)):
            weight = sum(task.estimate for task in line)
            if piece and (load + weight > size or len(piece) + len(line) > TASKS_PER_SHARD):
                pieces.append(piece)
                piece, load = [], 0
            piece += line
            load += weight
        pieces.append(piece)
    pieces.sort(key=lambda piece: (-sum(t.estimate for t in piece), piece[0].id))
    return [together, *pieces] if together else pieces


def _lines(tasks: Sequence[Task]) -> list[list[Task]]:
    """Each task with all that it stands in for and all that stand in for it, in their order."""
    if not any(task.stands_in_for for task in tasks):
        return [[task] for task in tasks]
    line = {task.id: index for index, task in enumerate(tasks)}
    lines = {index: [task] for index, task in enumerate(tasks)}
    for task in tasks:
        for other in task.stands_in_for.tasks if task.stands_in_for else ():
            if other in line and line[other] != line[task.id]:
                one, two = sorted((line[other], line[task.id]))
                for moved in lines.pop(two):
                    lines[one].append(moved)
                    line[moved.id] = one
    return list(lines.values())
