"""Profiles begin together: nobody before all are ready, and nobody waits for one that is lost."""

from __future__ import annotations

import asyncio

from support.build import task
from supportbundle.collector.slots import Slots
from supportbundle.collector.start import StartLine
from supportbundle.model.plan import Task


def runners(count: int) -> list[Task]:
    return [task(f"t{i}", synchronized=True) for i in range(count)]


async def test_nobody_begins_before_all_are_ready() -> None:
    first, second = runners(2)
    line = StartLine([first, second, task("other")], Slots())
    waiting = asyncio.create_task(line.wait(first))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await line.wait(second) == await waiting


async def test_one_that_failed_is_not_waited_for() -> None:
    first, second = runners(2)
    line = StartLine([first, second], Slots())
    line.leave(second)
    await asyncio.wait_for(line.wait(first), 1)


async def test_a_straggler_delays_the_others_by_their_patience_only() -> None:
    first, second = runners(2)
    line = StartLine([first, second], Slots(), patience=0.01)
    instant = await line.wait(first)
    assert await line.wait(second) == instant


async def test_who_waits_holds_no_slot() -> None:
    first, second = runners(2)
    slots = Slots(1)
    line = StartLine([first, second], slots)
    await slots.hold(first)
    waiting = asyncio.create_task(line.wait(first))
    await asyncio.wait_for(slots.hold(second), 1)
    await line.wait(second)
    await waiting
