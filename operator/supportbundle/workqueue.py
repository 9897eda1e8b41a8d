"""A keyed work queue: one run per key at a time, a key added during its run runs again, failures back off.

The semantics are those of client-go's workqueue; the watch only ever adds keys, so a burst of events for one bundle
costs one run, and a slow bundle never delays another. New keys have a line of their own, so that a thousand of them do
not stand before what has begun.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
FIRST_BACKOFF = 0.5
LAST_BACKOFF = 60.0
NEW_EVERY = 2
"""While others wait too, one run of so many is of a new key: its first is short, and people wait for a first word."""


class WorkQueue(Generic[K]):
    """Times are seconds of `clock`, which must be monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ready: dict[K, float] = {}  # in order of arrival; the value is when the key became ready
        self._new: dict[K, float] = {}
        self._runs = 0
        self._running: dict[K, float] = {}
        self._dirty: set[K] = set()
        self._due: dict[K, float] = {}
        self._timers: list[tuple[float, int, K]] = []  # (due, order of arrival, key)
        self._failures: dict[K, int] = {}
        self._wake = asyncio.Event()
        self._sequence = 0
        self._ended = clock()

    def add_new(self, key: K) -> None:
        """Run a key that was never run before, in a line of its own."""
        if key in self._running:
            self.add(key)
        elif key not in self._ready and key not in self._new:
            self._new[key] = self._clock()
            self._wake.set()

    def add(self, key: K) -> None:
        """Run `key` as soon as a worker is free."""
        self._new.pop(key, None)
        self._due.pop(key, None)
        if key in self._running:
            self._dirty.add(key)
        elif key not in self._ready:
            self._ready[key] = self._clock()
            self._wake.set()

    def add_after(self, key: K, delay: float) -> None:
        """Run `key` in `delay` seconds, or earlier if something adds it; an earlier timer stands."""
        due = self._clock() + delay
        if delay <= 0:
            self.add(key)
        elif key not in self._ready and due < self._due.get(key, float("inf")):
            self._due[key] = due
            self._sequence += 1
            heapq.heappush(self._timers, (due, self._sequence, key))
            self._wake.set()

    def forget(self, key: K) -> None:
        """Nothing is left to do for it later. What is ready or runs is not stopped."""
        self._due.pop(key, None)

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._ready) + len(self._new)

    def stalled_seconds(self) -> float:
        """How long keys have waited without any run coming to an end; 0 while nothing waits."""
        if not self.depth:
            return 0.0
        return self._clock() - max(self._ended, min((*self._ready.values(), *self._new.values())))

    def oldest_seconds(self) -> float:
        """How long the longest-waiting ready key, or the longest run, has lasted."""
        now = self._clock()
        return max(
            (now - since for since in (*self._ready.values(), *self._new.values(), *self._running.values())),
            default=0.0,
        )

    async def work(self, run: Callable[[K], Awaitable[float | None]]) -> None:
        """One worker, for ever. `run` returns the delay after which it wants to see the key again, or None.

        An exception from `run` counts as a failure of that key and is retried with exponential backoff; `run` is
        expected to have logged it.
        """
        while True:
            key = await self._next()
            try:
                delay = await run(key)
            except Exception:  # noqa: BLE001 - whatever one key does must not end the worker
                delay = self._backoff(key)
            else:
                self._failures.pop(key, None)
            self._done(key, delay)

    async def _next(self) -> K:
        while True:
            self._fire_timers()
            if self.depth:
                self._runs += 1
                mine = self._new and (not self._ready or self._runs % NEW_EVERY == 0)
                line = self._new if mine else self._ready
                key = next(iter(line))
                del line[key]
                self._running[key] = self._clock()
                return key
            self._wake.clear()
            timeout = self._timers[0][0] - self._clock() if self._timers else None
            try:
                await asyncio.wait_for(self._wake.wait(), timeout)
            except TimeoutError:
                continue

    def _fire_timers(self) -> None:
        now = self._clock()
        while self._timers and self._timers[0][0] <= now:
            due, _, key = heapq.heappop(self._timers)
            if self._due.get(key) == due:  # a later timer of the same key has been overtaken by this one
                self.add(key)

    def _backoff(self, key: K) -> float:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return min(LAST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures, 10)) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter

    def _done(self, key: K, delay: float | None) -> None:
        del self._running[key]
        self._ended = self._clock()
        if key in self._dirty:
            self._dirty.discard(key)
            self.add(key)
        elif delay is not None:
            self.add_after(key, delay)
