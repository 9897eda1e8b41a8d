"""What many ask for at the same instant is read once; what failed is asked for again."""

from __future__ import annotations

import asyncio

import pytest

from supportbundle.errors import Unavailable
from supportbundle.reconcile.fresh import Fresh


class Source:
    """Answers when it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 0.0
        self.failure: Exception | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.fresh: Fresh[int] = Fresh(10, lambda: self.now)

    async def read(self) -> int:
        """The number of this answer."""
        self.asked += 1
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure
        return self.asked

    async def get(self, name: str = "a") -> int:
        """As a reader asks."""
        return await self.fresh.get(name, self.read)


async def test_all_who_ask_at_once_get_one_answer() -> None:
    source = Source()
    source.go_on.clear()
    readers = [asyncio.create_task(source.get()) for _ in range(8)]
    await asyncio.sleep(0)
    source.go_on.set()
    assert await asyncio.gather(*readers) == [1] * 8


async def test_an_answer_is_believed_for_a_while() -> None:
    source = Source()
    answers = []
    for source.now in (0.0, 9.9, 10.0):
        answers.append(await source.get())
    assert answers == [1, 1, 2]


async def test_names_are_apart() -> None:
    source = Source()
    assert [await source.get(name) for name in "aba"] == [1, 2, 1]


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    source = Source()
    source.failure = Unavailable("no answer")
    failed = await asyncio.gather(source.get(), source.get(), return_exceptions=True)
    assert [type(error) for error in failed] == [Unavailable, Unavailable]
    assert source.asked == 1
    source.failure = None
    assert await source.get() == 2


async def test_who_is_cancelled_takes_the_answer_from_nobody() -> None:
    source = Source()
    source.go_on.clear()
    first, second = asyncio.create_task(source.get()), asyncio.create_task(source.get())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.go_on.set()
    assert await second == 1
