"""Go pprof profiles over HTTP from every target pod, the timed ones at one common instant.

Addresses and forms are those of Go's `net/http/pprof`: protobuf in gzip, text with `debug=2`, traces in their own form.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import ClassVar

from supportbundle.collect.base import Collector, RunContext
from supportbundle.errors import Corrupt, Forbidden, HTTPStatus, NotFound, SupportBundleError, TooLarge, Unavailable
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import ProfileKind, ProfileOptions, ProfileType, Via
from supportbundle.model.gap import Gap, printable
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import PodFacts
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

MAX_PROFILE = 64 << 20
ESTIMATE = 512 << 10
"""Bytes of a usual profile."""

ANSWER_SECONDS = 30
"""A snapshot is ready at once; one of a large heap takes seconds to travel."""

WAIT_SECONDS = 60
"""How long a task may have to wait for the common instant."""

GZIP, TRACE, TEXT = b"\x1f\x8b", b"go 1.", b"goroutine "


@dataclass(frozen=True, slots=True)
class Form:
    """One file: what to ask for, its name, and how its content must begin."""

    query: str
    file: str
    magic: bytes
    timed: bool = False


FORMS: Mapping[ProfileType, tuple[Form, ...]] = MappingProxyType(
    {
        ProfileType.HEAP: (Form("heap", "heap.pb.gz", GZIP),),
        ProfileType.GOROUTINE: (
            Form("goroutine", "goroutine.pb.gz", GZIP),
            Form("goroutine?debug=2", "goroutine.txt", TEXT),
        ),
        ProfileType.ALLOCS: (Form("allocs", "allocs.pb.gz", GZIP),),
        ProfileType.BLOCK: (Form("block", "block.pb.gz", GZIP),),
        ProfileType.MUTEX: (Form("mutex", "mutex.pb.gz", GZIP),),
        ProfileType.THREAD_CREATE: (Form("threadcreate", "threadcreate.pb.gz", GZIP),),
        ProfileType.CPU: (Form("profile?seconds={seconds}", "cpu.pb.gz", GZIP, timed=True),),
        ProfileType.TRACE: (Form("trace?seconds={seconds}", "trace.out", TRACE, timed=True),),
    }
)
"""In the order of asking: snapshots before what takes its time, so that they show the state that was complained of."""


class NotAProfile(Corrupt):
    """The port answered with 200 and something else than a profile."""

    reason = "NotAProfile"


class ProfileParams(Value):
    """The profiles of one pod."""

    pod: str
    ip: str
    port: int
    via: Via
    path: str
    kinds: tuple[ProfileKind, ...]


class ProfileCollector:
    """`pods/<pod>/profiles/*`, one task for each pod: snapshots, then CPU, then trace."""

    type: ClassVar[CollectorType] = CollectorType.PROFILE
    capability: ClassVar[Capability] = Capability.PROFILES
    needs: ClassVar[tuple[PolicyRule, ...]] = (
        PolicyRule(api_groups=("",), resources=("pods/portforward",), verbs=("create", "get")),
    )

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._pause = pause

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task for each running pod, a gap for each other one."""
        if spec.profile is None:
            yield Gap.say("Invalid", "A Profile collector needs `profile.port`.", collector=spec.name)
            return
        for pod in context.pods:
            if pod.running and (pod.ip or spec.profile.via == Via.PORT_FORWARD):
                yield _task(spec.name, spec.profile, pod)
            else:
                message = f"The pod is {pod.phase}; only a running one can be profiled."
                yield Gap.say("PodNotRunning", message, target=pod.name, collector=spec.name)

    async def run(self, task: Task, context: RunContext) -> None:
        """All profiles of the pod. What is wrong with one is its own gap; a port that never answered ends the task."""
        params = ProfileParams.model_validate(task.params)
        answered = False
        async with _base_url(params, context) as base:
            for form, seconds in _forms(params.kinds):
                try:
                    await self._profile(f"{base}{params.path.rstrip('/')}/", form, seconds, task, context)
                except NotFound as error:
                    context.sink.gap(_gap("PodGone", f"The pod was deleted meanwhile. {error}", task))
                    return
                except SupportBundleError as error:
                    if isinstance(error, Forbidden) or (isinstance(error, Unavailable) and not answered):
                        raise
                    context.sink.gap(_explained(error, form, task))
                answered = True

    async def _profile(self, base: str, form: Form, seconds: int, task: Task, context: RunContext) -> None:
        skew = await self._wait(context.synchronized_start) if form.timed else None
        url = base + form.query.format(seconds=seconds)
        timeout = ANSWER_SECONDS + (seconds if form.timed else 0)
        pod = task.target
        async with context.cluster.fetch(url, timeout_seconds=timeout) as chunks:
            first = await _beginning(chunks, form)
            path = f"pods/{pod}/profiles/{form.file}"
            async with context.sink.member(path, task=task, limit=MAX_PROFILE) as member:
                if skew is not None:
                    member.note("startSkewMs", skew)
                chunk = first
                while chunk:
                    if not await member.write(chunk):
                        raise TooLarge(f"It is larger than {MAX_PROFILE >> 20} MiB, or than the bundle has room for.")
                    chunk = await anext(chunks, b"")

    async def _wait(self, start: datetime | None) -> int | None:
        """Sleep until the common instant; the milliseconds by which we then are late."""
        if start is None:
            return None
        early = (start - self._clock()).total_seconds()
        if early > 0:
            await self._pause(early)
        return round((self._clock() - start).total_seconds() * 1000)


