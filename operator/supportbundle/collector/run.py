"""Running a shard: its tasks in parallel within their times, each failure a gap, the rest unharmed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from supportbundle.collect.base import Collector, RunContext
from supportbundle.collector.sink import FragmentSink
from supportbundle.collector.slots import Slots
from supportbundle.errors import DeadlineExceeded, SupportBundleError
from supportbundle.model.gap import Gap
from supportbundle.model.plan import START_ALLOWANCE, Plan, Progress, Shard, StandsInFor, Task
from supportbundle.model.spec import CollectorType
from supportbundle.model.trouble import place_of

log = logging.getLogger(__name__)


class ShardRun:
    """The tasks of one shard and how far they are."""

    def __init__(
        self,
        shard: Shard,
        collectors: Mapping[CollectorType, Collector],
        context: RunContext,
        sink: FragmentSink,
        slots: Slots,
        missing_secrets: frozenset[str],
    ) -> None:
        self._shard = shard
        self._collectors = collectors
        self._context = context
        self._sink = sink
        self._missing = missing_secrets
        self._slots = slots
        self._open: set[str] = {task.id for task in shard.tasks}
        self._later: list[Task] = []
        self._waiting: dict[str, Task] = {}
        self._satisfied: set[str] = set()
        self._limits: set[asyncio.Timeout] = set()
        self._deadline = float("inf")
        self._interrupted = False

    def progress(self) -> Progress:
        """How far it is now."""
        open_targets = {task.target for task in self._shard.tasks if task.id in self._open}
        return Progress(
            shard=self._shard.index,
            tasks_done=len(self._shard.tasks) - len(self._open),
            targets_done=len({_pod(task.target) for task in self._shard.tasks} - {_pod(t) for t in open_targets}),
            bytes=self._sink.bytes,
            at=datetime.now(UTC),
        )

    async def run(self, seconds: float) -> None:
        """Run everything; at the deadline what is still running becomes a gap.

        What tasks leave for later, because their share of the bytes was too small, is run when all others are over.
        A fallback begins as soon as all that it stands in for is over, and has at least the bytes kept for that.
        """
        self._deadline = min(self._deadline, asyncio.get_running_loop().time() + seconds)
        ordered = sorted(self._shard.tasks, key=lambda task: -task.priority)
        self._sink.expect(_with_their_fallbacks(ordered))
        self._waiting = {task.id: task for task in ordered if task.stands_in_for}
        tasks: Iterable[Task] = [task for task in ordered if not task.stands_in_for]
        while tasks := (*tasks, *self._due()):
            async with asyncio.TaskGroup() as group:
                for task in tasks:
                    group.create_task(self._run_in(group, task))
            tasks, self._later = tuple(self._later), []
            self._sink.expect(tasks)

    async def _run_in(self, group: asyncio.TaskGroup, task: Task) -> None:
        """One task, and then the fallbacks that have waited for it."""
        await self._run_task(task)
        for fallback in self._due():
            group.create_task(self._run_in(group, fallback))

    def _due(self) -> list[Task]:
        """Fallbacks that are needed now. Those that never will be are over, and with them what stands in for those."""
        due: list[Task] = []
        looked_at = -1
        while looked_at != len(self._satisfied):
            looked_at = len(self._satisfied)
            for task in tuple(self._waiting.values()):
                waits = task.stands_in_for or StandsInFor(tasks=())
                if not self._open.isdisjoint(waits.tasks):
                    continue
                del self._waiting[task.id]
                if self._did(waits):
                    self._not_needed(task)
                else:
                    due.append(task)
        self._sink.expect(due)
        return due

    def _did(self, waits: StandsInFor) -> bool:
        """Whether what a fallback has waited for has written what it would write."""
        wrote = any(name in self._satisfied or self._sink.wrote(name, waits.step) for name in waits.tasks)
        return wrote and all(self._sink.holds(path) for path in waits.files)

    def _not_needed(self, task: Task) -> None:
        self._satisfied.add(task.id)
        self._open.discard(task.id)

    def interrupt(self) -> None:
        """End now: the deadline is this instant, so what was read is kept as at any deadline."""
        self._interrupted = True
        self._deadline = asyncio.get_running_loop().time()
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(self._deadline)

    async def _run_task(self, task: Task) -> None:
        try:
            if lacking := self._missing.intersection(task.secrets):
                self._sink.gap(_unknown_secret(task, min(lacking)))
                return
            if asyncio.get_running_loop().time() >= self._deadline:
                self._out_of_time(task)  # a limit that is over would still let it begin
                return
            try:
                async with self._until(self._deadline):
                    await self._slots.hold(task)
            except TimeoutError:
                self._out_of_time(task)
                return
            await self._guarded(task)
        finally:
            self._slots.let_go(task)
            self._sink.ended(task)
            if self._context.start is not None:
                self._context.start.leave(task)
            if not any(later.id == task.id for later in self._later):
                self._open.discard(task.id)

    @asynccontextmanager
    async def _until(self, when: float) -> AsyncIterator[asyncio.Timeout]:
        """One limit, which `interrupt` may bring forward.

        A second one around it would interrupt the keeping of what was read.
        """
        async with asyncio.timeout_at(when) as limit:
            self._limits.add(limit)
            try:
                yield limit
            finally:
                self._limits.discard(limit)

    async def _guarded(self, task: Task) -> None:
        """Run one task; an expected failure, or any bug in a collector, costs this task only."""
        own = asyncio.get_running_loop().time() + task.timeout_seconds
        limit: asyncio.Timeout | None = None
        try:
            async with self._until(min(own, self._deadline)) as limit:
                later = await self._collectors[task.type].run(task, self._context)
            if later is not None:
                self._later.append(later)
        except TimeoutError:
            if limit is None or not limit.expired():
                raise
            if own > self._deadline:
                self._out_of_time(task)
            else:
                error = DeadlineExceeded(
                    f"Not finished in {task.timeout_seconds} s.",
                    "Try again when the node and the API server are less busy, or collect less at once.",
                )
                self._sink.gap(Gap.of(error, target=task.target, collector=task.collector))
        except SupportBundleError as error:
            self._sink.gap(Gap.of(error, target=task.target, collector=task.collector))
        except Exception as error:  # noqa: BLE001 - a collector's bug must not cost the other tasks
            log.error("task %s failed: %s", task.id, place_of(error))  # noqa: TRY400 - a message may quote a target
            message = f"The collector failed unexpectedly ({type(error).__name__}); see collector.log."
            self._sink.gap(Gap.say("InternalError", message, target=task.target, collector=task.collector))

    def _out_of_time(self, task: Task) -> None:
        if self._interrupted:
            message = "The collector pod was told to end (a cancelled bundle, or a drained node) before this was read."
            self._sink.gap(Gap.say("Interrupted", message, target=task.target, collector=task.collector))
            return
        message = "The time of the whole bundle was over before this was read to its end; raise limits.maxDuration."
        self._sink.gap(Gap.say("Timeout", message, target=task.target, collector=task.collector))


async def interrupt_when(told: asyncio.Event, run: ShardRun) -> None:
    """End the run once somebody says so, be it before it has begun."""
    await told.wait()
    log.warning("told to end; what was read is handed in")
    run.interrupt()


def seconds_left(plan: Plan, shard: int, now: datetime) -> float:
    """How long a shard may run: to the end of the bundle's duration, counted from the plan.

    The first pods of the Job may take a while to start (pull, quota, scheduling), which is not held against them.
    """
    most = float(plan.max_duration_seconds)
    allowance = START_ALLOWANCE if shard < plan.parallelism else timedelta(0)
    end = plan.created_at + timedelta(seconds=most) + allowance
    return max(1.0, min(most, (end - now).total_seconds()))


async def report(run: ShardRun, say: Callable[[Progress], Awaitable[None]], *, first: float, every: float) -> None:
    """Say the progress after `first` seconds and then each `every` seconds, until cancelled."""
    await asyncio.sleep(first)
    while True:
        await say(run.progress())
        await asyncio.sleep(every)


def _with_their_fallbacks(tasks: Sequence[Task]) -> Iterator[Task]:
    """What is to be expected at first: a task weighs what it yields, or what stands in for it if that is more.

    What fills in files may come on top.
    """
    behind: Counter[str] = Counter()
    beside: Counter[str] = Counter()
    for task in tasks:
        for name in task.stands_in_for.tasks if task.stands_in_for else ():
            (beside if task.stands_in_for and task.stands_in_for.files else behind)[name] += task.estimate
    for task in tasks:
        if task.stands_in_for is None:
            yield task.model_copy(update={"estimate": max(task.estimate, behind[task.id]) + beside[task.id]})


def _pod(target: str) -> str:
    return target.partition("/")[0]


def _unknown_secret(task: Task, secret: str) -> Gap:
    message = (
        f"The pod uses Secret {secret}, which no longer exists or is not mounted, so its values cannot be recognised "
        "and nothing of this pod may leave."
    )
    return Gap.say("KnownSecretMissing", message, target=task.target, collector=task.collector)
