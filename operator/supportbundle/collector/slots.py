"""How many tasks read at the same time: who waits for a common instant, or only for time to pass, holds no slot."""

from __future__ import annotations

import asyncio

from supportbundle.model.plan import Task

STREAMS = 8
"""The API server serves about 8 log streams at its best (measured)."""


class Slots:
    """A semaphore that knows who holds it, so that holding and letting go may both be repeated."""

    def __init__(self, count: int = STREAMS) -> None:
        self._free = asyncio.Semaphore(count)
        self._holders: set[str] = set()

    async def hold(self, task: Task) -> None:
        """Wait for a slot, unless the task has one."""
        if task.id not in self._holders:
            await self._free.acquire()
            self._holders.add(task.id)

    def let_go(self, task: Task) -> None:
        """Give the slot back, if the task has one."""
        if task.id in self._holders:
            self._holders.discard(task.id)
            self._free.release()
