"""One instant for all timed profiles of a bundle: everybody gets ready, then all begin.

All synchronized tasks are in one shard, so this is a barrier inside one process. Whoever fails on the way leaves it,
and a straggler delays the others by `patience` at most, counted from the first that is ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from supportbundle.collector.slots import Slots
from supportbundle.model.plan import Task

PATIENCE = 10.0
"""Seconds."""


class StartLine:
    """Fulfils `collect.base.Start` for the synchronized ones of `tasks`; for fallbacks nobody waits."""

    def __init__(
        self,
        tasks: Iterable[Task],
        slots: Slots,
        *,
        patience: float = PATIENCE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._missing = {task.id for task in tasks if task.synchronized and not task.stands_in_for}
        self._slots = slots
        self._patience = patience
        self._clock = clock
        self._begun = asyncio.Event()
        self._instant = clock()

    async def wait(self, task: Task) -> datetime:
        """Say that this task is ready, and wait for the others; returns the common instant.

        Its slot is free while it waits and while its profile runs; the sink takes one again for what comes.
        """
        self._slots.let_go(task)
        self.leave(task)
        try:
            async with asyncio.timeout(self._patience):
                await self._begun.wait()
        except TimeoutError:
            self._begin()
        return self._instant

    def leave(self, task: Task) -> None:
        """Nobody needs to wait for this task (any more)."""
        self._missing.discard(task.id)
        if not self._missing:
            self._begin()

    def _begin(self) -> None:
        if not self._begun.is_set():
            self._instant = self._clock()
            self._begun.set()
