"""Targets that misbehave in every way we know of, and bounds on what that may cost a collector."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from support.collecting import FakeMember, FakeSecrets, FakeSink
from support.kube import apply, kubectl, until
from supportbundle.archive.paths import path_problem
from supportbundle.collect.base import RunContext
from supportbundle.collect.registry import REGISTRY
from supportbundle.errors import DeadlineExceeded, SupportBundleError
from supportbundle.kube.client import Client, connect
from supportbundle.kube.kubeconfig import configured
from supportbundle.model.gap import Gap
from supportbundle.model.paths import collection
from supportbundle.model.plan import Task
from supportbundle.model.pod import PodFacts, parse_pod
from supportbundle.model.spec import CollectorSpec
from supportbundle.plan.context import PlanContext

BUSYBOX = "localhost/sb-busybox:test"
WORKLOAD = "localhost/sb-workload:test"


def pod(name: str, *, image: str = WORKLOAD, **container: Any) -> dict[str, Any]:
    """A pod of one container that ends at once when it is told to."""
    limits = {"limits": {"memory": "256Mi"}, "requests": {"cpu": "1m", "memory": "8Mi"}}
    only = {"name": "app", "image": image, "imagePullPolicy": "IfNotPresent", "resources": limits, **container}
    spec = {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "containers": [only]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def server_pod() -> dict[str, Any]:
    """The hostile web server; its image has no shell."""
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}
    return pod("server", args=["-hostile"], readinessProbe=probe)


@pytest.fixture(scope="session")
def hostile() -> Iterator[str]:
    """A namespace with the pods `server` and `shell`; no operator is needed."""
    namespace = f"hostile-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", namespace)
    shell = pod("shell", image=BUSYBOX, command=["sleep", "100000"])
    apply(namespace, server_pod(), shell)
    for name in ("server", "shell"):
        kubectl("-n", namespace, "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
    yield namespace
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture
def run_pod(hostile: str) -> Iterator[Callable[..., None]]:
    """Starts a pod, with what it mounts, and ends at the test's end the noise that it makes."""
    started: list[str] = []

    def start(described: dict[str, Any], *others: dict[str, Any]) -> None:
        name = described["metadata"]["name"]
        started.append(name)
        apply(hostile, *others, described)
        path = "jsonpath={.status.containerStatuses[0].started}"
        until(f"the start of {name}", lambda: kubectl("-n", hostile, "get", "pod", name, "-o", path) == "true")

    yield start
    for name in started:
        kubectl("-n", hostile, "delete", "pod", name, "--force", "--wait=false")


@dataclass
class Spent:
    """What a collection took; `memory` is the peak of what Python held besides what was kept, in bytes."""

    seconds: float = 0
    memory: int = 0


@dataclass
class Collecting:
    """Plans and runs collectors as a shard does: each task within its own time, whatever it raises a gap."""

    client: Client
    namespace: str
    sink: FakeSink = field(default_factory=FakeSink)
    secrets: FakeSecrets = field(default_factory=FakeSecrets)
    claims: list[str] = field(default_factory=list)

    async def pods(self, selector: str) -> tuple[PodFacts, ...]:
        path = collection("v1", "pods", self.namespace)
        return tuple([parse_pod(found) async for found in self.client.items(path, {"labelSelector": selector})])

    async def plan(self, app: str, spec: dict[str, Any]) -> list[Task]:
        """The tasks; gaps go to the sink."""
        parsed = CollectorSpec.model_validate({"name": "c", **spec})
        context = PlanContext(namespace=self.namespace, pods=await self.pods(f"app={app}"), now=datetime.now(UTC))
        planned = list(REGISTRY[parsed.type].plan(parsed, context))
        self.sink.gaps += [gap for gap in planned if isinstance(gap, Gap)]
        return [task for task in planned if isinstance(task, Task)]

    async def run(self, task: Task) -> None:
        context = RunContext(namespace=self.namespace, cluster=self.client, sink=self.sink, secrets=self.secrets)
        try:
            async with asyncio.timeout(task.timeout_seconds):
                await REGISTRY[task.type].run(task, context)
        except TimeoutError:
            self.sink.gap(Gap.of(DeadlineExceeded("Not finished."), target=task.target, collector=task.collector))
        except SupportBundleError as error:
            self.sink.gap(Gap.of(error, target=task.target, collector=task.collector))

    async def collect(self, app: str, spec: dict[str, Any]) -> Spent:
        """Plan and run; every name that was written must be one that an archive may hold, and that was claimed."""
        tasks = await self.plan(app, spec)
        self.claims += [claim for task in tasks for claim in task.claims]
        with spending() as spent:
            for task in tasks:
                await self.run(task)
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


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with connect(await configured()) as opened:
        yield opened
    # TLS says goodbye in the background (aiohttp's documentation, "Graceful Shutdown"); the loop ends with the test.
    await asyncio.sleep(0.25)


@pytest.fixture
def collecting(client: Client, hostile: str) -> Collecting:
    return Collecting(client, hostile)
