"""Fallbacks of a shard: run when what they stand in for has ended without a file, and never otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.build import task
from support.collecting import FakeSecrets
from support.sink import SECRET, Bench
from supportbundle.collect.base import ClusterReader, Collector, RunContext
from supportbundle.collector.run import ShardRun
from supportbundle.collector.sink import FragmentSink
from supportbundle.collector.slots import Slots
from supportbundle.collector.start import StartLine
from supportbundle.errors import NotFound
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Shard, StandsInFor, Task
from supportbundle.model.spec import CollectorType

Behaviour = Callable[[RunContext, Task], Awaitable[Task | None]]


class Playing:
    """A collector whose tasks behave as their id says; it remembers who ran, in their order."""

    def __init__(self, behaviour: Mapping[str, Behaviour]) -> None:
        self._behaviour = behaviour
        self.ran: list[str] = []

    async def run(self, task: Task, context: RunContext) -> Task | None:
        self.ran.append(task.id)
        return await self._behaviour[task.id](context, task)


async def write(context: RunContext, task: Task, *, step: str = "") -> Task | None:
    async with context.sink.member("same.log", task=task, limit=100) as member:
        if step:
            member.note("step", step)
        await member.write(task.id.encode())
    return None


async def fail(context: RunContext, task: Task) -> Task | None:
    del context, task
    raise NotFound("nothing there")


async def hang(context: RunContext, task: Task) -> Task | None:
    del context, task
    await asyncio.Event().wait()
    return None


async def break_off(context: RunContext, task: Task) -> Task | None:
    async with context.sink.member("same.log", task=task, limit=100, keep_partial=True) as member:
        await member.write(b"half of it")
        raise NotFound("gone in the middle")


async def elsewhere(context: RunContext, task: Task) -> Task | None:
    async with context.sink.member("other.log", task=task, limit=100) as member:
        await member.write(b"x")
    return None


async def unclean(context: RunContext, task: Task) -> Task | None:
    """What cannot be sanitized is no file."""
    async with context.sink.member("same.log", task=task, limit=1000) as member:
        await member.write(b"\x00\x01binary " + SECRET + b"\x00")
    return None


def after(name: str, *before: str, step: str = "", files: tuple[str, ...] = (), **more: object) -> Task:
    return task(name, stands_in_for=StandsInFor(tasks=before, step=step, files=files), **more)


async def played(
    bench: Bench, *tasks: Task, seconds: float = 20, **behaviour: Behaviour
) -> tuple[list[str], list[str]]:
    """Who ran, and whose files there are."""
    player = Playing(behaviour)
    context = RunContext(
        namespace="team",
        cluster=cast("ClusterReader", None),
        sink=bench.sink,
        secrets=FakeSecrets(),
        start=StartLine(tasks, Slots()),
    )
    collectors = {CollectorType.LOGS: cast("Collector", player)}
    run = ShardRun(Shard(index=0, budget=1, tasks=tasks), collectors, context, bench.sink, Slots(), frozenset())
    await asyncio.wait_for(run.run(seconds), 30)
    assert run.progress().tasks_done == len(tasks)
    return player.ran, [member.meta.collector for member in bench.index().members]


async def test_a_fallback_of_what_failed_takes_its_place(bench: Bench) -> None:
    tasks = (after("b", "a", collector="b"), task("a", collector="a", strict=True))
    assert await played(bench, *tasks, a=fail, b=write) == (["a", "b"], ["b"])


async def test_a_fallback_of_what_worked_is_not_run_and_misses_nothing(bench: Bench) -> None:
    tasks = (task("a", collector="a"), after("b", "a"), after("c", "b"))
    assert await played(bench, *tasks, a=write, b=fail, c=fail) == (["a"], ["a"])
    assert bench.sink.gaps == []


@pytest.mark.parametrize(("files", "ran"), [(("same.log",), ["a"]), (("same.log", "other.log"), ["a", "b"])])
async def test_one_that_looks_at_files_runs_for_a_missing_one(
    bench: Bench, files: tuple[str, ...], ran: list[str]
) -> None:
    tasks = (task("a", collector="a", strict=True), after("b", "a", files=files), after("c", "b"))
    found, _ = await played(bench, *tasks, a=write, b=elsewhere, c=fail)
    assert found == ran
    assert bench.sink.gaps == []


async def test_of_several_files_only_the_missing_ones_are_added(bench: Bench) -> None:
    async def both(context: RunContext, task: Task) -> Task | None:
        await write(context, task)
        return await elsewhere(context, task)

    tasks = (task("a", collector="a"), after("b", "a", collector="b", files=("same.log", "other.log")))
    assert await played(bench, *tasks, a=write, b=both) == (["a", "b"], ["a", "b"])
    assert bench.sink.gaps == []


async def test_the_end_of_a_chain_looks_at_its_own_files(bench: Bench) -> None:
    tasks = (task("a", collector="a"), after("b", "a"), after("c", "b", collector="c", files=("other.log",)))
    assert await played(bench, *tasks, a=write, b=fail, c=elsewhere) == (["a", "c"], ["a", "c"])


async def test_a_file_whose_name_was_taken_out_is_there(bench: Bench) -> None:
    async def named(context: RunContext, task: Task) -> Task | None:
        async with context.sink.member(f"{SECRET.decode()}/x.log", task=task, limit=100) as member:
            await member.write(b"x")
        return None

    tasks = (task("a", collector="a"), after("b", "a", files=(f"{SECRET.decode()}/x.log",)))
    assert (await played(bench, *tasks, a=named, b=fail))[0] == ["a"]


async def test_one_that_looks_at_files_runs_where_the_file_could_not_be_kept(bench: Bench) -> None:
    tasks = (task("a", collector="a"), after("b", "a", collector="b", files=("same.log", "other.log")))
    assert (await played(bench, *tasks, a=unclean, b=elsewhere))[1] == ["b"]


async def test_a_chain_goes_on_until_somebody_writes(bench: Bench) -> None:
    tasks = (after("d", "c"), after("c", "b", collector="c"), after("b", "a"), task("a"))
    assert await played(bench, *tasks, a=fail, b=fail, c=write, d=fail) == (["a", "b", "c"], ["c"])


async def test_several_stand_in_for_one(bench: Bench) -> None:
    tasks = (task("a"), after("b", "a", collector="b"), after("c", "a", collector="c"))
    ran, files = await played(bench, *tasks, a=fail, b=write, c=elsewhere)
    assert (ran[0], sorted(ran), sorted(files)) == ("a", ["a", "b", "c"], ["b", "c"])


async def test_one_for_all_of_several_runs_only_if_none_wrote(bench: Bench) -> None:
    tasks = (task("a1"), task("a2", collector="a"), after("b", "a1", "a2"))
    assert (await played(bench, *tasks, a1=fail, a2=write, b=fail))[1] == ["a"]


@pytest.mark.parametrize("end", [break_off, unclean])
async def test_half_a_file_is_none_where_something_stands_in(bench: Bench, end: Behaviour) -> None:
    tasks = (task("a", collector="a", strict=True), after("b", "a", collector="b"))
    assert await played(bench, *tasks, a=end, b=write) == (["a", "b"], ["b"])


async def test_half_a_file_stays_where_nothing_does(bench: Bench) -> None:
    assert (await played(bench, task("a", collector="a"), a=break_off))[1] == ["a"]


async def test_a_step_has_its_own_fallback(bench: Bench) -> None:
    async def packet(context: RunContext, task: Task) -> Task | None:
        return await write(context, task, step="packet")

    tasks = (task("a", collector="a"), after("b", "a", step="packet"), after("c", "a", step="config", collector="c"))

    async def other(context: RunContext, task: Task) -> Task | None:
        async with context.sink.member("config.json", task=task, limit=100) as member:
            await member.write(b"{}")
        return None

    assert await played(bench, *tasks, a=packet, b=fail, c=other) == (["a", "c"], ["a", "c"])


async def test_a_step_of_what_was_not_needed_is_not_needed_either(bench: Bench) -> None:
    tasks = (task("native", collector="native"), after("api", "native"), after("step", "api", step="config"))
    assert (await played(bench, *tasks, native=write, api=fail, step=fail))[0] == ["native"]


async def test_a_fallback_waits_for_what_is_run_again_at_the_end(bench: Bench) -> None:
    async def later(context: RunContext, task: Task) -> Task | None:
        if not task.params:
            return task.model_copy(update={"params": {"again": True}})
        return await write(context, task)

    tasks = (task("a", collector="a"), after("b", "a"), task("slow"))
    assert await played(bench, *tasks, a=later, b=fail, slow=fail) == (["a", "slow", "a"], ["a"])


async def test_a_fallback_may_itself_be_cut_and_run_again(bench: Bench) -> None:
    async def later(context: RunContext, task: Task) -> Task | None:
        if not task.params:
            return task.model_copy(update={"params": {"again": True}})
        return await fail(context, task)

    tasks = (task("a"), after("b", "a"), after("c", "b", collector="c"))
    assert await played(bench, *tasks, a=fail, b=later, c=write) == (["a", "b", "b", "c"], ["c"])


async def test_at_the_deadline_what_was_not_tried_is_told(bench: Bench) -> None:
    tasks = (task("a", target="a/app"), after("b", "a", target="b/app"))
    ran, files = await played(bench, *tasks, seconds=0.2, a=hang, b=write)
    assert (ran, files) == (["a"], [])
    assert {(gap.target, gap.reason) for gap in bench.sink.gaps} == {("a/app", "Timeout"), ("b/app", "Timeout")}


async def test_whoever_is_told_to_end_keeps_what_is_there_and_names_the_rest(bench: Bench) -> None:
    async def interrupted(context: RunContext, task: Task) -> Task | None:
        running[0].interrupt()
        return await hang(context, task)

    tasks = (
        task("a", target="a/app", collector="a"),
        after("b", "a", target="b/app"),
        task("c", target="c/app", priority=-1),
        after("d", "c", target="d/app"),
    )
    written = asyncio.Event()

    async def first(context: RunContext, task: Task) -> Task | None:
        await write(context, task)
        written.set()
        return None

    async def second(context: RunContext, task: Task) -> Task | None:
        await written.wait()
        return await interrupted(context, task)

    player = Playing({"a": first, "b": fail, "c": second, "d": write})
    context = RunContext(namespace="n", cluster=cast("ClusterReader", None), sink=bench.sink, secrets=FakeSecrets())
    collectors = {CollectorType.LOGS: cast("Collector", player)}
    running = [ShardRun(Shard(index=0, budget=1, tasks=tasks), collectors, context, bench.sink, Slots(), frozenset())]
    await asyncio.wait_for(running[0].run(60), 10)
    assert {(gap.target, gap.reason) for gap in bench.sink.gaps} == {("c/app", "Interrupted"), ("d/app", "Interrupted")}
    assert [member.meta.collector for member in bench.index().members] == ["a"]


async def test_what_time_ends_is_kept_for_nothing_better_will_come(bench: Bench) -> None:
    async def slow(context: RunContext, task: Task) -> Task | None:
        async with context.sink.member("same.log", task=task, limit=100, keep_partial=True) as member:
            await member.write(b"the first lines\n")
            await asyncio.Event().wait()
        return None

    tasks = (task("a", collector="a", strict=True), after("b", "a"))
    assert await played(bench, *tasks, seconds=0.2, a=slow, b=fail) == (["a"], ["a"])


async def test_a_synchronized_fallback_keeps_nobody_waiting(bench: Bench) -> None:
    async def timed(context: RunContext, task: Task) -> Task | None:
        assert context.start is not None
        async with asyncio.timeout(2):
            await context.start.wait(task)
        return await write(context, task)

    tasks = (task("a", synchronized=True, collector="a"), after("b", "a", synchronized=True))
    assert (await played(bench, *tasks, a=timed, b=timed))[1] == ["a"]


async def test_bytes_are_kept_for_one_of_a_chain_and_free_when_it_has_ended(bench: Bench) -> None:
    async def all_of_it(context: RunContext, task: Task) -> Task | None:
        assert context.sink.allowance(task, 1 << 30) == 1 << 20
        return await write(context, task)

    tasks = (task("a", collector="a", estimate=1), after("b", "a", estimate=1 << 20))
    assert (await played(bench, *tasks, a=all_of_it, b=fail))[1] == ["a"]
    assert bench.budget.allowance(task("late"), 1 << 30) == (1 << 20) - 1


async def test_a_place_that_is_taken_is_a_gap_and_names_what_to_write(bench: Bench) -> None:
    tasks = (task("a", collector="a", path="x.log"), task("b", collector="b", path="x.log", priority=-1))
    waiting = asyncio.Event()

    async def first(context: RunContext, task: Task) -> Task | None:
        await write(context, task)
        waiting.set()
        return None

    async def second(context: RunContext, task: Task) -> Task | None:
        await waiting.wait()
        return await write(context, task)

    assert (await played(bench, *tasks, a=first, b=second))[1] == ["a"]
    (gap,) = bench.sink.gaps
    assert (gap.collector, gap.reason, "{file}" in gap.message) == ("b", "PathTaken", True)


async def test_a_products_own_warnings_go_beside_ours(bench: Bench) -> None:
    async with bench.sink.member(
        "pods/p/http/c/Warning.txt", task=task(path="{file}", collector="native"), limit=9
    ) as m:
        await m.write(b"x")
    assert [member.path for member in bench.index().members] == ["collectors/native/Warning.txt"]


class Ledger:
    """A sink that only remembers who wrote."""

    bytes = 0

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.expected: set[str] = set()

    def expect(self, tasks: Iterable[Task]) -> None:
        self.expected |= {task.id for task in tasks}

    def ended(self, task: Task) -> None:
        self.expected.discard(task.id)

    def gap(self, gap: Gap) -> None:
        raise AssertionError(gap)

    def wrote(self, task: str, step: str = "") -> bool:
        assert not step
        return task in self.files


Drawn = list[tuple[set[int], bool, bool]]


def drawn_tasks(drawn: Drawn) -> tuple[list[Task], list[str]]:
    """The tasks, and those of which somebody needs what they do."""
    tasks, needed, satisfied = [], [], set()
    for number, (before, writes, _) in enumerate(drawn):
        name = f"t{number}"
        waits = sorted(f"t{other}" for other in before if other < number)
        tasks.append(after(name, *waits) if waits else task(name))
        is_needed = satisfied.isdisjoint(waits)
        needed += [name] if is_needed else []
        if writes or not is_needed:
            satisfied.add(name)
    return tasks, needed


@given(st.lists(st.tuples(st.sets(st.integers(0, 9), max_size=3), st.booleans(), st.booleans()), max_size=10))
@settings(deadline=None)
async def test_whoever_is_needed_runs_and_nobody_else(drawn: Drawn) -> None:
    """Each task may stand in for earlier ones, may write, and may first leave its work for later."""
    tasks, needed = drawn_tasks(drawn)
    ledger, ended = Ledger(), []

    async def play(context: RunContext, task: Task) -> Task | None:
        del context
        _, writes, later = drawn[int(task.id[1:])]
        await asyncio.sleep(0)
        if later and not task.params:
            return task.model_copy(update={"params": {"again": True}})
        ended.append(task.id)
        if writes:
            ledger.files.add(task.id)
        return None

    sink = cast("FragmentSink", ledger)
    context = RunContext(namespace="n", cluster=cast("ClusterReader", None), sink=sink, secrets=FakeSecrets())
    shard = Shard(index=0, budget=1, tasks=tuple(reversed(tasks)))
    collectors = {CollectorType.LOGS: cast("Collector", Playing({task.id: play for task in tasks}))}
    run = ShardRun(shard, collectors, context, sink, Slots(), frozenset())
    await asyncio.wait_for(run.run(20), 10)
    assert sorted(ended) == sorted(needed)
    assert run.progress().tasks_done == len(tasks)
    assert not ledger.expected
