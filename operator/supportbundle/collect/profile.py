"""Go pprof profiles over HTTP from every target pod, the timed ones at one common instant.

Addresses and forms are those of Go's `net/http/pprof`: protobuf in gzip, text with `debug=2`, traces in their own form.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import ClassVar

from supportbundle.collect.base import Collector, Output, PodRequest, RunContext, ok
from supportbundle.collect.ports import (
    NEEDS,
    PodPort,
    credentials,
    header_problem,
    not_running,
    pod_url,
    request_headers,
    unreachable,
)
from supportbundle.collect.probing import FILE as PROBE_FILE
from supportbundle.collect.probing import MAX_FOUND, Candidate, candidates, probed
from supportbundle.errors import Corrupt, Forbidden, HTTPStatus, NotFound, SupportBundleError, TooLarge, Unavailable
from supportbundle.model.base import Value
from supportbundle.model.capability import Capability, PolicyRule
from supportbundle.model.collectors import (
    MAX_PROFILE,
    HeaderSource,
    ProfileForm,
    ProfileKind,
    ProfileOptions,
    ProfileType,
)
from supportbundle.model.gap import Gap, printable
from supportbundle.model.plan import Task, dump
from supportbundle.model.pod import PodFacts, secret_names
from supportbundle.model.spec import CollectorSpec, CollectorType
from supportbundle.plan.context import PlanContext

MAX_PLAIN = 64 << 20
"""Bytes of a file that is sanitized as it flows; a compressed one is held whole, see `MAX_PROFILE`."""

ESTIMATE = 512 << 10
"""Bytes of a usual profile."""

ANSWER_SECONDS = 30
"""A snapshot is ready at once; one of a large heap takes seconds to travel."""

WAIT_SECONDS = 60
"""How long a task may have to wait for the common instant."""

FOLDER = "pods/{pod}/profiles/"
GZIP, TRACE, TEXT = b"\x1f\x8b", b"go 1.", b"goroutine "


@dataclass(frozen=True, slots=True)
class Form:
    """One file: what to ask for, its name, and how its content must begin."""

    query: str
    file: str
    magic: bytes
    timed: bool = False

    @property
    def text(self) -> bool:
        """Whether it is for people, not for `go tool`."""
        return self.magic == TEXT

    @property
    def limit(self) -> int:
        """Bytes of the file."""
        return MAX_PROFILE if self.magic == GZIP else MAX_PLAIN


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
    """The profiles of one pod, from `port`, or from those of `candidates` that turn out to serve them."""

    port: PodPort | None = None
    candidates: tuple[Candidate, ...] = ()
    path: str
    kinds: tuple[ProfileKind, ...]
    headers_from: tuple[HeaderSource, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where the profiles of one port lie, what every request for them carries, and the folder for them."""

    base: str
    headers: Mapping[str, str]
    folder: str


