"""A shard's run: every failure costs its own task only, and nothing runs past its time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import ClassVar, cast

import pytest

from support.build import NOW, plan, task
from support.collecting import FakeSecrets
from support.sink import SECRET, Bench
from supportbundle.collect.base import ClusterReader, Output, RunContext
from supportbundle.collector.run import ShardRun, interrupt_when, seconds_left
from supportbundle.collector.slots import Slots
from supportbundle.errors import NotFound
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.gap import Gap
from supportbundle.model.plan import Shard, Task
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

Behaviour = Callable[[RunContext, Task], Awaitable[Task | None]]


class Scripted:
    """A collector whose tasks behave as their id says."""

    type: ClassVar[CollectorType] = CollectorType.LOGS
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {}
    outputs: ClassVar[tuple[Output, ...]] = ()

    def __init__(self, **behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    def requires(self, spec: CollectorSpec) -> frozenset[Capability]:
        del spec
        return frozenset()

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        del spec, context
        return iter(())

    async def run(self, task: Task, context: RunContext) -> Task | None:
        return await self._behaviour[task.id](context, task)


async def write(context: RunContext, task: Task) -> Task | None:
    async with context.sink.member(f"{task.id}.log", task=task, limit=100) as member:
        await member.write(b"hello\n")
    return None


async def greedy(context: RunContext, task: Task) -> Task | None:
    """Wants 1 MiB; what a share cuts is left for later."""
    wanted = 1 << 20
    allowed = context.sink.allowance(task, wanted)
    if allowed < wanted and not task.params:
        return task.model_copy(update={"params": {"again": True}})
    async with context.sink.member(f"{task.id}.log", task=task, limit=allowed) as member:
        await member.write(b"x" * allowed)
    return None


async def hang(context: RunContext, task: Task) -> Task | None:
    del context, task
    await asyncio.Event().wait()
    return None


async def hang_in_a_log(context: RunContext, task: Task) -> Task | None:
    async with context.sink.member(f"{task.id}.log", task=task, limit=100, keep_partial=True) as member:
        await member.write(b"the last words\n")
        await asyncio.Event().wait()
    return None


async def vanish(context: RunContext, task: Task) -> Task | None:
    del context, task
    raise NotFound("the pod is gone")


async def bug(context: RunContext, task: Task) -> Task | None:
    del context, task
    raise ZeroDivisionError


def shard_run(bench: Bench, *tasks: Task, missing: frozenset[str] = frozenset(), **behaviour: Behaviour) -> ShardRun:
    context = RunContext(namespace="team", cluster=cast("ClusterReader", None), sink=bench.sink, secrets=FakeSecrets())
    collectors = {CollectorType.LOGS: Scripted(**behaviour)}
    return ShardRun(Shard(index=0, budget=1, tasks=tasks), collectors, context, bench.sink, Slots(), missing)


async def test_each_failure_is_a_gap_and_the_others_finish(bench: Bench) -> None:
    tasks = [task(name, target=f"{name}/app") for name in ("good", "vanish", "bug")]
    run = shard_run(bench, *tasks, good=write, vanish=vanish, bug=bug)
    await run.run(10)
    index = bench.index()
    assert [m.path for m in index.members] == ["good.log"]
    assert {g.target: g.reason for g in index.gaps} == {"vanish/app": "NotFound", "bug/app": "InternalError"}
    assert (run.progress().tasks_done, run.progress().targets_done) == (3, 3)


async def test_a_task_that_hangs_delays_nobody_past_its_own_time(bench: Bench) -> None:
    run = shard_run(bench, task("hang", timeout_seconds=1), task("good"), hang=hang, good=write)
    await run.run(60)
    index = bench.index()
    assert [m.path for m in index.members] == ["good.log"]
    assert [g.reason for g in index.gaps] == ["Timeout"]


async def test_a_run_that_is_told_to_end_hands_in_what_it_has_and_names_the_rest(bench: Bench) -> None:
    written, reading, told = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def good(context: RunContext, task: Task) -> None:
        await write(context, task)
        written.set()

    async def log(context: RunContext, task: Task) -> None:
        async with context.sink.member(f"{task.id}.log", task=task, limit=100, keep_partial=True) as member:
            await member.write(b"the last words\n")
            reading.set()
            await asyncio.Event().wait()

    run = shard_run(bench, task("good"), task("log"), task("hang"), good=good, log=log, hang=hang)
    listener = asyncio.create_task(interrupt_when(told, run))
    running = asyncio.create_task(run.run(60))
    await asyncio.gather(written.wait(), reading.wait())
    told.set()
    await asyncio.wait_for(running, 10)
    await listener
    index = bench.index()
    assert {m.path for m in index.members} == {"good.log", "log.log"}
    assert [g.reason for g in index.gaps] == ["Interrupted", "Interrupted"]


async def test_a_run_that_was_told_to_end_before_it_began_hands_in_its_gaps(bench: Bench) -> None:
    run = shard_run(bench, task("hang"), hang=hang)
    run.interrupt()
    await asyncio.wait_for(run.run(60), 10)
    assert [g.reason for g in bench.index().gaps] == ["Interrupted"]


async def test_at_the_bundles_deadline_what_was_read_is_kept(bench: Bench) -> None:
    run = shard_run(bench, task("log"), log=hang_in_a_log)
    await run.run(0.2)
    index = bench.index()
    assert [(m.path, m.size) for m in index.members] == [("log.log", 15)]
    assert [g.reason for g in index.gaps] == ["Timeout"]


async def test_a_pod_whose_secret_is_unknown_yields_nothing(bench: Bench) -> None:
    run = shard_run(bench, task("good", secrets=("gone",)), missing=frozenset({"gone"}), good=write)
    await run.run(10)
    index = bench.index()
    assert index.members == ()
    assert [g.reason for g in index.gaps] == ["KnownSecretMissing"]


async def test_what_one_task_leaves_goes_to_those_that_were_cut(bench: Bench) -> None:
    tasks = [task("good", target="a/app"), task("greedy", target="b/app")]
    run = shard_run(bench, *tasks, good=write, greedy=greedy)
    await run.run(10)
    sizes = {m.path: m.size for m in bench.index().members}
    assert sizes == {"good.log": 6, "greedy.log": (1 << 20) - 6}
    assert run.progress().tasks_done == 2


async def test_what_another_collector_claims_too_is_written_elsewhere(bench: Bench) -> None:
    run = shard_run(bench, task("good", collector="second", moved=("good.log",)), good=write)
    await run.run(10)
    assert [m.path for m in bench.index().members] == ["collectors/second/good.log"]


async def test_whatever_ends_at_the_deadline_is_kept(bench: Bench) -> None:
    """Each task is in the middle of its work when time is over, at a slightly different moment."""
    tasks = [task(f"log{i}", timeout_seconds=1) for i in range(40)]

    async def restless(context: RunContext, task: Task) -> Task | None:
        async with context.sink.member(f"{task.id}.log", task=task, limit=1 << 20, keep_partial=True) as member:
            while True:
                await member.write(b"line\n")
                await asyncio.sleep(0)

    run = shard_run(bench, *tasks[:8], **{t.id: restless for t in tasks})
    await run.run(1.0)
    assert len(bench.index().members) == 8


async def test_a_bug_is_logged_without_what_it_quotes(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async def quoting_bug(context: RunContext, task: Task) -> Task | None:
        del context
        raise ValueError(f"{task.id} said {SECRET.decode()}")

    run = shard_run(bench, task("bad"), bad=quoting_bug)
    await run.run(10)
    assert "ValueError at run.py" in caplog.text
    assert "in quoting_bug" in caplog.text
    assert SECRET.decode() not in caplog.text


def test_the_first_pods_may_start_late_and_others_end_with_the_bundle() -> None:
    made = plan(shards=8, parallelism=4, max_duration_seconds=600)
    assert seconds_left(made, 0, NOW) == 600
    assert seconds_left(made, 3, NOW + timedelta(minutes=4)) == 600
    assert seconds_left(made, 3, NOW + timedelta(minutes=10)) == 300
    assert seconds_left(made, 4, NOW + timedelta(minutes=4)) == 360
    assert seconds_left(made, 4, NOW + timedelta(hours=1)) == 1
