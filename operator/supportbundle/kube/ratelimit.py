"""How fast one process may ask the API server: a token bucket, so that a plan of ten thousand reads is no flood."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from supportbundle.errors import Invalid

Pause = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]

_LEAST_PAUSE = 0.001
"""Seconds. A wait that rounding made shorter than the clock can show would otherwise never end."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Requests: `burst` at once, `per_second` in the long run."""

    per_second: float
    burst: int

    def __post_init__(self) -> None:
        if self.per_second <= 0 or self.burst < 1:
            raise Invalid(
                f"A rate of {self.per_second:g} requests a second with a burst of {self.burst} lets nothing pass.",
                "Set a rate above 0 and a burst of at least 1.",
            )


class TokenBucket:
    """Grants turns in the order in which they were asked for.

    In any `t` seconds at most `burst + per_second * t` turns are granted. `clock` gives seconds that never go back.
    """

    def __init__(self, limit: RateLimit, *, clock: Clock = time.monotonic, pause: Pause = asyncio.sleep) -> None:
        self._limit = limit
        self._clock = clock
        self._pause = pause
        self._tokens = float(limit.burst)
        self._filled_at = clock()
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Wait for one turn. Who is cancelled while waiting takes none."""
        # The lock is the queue: it is fair, and only its holder looks at the tokens.
        async with self._turn:
            while (missing := 1 - self._fill()) > 0:
                await self._pause(max(missing / self._limit.per_second, _LEAST_PAUSE))
            self._tokens -= 1

    def _fill(self) -> float:
        now = self._clock()
        gained = (now - self._filled_at) * self._limit.per_second
        self._tokens = min(float(self._limit.burst), self._tokens + gained)
        self._filled_at = now
        return self._tokens
