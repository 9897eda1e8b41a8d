"""A cluster and a sink in memory, as collectors see them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from supportbundle.collect.base import Channel, Collector, PodAnswer, PodCommand, PodRequest, RunContext
from supportbundle.errors import NotFound, SecretNotFound, SupportBundleError
from supportbundle.model.gap import Gap
from supportbundle.model.placing import MissingFile
from supportbundle.model.plan import Task
from supportbundle.model.pod import ContainerFacts, ContainerKind, OwnerRef, PodFacts, SecretUse
from supportbundle.model.spec import CollectorSpec
from supportbundle.plan.context import PlanContext

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
Piece = bytes | SupportBundleError
"""A chunk of a body, or the failure that ends it."""


@dataclass
class FakeCluster:
    """Answers prepared by path; bodies by path or URL, one list of pieces for each request in turn."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    bodies: dict[str, list[list[Piece]]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    forwards: list[tuple[str, str, int]] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    sent: list[PodRequest] = field(default_factory=list)
    outputs: dict[tuple[str, ...], list[FakeOutput | SupportBundleError]] = field(default_factory=dict)
    commands: list[PodCommand] = field(default_factory=list)
    ephemeral: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        self.requests.append((path, dict(params or {})))
        if path not in self.objects:
            raise NotFound(f"{path} not found")
        return self.objects[path]

    async def items(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        self.requests.append((path, dict(params or {})))
        for item in self.lists[path]:
            yield item

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str] | None = None, *, idle_seconds: float = 30
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        assert idle_seconds > 0
        self.requests.append((path, dict(params or {})))
        async with self._body(path) as chunks:
            yield chunks

    @asynccontextmanager
    async def forward(self, namespace: str, pod: str, port: int) -> AsyncIterator[str]:
        self.forwards.append((namespace, pod, port))
        yield "http://forwarded"

    @asynccontextmanager
    async def request(self, request: PodRequest) -> AsyncIterator[PodAnswer]:
        self.sent.append(request)
        if request.ready is not None:
            await request.ready()
        self.requests.append((request.url, {"timeout": str(request.timeout_seconds), **request.headers}))
        async with self._body(request.url) as chunks:
            yield PodAnswer(self.statuses.get(request.url, 200), {}, chunks)

    @asynccontextmanager
    async def execute(self, command: PodCommand) -> AsyncIterator[FakeOutput]:
        """Outputs by argv, one for each run in turn; the last one again and again."""
        self.commands.append(command)
        prepared = self.outputs[command.command]
        output = prepared.pop(0) if len(prepared) > 1 else prepared[0]
        if isinstance(output, SupportBundleError):
            raise output
        yield output

    async def add_ephemeral_container(self, namespace: str, pod: str, container: Mapping[str, Any]) -> None:
        assert namespace
        self.ephemeral.append((pod, dict(container)))

    @asynccontextmanager
    async def _body(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        prepared = self.bodies[path]
        pieces = prepared.pop(0) if len(prepared) > 1 else prepared[0]
        if pieces and isinstance(pieces[0], SupportBundleError):
            raise pieces[0]

        async def chunks() -> AsyncIterator[bytes]:
            for piece in pieces:
                if isinstance(piece, SupportBundleError):
                    raise piece
                yield piece

        yield chunks()


@dataclass
class Answering(FakeCluster):
    """A cluster whose pods answer with headers."""

    headers: Mapping[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def request(self, request: PodRequest) -> AsyncIterator[PodAnswer]:
        async with super().request(request) as answer:
            yield replace(answer, headers=self.headers)


@dataclass
class FakeOutput:
    """What a program writes, and how it ends."""

    pieces: list[tuple[Channel, bytes] | SupportBundleError] = field(default_factory=list)
    code: int = 0

    async def __aiter__(self) -> AsyncIterator[tuple[Channel, bytes]]:
        for piece in self.pieces:
            if isinstance(piece, SupportBundleError):
                raise piece
            yield piece

    @property
    def exit_code(self) -> int:
        return self.code


@dataclass
class FakeSecrets:
    """Secrets by name, then key."""

    values: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def keys(self, secret: str) -> Mapping[str, bytes]:
        if secret not in self.values:
            raise SecretNotFound(f"The Secret {secret} does not exist.")
        return self.values[secret]


@dataclass
class FakeMember:
    """A file with a limit, and a budget that it may share with others."""

    limit: int
    data: bytes = b""
    notes: dict[str, str | int] = field(default_factory=dict)
    reject: SupportBundleError | None = None
    truncated: bool = False

    async def write(self, data: bytes) -> bool:
        if self.reject:
            raise self.reject
        fits = data[: self.limit - len(self.data)]
        self.data += fits
        self.truncated = self.truncated or len(fits) < len(data)
        return not self.truncated

    def note(self, key: str, value: str | int) -> None:
        self.notes[key] = value


@dataclass
class FakeSink:
    """Keeps what a real one would keep. `share` is what `allowance` grants at most, one value a call in turn."""

    files: dict[str, FakeMember] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    budget: int = 1 << 40
    reject: SupportBundleError | None = None
    share: list[int] = field(default_factory=list)

    def allowance(self, task: Task, limit: int) -> int:
        assert task.id
        return min(limit, self.share.pop(0)) if self.share else limit

    @asynccontextmanager
    async def member(
        self, path: str, *, task: Task, limit: int, keep_partial: bool = False
    ) -> AsyncIterator[FakeMember]:
        assert task.id
        assert path not in self.files
        member = FakeMember(min(limit, self.budget), reject=self.reject)
        try:
            yield member
        except SupportBundleError:
            if keep_partial and member.data:
                member.note("incomplete", 1)
                self.files[path] = member
            raise
        self.files[path] = member

    def gap(self, gap: Gap) -> None:
        self.gaps.append(gap)

    def json(self, path: str) -> dict[str, Any]:
        parsed = json.loads(self.files[path].data)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def reasons(self) -> list[tuple[str, str]]:
        return [(gap.target, gap.reason) for gap in self.gaps]


def container(name: str = "app", **facts: Any) -> ContainerFacts:
    usual = {"kind": ContainerKind.REGULAR, "started": True, "restarts": 0, "has_previous": False}
    return ContainerFacts(name=name, **(usual | facts))


def pod(name: str = "web-0", *containers: ContainerFacts, **facts: Any) -> PodFacts:
    usual: dict[str, Any] = {
        "uid": f"uid-{name}",
        "labels": {"app": "web"},
        "phase": "Running",
        "node": "n1",
        "ip": "10.1.2.3",
        "ready": True,
        "secrets": (SecretUse(name="db", optional=False),),
        "config_maps": ("settings",),
        "owner": OwnerRef(api_version="apps/v1", kind="ReplicaSet", name="web-7f9c", uid="uid-rs"),
    }
    return PodFacts(name=name, containers=containers or (container(),), **(usual | facts))


def stored(*pods: PodFacts) -> dict[str, dict[str, Any]]:
    """The pods by path, as the API server tells them before a request to an address."""
    return {
        f"/api/v1/namespaces/apps/pods/{found.name}": {
            "metadata": {"name": found.name, "uid": found.uid},
            "status": {"podIP": found.ip},
        }
        for found in pods
    }


Planned = tuple[list[Task], list[Gap]]


def plan(collector: Collector, spec: dict[str, Any], *pods: PodFacts) -> Planned:
    """Tasks and gaps for these pods, through the JSON that a task travels in."""
    context = PlanContext(namespace="apps", pods=pods, now=NOW)
    planned = list(collector.plan(CollectorSpec.model_validate({"name": "c", **spec}), context))
    tasks = [Task.model_validate_json(t.model_dump_json()) for t in planned if isinstance(t, Task)]
    assert len({task.id for task in tasks}) == len(tasks)
    return tasks, [g for g in planned if isinstance(g, Gap)]


async def run(collector: Collector, task: Task, cluster: FakeCluster, sink: FakeSink, **context: Any) -> None:
    """Run one task as a shard does: what it raises becomes its gap."""
    try:
        usual = {"namespace": "apps", "cluster": cluster, "sink": sink, "secrets": FakeSecrets()}
        await collector.run(task, RunContext(**(usual | context)))
    except SupportBundleError as error:
        sink.gap(Gap.of(error, target=task.target, collector=task.collector))


def with_constants(sink: FakeSink, task: Task, folder: str) -> dict[str, bytes]:
    """The task's files by their names below the folder, and what the assembly writes where one is missing."""
    constants = {
        claim: MissingFile(path=claim, content=content, collector="c") for claim, content in task.constants.items()
    }
    files = {path: missing.data for path, missing in constants.items()} | {p: f.data for p, f in sink.files.items()}
    return {path.removeprefix(folder): data for path, data in files.items()}
