"""Container logs: init, regular and ephemeral containers, the running instance and the one before it.

The API gives a log's oldest bytes first, does not say how long it is, and serves the kubelet's newest file only: what
was rotated away is not to be had through it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from typing import ClassVar

from supportbundle.collect.base import Collector, Member, Output, RunContext
from supportbundle.collect.yardstick import Measured, Yardstick
from supportbundle.errors import Invalid, NotFound, SupportBundleError
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import LogsAround, LogsOptions
from supportbundle.model.gap import Gap
from supportbundle.model.paths import one
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import ContainerFacts, PodFacts, secret_names
from supportbundle.model.quantity import format_bytes
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

USUAL_LOG = 10 << 20
"""Bytes at which a kubelet rotates a log by default; its API serves the newest file only."""

_SLOWEST = 256 << 10
"""Bytes a second: a busy node's share for one log of many. A node that gives nothing is given up long before."""

_LONGEST = 600
_AIMS = (0.97, 0.4)
"""What the second reading aims at, of the bytes that may be kept, and the third, of the lines that fitted."""

_COUNTED = 32
"""A log that does not fit is counted on to its end, or to so many times the bytes that may be kept."""

_LEAST = 4 << 10
"""Bytes below which a share is not worth a file."""

_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Reasons of a container that will probably have started by the time its log is read."""

_KUBELET_SAYS = (b"unable to retrieve container logs for ", b"failed to try resolving symlinks in path ")
"""Texts that a kubelet sends as the whole body of a 200 when the container was removed meanwhile."""


class LogParams(Value):
    """One instance of one container, with times resolved at planning. `seen` is what an earlier reading counted."""

    pod: str
    container: str
    since_time: datetime | None = None
    tail_lines: int | None = None
    previous: bool
    timestamps: bool
    max_bytes: int
    seen: Measured | None = None

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return "previous" if self.previous else "current"

    @property
    def file(self) -> str:
        """Its path in the bundle."""
        return f"pods/{self.pod}/{self.container}/{self.name}.log"


class LogsCollector:
    """`pods/<pod>/<container>/{current,previous}.log`, one task for each container."""

    type: ClassVar[CollectorType] = CollectorType.LOGS
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {
        Capability.LOGS: (PolicyRule(api_groups=("",), resources=("pods/log",), verbs=("get",)),)
    }
    outputs: ClassVar[tuple[Output, ...]] = (
        Output("pods/<pod>/<container>/current.log", "The log of the running container.", "maxBytesPerContainer"),
        Output("pods/<pod>/<container>/previous.log", "The log before the last restart.", "maxBytesPerContainer"),
    )

    def requires(self, _: CollectorSpec) -> frozenset[Capability]:
        """One capability, whatever the options."""
        return frozenset({Capability.LOGS})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """A task for each instance of each container that started or is about to; a gap for each that cannot start."""
        options = spec.logs or LogsOptions()
        for pod in context.pods:
            for container in pod.containers:
                if options.containers and container.name not in options.containers:
                    continue
                if container.started or (pod.node and container.waiting in _STARTING):
                    # The previous log first: it tells of the crash.
                    for previous in (True, False) if options.previous and container.has_previous else (False,):
                        params = _params(options, pod, container, context.now, previous=previous)
                        priority = _priority(options, container, previous=previous)
                        yield _task(spec.name, pod, container, params, priority)
                else:
                    why = container.waiting or f"the pod is {pod.phase}"
                    yield _not_started(f"{pod.name}/{container.name}", spec.name, why)

    async def run(self, task: Task, context: RunContext) -> Task | None:
        """Read one log. If only a share of the bytes made it too long, it is left for the end, with its counts."""
        params = LogParams.model_validate(task.params)
        try:
            return await _Reading(task, params, context).run()
        except SupportBundleError as error:
            context.sink.gap(_explained(error, task))
            return None


class _Cut(Exception):
    """More came than may be kept; the member is dropped, because a better one follows."""

    def __init__(self, seen: Measured, fitted: int) -> None:
        super().__init__(seen)
        self.seen = seen
        self.fitted = fitted


class _Replaced(SupportBundleError):
    """The kubelet no longer has the container that the API server named."""

    reason = "ContainerGone"


class _Reading:
    """One log into one member: its newest lines where it is too long, read again where the container changed."""

    def __init__(self, task: Task, params: LogParams, context: RunContext) -> None:
        self._task = task
        self._params = params
        self._context = context
        self._room = context.sink.allowance(task, params.max_bytes)
        self._aims = list(_AIMS)
        self._retried = False
        self._seen: Measured | None = None
        self._tail = params.tail_lines
        if params.seen is not None and not (params.seen.whole and params.seen.size <= self._room):
            self._seen = params.seen
            self._tail = self._aim(params.seen)

    async def run(self) -> Task | None:
        """Read until it is whole, or as good as it gets."""
        if self._room < min(_LEAST, self._params.max_bytes):
            self._say_full()
            return None
        while True:
            try:
                await self._read()
            except _Cut as cut:
                if self._params.seen is None and self._room < self._params.max_bytes:
                    params = self._params.model_copy(update={"seen": cut.seen})
                    return self._task.model_copy(update={"params": dump(params)})
                self._tail = self._aim(cut.seen) if self._seen is None else max(1, int(cut.fitted * self._aims.pop(0)))
                self._seen = self._seen or cut.seen
            except _Replaced:
                if self._retried:
                    raise
                self._retried = True
            else:
                return None

    def _aim(self, seen: Measured) -> int:
        """How many of the newest lines to ask for, by what was counted."""
        lines = seen.newest_lines(int(self._room * self._aims.pop(0)))
        return min(lines, self._params.tail_lines or lines)

    async def _read(self) -> None:
        params, tail = self._params, self._tail
        path = one("v1", "pods", params.pod, self._context.namespace, subresource="log")
        async with self._context.cluster.stream(path, _query(params, tail)) as chunks:
            first = await anext(chunks, b"")
            if first.startswith(_KUBELET_SAYS) and not first.endswith(b"\n"):
                raise _Replaced(
                    f"The container was replaced while its log was read: {first[:300].decode('utf-8', 'replace')}."
                )
            sink = self._context.sink
            async with sink.member(params.file, task=self._task, limit=self._room, keep_partial=True) as member:
                whole = await self._copy(first, chunks, member)
                if self._seen is not None:
                    member.note("newestLines", tail or 0)
                    member.note("logBytes", self._seen.size)
        if whole and self._seen is not None:
            self._say_cut(tail or 0, self._seen)

    async def _copy(self, first: bytes, chunks: AsyncIterator[bytes], member: Member) -> bool:
        """False if it was cut for good, which the sink tells."""
        stick, fitted, chunk = Yardstick(), 0, first
        while chunk:
            fitted += chunk.count(b"\n", 0, max(0, self._room - stick.size))
            stick.add(chunk)
            if not await member.write(chunk):
                if not self._aims:
                    return False
                raise _Cut(await self._count_on(stick, chunks), fitted)
            chunk = await anext(chunks, b"")
        return True

    async def _count_on(self, stick: Yardstick, chunks: AsyncIterator[bytes]) -> Measured:
        """Read the rest without keeping it, so that the next reading knows where the newest lines begin."""
        if self._seen is not None:
            return self._seen
        most = _COUNTED * self._room
        while stick.size < most:
            chunk = await anext(chunks, b"")
            if not chunk:
                return stick.measured(whole=True)
            stick.add(chunk)
        return stick.measured(whole=False)

    def _say_cut(self, lines: int, seen: Measured) -> None:
        limit = "maxBytesPerContainer" if self._room >= self._params.max_bytes else "its share of limits.maxBytes"
        of = f"{'' if seen.whole else 'more than '}{format_bytes(seen.size)}"
        self._gap(
            f"The {self._params.name} log is longer than {limit}: its newest {lines} lines, at most "
            f"{format_bytes(self._room)} of {of}, were kept. Raise the limit, or set `since`."
        )

    def _say_full(self) -> None:
        self._gap(
            f"No room is left in limits.maxBytes for the {self._params.name} log. Raise it, or narrow the target."
        )

    def _gap(self, message: str) -> None:
        self._context.sink.gap(Gap.say("TooLarge", message, target=self._task.target, collector=self._task.collector))


def _task(collector: str, pod: PodFacts, container: ContainerFacts, params: LogParams, priority: int) -> Task:
    target = f"{pod.name}/{container.name}"
    return Task(
        id=f"{collector}/{target}/{params.name}",
        collector=collector,
        type=CollectorType.LOGS,
        target=target,
        params=dump(params),
        secrets=secret_names(pod),
        claims=(params.file,),
        node=pod.node,
        priority=priority,
        timeout_seconds=min(_LONGEST, 60 + params.max_bytes // _SLOWEST),
        estimate=min(params.max_bytes, USUAL_LOG),
    )


def _priority(options: LogsOptions, container: ContainerFacts, *, previous: bool) -> int:
    """What preceded a crash, then what followed it, then the rest."""
    if options.around != LogsAround.RESTARTS or not container.restarts:
        return 0
    return 2 if previous else 1


def _params(
    options: LogsOptions, pod: PodFacts, container: ContainerFacts, now: datetime, *, previous: bool
) -> LogParams:
    starts = [options.since_time] if options.since_time else []
    starts += [now - options.since] if options.since else []
    return LogParams(
        pod=pod.name,
        container=container.name,
        since_time=max(starts, default=None),
        tail_lines=options.tail_lines,
        previous=previous,
        timestamps=options.timestamps,
        max_bytes=options.max_bytes_per_container,
    )


def _query(params: LogParams, tail: int | None) -> dict[str, str]:
    query = {"container": params.container}
    if params.since_time:
        query["sinceTime"] = params.since_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if tail is not None:
        query["tailLines"] = str(tail)
    if params.timestamps:
        query["timestamps"] = "true"
    if params.previous:
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
