"""Collectors driven straight against a cluster, as a shard does, with a sink in memory; no operator is needed."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from support.collecting import FakeMember, FakeSecrets, FakeSink
from supportbundle.archive.paths import path_problem
from supportbundle.collect.base import RunContext
from supportbundle.collect.registry import REGISTRY
from supportbundle.collector.slots import Slots
from supportbundle.collector.start import StartLine
from supportbundle.errors import DeadlineExceeded, SupportBundleError
from supportbundle.kube.client import Client, connect
from supportbundle.kube.kubeconfig import configured
from supportbundle.model.gap import Gap
from supportbundle.model.paths import collection
from supportbundle.model.plan import Task
from supportbundle.model.pod import PodFacts, parse_pod
from supportbundle.model.spec import CollectorSpec
from supportbundle.plan.context import PlanContext


@asynccontextmanager
async def admin() -> AsyncIterator[Client]:
    """A client with the rights of the kubeconfig."""
    async with connect(await configured()) as opened:
        yield opened
    # TLS says goodbye in the background (aiohttp's documentation, "Graceful Shutdown"); the loop ends with the test.
    await asyncio.sleep(0.25)


@dataclass
class Collecting:
    """Plans and runs collectors: each task within its own time, whatever it raises a gap."""

    client: Client
    namespace: str
    sink: FakeSink = field(default_factory=FakeSink)
    secrets: FakeSecrets = field(default_factory=FakeSecrets)

    async def pods(self, selector: str) -> tuple[PodFacts, ...]:
        """The targets."""
        path = collection("v1", "pods", self.namespace)
        return tuple([parse_pod(pod) async for pod in self.client.items(path, {"labelSelector": selector})])

    async def plan(self, selector: str, spec: dict[str, Any]) -> list[Task]:
        """The tasks; gaps go to the sink."""
        parsed = CollectorSpec.model_validate({"name": "c", **spec})
        context = PlanContext(namespace=self.namespace, pods=await self.pods(selector), now=datetime.now(UTC))
        planned = list(REGISTRY[parsed.type].plan(parsed, context))
        self.sink.gaps += [gap for gap in planned if isinstance(gap, Gap)]
        return [task for task in planned if isinstance(task, Task)]

    async def run(self, *tasks: Task) -> FakeSink:
        """One after the other; what a task leaves for later comes last."""
        context = RunContext(
            namespace=self.namespace,
            cluster=self.client,
            sink=self.sink,
            secrets=self.secrets,
            start=StartLine(tasks, Slots()),
        )
        waiting = list(tasks)
        while waiting:
            task = waiting.pop(0)
            try:
                async with asyncio.timeout(task.timeout_seconds):
                    later = await REGISTRY[task.type].run(task, context)
                waiting += [later] if later else []
            except TimeoutError:
                self.sink.gap(Gap.of(DeadlineExceeded("Not finished."), target=task.target, collector=task.collector))
            except SupportBundleError as error:
                self.sink.gap(Gap.of(error, target=task.target, collector=task.collector))
        return self.sink

    async def collect(self, selector: str, spec: dict[str, Any]) -> FakeSink:
        """Plan and run."""
        return await self.run(*await self.plan(selector, spec))


@dataclass
class Spent:
    """What a collection took; `memory` is the peak of what Python held besides what was kept, in bytes."""

    seconds: float = 0
    memory: int = 0


@contextmanager
def spending() -> Iterator[Spent]:
    """Time, and memory above what was there before."""
    spent = Spent()
    tracemalloc.start()
    started = time.monotonic()
    try:
        yield spent
    finally:
        spent.seconds = time.monotonic() - started
        spent.memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


@dataclass
class Besieged(Collecting):
    """Collecting from hostile targets: what it costs, and that nothing leaves its place."""

    claims: list[str] = field(default_factory=list)

    async def endure(self, app: str, spec: dict[str, Any]) -> Spent:
        """Plan and run; every name that was written must be one that an archive may hold, and that was claimed."""
        tasks = await self.plan(f"app={app}", spec)
        self.claims += [claim for task in tasks for claim in task.claims]
        with spending() as spent:
            await self.run(*tasks)
        for path in self.sink.files:
            assert path_problem(path) is None, path
            assert any(path == claim or (claim.endswith("/") and path.startswith(claim)) for claim in self.claims), path
        for gap in self.sink.gaps:
            assert gap.message.isprintable(), gap
            assert len(gap.message) < 4096
        spent.memory -= sum(len(member.data) for member in self.sink.files.values())
        return spent

    @property
    def only(self) -> FakeMember:
        """The one file that there is."""
        (member,) = self.sink.files.values()
        return member

    @property
    def reasons(self) -> set[str]:
        """Of all gaps."""
        return {gap.reason for gap in self.sink.gaps}
