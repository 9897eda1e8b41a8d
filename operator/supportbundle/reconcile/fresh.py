"""What was read a moment ago is not read again: a thousand bundles that begin together ask for the same things."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Fresh(Generic[V]):
    """Values by name, believed for some seconds. A failure is told to all who wait for it, and not kept."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, V]] = {}
        self._asked: dict[str, asyncio.Task[V]] = {}

    async def get(self, name: str, read: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The value, read if it is unknown or old, and nobody reads it already.

        Raises:
            Exception: whatever `read` raises.
        """
        known = self._known.get(name)
        if known and self._monotonic() - known[0] < self._seconds:
            return known[1]
        task = self._asked.get(name)
        if task is None:
            task = asyncio.create_task(self._read(name, read))
            self._asked[name] = task
        return await asyncio.shield(task)

    async def _read(self, name: str, read: Callable[[], Coroutine[Any, Any, V]]) -> V:
        try:
            value = await read()
        finally:
            del self._asked[name]
        self._known[name] = (self._monotonic(), value)
        return value
