"""More bundles than may collect, or be packed, at once: they wait without asking for anything, and all end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from support.memory import SlowStore
from support.several import OTHERS, Process
from support.universe import CONFIG, KEY, Universe
from supportbundle.errors import Unavailable
from supportbundle.reconcile import paths


@pytest.fixture
def one_place(universe: Universe) -> Universe:
    return replace(universe, config=CONFIG.model_copy(update={"bundles_at_once": 1}))


async def test_who_waits_says_so_and_is_woken_when_its_turn_has_come(one_place: Universe) -> None:
    process = Process(one_place, *OTHERS)
    await process.until("Planning", KEY)
    for key in OTHERS:
        assert await process.reconciler.run(key) is None, "no timer"
        assert process.reason(key) == "Queued"
    assert process.deps.metrics.queued._value.get() == len(OTHERS)  # noqa: SLF001 - the client has no other way
    assert process.woken == []
    await process.until("Complete", KEY)
    assert process.woken == [OTHERS[0]]
    for key in OTHERS:
        await process.until("Complete", key)
    assert process.woken == list(OTHERS)


async def test_waiting_costs_no_writes(one_place: Universe) -> None:
    process = Process(one_place, OTHERS[0])
    await process.until("Planning", KEY)
    await process.reconciler.run(OTHERS[0])
    version = one_place.api.version
    await process.reconciler.run(OTHERS[0])
    assert one_place.api.version == version
    assert one_place.api.of("events") == []


@pytest.mark.parametrize("how", ["deleted", "cancelled"])
async def test_who_leaves_the_line_is_not_waited_for(one_place: Universe, how: str) -> None:
    process = Process(one_place, *OTHERS[:2])
    await process.until("Planning", KEY)
    for key in OTHERS[:2]:
        await process.reconciler.run(key)
    path = paths.bundle("team", OTHERS[0].name)
    if how == "deleted":
        del one_place.api.objects[path]
    else:
        one_place.api.objects[path]["spec"] = {**one_place.api.objects[path]["spec"], "cancel": True}
    await process.reconciler.run(OTHERS[0])
    await process.until("Complete", KEY)
    assert process.woken == [OTHERS[1]]


async def test_a_bundle_that_is_deleted_while_it_collects_gives_its_place_back(one_place: Universe) -> None:
    process = Process(one_place, OTHERS[0])
    await process.until("Collecting", KEY)
    await process.reconciler.run(OTHERS[0])
    del one_place.api.objects[paths.bundle(KEY.namespace, KEY.name)]
    await process.reconciler.run(KEY)
    assert process.woken == [OTHERS[0]]


async def test_a_bundle_that_cannot_be_planned_keeps_nobody_waiting(one_place: Universe) -> None:
    process = Process(one_place, OTHERS[0])
    await process.until("Planning", KEY)
    assert await process.reconciler.run(OTHERS[0]) is None

    def refuse(*_: object, **__: object) -> None:
        raise Unavailable("no space is left")

    one_place.store.put = refuse  # type: ignore[method-assign,assignment] # only writing fails
    with pytest.raises(Unavailable):
        await process.reconciler.run(KEY)
    assert process.woken == [OTHERS[0]]


async def test_what_runs_when_a_process_starts_is_counted_and_not_stopped(one_place: Universe) -> None:
    before = Process(one_place, OTHERS[0])
    await before.until("Collecting", KEY)
    after = Process(one_place)
    await after.reconciler.run(KEY)
    await after.reconciler.run(OTHERS[0])
    assert (len(one_place.api.of("jobs")), after.reason(OTHERS[0])) == (1, "Queued")
    await after.until("Complete", KEY)
    assert after.woken == [OTHERS[0]]


async def test_large_zips_leave_workers_to_others(universe: Universe) -> None:
    """With two workers one assembly runs at a time; the next one is woken, instead of holding the other worker."""
    store = SlowStore(universe.store.fuse)
    universe = replace(
        universe, config=CONFIG.model_copy(update={"workers": 2}), store=store, pool=ThreadPoolExecutor(2)
    )
    process = Process(universe, OTHERS[0])
    for key in (KEY, OTHERS[0]):
        await process.until("Assembling", key)
    await process.one_waits_for_the_other(store)
    await process.reconciler.run(OTHERS[0])
    assert {process.reason(KEY), process.reason(OTHERS[0])} == {"Complete"}