class ProfileCollector:
    """`pods/<pod>/profiles/*`, one task for each pod: snapshots, then CPU, then trace."""

    type: ClassVar[CollectorType] = CollectorType.PROFILE
    needs: ClassVar[Mapping[Capability, tuple[PolicyRule, ...]]] = {Capability.PROFILES: NEEDS}
    outputs: ClassVar[tuple[Output, ...]] = (
        Output("pods/<pod>/profiles/<kind>.pb.gz", "A pprof profile for `go tool pprof`.", f"{MAX_PROFILE >> 20}Mi"),
        Output("pods/<pod>/profiles/goroutine.txt", "All goroutines as text (`debug=2`).", f"{MAX_PLAIN >> 20}Mi"),
        Output("pods/<pod>/profiles/trace.out", "An execution trace for `go tool trace`.", f"{MAX_PLAIN >> 20}Mi"),
        Output(
            "pods/<pod>/profiles/<port>/<file>", "With `probe`: these files of each port that serves pprof.", "as above"
        ),
        Output(PROBE_FILE.format(pod="<pod>"), "With `probe`: which ports were asked, and what they are.", "64Ki"),
    )

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    def requires(self, _: CollectorSpec) -> frozenset[Capability]:
        """One capability, whatever the options."""
        return frozenset({Capability.PROFILES})

    def plan(self, spec: CollectorSpec, context: PlanContext) -> Iterator[Task | Gap]:
        """One task for each running pod, a gap for each other one."""
        if spec.profile is None:
            yield Gap.say("Invalid", "A Profile collector needs `profile.port`.", collector=spec.name)
            return
        if spec.profile.probe and not context.probing:
            message = (
                "The admin of this cluster has not allowed probing for pprof (Helm value profiles.probe). "
                "Name the port in profile.port."
            )
            yield Gap.say("NotAllowed", message, target="probe", collector=spec.name)
            return
        if problem := header_problem(spec.profile.headers_from):
            yield Gap.say("Invalid", problem, collector=spec.name)
            return
        for pod in context.pods:
            if pod.running:
                yield unreachable(pod, spec.profile.via, spec.name) or _task(spec.name, spec.profile, pod)
            else:
                yield not_running(pod, spec.name)

    async def run(self, task: Task, context: RunContext) -> None:
        """All profiles of the pod. What is wrong with one is its own gap; a port that never answered ends the task."""
        params = ProfileParams.model_validate(task.params)
        folder = FOLDER.format(pod=task.target)
        if params.port is not None:
            await self._profiles(params.port, folder, params, task, context)
            return
        ports = await probed(params.candidates, params.path.rstrip("/"), task, context)
        for port in ports:
            try:
                await self._profiles(port, f"{folder}{port.port}/", params, task, context, first=port is ports[0])
            except Unavailable as error:
                context.sink.gap(_gap(error.reason, f"Port {port.port}: {error}", task))

    async def _profiles(
        self, port: PodPort, folder: str, params: ProfileParams, task: Task, context: RunContext, *, first: bool = True
    ) -> None:
        """All profiles of one port. `first`: its first timed one begins at the bundle's common instant."""
        headers = request_headers((), params.headers_from, context.secrets)
        answered = False
        async with pod_url(port, context) as base:
            asked = _Asked(f"{base}{params.path.rstrip('/')}/", headers, folder)
            forms = list(_forms(params.kinds))
            first_timed = next((form for form, _ in forms if form.timed), None) if first else None
            for form, seconds in forms:
                try:
                    await self._profile(asked, form, seconds, task, context, common=form is first_timed)
                except NotFound as error:
                    context.sink.gap(_gap("PodGone", f"The pod was deleted meanwhile. {error}", task))
                    return
                except SupportBundleError as error:
                    if isinstance(error, Forbidden) or (isinstance(error, Unavailable) and not answered):
                        raise
                    context.sink.gap(_explained(error, form, task))
                answered = True

    async def _profile(
        self, asked: _Asked, form: Form, seconds: int, task: Task, context: RunContext, *, common: bool
    ) -> None:
        """One file. `common`: it begins at the bundle's common instant."""
        late: list[int] = []

        async def ready() -> None:
            if context.start is not None:
                instant = await context.start.wait(task)
                late.append(round((self._clock() - instant).total_seconds() * 1000))

        request = PodRequest(
            asked.base + form.query.format(seconds=seconds),
            headers=asked.headers,
            timeout_seconds=ANSWER_SECONDS + (WAIT_SECONDS + seconds if form.timed else 0),
            ready=ready if common else None,
        )
        async with context.cluster.request(request) as answer:
            chunks = await ok(answer, f"GET /{form.query.format(seconds=seconds)}")
            first = await _beginning(chunks, form)
            path = f"{asked.folder}{form.file}"
            async with context.sink.member(path, task=task, limit=form.limit) as member:
                if late:
                    member.note("startSkewMs", late[0])
                chunk = first
                while chunk:
                    if not await member.write(chunk):
                        raise TooLarge(f"It is larger than {form.limit >> 20} MiB, or than the bundle has room for.")
                    chunk = await anext(chunks, b"")


def _task(collector: str, options: ProfileOptions, pod: PodFacts) -> Task:
    found = candidates(pod, options.via) if options.port is None else ()
    params = ProfileParams(
        port=PodPort.of(pod, options.port, options.via) if options.port is not None else None,
        candidates=found,
        path=options.path,
        kinds=options.kinds,
        headers_from=options.headers_from,
    )
    forms = list(_forms(options.kinds))
    timed = [seconds for form, seconds in forms if form.timed]
    folder = FOLDER.format(pod=pod.name)
    # How many ports serve pprof is not known yet: all that may be profiled must have their time.
    ports = min(len(found), MAX_FOUND) if options.probe else 1
    claims = (folder,) if options.probe else tuple(f"{folder}{form.file}" for form, _ in forms)
    return Task(
        id=f"{collector}/{pod.name}",
        collector=collector,
        type=CollectorType.PROFILE,
        target=pod.name,
        params=dump(params),
        secrets=secret_names(pod),
        credentials=credentials(options.headers_from),
        claims=claims,
        folder=folder if options.probe else "",
        node=pod.node,
        timeout_seconds=WAIT_SECONDS + (ANSWER_SECONDS * len(forms) + sum(timed)) * max(ports, 1),
        estimate=ESTIMATE * len(forms),
        lasts_seconds=sum(timed) * ports,
        synchronized=bool(timed and ports),
    )


def _forms(kinds: tuple[ProfileKind, ...]) -> Iterator[tuple[Form, int]]:
    """Each file once, with its seconds, in the order of `FORMS`, and under the name that somebody gave it."""
    asked = {kind.type: kind for kind in kinds}
    for kind, forms in FORMS.items():
        if (wanted := asked.get(kind)) is not None:
            for form in forms:
                if wanted.form is None or form.text == (wanted.form == ProfileForm.TEXT):
                    yield replace(form, file=wanted.output or form.file), wanted.seconds


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
