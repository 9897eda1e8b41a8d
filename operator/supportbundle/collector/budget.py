"""The bytes that a shard may still keep, and who gets how many while they are short.

The API does not tell how long a log is. So a log gets a share of what is free when it starts, by its estimate; what it
leaves goes to those that start later, and logs that were cut are run again at the end, with all that is left. What
other tasks are expected to yield is kept free for them. Bytes that were promised to one task are nobody else's to take.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from supportbundle.model.plan import Task
from supportbundle.model.spec import CollectorType


@dataclass(frozen=True, slots=True)
class _Claim:
    """`weight` in bytes. Only a log is `elastic`: its newest lines are worth having however few bytes there are."""

    weight: int
    priority: int
    elastic: bool


class Budget:
    """`left` are bytes that no member holds; not thread-safe, for one event loop."""

    def __init__(self, size: int) -> None:
        self.left = size
        self._waiting: dict[str, _Claim] = {}
        self._promised: dict[str, int] = {}
        self._taken: dict[str, int] = {}

    def expect(self, tasks: Iterable[Task]) -> None:
        """These tasks are going to run; their estimates weigh until each has ended."""
        self._waiting |= {task.id: _claim(task) for task in tasks}

    def allowance(self, task: Task, limit: int) -> int:
        """The bytes, at most `limit`, that this task can count on from now on: they are promised to it."""
        self._promised[task.id] = granted = max(0, min(limit, self._room(task)))
        return granted

    def take(self, task: Task, wanted: int) -> int:
        """How many of the wanted bytes may be kept. A task that has not asked for an allowance has what is free now."""
        room = self._promised.get(task.id)
        granted = max(0, min(wanted, self._room(task) if room is None else room))
        self.left -= granted
        if room is None:
            self._taken[task.id] = self._taken.get(task.id, 0) + granted
        else:
            self._promised[task.id] -= granted
        return granted

    def give_back(self, task: Task, unused: int) -> None:
        """Bytes of a member that was dropped: the task may take them again, and when it has ended, others."""
        self.left += unused
        if task.id in self._promised:
            self._promised[task.id] += unused
        elif task.id in self._taken:
            self._taken[task.id] -= unused

    def ended(self, task: Task) -> None:
        """What was promised to this task and not taken is free."""
        self._waiting.pop(task.id, None)
        self._promised.pop(task.id, None)
        self._taken.pop(task.id, None)

    def _room(self, task: Task) -> int:
        """All that is free but for what others are still expected to need.

        Where that is less: a log has its part, by weight, among those that are as urgent, of what other tasks leave;
        any other task has its own estimate, which logs leave to it.
        """
        own = self._waiting.get(task.id, _claim(task))
        others = [c for name, c in self._waiting.items() if name != task.id and name not in self._promised]
        expected = {name: max(0, c.weight - self._taken.get(name, 0)) for name, c in self._waiting.items()}
        needed = sum(expected[name] for name in expected if name != task.id and name not in self._promised)
        free = max(0, self.left - sum(size for name, size in self._promised.items() if name != task.id))
        small = sum(c.weight for c in others if not c.elastic)
        if own.elastic:
            rivals = sum(c.weight for c in others if c.elastic and c.priority >= own.priority)
            share = (free - min(small, free // 2)) * own.weight // (own.weight + rivals)
        else:
            share = min(expected.get(task.id, own.weight), free * own.weight // (own.weight + small))
        return max(share, free - needed)


def _claim(task: Task) -> _Claim:
    return _Claim(max(1, task.estimate), task.priority, elastic=task.type == CollectorType.LOGS)
