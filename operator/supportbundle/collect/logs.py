"""Container logs: init, regular and ephemeral containers, the running instance and the one before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import ClassVar

from supportbundle.collect.base import Collector, Member, RunContext
from supportbundle.errors import Invalid, NotFound, SupportBundleError
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import LogsOptions
from supportbundle.model.gap import Gap
from supportbundle.model.paths import one
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import ContainerFacts, PodFacts
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

USUAL_LOG = 10 << 20
"""Bytes at which a kubelet rotates a log by default; its API serves the newest file only."""

_SLOWEST = 1 << 20
_LONGEST = 600
_SHARES = (0.9, 0.4)
"""Shares of the limit that the second and third reading of a log aim at, when a limit cuts it."""

_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Reasons of a container that will probably have started by the time its log is read."""

_KUBELET_SAYS = (b"unable to retrieve container logs for ", b"failed to try resolving symlinks in path ")
"""Texts that a kubelet sends as the whole body of a 200 when the container was removed meanwhile."""


class LogParams(Value):
    """One container's logs, with times resolved at planning."""

    pod: str
    container: str
    since_time: datetime | None = None
    tail_lines: int | None = None
    previous: bool
    timestamps: bool
    max_bytes: int


class LogsCollector:
    """`pods/<pod>/<container>/{current,previous}.log`, one task for each container."""

    type: ClassVar[CollectorType] = CollectorType.LOGS
    capability: ClassVar[Capability] = Capability.LOGS
    needs: ClassVar[tuple[PolicyRule, ...]] = (PolicyRule(api_groups=("",), resources=("pods/log",), verbs=("get",)),)

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task for each container that started or is about to; a gap for each that cannot start."""
        options = spec.logs or LogsOptions()
        for pod in context.pods:
            for container in pod.containers:
                if options.containers and container.name not in options.containers:
                    continue
                target = f"{pod.name}/{container.name}"
                if container.started or (pod.node and container.waiting in _STARTING):
                    yield _task(spec.name, target, pod, _params(options, pod, container, context.now))
                else:
                    yield _not_started(target, spec.name, container.waiting or f"the pod is {pod.phase}")

    async def run(self, task: Task, context: RunContext) -> None:
        """Read the previous log, which tells of the crash, then the current one; neither takes the other with it."""
        params = LogParams.model_validate(task.params)
        for previous in (True, False) if params.previous else (False,):
            try:
                await _Reading(task, params, context, previous=previous).run()
            except SupportBundleError as error:
                context.sink.gap(_explained(error, task))


class _Cut(Exception):
    """The member's limit was reached after `lines`; the member is dropped, because a better one follows."""

    def __init__(self, lines: int) -> None:
        super().__init__(lines)
        self.lines = lines


class _Replaced(SupportBundleError):
    """The kubelet no longer has the container that the API server named."""

    reason = "ContainerGone"


