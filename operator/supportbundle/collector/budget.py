"""The bytes that a shard may still keep, and who gets how many while they are short.

The API does not tell how long a log is. So each task that asks gets a share by its estimate of what is free when it
starts; what it leaves goes to those that start later, and those that were cut are run again at the end, with all that
is left. Bytes that were promised to one task are nobody else's to take.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from supportbundle.model.plan import Task


@dataclass(frozen=True, slots=True)
class _Claim:
    weight: int
    priority: int


class Budget:
    """`left` are bytes that no member holds; not thread-safe, for one event loop."""

    def __init__(self, size: int) -> None:
        self.left = size
        self._waiting: dict[str, _Claim] = {}
        self._promised: dict[str, int] = {}

    def expect(self, tasks: Iterable[Task]) -> None:
        """These tasks are going to run; their estimates weigh until each has ended."""
        self._waiting |= {task.id: _Claim(max(1, task.estimate), task.priority) for task in tasks}

    def allowance(self, task: Task, limit: int) -> int:
        """The bytes, at most `limit`, that this task can count on from now on."""
        own = self._waiting.get(task.id, _Claim(max(1, task.estimate), task.priority))
        rivals = sum(
            claim.weight
            for name, claim in self._waiting.items()
            if name != task.id and name not in self._promised and claim.priority >= own.priority
        )
        free = self._free_for(task.id)
        share = min(limit, free * own.weight // (own.weight + rivals))
        self._promised[task.id] = share
        return share

    def take(self, task: Task, wanted: int) -> int:
        """How many of the wanted bytes may be kept."""
        granted = max(0, min(wanted, self._free_for(task.id)))
        self.left -= granted
        if task.id in self._promised:
            self._promised[task.id] = max(0, self._promised[task.id] - granted)
        return granted

    def give_back(self, unused: int) -> None:
        """Bytes of a member that was dropped: they leave room for others."""
        self.left += unused

    def ended(self, task: Task) -> None:
        """What was promised to this task and not taken is free."""
        self._waiting.pop(task.id, None)
        self._promised.pop(task.id, None)

    def _free_for(self, task: str) -> int:
        return self.left - sum(size for name, size in self._promised.items() if name != task)
