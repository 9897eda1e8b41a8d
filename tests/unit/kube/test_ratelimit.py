"""The rate limit: never faster than said, first come first served, and no turn is lost."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle.errors import Invalid
from supportbundle.kube.ratelimit import RateLimit, TokenBucket


class Clock:
    """Time that passes only in pauses, and no more exactly than `late` says."""

    def __init__(self, now: float = 0, late: float = 0) -> None:
        self.now = now
        self.late = late

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += seconds + self.late


@settings(deadline=None, max_examples=200)
@given(
    rate=st.floats(0.01, 10_000),
    burst=st.integers(1, 50),
    start=st.floats(0, 1e9),
    late=st.sampled_from([0.0, 0.003]),
    gaps=st.lists(st.floats(0, 3), max_size=120),
)
def test_no_window_holds_more_than_its_share(
    rate: float, burst: int, start: float, late: float, gaps: list[float]
) -> None:
    clock = Clock(start, late)
    granted: list[float] = []

    async def ask() -> None:
        bucket = TokenBucket(RateLimit(rate, burst), clock=clock, pause=clock.pause)
        for gap in gaps:
            clock.now += gap
            await bucket.take()
            granted.append(clock.now)

    asyncio.run(ask())
    assert len(granted) == len(gaps)
    for first, begin in enumerate(granted):
        for last in range(first, len(granted)):
            # A clock of 1e9 seconds shows 1e-7 s at best.
            assert last - first + 1 <= burst + rate * (granted[last] - begin + 1e-6) + 1e-6


@given(waiting=st.integers(1, 30), burst=st.integers(1, 5))
@settings(deadline=None)
def test_first_come_first_served(waiting: int, burst: int) -> None:
    clock = Clock()
    served: list[int] = []

    async def ask(bucket: TokenBucket, number: int) -> None:
        await bucket.take()
        served.append(number)

    async def crowd() -> None:
        bucket = TokenBucket(RateLimit(10, burst), clock=clock, pause=clock.pause)
        await asyncio.gather(*(ask(bucket, number) for number in range(waiting)))

    asyncio.run(crowd())
    assert served == list(range(waiting))


async def test_who_gives_up_takes_no_turn() -> None:
    clock = Clock()

    async def for_ever(_: float) -> None:
        await asyncio.Event().wait()

    bucket = TokenBucket(RateLimit(1, 1), clock=clock, pause=for_ever)
    await bucket.take()
    waiting = [asyncio.create_task(bucket.take()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    clock.now = 1
    await bucket.take()
    assert clock.now == 1


async def test_the_real_clock() -> None:
    bucket = TokenBucket(RateLimit(200, 1))
    before = time.monotonic()
    for _ in range(11):
        await bucket.take()
    assert time.monotonic() - before >= 10 / 200


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_limit_that_lets_nothing_pass_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(Invalid, match="lets nothing pass"):
        RateLimit(rate, burst)
