"""The work queue's promises: one run per key, nothing lost, failures back off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from supportbundle.workqueue import WorkQueue


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def workers(queue: WorkQueue[str], run: object, count: int = 2) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(queue.work(run)) for _ in range(count)]  # type: ignore[arg-type]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_key_added_many_times_before_it_runs_runs_once() -> None:
    queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time)
    runs: list[str] = []
    done = asyncio.Event()

    async def run(key: str) -> float | None:
        runs.append(key)
        done.set()
        return None

    for _ in range(5):
        queue.add("a")
    async with workers(queue, run):
        await done.wait()
        await asyncio.sleep(0)
    assert runs == ["a"]


async def test_a_key_added_during_its_run_runs_again_but_never_twice_at_once() -> None:
    queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time)
    running = most = count = 0
    done = asyncio.Event()

    async def run(key: str) -> float | None:
        nonlocal running, most, count
        running, count = running + 1, count + 1
        most = max(most, running)
        if count == 1:
            queue.add(key)
            await asyncio.sleep(0)
        running -= 1
        if count == 2:
            done.set()
        return None

    queue.add("a")
    async with workers(queue, run):
        await asyncio.wait_for(done.wait(), 5)
    assert (most, count) == (1, 2)


async def test_a_failed_key_is_retried_and_does_not_stop_others() -> None:
    queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time)
    seen: list[str] = []
    done = asyncio.Event()

    async def run(key: str) -> float | None:
        seen.append(key)
        if key == "bad" and seen.count("bad") == 1:
            raise RuntimeError("once")
        if seen.count("bad") == 2:
            done.set()
        return None

    queue.add("bad")
    queue.add("good")
    async with workers(queue, run, count=1):
        await asyncio.wait_for(done.wait(), 5)
    assert seen == ["bad", "good", "bad"]


async def test_a_delayed_key_runs_when_its_time_has_come_or_somebody_adds_it() -> None:
    queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time)
    order: asyncio.Queue[str] = asyncio.Queue()

    async def run(key: str) -> float | None:
        await order.put(key)
        return None

    queue.add_after("late", 0.05)
    queue.add_after("early", 3600)
    queue.add("early")
    async with workers(queue, run):
        got = [await asyncio.wait_for(order.get(), 5) for _ in range(2)]
    assert got == ["early", "late"]


def test_the_oldest_item_tells_a_stuck_queue() -> None:
    clock = Clock()
    queue: WorkQueue[str] = WorkQueue(clock)
    queue.add("a")
    clock.now = 42.0
    assert queue.oldest_seconds() == 42.0
    assert queue.depth == 1


async def test_new_keys_do_not_stand_before_what_has_begun_and_are_not_forgotten() -> None:
    queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time)
    runs: list[str] = []
    done = asyncio.Event()

    async def run(key: str) -> float | None:
        runs.append(key)
        if len(runs) == 12:
            done.set()
        return None

    for number in range(6):
        queue.add_new(f"new{number}")
    for number in range(6):
        queue.add(f"old{number}")
    assert queue.depth == 12
    async with workers(queue, run, count=1):
        await done.wait()
    assert runs[:4] == ["old0", "new0", "old1", "new1"]
    assert sorted(runs) == sorted(f"{kind}{number}" for kind in ("new", "old") for number in range(6))


async def test_a_new_key_that_something_else_adds_is_new_no_more() -> None:
    queue: WorkQueue[str] = WorkQueue(lambda: 0.0)
    for add in (queue.add_new, queue.add, queue.add_new):
        add("a")
        assert queue.depth == 1


async def test_what_is_forgotten_does_not_come_later() -> None:
    clock = Clock()
    queue: WorkQueue[str] = WorkQueue(clock)
    runs: list[str] = []
    done = asyncio.Event()

    async def run(key: str) -> float | None:
        runs.append(key)
        done.set()
        return None

    queue.add_after("gone", 5)
    queue.forget("gone")
    queue.add_after("kept", 6)
    clock.now = 10
    async with workers(queue, run):
        await done.wait()
    assert runs == ["kept"]