class _Reading:
    """One log into one member: cut to its newest lines where it is too long, read again where the container changed."""

    def __init__(self, task: Task, params: LogParams, context: RunContext, *, previous: bool) -> None:
        self._task = task
        self._params = params
        self._context = context
        self._name = "previous" if previous else "current"
        self._tail = params.tail_lines
        self._shares = list(_SHARES)
        self._fitted: int | None = None
        self._retried = False

    async def run(self) -> None:
        """Read until it is whole, or as good as it gets.

        The API gives a log's oldest bytes first and does not say how long it is. From how many lines fitted into the
        limit follows how many of the newest to ask for.
        """
        while True:
            try:
                await self._read()
            except _Cut as cut:
                self._fitted = min(cut.lines, self._fitted or cut.lines)
                self._tail = max(1, int(self._fitted * self._shares.pop(0)))
            except _Replaced:
                if self._retried:
                    raise
                self._retried = True
            else:
                return

    async def _read(self) -> None:
        params = self._params
        path = one("v1", "pods", params.pod, self._context.namespace, subresource="log")
        query = _query(params, self._tail, previous=self._name == "previous")
        file = f"pods/{params.pod}/{params.container}/{self._name}.log"
        async with self._context.cluster.stream(path, query) as chunks:
            first = await anext(chunks, b"")
            if first.startswith(_KUBELET_SAYS) and not first.endswith(b"\n"):
                raise _Replaced(
                    f"The container was replaced while its log was read: {first[:300].decode('utf-8', 'replace')}."
                )
            sink = self._context.sink
            async with sink.member(file, task=self._task, limit=params.max_bytes, keep_partial=True) as member:
                whole = await self._copy(first, chunks, member)
                if self._fitted is not None:
                    member.note("newestLines", self._tail or 0)
        if whole and self._fitted is not None:
            self._say_cut()

    async def _copy(self, first: bytes, chunks: AsyncIterator[bytes], member: Member) -> bool:
        """False if it was cut for good: there is no better way left, or the bundle itself is full."""
        lines, room, chunk = 0, self._params.max_bytes, first
        while chunk:
            fits = await member.write(chunk)
            lines += chunk.count(b"\n", 0, room)
            room -= len(chunk)
            if not fits:
                if self._shares and room < 0:
                    raise _Cut(lines)
                return False
            chunk = await anext(chunks, b"")
        return True

    def _say_cut(self) -> None:
        message = (
            f"The {self._name} log is larger than maxBytesPerContainer ({self._params.max_bytes} bytes): its newest "
            f"{self._tail} lines were kept. Raise maxBytesPerContainer, or set `since`."
        )
        self._context.sink.gap(
            Gap.say("TooLarge", message, target=self._task.target, collector=self._task.collector),
        )


def _task(collector: str, target: str, pod: PodFacts, params: LogParams) -> Task:
    return Task(
        id=f"{collector}/{target}",
        collector=collector,
        type=CollectorType.LOGS,
        target=target,
        params=dump(params),
        secrets=tuple(secret.name for secret in pod.secrets),
        timeout_seconds=min(_LONGEST, 60 + params.max_bytes // _SLOWEST),
        estimate=min(params.max_bytes, USUAL_LOG),
    )


def _params(options: LogsOptions, pod: PodFacts, container: ContainerFacts, now: datetime) -> LogParams:
    starts = [options.since_time] if options.since_time else []
    starts += [now - options.since] if options.since else []
    return LogParams(
        pod=pod.name,
        container=container.name,
        since_time=max(starts, default=None),
        tail_lines=options.tail_lines,
        previous=options.previous and container.has_previous,
        timestamps=options.timestamps,
        max_bytes=options.max_bytes_per_container,
    )


def _query(params: LogParams, tail: int | None, *, previous: bool) -> dict[str, str]:
    query = {"container": params.container}
    if params.since_time:
        query["sinceTime"] = params.since_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if tail is not None:
        query["tailLines"] = str(tail)
    if params.timestamps:
        query["timestamps"] = "true"
    if previous:
        query["previous"] = "true"
    return query


def _not_started(target: str, collector: str, why: str) -> Gap:
    return Gap.say("ContainerNotStarted", f"There is no log yet: {why}.", target=target, collector=collector)


def _explained(error: SupportBundleError, task: Task) -> Gap:
    """A kubelet says with 400 and a sentence what is really a race with the container's life."""
    if isinstance(error, NotFound):
        return Gap.say(
            "PodGone", f"The pod was deleted meanwhile. {error}", target=task.target, collector=task.collector
        )
    if isinstance(error, Invalid):
        if "waiting to start" in error.cause or "is not available" in error.cause:
            return _not_started(task.target, task.collector, error.cause)
        if "previous terminated container" in error.cause:
            return Gap.say("PreviousGone", error.cause, target=task.target, collector=task.collector)
    return Gap.of(error, target=task.target, collector=task.collector)


COLLECTOR: Collector = LogsCollector()