def _task(collector: str, options: ProfileOptions, pod: PodFacts) -> Task:
    params = ProfileParams(
        pod=pod.name, ip=pod.ip, port=options.port, via=options.via, path=options.path, kinds=options.kinds
    )
    forms = list(_forms(options.kinds))
    timed = [seconds for form, seconds in forms if form.timed]
    return Task(
        id=f"{collector}/{pod.name}",
        collector=collector,
        type=CollectorType.PROFILE,
        target=pod.name,
        params=dump(params),
        secrets=tuple(secret.name for secret in pod.secrets),
        timeout_seconds=WAIT_SECONDS + ANSWER_SECONDS * len(forms) + sum(timed),
        estimate=ESTIMATE * len(forms),
        synchronized=bool(timed),
    )


def _forms(kinds: tuple[ProfileKind, ...]) -> Iterator[tuple[Form, int]]:
    """Each file once, with its seconds, in the order of `FORMS`."""
    seconds = {kind.type: kind.seconds for kind in kinds}
    for kind, forms in FORMS.items():
        if kind in seconds:
            yield from ((form, seconds[kind]) for form in forms)


@asynccontextmanager
async def _base_url(params: ProfileParams, context: RunContext) -> AsyncIterator[str]:
    if params.via == Via.POD_IP:
        yield f"http://[{params.ip}]:{params.port}" if ":" in params.ip else f"http://{params.ip}:{params.port}"
        return
    async with context.cluster.forward(context.namespace, params.pod, params.port) as base:
        yield base


async def _beginning(chunks: AsyncIterator[bytes], form: Form) -> bytes:
    """Enough to see that it is a profile.

    Raises:
        NotAProfile: it begins otherwise, or is empty.
    """
    first = b""
    while len(first) < len(form.magic) and (chunk := await anext(chunks, b"")):
        first += chunk
    if not first.startswith(form.magic):
        shown = printable(first[:80].decode("utf-8", "replace"), 80) or "nothing"
        raise NotAProfile(f"The port answered with {shown!r}.", "Check `port` and `path`: is it Go's net/http/pprof?")
    return first


def _explained(error: SupportBundleError, form: Form, task: Task) -> Gap:
    if isinstance(error, HTTPStatus) and "already" in error.cause and form.timed:
        # Go runs one CPU profile and one trace at a time in a process.
        return _gap("ProfilerBusy", f"{form.file}: somebody else is profiling this process. {error}", task)
    return _gap(error.reason, f"{form.file}: {error}", task)


def _gap(reason: str, message: str, task: Task) -> Gap:
    return Gap.say(reason, message, target=task.target, collector=task.collector)


COLLECTOR: Collector = ProfileCollector()
